package reconcile

import (
	"fmt"
	"maps"
	"slices"

	"github.com/tapline-sdn/tapline/controller/reconcile/epoch"
	"github.com/tapline-sdn/tapline/ovsdb/vswitch"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// Self is what the rows on a host say about their controller.
type Self struct {
	Cluster    string // cluster id
	DatapathID uint64 // of the tap bridge
	Target     string // where the switch finds our OpenFlow port, such as tcp:192.0.2.10:6653

	// Nonce is what a tap bridge gets as dp-desc that has no nonce yet; see [NewNonce]. Empty:
	// none.
	Nonce string
}

func (s Self) owner() vswitch.Owner { return vswitch.Owner{Key: OwnerKey, Value: s.Cluster} }

func (s Self) owns(ids vswitch.Pairs) bool { return ids.Get(OwnerKey) == s.Cluster }

// Rows is what must change in a switch's database.
type Rows struct {
	Txn *vswitch.Txn // empty, or nil, where nothing must
	// Outstanding are owners some of whose rows are not as they must be: the transaction mends
	// them, or waits for Gate.
	Outstanding map[string]bool
	// Blocked are owners whose rows cannot be put in place, with the reason.
	Blocked map[string]string
	// Changes are what the transaction writes, one for each object.
	Changes []Change
}

// differ builds Rows.
type differ struct {
	snap         *vswitch.Snapshot
	d            *Desired
	self         Self
	gate, repair Gate
	out          Rows

	tapBridge vswitch.UUID
	inserted  map[portKey]vswitch.UUID // ports
	anew      map[string]bool          // ports that are to be made anew
	replaced  map[string]bool          // ports that are
	// interface of another name's port -> that port; nil before the first use
	members map[string]string
	mirrors bool // a mirror, or a port of one, is touched
	// by the name of a port that is moved: where it stood; "" if it goes back, see moved.go
	notes map[string]string

	standing map[string][]*vswitch.Mirror // mirrors of source bridges that were looked at
	heirs    map[vswitch.UUID]bool        // mirrors that another one of the program continues
	matched  *matched
}

type portKey struct{ bridge, name string }

// Gate says which owners are let through. The gate of new captures, which is not asked for what
// stands already, opens once the bridge has its flows and the way that the copies take is known to
// work: then they may start to feed the tap bridge.
type Gate func(owner string) bool

// Open lets everybody through.
func Open(string) bool { return true }

// Shut lets nobody through.
func Shut(string) bool { return false }

// Diff compares a program with a snapshot. What belongs to an owner that repair does not let
// through stays as it is.
func Diff(snap *vswitch.Snapshot, d *Desired, self Self, gate, repair Gate) Rows {
	return diff(snap, d, self, gate, repair, nil, new(Memory))
}

// Diff is [Diff] for who compares again and again: ports and mirrors are compared only where
// something of them has changed.
func (m *Memory) Diff(snap *vswitch.Snapshot, d *Desired, self Self, gate, repair Gate) Rows {
	now := question{snap, d.rowsFingerprint, self}
	if now.same(m.agreed) { // So nobody was held back by a gate.
		return Rows{}
	}
	rows := diff(snap, d, self, gate, repair, nil, m)
	if m.agreed = (question{}); len(rows.Outstanding)+len(rows.Blocked) == 0 && rows.Txn.Empty() {
		m.agreed = now
	}
	return rows
}

func diff(snap *vswitch.Snapshot, d *Desired, self Self, gate, repair Gate, anew map[string]bool,
	m *Memory) Rows {
	x := &differ{
		standing: map[string][]*vswitch.Mirror{}, matched: &m.matched,
		snap: snap, d: d, self: self, gate: gate, repair: repair, anew: anew,
		out: Rows{
			Txn:         vswitch.NewTxn(snap, self.owner()),
			Outstanding: map[string]bool{}, Blocked: map[string]string{},
		},
		inserted: map[portKey]vswitch.UUID{}, replaced: map[string]bool{},
		notes: map[string]string{}, heirs: map[vswitch.UUID]bool{},
	}

	m.matched.next(d)
	bridge, exists := snap.Bridge(d.Program.Bridge.Name)
	if Foreign(snap, self, d.Program.Bridge.Name) {
		for _, owner := range d.Owners {
			x.out.Blocked[owner] = fmt.Sprintf("bridge %s is not ours", d.Program.Bridge.Name)
		}
		return x.out
	}

	switch {
	case exists:
		x.tapBridge = bridge.UUID
	case x.may(Change{Owner: tap.OwnerBridge, Object: "bridge " + d.Program.Bridge.Name,
		What: wasMissing}):
		x.insertBridge()
	default: // Nothing else can stand without it.
		for _, owner := range d.Owners {
			x.out.Outstanding[owner] = true
		}
		return x.out
	}

	x.compare(bridge)
	if !x.out.Txn.Empty() {
		x.out.Txn.IncrementNextCfg()
	}
	return x.out
}

// compare compares everything in the order in which a transaction may change it. bridge is the tap
// bridge, nil if it is about to be made.
func (x *differ) compare(bridge *vswitch.Bridge) {
	x.deletePorts()
	if bridge != nil {
		x.putBack(bridge)
	}
	for i := range x.d.Program.Ports {
		x.port(&x.d.Program.Ports[i])
	}

	for i := range x.d.Program.Mirrors {
		x.mirror(&x.d.Program.Mirrors[i])
	}
	x.deleteMirrors()

	if bridge != nil {
		x.updateBridge(bridge)
		x.ownPort(bridge)
	}
}

// may notes a difference, and reports whether it may be mended now.
func (x *differ) may(c Change) bool {
	x.out.Outstanding[c.Owner] = true
	if !x.repair(c.Owner) {
		return false
	}
	x.out.Changes = append(x.out.Changes, c)
	return true
}

func ids(owner string) vswitch.Pairs { return vswitch.Pairs{}.With(IDKey, owner) }

// withIDs puts our ids among those that a row has.
func (x *differ) withIDs(have vswitch.Pairs, owner string) vswitch.Pairs {
	return have.With(OwnerKey, x.self.Cluster).With(IDKey, owner)
}

// What a switch sends to the controller without being asked: probes, of up to a thousand hosts at
// once. More is dropped by the switch, so that it never delays replies.
const (
	packetInRate  = 1000 // packets a second
	packetInBurst = 1000
)

func (x *differ) controller() vswitch.Controller {
	probe := 5000
	return vswitch.Controller{
		Target: x.self.Target, ConnectionMode: "out-of-band", InactivityProbe: &probe,
		MaxBackoff: 1000, RateLimit: packetInRate, BurstLimit: packetInBurst,
		ExternalIDs: ids(tap.OwnerBridge),
	}
}

// bridgeConfig is the part of other_config that is ours, on a bridge that has have. The datapath id
// is fixed, since the one that a switch makes changes with its ports. A nonce that stands is kept.
func (x *differ) bridgeConfig(have vswitch.Pairs) map[string]string {
	config := maps.Clone(x.d.Program.Bridge.OtherConfig)
	if config == nil {
		config = map[string]string{}
	}
	config["datapath-id"] = x.self.datapathID()
	if x.self.Nonce != "" && !isNonce(have.Get(nonceKey)) {
		config[nonceKey] = x.self.Nonce
	}
	return config
}

func (x *differ) insertBridge() {
	want := x.d.Program.Bridge
	x.noteMoves()
	x.tapBridge = x.out.Txn.InsertBridge(vswitch.Bridge{
		Name: want.Name, DatapathType: want.DatapathType, FailMode: want.FailMode,
		Protocols:   want.Protocols,
		OtherConfig: vswitch.PairsOf(x.bridgeConfig(vswitch.Pairs{})),
		ExternalIDs: x.withNotes(ids(tap.OwnerBridge)),
	})
	for _, row := range x.controllers() {
		x.out.Txn.InsertController(x.tapBridge, row)
	}
}

func (x *differ) updateBridge(have *vswitch.Bridge) {
	program := x.d.Program.Bridge
	want := *have
	if program.DatapathType != "" && program.DatapathType != defaulted(have.DatapathType) {
		want.DatapathType = program.DatapathType
	}

	want.FailMode, want.Protocols = program.FailMode,
		slices.Compact(slices.Sorted(slices.Values(program.Protocols)))

	want.STPEnable, want.RSTPEnable, want.McastSnoopingEnable = false, false, false
	want.FloodVLANs, want.FlowTables = nil, nil
	config := have.OtherConfig.Map() // Much of it is somebody else's, such as a MAC address.
	maps.Copy(config, x.bridgeConfig(have.OtherConfig))
	want.OtherConfig = vswitch.PairsOf(config)
	want.ExternalIDs = x.withIDs(have.ExternalIDs, tap.OwnerBridge)
	if !vswitch.Same(have, &want) && !x.may(differing(tap.OwnerBridge, "bridge "+have.Name, have,
		&want)) {
		want = *have
	}
	want.ExternalIDs = x.withNotes(want.ExternalIDs)
	if !vswitch.Same(have, &want) {
		x.out.Txn.UpdateBridge(want)
	}

	x.updateController(have)
}

func (x *differ) updateController(bridge *vswitch.Bridge) {
	missing := x.controllers()
	for _, c := range x.snap.Controllers(bridge) {
		if !x.self.owns(c.ExternalIDs) {
			continue // Somebody else watches; the flows are compared anyway.
		}

		name := "controller " + c.Target + " of " + bridge.Name
		at := slices.IndexFunc(missing, func(want vswitch.Controller) bool {
			return sameTarget(want.Target, c.Target)
		})
		if at < 0 {
			if x.may(Change{Owner: tap.OwnerBridge, Object: name, What: wasUnwanted}) {
				x.out.Txn.DeleteController(c.UUID)
			}
			continue
		}

		want := missing[at]
		missing = slices.Delete(missing, at, at+1)
		want.UUID, want.Target, want.IsConnected, want.Role, want.Status = c.UUID, c.Target,
			c.IsConnected, c.Role, c.Status

		want.ExternalIDs = x.withIDs(c.ExternalIDs, tap.OwnerBridge)
		if !vswitch.Same(c, &want) && x.may(differing(tap.OwnerBridge, name, c, &want)) {
			x.out.Txn.UpdateController(want)
		}
	}

	for _, want := range missing {
		name := "controller " + want.Target + " of " + bridge.Name
		if x.may(Change{Owner: tap.OwnerBridge, Object: name, What: wasMissing}) {
			x.out.Txn.InsertController(x.tapBridge, want)
		}
	}
}

func defaulted(datapathType string) string {
	if datapathType == "" {
		return "system"
	}
	return datapathType
}

// ints is a set of integers as rows have it: sorted.
func ints(in []uint16) []int {
	var out []int
	for _, v := range in {
		out = append(out, int(v))
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// Strip takes everything that is ours off a switch.
func Strip(snap *vswitch.Snapshot, self Self, tapBridge string) *vswitch.Txn {
	txn := vswitch.NewTxn(snap, self.owner())
	for _, b := range snap.Bridges() {
		if b.Name == tapBridge && self.owns(b.ExternalIDs) {
			putAllBack(txn, snap, b)
			txn.DeleteBridge(b.UUID)
			continue
		}

		for _, m := range snap.BridgeMirrors(b) {
			if self.owns(m.ExternalIDs) {
				txn.DeleteMirror(m.UUID)
			}
		}

		for _, p := range snap.BridgePorts(b) {
			if self.owns(p.ExternalIDs) {
				txn.DeletePort(p.UUID)
			}
		}
	}

	if !txn.Empty() {
		txn.IncrementNextCfg()
	}
	if system := snap.System(); system != nil {
		want := *system
		want.ExternalIDs = want.ExternalIDs.Without(epoch.Key(self.Cluster))
		txn.UpdateSystem(want)
	}
	return txn
}
