package manage

import (
	"github.com/spf13/cobra"
	"github.com/tapline-sdn/tapline/api/tapctl/cli"
)

// show is the command that shows one resource.
func (v verbs[T, L]) show() *cobra.Command {
	run := func(cmd *cobra.Command, args []string) error {
		c, err := v.app.Client()
		if err != nil {
			return err
		}
		found, err := v.requests(c).Get(cmd.Context(), args[0])
		if err != nil {
			return err
		}
		return v.kind.Write(v.app.Out, v.app.Style, found)
	}

	return v.app.Command(verb(v.kind.Word, "show ID [flags]", "Show a "+v.kind.Noun,
		`  tapctl %[1]s-show NAME
  tapctl %[1]s-show NAME -o yaml`, cli.OneArg("ID"), run))
}
