package manage

import (
	"github.com/spf13/cobra"

	"github.com/tapline-sdn/tapline/api/client"
	"github.com/tapline-sdn/tapline/api/tapctl/cli"
	"github.com/tapline-sdn/tapline/api/tapctl/kind"
)

// tapFlowMembers is the command that lists the NICs that the selector of a tap flow matches.
func tapFlowMembers(app *cli.App) *cobra.Command {
	var limit, offset int
	parameters := []parameter{filter("status", "of this status: disabled, pending, ready or error")}

	run := func(cmd *cobra.Command, args []string) error {
		opts := queryOptions(cmd, parameters)
		if limit != 0 || offset != 0 {
			opts = append(opts, client.Page(limit, offset))
		}

		c, err := app.Client()
		if err != nil {
			return err
		}
		list, err := c.TapFlowMembers(cmd.Context(), args[0], opts...)
		if err != nil {
			return err
		}
		return kind.Members().WriteList(app.Out, app.Style, list)
	}

	cmd := app.Command(verb("tap-flow", "members ID [flags]",
		"List the NICs that the selector of a tap flow matches",
		`  tapctl %[1]s-members blue-dbs
  tapctl %[1]s-members blue-dbs --status error
  tapctl %[1]s-members blue-dbs -o json | jq .total`, cli.OneArg("ID"), run))

	flags := cmd.Flags()
	for _, p := range parameters {
		flags.String(p.flag, "", p.usage)
	}
	flags.IntVar(&limit, "limit", 0, "maximum number of results (0 = all)")
	flags.IntVar(&offset, "offset", 0, "results to skip")
	return cmd
}
