package manage

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/client"
	"github.com/tapline-sdn/tapline/api/tapctl/cli"
	"github.com/tapline-sdn/tapline/api/tapctl/kind"
)

// remove is the command that deletes resources.
func (v verbs[T, L]) remove() *cobra.Command {
	run := func(cmd *cobra.Command, args []string) error {
		c, err := v.app.Client()
		if err != nil {
			return err
		}

		return v.app.Each(cmd, args, func(ref string) error {
			err := v.requests(c).Delete(cmd.Context(), ref, client.Wait(v.app.Wait))
			if errors.Is(err, client.ErrPending) {
				v.app.Settle(v.kind.Noun, ref, kind.Health{
					Status: api.Pending,
					Reason: "it is deleted, but not all switches have dropped it yet",
				})
				err = nil
			}

			if err != nil {
				return err
			}
			return v.writeDeleted(ref)
		})
	}

	return v.app.Waits(
		v.app.Command(verb(v.kind.Word, "delete ID... [flags]", "Delete "+v.kind.Plural(),
			`  tapctl %[1]s-delete NAME
  tapctl %[1]s-delete NAME ANOTHER`, cli.SomeArgs("ID"), run)),
	)
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
