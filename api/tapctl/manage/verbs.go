package manage

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/tapline-sdn/tapline/api/client"
	"github.com/tapline-sdn/tapline/api/tapctl/cli"
	"github.com/tapline-sdn/tapline/api/tapctl/kind"
)

// Verbs returns the commands of this package.
func Verbs(app *cli.App) []*cobra.Command {
	var all []*cobra.Command
	for _, verbs := range []func(*cli.App) []*cobra.Command{
		hostVerbs, guestVerbs, wireVerbs, tapServiceVerbs, tapFlowVerbs, tokenVerbs, pluginVerbs,
		replicaVerbs, contextVerbs,
	} {
		all = append(all, verbs(app)...)
	}
	return all
}

// requests are the requests of package client that every kind of resources has.
type requests[T, L any] interface {
	kind.Reader[T, L]
	Delete(ctx context.Context, ref string, opts ...client.Option) error
}

// switchRequests are the requests of kinds that are enabled and disabled.
type switchRequests[T, L any] interface {
	List(ctx context.Context, opts ...client.Option) (L, error)
	Enable(ctx context.Context, ref string, opts ...client.Option) (T, error)
	Disable(ctx context.Context, ref string, opts ...client.Option) (T, error)
}

// verbs makes the verbs of one kind.
type verbs[T, L any] struct {
	app      *cli.App
	kind     kind.Kind[T, L]
	requests func(*client.Client) requests[T, L]
}

// written prints what a create or an update has answered, and how it stands after --wait.
func written[T, L any](app *cli.App, k kind.Kind[T, L], v T, err error) error {
	if err != nil {
		return err
	}
	if err := k.Write(app.Out, app.Style, v); err != nil {
		return err
	}
	settle(app, k, v)
	return nil
}

// settle sets the exit code after --wait, and prints the status unless it is the wanted one.
func settle[T, L any](app *cli.App, k kind.Kind[T, L], v T) {
	if k.Health != nil {
		app.Settle(k.Noun, k.Name(v), k.Health(v))
	}
}
