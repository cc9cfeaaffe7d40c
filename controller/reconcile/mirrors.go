package reconcile

import (
	"maps"
	"slices"

	"github.com/tapline-sdn/tapline/ovsdb/vswitch"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// deleteMirrors takes our mirrors away that must not stand, and twins of those that must.
func (x *differ) deleteMirrors() {
	for _, b := range x.snap.Bridges() {
		for m := range x.snap.EachMirror(b) {
			if !x.self.owns(m.ExternalIDs) {
				continue
			}
			key := portKey{b.Name, m.Name}
			owner := m.ExternalIDs.Get(IDKey)
			if x.d.mirrors[key] == nil && !x.d.held[owner] &&
				x.may(Change{Owner: owner, Object: object("mirror", m.Name, b.Name),
					What: wasUnwanted}) {
				x.out.Txn.DeleteMirror(m.UUID)
				x.mirrors = true
			}
		}
	}
}

// matched are ports and mirrors that were as they must be. Rows are immutable, so they still are
// while rows and program are the same.
type matched struct {
	of      *Desired // of the last program; what it does not have is forgotten
	ports   map[portKey]matchedPort
	mirrors map[portKey]matchedMirror
	selects map[portKey]*selections // of mirrors, whether they matched or not
}

// next prepares for the comparison with a program.
func (m *matched) next(d *Desired) {
	if m.of == d {
		return
	}
	if m.of = d; m.ports == nil {
		m.ports, m.mirrors, m.selects = map[portKey]matchedPort{}, map[portKey]matchedMirror{},
			map[portKey]*selections{}
	}
	maps.DeleteFunc(m.ports, func(key portKey,
		_ matchedPort) bool {
		return d.ports[key.name] == nil
	})
	maps.DeleteFunc(m.mirrors, func(key portKey,
		_ matchedMirror) bool {
		return d.mirrors[key] == nil
	})
	maps.DeleteFunc(m.selects, func(key portKey,
		_ *selections) bool {
		return d.mirrors[key] == nil
	})
}

type matchedPort struct {
	port   *vswitch.Port
	device *vswitch.Interface
	print  uint64 // of its owner
}

// matchedMirror depends on the ports that it selects too. They keep their names, and when they
// come, go or move the row of their bridge changes.
type matchedMirror struct {
	bridge *vswitch.Bridge
	mirror *vswitch.Mirror
	print  uint64 // of its owner
}

// mirrorsOf are the mirrors of a bridge.
func (x *differ) mirrorsOf(bridge *vswitch.Bridge) []*vswitch.Mirror {
	list, known := x.standing[bridge.Name]
	if !known {
		list = x.snap.BridgeMirrors(bridge)
		x.standing[bridge.Name] = list
	}
	return list
}

// output is the port that a mirror outputs to, if it stands or is inserted.
func (x *differ) output(m *tap.Mirror) (vswitch.UUID, bool) {
	if id, inserted := x.inserted[portKey{m.Bridge, m.Output}]; inserted {
		return id, true
	}
	p, stands := x.snap.PortOnBridge(m.Bridge, m.Output)
	if !stands || !x.self.owns(p.ExternalIDs) {
		return vswitch.UUID{}, false
	}
	return p.UUID, true
}

func (x *differ) mirror(m *tap.Mirror) {
	bridge, exists := x.snap.Bridge(m.Bridge)
	output, ready := x.output(m)
	if !exists || !ready {
		x.out.Outstanding[m.Owner] = true // Told as Blocked or gated with its port.
		return
	}

	key := portKey{m.Bridge, m.Name}
	if was, known := x.matched.mirrors[key]; known && was.bridge == bridge &&
		was.print == x.d.Fingerprints[m.Owner] && *was.mirror.OutputPort == output {
		twin := func(r *vswitch.Mirror) bool {
			return r != was.mirror && r.Name == m.Name && x.self.owns(r.ExternalIDs)
		}
		if all := x.mirrorsOf(bridge); slices.Contains(all, was.mirror) &&
			!slices.ContainsFunc(all, twin) {
			return
		}
	}

	row := vswitch.Mirror{
		Name: m.Name, SelectAll: m.SelectAll, SelectVLAN: ints(m.SelectVLAN), OutputPort: &output,
		ExternalIDs: ids(m.Owner),
	}

	selects := x.matched.selects[key]
	if selects == nil {
		selects = &selections{}
	}

	for _, side := range []struct {
		names []string
		ports *selection
		to    *[]vswitch.UUID
	}{{m.SelectSrc, &selects.sources, &row.SelectSrcPort},
		{m.SelectDst, &selects.destinations, &row.SelectDstPort}} {
		now, found := side.ports.named(x.snap, bridge, side.names)
		if !found {
			x.out.Outstanding[m.Owner] = true // The port has just gone; the next program knows.
			return
		}
		*side.ports, *side.to = now, now.ports
	}

	x.matched.selects[key] = selects
	found := false
	for _, have := range x.mirrorsOf(bridge) {
		if have.Name != m.Name || !x.self.owns(have.ExternalIDs) {
			continue
		}

		if found {
			if x.may(Change{Owner: m.Owner, Object: object("second mirror", m.Name, m.Bridge),
				What: wasUnwanted}) {
				x.out.Txn.DeleteMirror(have.UUID)
				x.mirrors = true
			}
			continue
		}

		found = true
		want := *have
		want.SelectAll, want.SelectVLAN, want.OutputPort = row.SelectAll, row.SelectVLAN,
			row.OutputPort
		want.SelectSrcPort, want.SelectDstPort = row.SelectSrcPort, row.SelectDstPort
		want.OutputVLAN, want.Snaplen, want.Filter = nil, 0, ""
		want.ExternalIDs = x.withIDs(have.ExternalIDs, m.Owner)
		if vswitch.Same(have, &want) {
			x.matched.mirrors[key] = matchedMirror{bridge, have, x.d.Fingerprints[m.Owner]}
			// The same, in memory once.
			selects.sources.ports, selects.destinations.ports = have.SelectSrcPort,
				have.SelectDstPort
			continue
		}

		if x.d.held[m.Owner] {
			continue
		}

		if x.replaced[m.Output] { // It follows.
			kept := want
			kept.OutputPort = have.OutputPort
			if vswitch.Same(have, &kept) {
				x.out.Txn.UpdateMirror(want)
				continue
			}
		}

		change := differing(m.Owner, object("mirror", m.Name, m.Bridge), have, &want)
		if added := gains(have, &want); added != nil {
			kept := want
			kept.SelectSrcPort, kept.SelectDstPort = have.SelectSrcPort, have.SelectDstPort
			if vswitch.Same(have, &kept) {
				change.Gains = added
			}
		}

		if x.may(change) {
			x.out.Txn.UpdateMirror(want)
			x.mirrors = true
		}
	}

	if !found && x.may(Change{Owner: m.Owner, Object: object("mirror", m.Name, m.Bridge),
		What: wasMissing}) {
		x.out.Txn.InsertMirror(bridge.UUID, row)
		x.mirrors = true
	}
}
