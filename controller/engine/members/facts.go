package members

import (
	"maps"
	"slices"

	"github.com/tapline-sdn/tapline/controller/selection"
	"github.com/tapline-sdn/tapline/controller/selector"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// hostWires is what selectors compare of the host of a NIC: its name, and which wires its bridges
// carry.
type hostWires struct {
	name  string
	wires map[string][]string // by bridge, sorted
}

func (w hostWires) equal(o hostWires) bool {
	return w.name == o.name && maps.EqualFunc(w.wires, o.wires, slices.Equal)
}

// wiresOf reads the wires of a host. A bridge is a wire of its own name, unless that is declared to
// be another one.
func (k *Keeper) wiresOf(id string) hostWires {
	h := k.fleet.Running[id]
	if h == nil {
		return hostWires{}
	}

	out := hostWires{name: k.intent.HostName(id), wires: map[string][]string{}}
	shown := &h.Observed.Host
	for wire, bridge := range shown.Wires {
		out.wires[bridge] = append(out.wires[bridge], wire)
	}
	for _, b := range shown.Bridges {
		if _, told := shown.Wires[b.Name]; !told {
			out.wires[b.Name] = append(out.wires[b.Name], b.Name)
		}
	}
	for _, wires := range out.wires {
		slices.Sort(wires)
	}
	return out
}

// guest is what selectors compare of a guest; nil if there is no such one. NICs that are not
// plugged are left out.
func (k *Keeper) guest(id string) *selection.Guest {
	record := k.intent.Guests.ByID[id]
	g, exists := k.places.Guest(id, record)
	if !exists {
		return nil
	}

	out := &selection.Guest{ID: id, Guest: selector.Guest{Name: g.Name}}
	for _, label := range k.places.Labels(&g, record) {
		if out.Labels == nil {
			out.Labels = map[string]string{}
		}
		out.Labels[label.Key] = label.Value
	}

	for i := range g.NICs {
		if nic, plugged := k.nic(&g.NICs[i]); plugged {
			out.NICs = append(out.NICs, nic)
		}
	}
	return out
}

// nic is what selectors compare of a NIC; false if it is not plugged. A place on a host that cannot
// be reached counts only where there is no other.
func (k *Keeper) nic(n *tap.NIC) (nic selection.NIC, plugged bool) {
	reached := slices.ContainsFunc(n.Locations, func(l tap.Location) bool {
		return k.places.Reached(l.Host)
	})

	nic = selection.NIC{MAC: n.MAC, NIC: selector.NIC{Addrs: n.IPs}}
	for _, l := range n.Locations {
		if l.Bridge == k.fleet.Observer.TapBridge || reached && !k.places.Reached(l.Host) {
			continue
		}
		plugged = true
		nic.Hosts = append(nic.Hosts, k.wires[l.Host].name)
		nic.Wires = append(nic.Wires, k.wires[l.Host].wires[l.Bridge]...)
	}
	return nic, plugged
}
