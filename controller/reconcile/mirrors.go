package reconcile

import (
	"maps"
	"slices"

	"github.com/tapline-sdn/tapline/ovsdb/vswitch"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// deleteMirrors takes away the mirrors of ours that the program does not have.
func (x *differ) deleteMirrors() {
	for _, b := range x.snap.Bridges() {
		for m := range x.snap.EachMirror(b) {
			if x.unwanted(m, b) && x.mayDelete(m, b) {
				x.out.Txn.DeleteMirror(m.UUID)
				x.mirrors = true
			}
		}
	}
}

// unwanted reports whether a mirror is ours, and not of the program.
func (x *differ) unwanted(m *vswitch.Mirror, b *vswitch.Bridge) bool {
	wanted := x.d.mirrors[portKey{b.Name, m.Name}] != nil ||
		x.d.held[m.ExternalIDs.Get(IDKey)] || x.heirs[m.UUID]
	return x.self.owns(m.ExternalIDs) && !wanted
}

func (x *differ) mayDelete(m *vswitch.Mirror, b *vswitch.Bridge) bool {
	return x.may(Change{Owner: m.ExternalIDs.Get(IDKey), Object: object("mirror", m.Name, b.Name),
		What: wasUnwanted})
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
	port        *vswitch.Port
	device      *vswitch.Interface
	fingerprint uint64 // of its owner
}

// matchedMirror depends on the ports that it selects too. They keep their names, and when they
// come, go or move the row of their bridge changes.
type matchedMirror struct {
	bridge      *vswitch.Bridge
	mirror      *vswitch.Mirror
	fingerprint uint64 // of its owner
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

// mirror compares a mirror of the program with the mirrors of its bridge.
func (x *differ) mirror(m *tap.Mirror) {
	bridge, exists := x.snap.Bridge(m.Bridge)
	output, ready := x.output(m)
	if !exists || !ready {
		x.out.Outstanding[m.Owner] = true // Its port is blocked, or the gate holds it back.
		return
	}

	if x.mirrorMatched(m, bridge, output) {
		return
	}

	row := vswitch.Mirror{
		Name: m.Name, SelectVLAN: ints(m.SelectVLAN), OutputPort: &output,
		ExternalIDs: ids(m.Owner),
	}
	switch {
	case m.SelectAll && m.Leaving:
		row.SelectAll = true
	case m.SelectAll:
		row.SelectSrcPort = x.entrances(bridge)
	case !x.selectPorts(m, bridge, &row):
		x.out.Outstanding[m.Owner] = true // The port has just gone; the next program knows.
		return
	}

	var first *vswitch.Mirror
	for _, have := range x.mirrorsOf(bridge) {
		switch {
		case have.Name != m.Name || !x.self.owns(have.ExternalIDs):
		case first == nil:
			first = have
			x.updateMirror(m, bridge, have, &row)
		default:
			x.deleteTwin(m, have)
		}
	}

	change := Change{Owner: m.Owner, Object: object("mirror", m.Name, m.Bridge), What: wasMissing}
	if first != nil || !x.may(change) {
		return
	}

	x.mirrors = true
	if have := x.predecessor(bridge, &row); have != nil && x.mayDelete(have, bridge) {
		x.heirs[have.UUID] = true
		row.UUID, row.ExternalIDs = have.UUID, x.withIDs(have.ExternalIDs, m.Owner)
		x.out.Txn.UpdateMirror(row)
		return
	}
	x.out.Txn.InsertMirror(bridge.UUID, row)
}

// predecessor finds a mirror that is about to go and selects something that a new one selects; nil
// if there is none. Its row becomes the new one's. Open vSwitch takes away mirrors before it adds
// others, and looks through its cache at any moment: what it looks at in between has no mirror
// until it looks again. A row that changes has no such moment.
func (x *differ) predecessor(bridge *vswitch.Bridge, row *vswitch.Mirror) *vswitch.Mirror {
	selects := func(m *vswitch.Mirror) func(vswitch.UUID) bool {
		return func(port vswitch.UUID) bool {
			return slices.Contains(m.SelectSrcPort, port) || slices.Contains(m.SelectDstPort, port)
		}
	}

	for _, have := range x.mirrorsOf(bridge) {
		common := row.SelectAll && have.SelectAll ||
			slices.ContainsFunc(row.SelectSrcPort, selects(have)) ||
			slices.ContainsFunc(row.SelectDstPort, selects(have))
		if common && x.unwanted(have, bridge) {
			return have
		}
	}
	return nil
}

// mirrorMatched reports whether a mirror matched before, and neither it nor what it depends on has
// changed.
func (x *differ) mirrorMatched(m *tap.Mirror, bridge *vswitch.Bridge, output vswitch.UUID) bool {
	was, known := x.matched.mirrors[portKey{m.Bridge, m.Name}]
	if !known || was.bridge != bridge || was.fingerprint != x.d.Fingerprints[m.Owner] ||
		*was.mirror.OutputPort != output {
		return false
	}

	twin := func(r *vswitch.Mirror) bool {
		return r != was.mirror && r.Name == m.Name && x.self.owns(r.ExternalIDs)
	}

	all := x.mirrorsOf(bridge)
	return slices.Contains(all, was.mirror) && !slices.ContainsFunc(all, twin)
}

// entrances are the ports by which packets may enter a bridge, sorted: all but ours. A mirror of
// all traffic selects them as sources, instead of select_all: Open vSwitch would copy a packet
// again where it leaves if a flow has changed it on its way (2.17.8, 3.0.5, 3.1.3, 3.2.0 and
// later).
func (x *differ) entrances(bridge *vswitch.Bridge) []vswitch.UUID {
	var ports []vswitch.UUID
	for port := range x.snap.EachPort(bridge) {
		if !x.self.owns(port.ExternalIDs) {
			ports = append(ports, port.UUID)
		}
	}

	slices.SortFunc(ports, vswitch.UUID.Compare)
	return ports
}

// selectPorts fills in the ports that a mirror selects. It returns false if one does not stand.
func (x *differ) selectPorts(m *tap.Mirror, bridge *vswitch.Bridge, row *vswitch.Mirror) bool {
	key := portKey{m.Bridge, m.Name}
	selects := x.matched.selects[key]
	if selects == nil {
		selects = &selections{}
	}

	sources, found := selects.sources.named(x.snap, bridge, m.SelectSrc)
	if !found {
		return false
	}

	selects.sources = sources
	destinations, found := selects.destinations.named(x.snap, bridge, m.SelectDst)
	if !found {
		return false
	}

	selects.destinations = destinations

	row.SelectSrcPort, row.SelectDstPort = sources.ports, destinations.ports
	x.matched.selects[key] = selects
	return true
}

// deleteTwin takes away a second mirror of the same name.
func (x *differ) deleteTwin(m *tap.Mirror, have *vswitch.Mirror) {
	change := Change{Owner: m.Owner, Object: object("second mirror", m.Name, m.Bridge),
		What: wasUnwanted}
	if x.may(change) {
		x.out.Txn.DeleteMirror(have.UUID)
		x.mirrors = true
	}
}

// updateMirror brings a mirror that stands to what row says.
func (x *differ) updateMirror(m *tap.Mirror, bridge *vswitch.Bridge, have, row *vswitch.Mirror) {
	want := *have
	want.SelectAll, want.SelectVLAN, want.OutputPort = row.SelectAll, row.SelectVLAN, row.OutputPort
	want.SelectSrcPort, want.SelectDstPort = row.SelectSrcPort, row.SelectDstPort
	want.OutputVLAN, want.Snaplen, want.Filter = nil, 0, ""
	want.ExternalIDs = x.withIDs(have.ExternalIDs, m.Owner)
	if vswitch.Same(have, &want) {
		x.noteMatch(m, bridge, have)
		return
	}

	if x.d.held[m.Owner] {
		return
	}

	if x.replaced[m.Output] && sameButOutput(have, &want) {
		x.out.Txn.UpdateMirror(want) // It follows its port, which is made anew.
		return
	}

	change := differing(m.Owner, object("mirror", m.Name, m.Bridge), have, &want)
	if sameButSelection(have, &want) {
		change.Gains = gains(have, &want)
	}

	if x.may(change) {
		x.out.Txn.UpdateMirror(want)
		x.mirrors = true
	}
}

// noteMatch remembers that a mirror is as it must be.
func (x *differ) noteMatch(m *tap.Mirror, bridge *vswitch.Bridge, have *vswitch.Mirror) {
	key := portKey{m.Bridge, m.Name}
	x.matched.mirrors[key] = matchedMirror{bridge, have, x.d.Fingerprints[m.Owner]}
	if m.SelectAll {
		delete(x.matched.selects, key)
		return
	}

	// The same ports; those of the snapshot are in memory already.
	selects := x.matched.selects[key]
	selects.sources.ports, selects.destinations.ports = have.SelectSrcPort, have.SelectDstPort
}

func sameButOutput(have, want *vswitch.Mirror) bool {
	kept := *want
	kept.OutputPort = have.OutputPort
	return vswitch.Same(have, &kept)
}

func sameButSelection(have, want *vswitch.Mirror) bool {
	kept := *want
	kept.SelectSrcPort, kept.SelectDstPort = have.SelectSrcPort, have.SelectDstPort
	return vswitch.Same(have, &kept)
}
