package vswitch

import (
	"fmt"

	"github.com/tapline-sdn/tapline/ovsdb"
)

// InsertBridge adds a bridge, with the port and the internal interface of its name. Ports, Mirrors
// and Controllers of b are ignored: they have Insert methods of their own.
func (t *Txn) InsertBridge(b Bridge) UUID {
	id := insert(t, t.snap.model.bridges, b.Name, b)
	if t.guardSystem() != nil {
		t.refer(TableOpenVSwitch, t.snap.System().UUID, "bridges", id, UUID{})
	}

	t.InsertPort(id, Port{Name: b.Name}, Interface{Name: b.Name, Type: "internal"})
	return id
}

// InsertPort adds a port with its interfaces to a bridge, which is in the snapshot or was inserted
// by t. Without interfaces it gets one of the port's name and type "", a device of the system. An
// interface without a name gets the port's name.
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

// InsertMirror adds a mirror to a bridge. The ports that m names were inserted by t, or are in the
// snapshot and must still be there at the commit.
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

// UpdateSystem writes the differences in external_ids and other_config. These belong to everybody,
// so the owner is not checked.
func (t *Txn) UpdateSystem(want OpenVSwitch) {
	if t.guardSystem() != nil {
		update(t, t.snap.model.systems, t.snap.systems, &want)
	}
}

// UpdateBridge writes the differences between want and the row of its UUID in the snapshot:
// configuration only, neither status nor references. A column that equals the snapshot's is not
// written; maps are changed key by key.
func (t *Txn) UpdateBridge(want Bridge) {
	if row := changeable(t, t.snap.model.bridges, t.snap.bridges, want.UUID); row != nil {
		t.guardBridge(want.UUID)
		update(t, t.snap.model.bridges, t.snap.bridges, &want)
	}
}

// UpdatePort does for a port what UpdateBridge does for a bridge. The bridge's owner also owns the
// port that has the bridge's name.
func (t *Txn) UpdatePort(want Port) {
	row, ok := t.snap.ports.get(want.UUID)
	if t.mayChange(TablePort, want.UUID, ok, func() Pairs { return t.portOwnership(row) }) {
		t.guardPort(row)
		update(t, t.snap.model.ports, t.snap.ports, &want)
	}
}

// portOwnership returns the external_ids that decide who owns a port: its own, or those of the
// bridge whose name it has.
func (t *Txn) portOwnership(row *Port) Pairs {
	if t.owner.owns(row.ExternalIDs) {
		return row.ExternalIDs
	}
	if bridge, ok := t.snap.BridgeOfPort(row.UUID); ok && bridge.Name == row.Name {
		return bridge.ExternalIDs
	}
	return row.ExternalIDs
}

// UpdateInterface does for an interface what UpdateBridge does for a bridge.
func (t *Txn) UpdateInterface(want Interface) {
	if row := changeable(t, t.snap.model.interfaces, t.snap.interfaces, want.UUID); row != nil {
		t.guardRow(TableInterface, row.UUID, "name", ovsdb.String(row.Name), row.ExternalIDs)
		update(t, t.snap.model.interfaces, t.snap.interfaces, &want)
	}
}

// UpdateMirror does for a mirror what UpdateBridge does for a bridge, except that selected ports
// are added and removed one by one. Its output port, and the ports that the mirror did not select
// before, must still be there at the commit.
func (t *Txn) UpdateMirror(want Mirror) {
	if row := changeable(t, t.snap.model.mirrors, t.snap.mirrors, want.UUID); row != nil {
		t.guardMirror(row)
		want.SelectSrcPort = inOrder(want.SelectSrcPort)
		want.SelectDstPort = inOrder(want.SelectDstPort)
		t.guardMirrorPorts(row, &want)
		update(t, t.snap.model.mirrors, t.snap.mirrors, &want)
	}
}

// UpdateController does for a controller what UpdateBridge does for a bridge.
func (t *Txn) UpdateController(want Controller) {
	if row := changeable(t, t.snap.model.controllers, t.snap.controllers, want.UUID); row != nil {
		t.guardController(row)
		update(t, t.snap.model.controllers, t.snap.controllers, &want)
	}
}

// DeleteBridge removes a bridge with its ports, mirrors and controllers. Deleting a row that the
// snapshot does not have changes nothing; this holds for all Delete methods.
func (t *Txn) DeleteBridge(id UUID) {
	row := deletable(t, t.snap.model.bridges, t.snap.bridges, id)
	if row == nil || t.guardSystem() == nil {
		return
	}

	t.guardBridge(id)
	t.refer(TableOpenVSwitch, t.snap.System().UUID, "bridges", UUID{}, id)
}

// DeletePort removes a port from its bridge. Nothing refers to the row and its interfaces any more,
// so the database deletes them with the commit, and removes the port from all mirrors.
func (t *Txn) DeletePort(id UUID) {
	row := deletable(t, t.snap.model.ports, t.snap.ports, id)
	if row != nil && t.setHome(id, UUID{}) {
		t.guardPort(row)
		t.takeFrom(t.snap.bridgeOfPort, "ports", id)
	}
}

// DeleteMirror removes a mirror from its bridge.
func (t *Txn) DeleteMirror(id UUID) {
	if row := deletable(t, t.snap.model.mirrors, t.snap.mirrors, id); row != nil {
		t.guardMirror(row)
		t.takeFrom(t.snap.bridgeOfMirror, "mirrors", id)
	}
}

// DeleteController removes a controller from the bridge that has it.
func (t *Txn) DeleteController(id UUID) {
	row := deletable(t, t.snap.model.controllers, t.snap.controllers, id)
	if row == nil {
		return
	}

	t.guardController(row)
	for _, b := range t.snap.bridges.all() {
		if containsSorted(b.Controllers, id) {
			t.removeRef(b.UUID, "controller", id)
		}
	}
}

// MovePort moves a port, with its row and its interfaces, to another bridge. The owner is not
// checked. Its OpenFlow number is cleared: until the switch has assigned one on the new bridge, the
// old number would be taken for it, and there it may be another port's.
func (t *Txn) MovePort(port, to UUID) {
	row, ok := t.snap.ports.get(port)
	if !ok {
		t.fail(fmt.Errorf("move of port %v: %w", port, errNoRow))
		return
	}

	from, _ := t.snap.bridgeOfPort.get(port)
	if from == to || !t.guardBridge(to) || !t.setHome(port, to) {
		return
	}

	t.guardPort(row)
	t.takeFrom(t.snap.bridgeOfPort, "ports", port)
	t.refer(TableBridge, to, "ports", port, UUID{})
	t.renumbered = append(t.renumbered, row.Interfaces...)
}

// setHome records the bridge that a port will be on; zero means that it is deleted. It returns
// false if that was recorded before. Two different homes are a mistake.
func (t *Txn) setHome(port, home UUID) bool {
	old, known := t.homes[port]
	if known && old != home {
		t.fail(fmt.Errorf("port %v is to be moved or deleted, and then something else", port))
	}

	t.homes[port] = home
	return !known
}

// takeFrom removes a reference from the bridge that the index names.
func (t *Txn) takeFrom(index tree[UUID], column string, id UUID) {
	if bridge, ok := index.get(id); ok {
		t.removeRef(bridge, column, id)
	}
}

// removeRef removes a reference of a bridge, and guards that the bridge still has it.
func (t *Txn) removeRef(bridge UUID, column string, id UUID) {
	if !t.guardBridge(bridge) {
		return
	}

	needs := t.guarded[bridge].needs
	needs[column] = append(needs[column], id)
	t.refer(TableBridge, bridge, column, UUID{}, id)
}

// changeable returns a row of the snapshot that the owner may change. If there is none it records
// the mistake and returns nil.
func changeable[T Row](t *Txn, tab *table[T], rows tree[*T], id UUID) *T {
	row, ok := rows.get(id)
	if !t.mayChange(tab.name, id, ok, func() Pairs { return tab.externalIDs(row) }) {
		return nil
	}
	return row
}

// deletable is changeable for a delete, where a row that is not in the snapshot is no mistake.
func deletable[T Row](t *Txn, tab *table[T], rows tree[*T], id UUID) *T {
	if _, ok := rows.get(id); !ok {
		return nil
	}
	return changeable(t, tab, rows, id)
}

// mayChange reports whether a row exists and belongs to the owner, and records the mistake if not.
func (t *Txn) mayChange(table Table, id UUID, exists bool, externalIDs func() Pairs) bool {
	switch {
	case !exists:
		t.fail(fmt.Errorf("change of %s %v: %w", table, id, errNoRow))
	case !t.owner.owns(externalIDs()):
		t.fail(fmt.Errorf("change of %s %v, which lacks external_ids:%s=%s: %w",
			table, id, t.owner.Key, t.owner.Value, ErrNotOwned))
	default:
		return true
	}
	return false
}
