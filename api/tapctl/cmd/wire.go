package cmd

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/client"
)

func wires() kind[api.Wire, api.WireList] {
	type row = api.Wire
	// at is the only host of a line.
	at := func(get func(api.WireHost) string) func(row) string {
		return func(v row) string {
			for _, h := range v.Hosts {
				return get(h)
			}
			return ""
		}
	}
	return kind[row, api.WireList]{
		word: "wire", noun: "wire",
		columns: []column[row]{
			{title: "NAME", value: func(v row) string { return v.Name }, flex: true},
			{title: "HOST", value: at(func(h api.WireHost) string { return h.Host }), flex: true},
			{title: "BRIDGE", value: at(func(h api.WireHost) string { return h.Bridge })},
			{title: "UPLINKS", value: at(func(h api.WireHost) string { return strings.Join(h.Uplinks, ",") })},
			{title: "FROM", value: func(v row) string {
				return at(func(h api.WireHost) string {
					switch {
					case h.Declared:
						return "declared"
					case h.Bridge == v.Name:
						return "the bridge's name"
					}
					return "ovn-bridge-mappings"
				})(v)
			}, wide: true},
			{title: "ID", value: func(v row) string { return v.ID }, drop: true},
		},
		items: func(l api.WireList) []row { return l.Wires },
		id:    func(v row) string { return v.ID },
		name:  func(v row) string { return v.Name },
		lines: func(v row) []row {
			var lines []row
			for _, h := range v.Hosts {
				lines = append(lines, row{ID: v.ID, Name: v.Name, Hosts: []api.WireHost{h}})
			}
			return lines
		},
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
