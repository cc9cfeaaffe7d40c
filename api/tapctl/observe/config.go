package observe

import (
	"github.com/spf13/cobra"

	"github.com/tapline-sdn/tapline/api/client"
	"github.com/tapline-sdn/tapline/api/tapctl/cli"
)

const configHelp = `Print the configuration that the controller runs with, in the form of its
configuration file: what the file says, what flags of serve have changed, and the default of
everything else. A setting without a value is null. Saved to a file on the controller's machine, it
is a configuration for tapline serve --config.

It has no secrets: key files are named, not shown, and settings of plugins that look like secrets
are "REDACTED".`

func getConfig(app *cli.App) *cobra.Command {
	return app.Command(cli.Verb{
		Use:   "get-config [flags]",
		Short: "Print the controller's configuration, with all defaults filled in",
		Long:  configHelp,
		Example: `  tapctl get-config
  tapctl get-config > tapline.yaml && tapline config check tapline.yaml
  tapctl get-config -o json | jq .openflow.listen`,
		Args:    cli.NoArgs,
		Formats: []string{"yaml", "json"},
		Run:     printed(app, (*client.Client).Config),
	})
}
