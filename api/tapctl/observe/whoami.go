package observe

import (
	"github.com/spf13/cobra"

	"github.com/tapline-sdn/tapline/api/tapctl/cli"
)

func whoami(app *cli.App) *cobra.Command {
	return app.Command(cli.Verb{
		Use:   "whoami [flags]",
		Short: "Print whose token or certificate this is, and its role",
		Long: `Print the name of the token or client certificate that tapctl shows to the
controller, and the role that it gives: viewer, operator or admin.`,
		Example: `  tapctl whoami
  tapctl whoami -o json | jq -r .role`,
		Args:    cli.NoArgs,
		Formats: []string{"yaml", "json"},
		Run: func(cmd *cobra.Command, _ []string) error {
			c, err := app.Client()
			if err != nil {
				return err
			}
			id, err := c.Whoami(cmd.Context())
			if err != nil {
				return err
			}
			return app.Style.Encoder()(app.Out, id)
		},
	})
}
