package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/client"
)

// The exit codes.
const (
	ExitDone    = 0
	ExitFailed  = 1
	ExitUsage   = 2
	ExitPending = 3
)

// App is one call of the command line and the world that it sees.
type App struct {
	Name    string // as called: tapctl, or climc
	Version string
	In      io.Reader
	Out     io.Writer
	Err     io.Writer
	Env     func(string) string
	Root    bool // runs as root
	Width   int  // columns of the terminal that Out is; 0 if it is none
	Live    bool // Err is a terminal: long work shows that it goes on
	// Facts reads the physical NICs of this machine; with all, every Ethernet device.
	Facts func(all bool) (api.HostFacts, error)

	connection connection
	output     string
	bare       bool     // tables have no titles
	columns    []string // titles of the columns to show; none: the usual ones
	verbose    int
	wait       time.Duration
	started    bool    // the command line was right
	outcome    int     // the exit code unless an error says otherwise
	trouble    int     // the exit code of an error
	keep       *keeper // keeps requests back that would change something; nil: they are sent
}

// errTold is an error that was printed already.
var errTold = errors.New("told already")

// usageError is a wrong command line that only the command itself could find.
type usageError struct{ error }

func usage(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// Run runs a command line without its first word and returns the exit code.
func (a *App) Run(ctx context.Context, args []string) int {
	a.trouble = ExitFailed
	root := a.root()
	root.SetArgs(joined(root, args))
	called, err := root.ExecuteContextC(ctx)
	var wrong usageError
	switch {
	case err == nil:
		return a.outcome
	case errors.Is(err, errTold):
		return a.trouble
	case !a.started, errors.As(err, &wrong):
		fmt.Fprintf(a.Err, "%s: %v\n  next: %s --help shows what it takes\n", called.CommandPath(), oneLine(err), called.CommandPath())
		return ExitUsage
	}
	a.explain(called.CommandPath(), err)
	a.suggest(ctx, err)
	return a.trouble
}

// oneLine puts what cobra proposes behind what was wrong.
func oneLine(err error) string {
	wrong, proposals, found := strings.Cut(err.Error(), "\n\nDid you mean this?\n")
	if !found {
		return wrong
	}
	return wrong + "; did you mean " + strings.Join(strings.Fields(proposals), ", ") + "?"
}

func (a *App) root() *cobra.Command {
	name := "tapctl"
	if a.Name == "climc" {
		name = a.Name
	}
	root := &cobra.Command{
		Use:   name,
		Short: "Mirror traffic between the hosts of a private cloud",
		Long: `Mirror traffic between the hosts of a private cloud.

A tap service is where mirrored traffic goes: an extra NIC of a guest, or an unused physical NIC of a host.
A tap flow is where it is taken from: a NIC of a guest, or the virtual switch that carries a wire on a host.
Wherever an id is wanted, a name does as well. "tap-flow list" is the same as "tap-flow-list".

Exit codes: 0 done; 1 refused, failed, or what was waited for is in error; 2 the command line is wrong; 3 what was waited
for is still pending. Of diff: 0 no difference, 1 differences, 2 or more trouble.`,
		Example: fmt.Sprintf(`  %[1]s tap-service-create --type guest --target-id ids-vm ids
  %[1]s tap-service-enable ids
  %[1]s tap-flow-create --type vnic --guest-id web-vm --tap-id ids --wait 10s web
  %[1]s tap-flow-list`, name),
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.SetIn(a.In)
	root.SetOut(a.Out)
	root.SetErr(a.Err)
	flags := root.PersistentFlags()
	a.connection.bind(flags)
	flags.StringVarP(&a.output, "output", "o", "table", "table, wide, json, yaml or id")
	flags.BoolVar(&a.bare, "no-headers", false, "tables without their titles")
	flags.StringSliceVar(&a.columns, "columns", nil, "only these columns of a table, in this order, such as NAME,STATUS")
	flags.CountVarP(&a.verbose, "verbose", "v", "show the requests on standard error; twice: with their bodies")
	for _, g := range [][2]string{
		{"tap-service", "Mirror destinations:"}, {"tap-flow", "Mirror sources:"}, {"host", "Hosts:"}, {"guest", "Guests:"}, {"wire", "Wires:"},
		{"token", "Access:"}, {"plugin", "Plugins:"},
	} {
		root.AddGroup(&cobra.Group{ID: g[0], Title: g[1]})
	}
	for _, add := range []func(*cobra.Command){
		a.addServices, a.addFlows, a.addHosts, a.addGuests, a.addWires, a.addTokens, a.addAudit, a.addExplanations, a.addFacts, a.addVersion,
		a.addApply, a.addDiff, a.addExport, a.addPlan, a.addWatch, a.addWait, a.addTopology, a.addCompletion, a.addMan, a.addPlugins,
		a.addConfig,
	} {
		add(root)
	}
	for _, cmd := range root.Commands() {
		cmd.Example = strings.ReplaceAll(cmd.Example, "tapctl ", name+" ")
		cmd.Use = strings.ReplaceAll(cmd.Use, "tapctl ", name+" ")
	}
	a.completeFlags(root)
	return root
}

// joined makes one word of "tap-flow list", if that is a command.
func joined(root *cobra.Command, args []string) []string {
	for i := range len(args) - 1 {
		word := args[i] + "-" + args[i+1]
		for _, cmd := range root.Commands() {
			if cmd.Name() == word {
				return slices.Concat(args[:i], []string{word}, args[i+2:])
			}
			if cmd.Name() == args[i] {
				return args // What follows are its arguments.
			}
		}
	}
	return args
}

// outputKey is the annotation of commands that have output formats of their own: their names, the default first.
const outputKey = "output"

// outputs are the formats that a command writes.
func outputs(cmd *cobra.Command) []string {
	if own := cmd.Annotations[outputKey]; own != "" {
		return strings.Split(own, ",")
	}
	return []string{"table", "wide", "json", "yaml", "id"}
}

// writes gives a command output formats of its own, the default first.
func (a *App) writes(cmd *cobra.Command, formats ...string) *cobra.Command {
	cmd.Annotations = map[string]string{outputKey: strings.Join(formats, ",")}
	return cmd
}

// command makes a command that runs once its command line is known to be right.
func (a *App) command(use, short, example string, args cobra.PositionalArgs, run func(cmd *cobra.Command, args []string) error) *cobra.Command {
	return &cobra.Command{
		Use: use, Short: short, Example: example, Args: args, DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			known := outputs(cmd)
			if cmd.Annotations[outputKey] != "" && !cmd.Flags().Changed("output") {
				a.output = known[0]
			}
			if !slices.Contains(known, a.output) {
				last := len(known) - 1
				return fmt.Errorf("--output %q is not known: want %s or %s", a.output, strings.Join(known[:last], ", "), known[last])
			}
			// An empty value is most often a variable that a script left unset; it must not mean "any".
			var empty error
			cmd.Flags().Visit(func(f *pflag.Flag) {
				if f.Value.Type() == "string" && f.Value.String() == "" {
					empty = fmt.Errorf("--%s is given but empty", f.Name)
				}
			})
			for i, arg := range args {
				if arg == "" {
					empty = fmt.Errorf("argument %d is empty", i+1)
				}
			}
			if empty != nil {
				return empty
			}
			a.started = true
			return run(cmd, args)
		},
	}
}

// waits adds --wait to a command that writes.
func (a *App) waits(cmd *cobra.Command) *cobra.Command {
	cmd.Flags().DurationVar(&a.wait, "wait", 0,
		"wait until it is no longer pending, at most so long (such as 10s); exit 3 if it still is, 1 if it is in error")
	return cmd
}

// client connects; nothing is sent before the first request.
func (a *App) client() (*client.Client, error) { return a.connection.client(a) }

// settle notes how what was waited for stands.
func (a *App) settle(noun, name string, status api.Status, reason string) {
	if a.wait == 0 {
		return
	}
	if reason == "" {
		reason = "no reason is given"
	}
	switch status {
	case api.Error:
		fmt.Fprintf(a.Err, "%s %q is in error: %s\n", noun, printable(name), printable(reason))
		a.outcome = ExitFailed
	case api.Pending:
		fmt.Fprintf(a.Err, "%s %q is still pending after %s: %s\n", noun, printable(name), a.wait, printable(reason))
		if a.outcome == ExitDone {
			a.outcome = ExitPending
		}
	}
}
