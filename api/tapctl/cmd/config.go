package cmd

import (
	"github.com/spf13/cobra"
)

func (a *App) addConfig(root *cobra.Command) {
	cmd := a.command("get-config [flags]", "Print the controller's configuration, with all defaults filled in",
		`  tapctl get-config
  tapctl get-config > tapline.yaml && tapline config check tapline.yaml
  tapctl get-config -o json | jq .openflow.listen`,
		cobra.NoArgs, func(cmd *cobra.Command, _ []string) error {
			c, err := a.client()
			if err != nil {
				return err
			}
			config, err := c.Config(cmd.Context())
			if err != nil {
				return err
			}
			return formats()[a.output].encode(a.Out, config)
		})
	cmd.Long = `Print the configuration that the controller runs with, as its configuration file has it: what the file says, what flags of serve
have changed, and the defaults of all that neither says; null is what is not set. Saved to a file it is a configuration that
tapline serve --config takes, on the controller's machine.

There are no secrets in it: files of keys are named, not shown, and settings of plugins that look like secrets are "REDACTED".`
	a.writes(cmd, "yaml", "json")
	root.AddCommand(cmd)
}
