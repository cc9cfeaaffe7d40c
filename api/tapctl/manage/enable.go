package manage

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/tapline-sdn/tapline/api/client"
	"github.com/tapline-sdn/tapline/api/tapctl/cli"
	"github.com/tapline-sdn/tapline/api/tapctl/format"
	"github.com/tapline-sdn/tapline/api/tapctl/kind"
)

// switchVerbs makes the verbs enable and disable of one kind.
type switchVerbs[T, L any] struct {
	app      *cli.App
	kind     kind.Kind[T, L]
	requests func(*client.Client) switchRequests[T, L]
}

// switchAct is a request that enables or disables one resource.
type switchAct[T any] func(ctx context.Context, ref string, opts ...client.Option) (T, error)

func (v switchVerbs[T, L]) enable() *cobra.Command {
	return v.command("enable", "Enable "+v.kind.Plural(),
		func(r switchRequests[T, L]) switchAct[T] { return r.Enable })
}

func (v switchVerbs[T, L]) disable() *cobra.Command {
	return v.command("disable", "Disable "+v.kind.Plural(),
		func(r switchRequests[T, L]) switchAct[T] { return r.Disable })
}

func (v switchVerbs[T, L]) command(
	word, short string, act func(switchRequests[T, L]) switchAct[T],
) *cobra.Command {
	var all bool
	run := func(cmd *cobra.Command, args []string) error {
		switch {
		case all && len(args) > 0:
			return cli.Usage("--all is given together with ids: want one or the other")
		case !all && len(args) == 0:
			return cli.Usage("the ID is missing: want one or more, or --all")
		}

		c, err := v.app.Client()
		if err != nil {
			return err
		}

		requests := v.requests(c)
		if all {
			if args, err = v.ids(cmd.Context(), requests); err != nil {
				return err
			}
		}

		if all && len(args) > 0 {
			err := v.app.Confirm("%s %s?", word, format.Counted(len(args), v.kind.Noun))
			if err != nil {
				return err
			}
		}

		return v.switchEach(cmd, args, act(requests))
	}

	cmd := v.app.Waits(v.app.Command(verb(v.kind.Word, word+" ID... [flags]", short,
		"  tapctl %[1]s-"+word+` NAME
  tapctl %[1]s-`+word+` NAME ANOTHER --wait 10s
  tapctl %[1]s-`+word+" --all", cobra.ArbitraryArgs, run)))

	v.app.BindYes(cmd)
	cmd.Flags().BoolVar(&all, "all", false, word+" all "+v.kind.Plural())
	return cmd
}

// ids are the ids of all resources of the kind.
func (v switchVerbs[T, L]) ids(
	ctx context.Context,
	requests switchRequests[T, L],
) ([]string, error) {
	list, err := requests.List(ctx)
	if err != nil {
		return nil, err
	}

	var out []string
	for _, r := range v.kind.Items(list) {
		out = append(out, v.kind.ID(r))
	}

	return out, nil
}

// switchEach enables or disables resources, and prints those that it could switch.
func (v switchVerbs[T, L]) switchEach(cmd *cobra.Command, refs []string, act switchAct[T]) error {
	var done []T
	failed := v.app.Each(cmd, refs, func(ref string) error {
		r, err := act(cmd.Context(), ref, client.Wait(v.app.Wait))
		if err == nil {
			done = append(done, r)
		}
		return err
	})

	if err := v.kind.Write(v.app.Out, v.app.Style, done...); err != nil {
		return err
	}

	for _, r := range done {
		settle(v.app, v.kind, r)
	}

	return failed
}
