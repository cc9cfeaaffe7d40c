package kind

import (
	"strings"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/tapctl/format"
)

// Wires are the wires. A table has a row for each host that carries one.
func Wires() Kind[api.Wire, api.WireList] {
	type row = api.Wire

	return Kind[row, api.WireList]{
		Word: "wire", Noun: "wire",
		Columns: wireColumns(),
		Items:   func(l api.WireList) []row { return l.Wires },
		ID:      func(v row) string { return v.ID },
		Name:    func(v row) string { return v.Name },
		Lines: func(v row) []row {
			var lines []row
			for _, h := range v.Hosts {
				lines = append(lines, row{ID: v.ID, Name: v.Name, Hosts: []api.WireHost{h}})
			}
			return lines
		},
	}
}

func wireColumns() []format.Column[api.Wire] {
	type row = api.Wire

	return []format.Column[row]{
		{Title: "NAME", Value: func(v row) string { return v.Name }, Flex: true},
		{
			Title: "HOST",
			Value: ofOnlyHost(func(h api.WireHost) string { return h.Host }),
			Flex:  true,
		},
		{Title: "BRIDGE", Value: ofOnlyHost(func(h api.WireHost) string { return h.Bridge })},
		{Title: "UPLINKS", Value: ofOnlyHost(func(h api.WireHost) string {
			return strings.Join(h.Uplinks, ",")
		})},

		{Title: "FROM", Value: wireSource, Wide: true},
		{Title: "ID", Value: func(v row) string { return v.ID }, Drop: true},
	}
}

// ofOnlyHost is something of the one host that a row of the table has.
func ofOnlyHost(get func(api.WireHost) string) func(api.Wire) string {
	return func(v api.Wire) string {
		if len(v.Hosts) == 0 {
			return ""
		}
		return get(v.Hosts[0])
	}
}

// wireSource says how it is known which bridge carries the wire.
func wireSource(v api.Wire) string {
	return ofOnlyHost(func(h api.WireHost) string {
		switch {
		case h.Declared:
			return "declared"
		case h.Bridge == v.Name:
			return "the bridge's name"
		}
		return "ovn-bridge-mappings"
	})(v)
}
