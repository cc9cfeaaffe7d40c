package observe

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/tapline-sdn/tapline/api/client"
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
		Run:     printed(app, (*client.Client).Whoami),
	})
}

// printed runs a verb that prints what the controller answers, as it is.
func printed[T any](
	app *cli.App, ask func(*client.Client, context.Context) (T, error),
) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, _ []string) error {
		c, err := app.Client()
		if err != nil {
			return err
		}
		answer, err := ask(c, cmd.Context())
		if err != nil {
			return err
		}
		return app.Style.Encoder()(app.Out, answer)
	}
}
