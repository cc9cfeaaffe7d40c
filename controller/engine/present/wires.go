package present

import (
	"cmp"
	"maps"
	"slices"

	"github.com/tapline-sdn/tapline/controller/engine/view"
	"github.com/tapline-sdn/tapline/controller/store"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// Wires returns all wires by name: those that hosts announce or that were declared, and every
// bridge by its own name.
func (p *Presenter) Wires() []view.Wire {
	byName := map[string]*view.Wire{}
	for _, record := range p.intent.Hosts.Sorted() {
		if h := p.fleet.Running[record.ID]; h != nil {
			addWires(byName, record, &h.Observed.Host)
		}
	}

	out := make([]view.Wire, 0, len(byName))
	for _, v := range byName {
		out = append(out, *v)
	}

	slices.SortFunc(out, func(a, b view.Wire) int { return cmp.Compare(a.Name, b.Name) })
	return out
}

// addWires adds the wires that a host carries.
func addWires(to map[string]*view.Wire, record *store.Host, shown *tap.Host) {
	carried := maps.Clone(shown.Wires)
	for _, b := range shown.Bridges {
		if _, told := carried[b.Name]; !told {
			carried[b.Name] = b.Name
		}
	}
	for _, b := range shown.FakeBridges {
		if _, told := carried[b.Name]; !told {
			carried[b.Name] = b.Name
		}
	}

	for wire, bridge := range carried {
		v := to[wire]
		if v == nil {
			v = &view.Wire{ID: wire, Name: wire}
			to[wire] = v
		}

		at := view.WireHost{HostID: record.ID, Host: record.Name, Bridge: bridge,
			Declared: record.Wires[wire] == bridge}
		if on, _ := shown.WireBridge(wire); on != nil {
			at.Uplinks = on.Uplinks
		}
		v.Hosts = append(v.Hosts, at)
	}
}
