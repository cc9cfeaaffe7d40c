package vswitch

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"hash/maphash"
	"iter"
	"slices"

	"github.com/tapline-sdn/tapline/ovsdb"
)

// Snapshot is the state of a switch's database after some transaction. It is
// immutable, as are all rows that it returns.
type Snapshot struct {
	model *model

	systems     tree[*OpenVSwitch]
	datapaths   tree[*Datapath]
	bridges     tree[*Bridge]
	ports       tree[*Port]
	interfaces  tree[*Interface]
	mirrors     tree[*Mirror]
	controllers tree[*Controller]
	managers    tree[*Manager]

	bridgeOfPort   tree[UUID]
	bridgeOfMirror tree[UUID]
	bridgeByName   tree[UUID] // by nameKey
	portByName     tree[UUID]

	rows   int
	closed int // number of interfaces that are not open
}

// NewSnapshot returns the empty state of a database with this schema. It fails
// where the schema is not that of Open vSwitch.
func NewSnapshot(db *ovsdb.DatabaseSchema) (*Snapshot, error) {
	m, err := newModel(db)
	if err != nil {
		return nil, err
	}
	return &Snapshot{model: m}, nil
}

// nameSeeds are random in each process, so that no switch can choose names whose keys collide.
var nameSeeds = [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}

// nameKey hashes a name to the key of an index by name.
func nameKey(name string) (key UUID) {
	binary.BigEndian.PutUint64(key[:8], maphash.String(nameSeeds[0], name))
	binary.BigEndian.PutUint64(key[8:], maphash.String(nameSeeds[1], name))
	return key
}

// System is the row of table Open_vSwitch; nil where the database has not been
// initialized (ovs-vsctl init).
func (s *Snapshot) System() *OpenVSwitch {
	for _, row := range s.systems.all() {
		return row
	}
	return nil
}

// Datapath returns the row of a type of datapath, such as "system"; nil where there is none.
func (s *Snapshot) Datapath(kind string) *Datapath {
	system := s.System()
	if system == nil {
		return nil
	}

	id, exists := system.Datapaths[kind]
	if !exists {
		return nil
	}

	row, _ := s.datapaths.get(id)
	return row
}

// Bridge returns the bridge of that name.
func (s *Snapshot) Bridge(name string) (*Bridge, bool) {
	id, _ := s.bridgeByName.get(nameKey(name))
	return s.bridges.get(id)
}

// BridgeByUUID returns the bridge of that UUID.
func (s *Snapshot) BridgeByUUID(id UUID) (*Bridge, bool) { return s.bridges.get(id) }

// Bridges returns all bridges, sorted by name.
func (s *Snapshot) Bridges() []*Bridge {
	var list []*Bridge
	for _, b := range s.bridges.all() {
		list = append(list, b)
	}
	return sortedBy(list, func(b *Bridge) string { return b.Name })
}

// Port returns the port of that UUID.
func (s *Snapshot) Port(id UUID) (*Port, bool) { return s.ports.get(id) }

// PortByName returns the port of that name, which is unique in a switch.
func (s *Snapshot) PortByName(name string) (*Port, bool) {
	id, _ := s.portByName.get(nameKey(name))
	return s.ports.get(id)
}

// PortOnBridge returns the port of that name if it is one of the bridge's.
func (s *Snapshot) PortOnBridge(bridge, name string) (*Port, bool) {
	p, ok := s.PortByName(name)
	if !ok {
		return nil, false
	}

	b, ok := s.BridgeOfPort(p.UUID)
	if !ok || b.Name != bridge {
		return nil, false
	}

	return p, true
}

// Ports yields all ports, in the order of their UUIDs.
func (s *Snapshot) Ports() iter.Seq[*Port] { return rowsOf(s.ports) }

// BridgePorts returns the ports of a bridge, sorted by name.
func (s *Snapshot) BridgePorts(b *Bridge) []*Port {
	return sortedBy(resolve(s.ports, b.Ports), func(p *Port) string { return p.Name })
}

// EachPort yields the ports of a bridge in the order of their UUIDs, without sorting.
func (s *Snapshot) EachPort(b *Bridge) iter.Seq[*Port] { return each(s.ports, b.Ports) }

// BridgeOfPort returns the bridge that a port is on.
func (s *Snapshot) BridgeOfPort(port UUID) (*Bridge, bool) {
	id, ok := s.bridgeOfPort.get(port)
	if !ok {
		return nil, false
	}
	return s.bridges.get(id)
}

// Interface returns the interface of that UUID.
func (s *Snapshot) Interface(id UUID) (*Interface, bool) { return s.interfaces.get(id) }

// Interfaces yields all interfaces, in the order of their UUIDs.
func (s *Snapshot) Interfaces() iter.Seq[*Interface] { return rowsOf(s.interfaces) }

// AllOpen reports whether the switch has opened all interfaces without an error. It is a quick
// test.
func (s *Snapshot) AllOpen() bool { return s.closed == 0 }

// PortInterfaces returns the interfaces of a port, sorted by name: one, but for
// bonds.
func (s *Snapshot) PortInterfaces(p *Port) []*Interface {
	return sortedBy(resolve(s.interfaces, p.Interfaces),
		func(i *Interface) string { return i.Name })
}

// EachInterface yields the interfaces of a port in the order of their UUIDs.
func (s *Snapshot) EachInterface(p *Port) iter.Seq[*Interface] {
	return each(s.interfaces, p.Interfaces)
}

// OnlyInterface returns the interface of a port that has one; nil if it has several, as bonds have.
func (s *Snapshot) OnlyInterface(p *Port) *Interface {
	if len(p.Interfaces) != 1 {
		return nil
	}
	i, _ := s.interfaces.get(p.Interfaces[0])
	return i
}

// Mirror returns the mirror of that UUID.
func (s *Snapshot) Mirror(id UUID) (*Mirror, bool) { return s.mirrors.get(id) }

// BridgeMirrors returns the mirrors of a bridge, sorted by name.
func (s *Snapshot) BridgeMirrors(b *Bridge) []*Mirror {
	return sortedBy(resolve(s.mirrors, b.Mirrors), func(m *Mirror) string { return m.Name })
}

// EachMirror yields the mirrors of a bridge in the order of their UUIDs.
func (s *Snapshot) EachMirror(b *Bridge) iter.Seq[*Mirror] { return each(s.mirrors, b.Mirrors) }

// BridgeOfMirror returns the bridge that a mirror is on.
func (s *Snapshot) BridgeOfMirror(mirror UUID) (*Bridge, bool) {
	id, ok := s.bridgeOfMirror.get(mirror)
	if !ok {
		return nil, false
	}
	return s.bridges.get(id)
}

// Controller returns the controller of that UUID.
func (s *Snapshot) Controller(id UUID) (*Controller, bool) { return s.controllers.get(id) }

// Controllers returns the OpenFlow controllers of a bridge, sorted by target.
func (s *Snapshot) Controllers(b *Bridge) []*Controller {
	return sortedBy(resolve(s.controllers, b.Controllers),
		func(c *Controller) string { return c.Target })
}

// Managers returns the OVSDB connections of the switch, sorted by target.
func (s *Snapshot) Managers() []*Manager {
	var list []*Manager
	for _, m := range s.managers.all() {
		list = append(list, m)
	}
	return sortedBy(list, func(m *Manager) string { return m.Target })
}

// HasColumn reports whether the switch's schema has a column that this package
// knows, such as "filter" of TableMirror.
func (s *Snapshot) HasColumn(t Table, column string) bool { return s.model.has(t, column) }

func rowsOf[T any](rows tree[*T]) iter.Seq[*T] {
	return func(yield func(*T) bool) {
		for _, row := range rows.all() {
			if !yield(row) {
				return
			}
		}
	}
}

// each yields the rows of some references. It leaves out dangling ones, which the database does not
// allow.
func each[T any](rows tree[*T], ids []UUID) iter.Seq[*T] {
	return func(yield func(*T) bool) {
		for _, id := range ids {
			if row, ok := rows.get(id); ok && !yield(row) {
				return
			}
		}
	}
}

func resolve[T any](rows tree[*T], ids []UUID) []*T {
	return slices.AppendSeq(make([]*T, 0, len(ids)), each(rows, ids))
}

func sortedBy[T any](list []*T, name func(*T) string) []*T {
	slices.SortStableFunc(list, func(a, b *T) int { return cmp.Compare(name(a), name(b)) })
	return list
}

// Apply returns the snapshot after an update of a monitor of Request. If the update does not fit it
// fails, and the monitor must be started again; s stays as it is. It also fails, with ErrTooLarge,
// if the database grows beyond what a switch can have.
func (s *Snapshot) Apply(updates ovsdb.TableUpdates) (*Snapshot, Changes, error) {
	next := *s
	var changes Changes
	for _, t := range updates {
		for _, row := range t.Rows {
			if err := next.applyRow(Table(t.Table), row, &changes); err != nil {
				return nil, nil, fmt.Errorf("update: %w", err)
			}
		}
	}

	if next.rows > maxRows {
		return nil, nil, fmt.Errorf("update: %w: %d rows, want at most %d", ErrTooLarge, next.rows,
			maxRows)
	}

	return &next, changes, nil
}

func (s *Snapshot) applyRow(name Table, u ovsdb.RowUpdate, changes *Changes) (err error) {
	m := s.model

	switch name {
	case TableOpenVSwitch:
		s.systems, err = m.systems.apply(s.systems, u,
			func(old, now *OpenVSwitch) { s.count(changes, name, u.UUID, old == nil, now == nil) })
	case TableDatapath:
		s.datapaths, err = m.datapaths.apply(s.datapaths, u,
			func(old, now *Datapath) { s.count(changes, name, u.UUID, old == nil, now == nil) })
	case TableBridge:
		s.bridges, err = m.bridges.apply(s.bridges, u, func(old, now *Bridge) {
			s.count(changes, name, u.UUID, old == nil, now == nil)
			s.indexBridge(u.UUID, old, now)
		})

	case TablePort:
		s.ports, err = m.ports.apply(s.ports, u, func(old, now *Port) {
			s.count(changes, name, u.UUID, old == nil, now == nil)
			s.portByName = reindex(s.portByName, u.UUID, nameOf(old, portName),
				nameOf(now, portName))
		})

	case TableInterface:
		s.interfaces, err = m.interfaces.apply(s.interfaces, u, func(old, now *Interface) {
			s.count(changes, name, u.UUID, old == nil, now == nil)
			if old != nil && !old.Open() {
				s.closed--
			}

			if now != nil && !now.Open() {
				s.closed++
			}
		})

	case TableMirror:
		s.mirrors, err = m.mirrors.apply(s.mirrors, u,
			func(old, now *Mirror) { s.count(changes, name, u.UUID, old == nil, now == nil) })
	case TableController:
		s.controllers, err = m.controllers.apply(s.controllers, u,
			func(old, now *Controller) { s.count(changes, name, u.UUID, old == nil, now == nil) })
	case TableManager:
		s.managers, err = m.managers.apply(s.managers, u,
			func(old, now *Manager) { s.count(changes, name, u.UUID, old == nil, now == nil) })
	}

	return err
}

// count records a change, and keeps the number of rows.
func (s *Snapshot) count(changes *Changes, name Table, id UUID, inserted, deleted bool) {
	changes.note(name, id, inserted, deleted)
	if inserted {
		s.rows++
	}

	if deleted {
		s.rows--
	}
}

// indexBridge updates the indexes of what a bridge refers to.
func (s *Snapshot) indexBridge(id UUID, old, now *Bridge) {
	s.bridgeByName = reindex(s.bridgeByName, id, nameOf(old, bridgeName), nameOf(now, bridgeName))
	var was, is Bridge
	if old != nil {
		was = *old
	}

	if now != nil {
		is = *now
	}

	s.bridgeOfPort = reindex(s.bridgeOfPort, id, was.Ports, is.Ports)
	s.bridgeOfMirror = reindex(s.bridgeOfMirror, id, was.Mirrors, is.Mirrors)
}

func portName(p *Port) string     { return p.Name }
func bridgeName(b *Bridge) string { return b.Name }

func nameOf[T any](row *T, name func(*T) string) []UUID {
	if row == nil {
		return nil
	}
	return []UUID{nameKey(name(row))}
}

// reindex makes an index map the keys of now to id, and no longer those of was. Both are sorted.
// Another row may take a key over in the same update, before or after this one: then its entry
// stays.
func reindex(index tree[UUID], id UUID, was, now []UUID) tree[UUID] {
	for _, key := range was {
		if owner, _ := index.get(key); owner == id && !containsSorted(now, key) {
			index = index.without(key)
		}
	}

	for _, key := range now {
		if !containsSorted(was, key) {
			index = index.with(key, id)
		}
	}

	return index
}
