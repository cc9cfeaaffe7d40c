package vswitch

import (
	"fmt"

	"github.com/tapline-sdn/tapline/ovsdb"
)

// InsertBridge adds a bridge, with the port and the interface of type internal
// that carry its name. Ports, mirrors and controllers of b are not looked at:
// they have methods of their own.
func (t *Txn) InsertBridge(b Bridge) UUID {
	id := insert(t, t.snap.model.bridges, b.Name, b)
	if t.guardSystem() != nil {
		t.refer(TableOpenVSwitch, t.snap.System().UUID, "bridges", id, UUID{})
	}

	t.InsertPort(id, Port{Name: b.Name}, Interface{Name: b.Name, Type: "internal"})
	return id
}

// InsertPort adds a port to a bridge, which is in the snapshot or was inserted
// by t. The port's interfaces are those given: none means one of the port's
// name and the type "", a device of the system; an interface without a name
// gets the port's.
func (t *Txn) InsertPort(bridge UUID, p Port, interfaces ...Interface) UUID {
	if !t.guardBridge(bridge) {
		return UUID{}
	}

	if len(interfaces) == 0 {
		interfaces = []Interface{{}}
	}

	id := insert(t, t.snap.model.ports, p.Name, p)
	t.refer(TableBridge, bridge, "ports", id, UUID{})

	for _, i := range interfaces {
		if i.Name == "" {
			i.Name = p.Name
		}
		t.refer(TablePort, id, "interfaces", insert(t, t.snap.model.interfaces, i.Name, i), UUID{})
	}

	return id
}

// InsertMirror adds a mirror to a bridge. The ports that m names are in the
// snapshot, and then must still be there at the commit, or were inserted by t.
func (t *Txn) InsertMirror(bridge UUID, m Mirror) UUID {
	if !t.guardBridge(bridge) {
		return UUID{}
	}

	t.guardMirrorPorts(nil, &m)
	id := insert(t, t.snap.model.mirrors, m.Name, m)
	t.refer(TableBridge, bridge, "mirrors", id, UUID{})
	return id
}

// InsertController adds an OpenFlow controller to a bridge.
func (t *Txn) InsertController(bridge UUID, c Controller) UUID {
	if !t.guardBridge(bridge) {
		return UUID{}
	}

	id := insert(t, t.snap.model.controllers, c.Target, c)
	t.refer(TableBridge, bridge, "controller", id, UUID{})
	return id
}

// UpdateSystem writes what differs in external_ids and other_config, which
// belong to everybody: no owner is asked.
func (t *Txn) UpdateSystem(want OpenVSwitch) {
	if t.guardSystem() != nil {
		update(t, t.snap.model.systems, t.snap.systems, &want)
	}
}

// UpdateBridge writes what differs between want and the row of its UUID in the
// snapshot: configuration only, neither status nor references. A column that
// equals the snapshot's is not written, maps are changed key by key.
func (t *Txn) UpdateBridge(want Bridge) {
	if row, ok := t.snap.bridges.get(want.UUID); t.mayChange(TableBridge, want.UUID, ok,
		func() Pairs { return row.ExternalIDs }) {
		t.guardBridge(want.UUID)
		update(t, t.snap.model.bridges, t.snap.bridges, &want)
	}
}

// UpdatePort does for a port what UpdateBridge does for a bridge. The port that
// a bridge has of its own is the bridge's owner's too.
func (t *Txn) UpdatePort(want Port) {
	row, ok := t.snap.ports.get(want.UUID)
	ids := func() Pairs {
		if id, on := t.snap.bridgeOfPort.get(want.UUID); on && !t.owner.owns(row.ExternalIDs) {
			if bridge, stands := t.snap.bridges.get(id); stands && bridge.Name == row.Name {
				return bridge.ExternalIDs
			}
		}

		return row.ExternalIDs
	}
	if t.mayChange(TablePort, want.UUID, ok, ids) {
		t.guardPort(row)
		update(t, t.snap.model.ports, t.snap.ports, &want)
	}
}

// UpdateInterface does for an interface what UpdateBridge does for a bridge.
func (t *Txn) UpdateInterface(want Interface) {
	if row, ok := t.snap.interfaces.get(want.UUID); t.mayChange(TableInterface, want.UUID, ok,
		func() Pairs { return row.ExternalIDs }) {
		t.guardRow(TableInterface, row.UUID, "name", ovsdb.String(row.Name), row.ExternalIDs)
		update(t, t.snap.model.interfaces, t.snap.interfaces, &want)
	}
}

// UpdateMirror does for a mirror what UpdateBridge does for a bridge, but that
// selected ports are added and taken out one by one. The ports that want names
// and the mirror did not must be there at the commit, and its output.
func (t *Txn) UpdateMirror(want Mirror) {
	if row, ok := t.snap.mirrors.get(want.UUID); t.mayChange(TableMirror, want.UUID, ok,
		func() Pairs { return row.ExternalIDs }) {
		t.guardMirror(row)
		want.SelectSrcPort, want.SelectDstPort = inOrder(want.SelectSrcPort),
			inOrder(want.SelectDstPort)
		t.guardMirrorPorts(row, &want)
		update(t, t.snap.model.mirrors, t.snap.mirrors, &want)
	}
}

// UpdateController does for a controller what UpdateBridge does for a bridge.
func (t *Txn) UpdateController(want Controller) {
	if row, ok := t.snap.controllers.get(want.UUID); t.mayChange(TableController, want.UUID, ok,
		func() Pairs { return row.ExternalIDs }) {
		t.guardController(row)
		update(t, t.snap.model.controllers, t.snap.controllers, &want)
	}
}

// DeleteBridge removes a bridge with its ports, mirrors and controllers.
// Deleting what the snapshot does not have changes nothing, here and below.
func (t *Txn) DeleteBridge(id UUID) {
	row, ok := t.snap.bridges.get(id)
	if !ok || !t.mayChange(TableBridge, id, ok, func() Pairs { return row.ExternalIDs }) ||
		t.guardSystem() == nil {
		return
	}

	t.guardBridge(id)
	t.refer(TableOpenVSwitch, t.snap.System().UUID, "bridges", UUID{}, id)
}

// DeletePort removes a port from its bridge. The row and its interfaces, which
// nothing refers to any more, are gone with the commit, and mirrors that name
// the port forget it.
func (t *Txn) DeletePort(id UUID) {
	row, ok := t.snap.ports.get(id)
	if !ok || !t.mayChange(TablePort, id, ok, func() Pairs { return row.ExternalIDs }) {
		return
	}

	if t.settle(id, UUID{}) {
		t.guardPort(row)
		t.takeFrom(t.snap.bridgeOfPort, "ports", id)
	}
}

// DeleteMirror removes a mirror from its bridge.
func (t *Txn) DeleteMirror(id UUID) {
	row, ok := t.snap.mirrors.get(id)
	if !ok || !t.mayChange(TableMirror, id, ok, func() Pairs { return row.ExternalIDs }) {
		return
	}

	t.guardMirror(row)
	t.takeFrom(t.snap.bridgeOfMirror, "mirrors", id)
}

// DeleteController removes a controller from the bridge that has it.
func (t *Txn) DeleteController(id UUID) {
	row, ok := t.snap.controllers.get(id)
	if !ok || !t.mayChange(TableController, id, ok, func() Pairs { return row.ExternalIDs }) {
		return
	}

	t.guardController(row)

	for _, b := range t.snap.bridges.all() {
		if containsSorted(b.Controllers, id) {
			t.removeRef(b.UUID, "controller", id)
		}
	}
}

// MovePort takes a port, with its row and its interfaces, from the bridge that
// it is on to another. Whose port it is does not matter. Its OpenFlow number is
// forgotten: until the switch has told the one on the other bridge it would be
// taken for that, and there it may be another port's.
func (t *Txn) MovePort(port, to UUID) {
	row, ok := t.snap.ports.get(port)
	if !ok {
		t.fail(fmt.Errorf("move of port %v: %w", port, errNoRow))
		return
	}
	if from, _ := t.snap.bridgeOfPort.get(port); from == to || !t.guardBridge(to) ||
		!t.settle(port, to) {
		return
	}

	t.guardPort(row)
	t.takeFrom(t.snap.bridgeOfPort, "ports", port)
	t.refer(TableBridge, to, "ports", port, UUID{})
	t.renumbered = append(t.renumbered, row.Interfaces...)
}

// settle takes down where a port will be; zero is nowhere. It reports whether that
// is news. A transaction cannot want two things.
func (t *Txn) settle(port, home UUID) bool {
	old, settled := t.homes[port]
	if settled && old != home {
		t.fail(fmt.Errorf("port %v is to be moved or deleted, and then something else", port))
	}

	t.homes[port] = home
	return !settled
}

// takeFrom removes a reference from the bridge that the index names.
func (t *Txn) takeFrom(index tree[UUID], column string, id UUID) {
	if bridge, ok := index.get(id); ok {
		t.removeRef(bridge, column, id)
	}
}

// removeRef removes a reference of a bridge, which must still have it.
func (t *Txn) removeRef(bridge UUID, column string, id UUID) {
	if !t.guardBridge(bridge) {
		return
	}

	needs := t.guarded[bridge].needs
	needs[column] = append(needs[column], id)
	t.refer(TableBridge, bridge, column, UUID{}, id)
}

// mayChange reports whether a row is there and the owner's.
func (t *Txn) mayChange(table Table, id UUID, exists bool, externalIDs func() Pairs) bool {
	switch {
	case !exists:
		t.fail(fmt.Errorf("change of %s %v: %w", table, id, errNoRow))
	case !t.owner.owns(externalIDs()):
		t.fail(fmt.Errorf("change of %s %v, which lacks external_ids:%s=%s: %w", table, id,
			t.owner.Key, t.owner.Value, ErrNotOwned))
	default:
		return true
	}

	return false
}
