package manage

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/tapline-sdn/tapline/api/client"
	"github.com/tapline-sdn/tapline/api/tapctl/cli"
)

// remove is the command that deletes resources. The options of its requests may be nil.
func (v verbs[T, L]) remove(options func() []client.Option) *cobra.Command {
	run := func(cmd *cobra.Command, args []string) error {
		c, err := v.app.Client()
		if err != nil {
			return err
		}

		return v.app.Each(cmd, args, func(ref string) error {
			opts := []client.Option{client.Wait(v.app.Wait)}
			if options != nil {
				opts = append(opts, options()...)
			}

			err := v.requests(c).Delete(cmd.Context(), ref, opts...)
			if errors.Is(err, client.ErrPending) {
				v.app.SettleDeletion(v.kind.Noun, ref, v.reason(cmd.Context(), c, ref))
				err = nil
			}

			if err != nil {
				return err
			}

			return v.writeDeleted(ref)
		})
	}

	return v.app.WaitsForRemoval(
		v.app.Command(verb(v.kind.Word, "delete ID... [flags]", "Delete "+v.kind.Plural(),
			`  tapctl %[1]s-delete NAME
  tapctl %[1]s-delete NAME ANOTHER`, cli.SomeArgs("ID"), run)),
	)
}

// reason is why a resource is not gone yet; "" if it cannot be said.
func (v verbs[T, L]) reason(ctx context.Context, c *client.Client, ref string) string {
	found, err := v.requests(c).Get(ctx, ref)
	if err != nil || v.kind.Health == nil {
		return ""
	}
	return v.kind.Health(found).Reason
}

// writeDeleted says that a resource was deleted. An encoding says nothing, since there is no
// object.
func (v verbs[T, L]) writeDeleted(ref string) error {
	var err error
	switch {
	case v.app.Style.IDs():
		_, err = fmt.Fprintln(v.app.Out, ref)
	case v.app.Style.Names():
		_, err = fmt.Fprintf(v.app.Out, "%s/%s\n", v.kind.Word, ref)
	case v.app.Style.Encoder() == nil:
		_, err = fmt.Fprintf(v.app.Out, "%s %q deleted\n", v.kind.Noun, ref)
	}

	return err
}
