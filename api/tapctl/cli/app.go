package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/tapctl/format"
)

// The exit codes.
const (
	ExitDone    = 0
	ExitFailed  = 1
	ExitUsage   = 2
	ExitPending = 3
	// ExitInterrupted is 128 and the number of SIGINT, as of a shell.
	ExitInterrupted = 130
)

// World is what one call of the command line sees of the world.
type World struct {
	Name    string // as called: tapctl, or climc
	Version string
	In      io.Reader
	Out     io.Writer
	Err     io.Writer
	Env     func(string) string
	Root    bool // runs as root
	Width   int  // columns of the terminal that Out is; 0 if it is none
	Live    bool // Err is a terminal, so long work shows that it goes on
	// Interactive says that In and Err are a terminal, so questions can be asked.
	Interactive bool
	// Facts reads the physical NICs of this machine; with all, every Ethernet device.
	Facts func(all bool) (api.HostFacts, error)
}

// App is one call of the command line.
type App struct {
	World

	// Style is how results are written: flags --output, --no-headers and --columns.
	Style format.Style
	// Wait is flag --wait of verbs that have it: how long to wait for the switches.
	Wait time.Duration
	// FailureCode is the exit code of an error that is not about the command line.
	FailureCode int
	// Transport wraps the sending of requests; nil leaves it as it is. Verb plan keeps requests
	// back.
	Transport func(next http.RoundTripper) http.RoundTripper

	connection connection
	verbose    int
	yes        bool // flag --yes
	// progressing says that a Progress is shown.
	progressing atomic.Bool
	started     bool      // the command line was right, and the verb runs
	outcome     int       // the exit code if there is no error
	failover    *failover // of the last client, if it has several servers
	lastBody    []byte    // of the last request that had one
}

// New returns an App for one call.
func New(world World) *App {
	return &App{World: world, FailureCode: ExitFailed}
}

// ProgramName is the name that help texts use for the program.
func (a *App) ProgramName() string {
	if a.Name == "climc" {
		return a.Name
	}
	return "tapctl"
}

// BindGlobalFlags adds the flags that all verbs share.
func (a *App) BindGlobalFlags(flags *pflag.FlagSet) {
	a.connection.bind(flags)
	flags.StringVarP(&a.Style.Format, "output", "o", "table",
		"output format: table, wide, csv, json, yaml, jsonpath=EXPR, id or name")
	flags.BoolVar(&a.Style.NoHeaders, "no-headers", false, "print tables without their header line")
	flags.StringSliceVar(&a.Style.Columns, "columns", nil,
		"show only these columns of a table, in this order, such as NAME,STATUS")
	flags.CountVarP(&a.verbose, "verbose", "v",
		"print requests to standard error; given twice, with their bodies")
}

// Execute runs a command line, without the program's name, under a root command. It returns the
// exit code.
func (a *App) Execute(ctx context.Context, root *cobra.Command, args []string) int {
	a.Style.Terminal = a.Width
	root.SetArgs(JoinWords(root, args))
	called, err := root.ExecuteContextC(ctx)

	switch {
	case err == nil:
		return a.outcome
	case errors.Is(err, errReported):
		return a.FailureCode
	case a.isUsageError(err):
		path := called.CommandPath()
		fmt.Fprintf(a.Err, "%s: %v\n  next: run %s --help for its usage\n", path, oneLine(err),
			path)
		return ExitUsage
	}

	a.report(ctx, called.CommandPath(), err)
	if errors.Is(err, context.Canceled) {
		return ExitInterrupted
	}

	return a.FailureCode
}

// Nested runs a command line under another root command, for a verb that runs a verb. It returns
// the verb that ran. An error about the command line is a usage error of the outer verb.
func (a *App) Nested(
	ctx context.Context,
	root *cobra.Command,
	args []string,
) (*cobra.Command, error) {
	root.SetArgs(JoinWords(root, args))
	called, err := root.ExecuteContextC(ctx)
	if err != nil && a.isUsageError(err) {
		return called, Usage("%s: %v", called.CommandPath(), oneLine(err))
	}
	return called, err
}

// SetOutcome sets the exit code for a call without an error. A failure that was set before stays.
func (a *App) SetOutcome(code int) {
	if a.outcome == ExitDone || code == ExitFailed {
		a.outcome = code
	}
}

// JoinWords makes one word of two that together name a command: "tap-flow list" is tap-flow-list.
func JoinWords(root *cobra.Command, args []string) []string {
	isCommand := func(word string) bool {
		return slices.ContainsFunc(
			root.Commands(),
			func(c *cobra.Command) bool { return c.Name() == word },
		)
	}

	for i := range len(args) - 1 {
		if word := args[i] + "-" + args[i+1]; isCommand(word) {
			return slices.Concat(args[:i], []string{word}, args[i+2:])
		}
		if isCommand(args[i]) {
			return args // The rest are its arguments.
		}
	}

	return args
}

// isUsageError reports whether an error is about the command line: cobra's own, until the verb
// runs.
func (a *App) isUsageError(err error) bool {
	var wrong usageError
	var unknown *format.UnknownColumnError
	return !a.started || errors.As(err, &wrong) || errors.As(err, &unknown)
}

// oneLine is an error's text with cobra's proposals moved to the end of its first line.
func oneLine(err error) string {
	var unknown *format.UnknownColumnError
	if errors.As(err, &unknown) {
		return "--columns: " + err.Error()
	}

	wrong, proposals, found := strings.Cut(err.Error(), "\n\nDid you mean this?\n")
	if !found {
		return wrong
	}

	return wrong + "; did you mean " + strings.Join(strings.Fields(proposals), ", ") + "?"
}
