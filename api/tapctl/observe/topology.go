package observe

import (
	"io"

	"github.com/spf13/cobra"

	"github.com/tapline-sdn/tapline/api/tapctl/cli"
	"github.com/tapline-sdn/tapline/api/tapctl/cloud"
	"github.com/tapline-sdn/tapline/api/tapctl/picture"
)

func topology(app *cli.App) *cobra.Command {
	drawings := map[string]func(io.Writer, picture.Topology) error{
		"tree": picture.Tree, "dot": picture.Dot, "mermaid": picture.Mermaid,
	}

	return app.Command(cli.Verb{
		Use:   "topology [HOST...] [flags]",
		Short: "Show what is mirrored from where to where",
		Long: `Show what is mirrored from where to where: hosts, their bridges with wires and
uplinks, the tap flows that are taken from each bridge, the tap services that collect there, and the
tunnels between hosts. With arguments, only these hosts and those that they have tunnels with.`,
		Example: `  tapctl topology
  tapctl topology h1 h2
  tapctl topology -o dot | dot -Tsvg > topology.svg
  tapctl topology -o mermaid`,
		Args:    cobra.ArbitraryArgs,
		Formats: []string{"tree", "dot", "mermaid", "json", "yaml"},
		Run: func(cmd *cobra.Command, args []string) error {
			c, err := app.Client()
			if err != nil {
				return err
			}

			for _, ref := range args {
				if _, err := c.Hosts().Get(cmd.Context(), ref); err != nil {
					return err
				}
			}

			state, err := cloud.Read(cmd.Context(), c)
			if err != nil {
				return err
			}

			t := picture.NewTopology(state, args)
			if draw, ok := drawings[app.Style.Format]; ok {
				return draw(app.Out, t)
			}

			return app.Style.Encoder()(app.Out, t)
		},
	})
}
