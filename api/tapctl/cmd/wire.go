package cmd

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/client"
)

func wires() kind[api.Wire, api.WireList] {
	type row = api.Wire
	join := func(v row, get func(api.WireHost) string) string {
		var out []string
		for _, h := range v.Hosts {
			out = append(out, get(h))
		}
		return strings.Join(out, ",")
	}
	return kind[row, api.WireList]{
		word: "wire", noun: "wire",
		columns: []column[row]{
			{title: "NAME", value: func(v row) string { return v.Name }, flex: true},
			{title: "BRIDGES", value: func(v row) string {
				return join(v, func(h api.WireHost) string { return h.Host + "=" + h.Bridge })
			}, flex: true},
			{title: "UPLINKS", value: func(v row) string {
				return join(v, func(h api.WireHost) string { return h.Host + "=" + orDash(strings.Join(h.Uplinks, "+")) })
			}, wide: true},
			{title: "ID", value: func(v row) string { return v.ID }, drop: true},
		},
		items: func(l api.WireList) []row { return l.Wires },
		id:    func(v row) string { return v.ID },
		name:  func(v row) string { return v.Name },
	}
}

func (a *App) addWires(root *cobra.Command) {
	k := wires()
	of := func(c *client.Client) resource[api.Wire, api.WireList] { return c.Wires() }

	var bridges []string
	update := a.waits(a.command("wire-update ID --bridge HOST=BRIDGE...", "Declare which bridge carries a wire on a host",
		`  tapctl wire-update net0 --bridge h1=br0 --bridge h2=br0
  tapctl wire-update net0 --bridge h2=`,
		cobra.ExactArgs(1), func(cmd *cobra.Command, args []string) error {
			patch, err := pairsOf("bridge", "HOST=BRIDGE, or HOST= to take it back", bridges, true)
			if err != nil {
				return err
			}
			c, err := a.client()
			if err != nil {
				return err
			}
			v, err := c.Wires().Update(cmd.Context(), args[0], api.WirePatch{Bridges: patch}, client.Wait(a.wait))
			return k.written(a, v, err)
		}))
	update.Flags().StringArrayVar(&bridges, "bridge", nil, "HOST=BRIDGE; nothing after = takes it back; may be repeated")
	needs(update, "bridge")
	update.GroupID = k.word
	root.AddCommand(update, showCommand(a, k, of), deleteCommand(a, k, of),
		listCommand(a, k, of, filter{"name", "name", "name"}, filter{"host-id", "host_id", "host that carries it"}))
}
