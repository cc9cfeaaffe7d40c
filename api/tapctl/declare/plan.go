package declare

import (
	"context"
	"io"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/tapctl/cli"
	"github.com/tapline-sdn/tapline/api/tapctl/desired"
	"github.com/tapline-sdn/tapline/api/tapctl/picture"
)

const planHelp = `Show what a change would do: the ports, mirrors, tunnels and flows that would be
added, changed or removed on each host, and how tap services and tap flows would stand once the
switches have them. Nothing is stored and no switch is touched. It takes the role operator.

The change is that of a verb that creates, updates, enables, disables or deletes, with its flags, or
of documents as apply takes them. Names of ports and mirrors are derived from ids: for what does not
exist yet they are examples.`

func plan(app *cli.App, newRoot func(*cli.App) *cobra.Command) *cobra.Command {
	var source sourceFlags
	cmd := app.Command(cli.Verb{
		Use: `plan [flags] VERB...
  tapctl plan [flags] -f FILE|-|DIR...`,
		Short: "Show what a change would do on which host, and change nothing",
		Long:  planHelp,
		Example: `  tapctl plan tap-flow-create --type vnic --guest-id web-vm --tap-id ids web
  tapctl plan tap-service-disable ids
  tapctl plan host-update h1 --wire net1=br1
  tapctl plan -f lab.yaml --prune
  tapctl plan -o json tap-flow-delete web db`,
		Args:    cobra.ArbitraryArgs,
		Formats: []string{"text", "json", "yaml"},
		Run: func(cmd *cobra.Command, args []string) error {
			switch {
			case len(source.files) > 0 && len(args) > 0:
				return cli.Usage("-f is given together with a verb: want one or the other")
			case len(source.files) > 0, source.emptiesSet(cmd) && len(args) == 0:
				return planDocuments(cmd.Context(), app, source)
			case len(args) > 0:
				return planVerb(app, newRoot, cmd, args)
			}
			return cli.Usage(
				"want a verb that changes something, such as tap-flow-create with its flags, " +
					"or -f FILE",
			)
		},
	})

	source.bind(cmd)
	cmd.Flags().SetInterspersed(false) // Flags behind the verb are the verb's own.
	return cmd
}

func planDocuments(ctx context.Context, app *cli.App, source sourceFlags) error {
	p, err := source.prepare(ctx, app)
	if err != nil {
		return err
	}
	result, err := desired.Try(ctx, p.client, p.steps)
	if err != nil {
		return err
	}
	return writePlan(app, result)
}

// planVerb runs a verb whose requests are recorded instead of sent, and plans these.
func planVerb(
	app *cli.App, newRoot func(*cli.App) *cobra.Command, cmd *cobra.Command, args []string,
) error {
	var recorded recorder
	world := app.World
	world.Out, world.Live = io.Discard, false
	inner := cli.New(world)
	inner.Transport = recorded.wrap

	called, err := inner.Nested(cmd.Context(), newRoot(inner), append(globalFlags(cmd), args...))
	if err != nil {
		return err
	}

	if len(recorded.changes) == 0 {
		return cli.Usage(
			"%s changes nothing: want a verb that creates, updates, enables, disables or deletes",
			called.Name())
	}
	if output := called.Flags().Lookup("output"); output.Changed {
		app.Style.Format = output.Value.String()
	}

	app.AdoptConnection(inner) // The verb's flags may say where the controller is.
	c, err := app.Client()
	if err != nil {
		return err
	}

	result, err := c.Plan(cmd.Context(), recorded.changes)
	if err != nil {
		return err
	}

	return writePlan(app, result)
}

// globalFlags are the global flags that were given to plan, for the verb; --output is plan's own.
func globalFlags(cmd *cobra.Command) []string {
	var args []string
	cmd.InheritedFlags().VisitAll(func(f *pflag.Flag) {
		if f.Changed && f.Name != "output" {
			args = append(args, "--"+f.Name+"="+f.Value.String())
		}
	})
	return args
}

func writePlan(app *cli.App, p api.Plan) error {
	if encode := app.Style.Encoder(); encode != nil {
		return encode(app.Out, p)
	}
	_, err := io.WriteString(app.Out, picture.Plan(p))
	return err
}
