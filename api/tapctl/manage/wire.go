package manage

import (
	"github.com/spf13/cobra"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/client"
	"github.com/tapline-sdn/tapline/api/tapctl/cli"
	"github.com/tapline-sdn/tapline/api/tapctl/kind"
)

func wireVerbs(app *cli.App) []*cobra.Command {
	v := verbs[api.Wire, api.WireList]{app, kind.Wires(),
		func(c *client.Client) requests[api.Wire, api.WireList] { return c.Wires() }}

	return []*cobra.Command{
		updateWire(app), v.show(), v.remove(nil),
		v.list(filter("name", "of this name"), filter("host-id", "that this host carries")),
	}
}

func updateWire(app *cli.App) *cobra.Command {
	var bridges []string
	run := func(cmd *cobra.Command, args []string) error {
		patch, err := cli.Pairs("bridge", "HOST=BRIDGE, or HOST= to remove it", bridges, true)
		if err != nil {
			return err
		}

		c, err := app.Client()
		if err != nil {
			return err
		}

		wire, err := c.Wires().Update(cmd.Context(), args[0], api.WirePatch{Bridges: patch},
			client.Wait(app.Wait))

		return written(app, kind.Wires(), wire, err)
	}

	cmd := app.Waits(app.Command(verb("wire", "update ID --bridge HOST=BRIDGE...",
		"Declare which bridge carries a wire on a host",
		`  tapctl %[1]s-update net0 --bridge h1=br0 --bridge h2=br0
  tapctl %[1]s-update net0 --bridge h2=`, cli.OneArg("ID"), run)))

	cmd.Flags().StringArrayVar(&bridges, "bridge", nil,
		"HOST=BRIDGE: the bridge that carries it; may be repeated; an empty value removes it")

	cli.Require(cmd, "bridge")
	return cmd
}
