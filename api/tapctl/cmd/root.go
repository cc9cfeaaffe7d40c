package cmd

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tapline-sdn/tapline/api/tapctl/cli"
	"github.com/tapline-sdn/tapline/api/tapctl/decap"
	"github.com/tapline-sdn/tapline/api/tapctl/declare"
	"github.com/tapline-sdn/tapline/api/tapctl/live"
	"github.com/tapline-sdn/tapline/api/tapctl/manage"
	"github.com/tapline-sdn/tapline/api/tapctl/observe"
)

// Run runs a command line, without the program's name, and returns the exit code.
func Run(ctx context.Context, world cli.World, args []string) int {
	app := cli.New(world)
	return app.Execute(ctx, Root(app), args)
}

// groups are the groups of verbs in the help of the root command: ids and titles.
var groups = [][2]string{
	{"tap-service", "Mirror destinations:"},
	{"tap-flow", "Mirror sources:"},
	{"host", "Hosts:"},
	{"guest", "Guests:"},
	{"wire", "Wires:"},
	{"token", "Access:"},
	{"plugin", "Plugins:"},
	{"replica", "Replicas:"},
}

const rootHelp = `Mirror traffic between the hosts of a private cloud.

A tap service is where mirrored traffic goes: an extra NIC of a guest, or an unused physical NIC of
a host. A tap flow is where it is taken from: a NIC of a guest, or the virtual switch that carries a
wire on a host. Wherever a command takes an id it takes a name as well. "tap-flow list" is the same
as "tap-flow-list".

Exit codes: 0 done; 1 refused, failed, or what was waited for is in error; 2 the command line is
wrong; 3 what was waited for is still pending, or something deleted may still be on a switch. Those
of diff: 0 no difference, 1 differences, 2 or more an error.`

const rootExample = `  tapctl tap-service-create --type guest --target-id ids-vm ids
  tapctl tap-service-enable ids
  tapctl tap-flow-create --type vnic --guest-id web-vm --tap-id ids --wait 10s web
  tapctl tap-flow-list`

// Root returns the root command with all verbs.
func Root(app *cli.App) *cobra.Command {
	root := &cobra.Command{
		Use:           app.ProgramName(),
		Short:         "Mirror traffic between the hosts of a private cloud",
		Long:          rootHelp,
		Example:       rootExample,
		SilenceErrors: true,
		SilenceUsage:  true,
	}

	root.SetIn(app.In)
	root.SetOut(app.Out)
	root.SetErr(app.Err)
	app.BindGlobalFlags(root.PersistentFlags())
	root.SetFlagErrorFunc(cli.FlagError)
	root.Version = app.Version
	root.Flags().Bool("version", false, "print the version")
	root.SetVersionTemplate("{{.Name}} {{.Version}}\n")

	for _, g := range groups {
		root.AddGroup(&cobra.Group{ID: g[0], Title: g[1]})
	}

	root.AddCommand(manage.Verbs(app)...)
	root.AddCommand(declare.Verbs(app, Root)...)
	root.AddCommand(observe.Verbs(app)...)
	root.AddCommand(live.Verbs(app)...)
	root.AddCommand(decap.Verb(app))
	root.AddCommand(version(app, root), completion(app, root), man(app, root))

	callBy(root, app.ProgramName())
	addCompletions(app, root)
	return root
}

// callBy has usage and examples, also of all subcommands, call the program by its name.
func callBy(root *cobra.Command, name string) {
	root.Example = strings.ReplaceAll(root.Example, "tapctl ", name+" ")
	root.Use = strings.ReplaceAll(root.Use, "tapctl ", name+" ")
	for _, sub := range root.Commands() {
		callBy(sub, name)
	}
}

func version(app *cli.App, root *cobra.Command) *cobra.Command {
	return app.Command(cli.Verb{
		Use:     "version",
		Short:   "Print the version",
		Example: "  tapctl version",
		Args:    cli.NoArgs,
		Run: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintf(app.Out, "%s %s\n", root.Name(), app.Version)
			return err
		},
	})
}
