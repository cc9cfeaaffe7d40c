package reconcile

import (
	"fmt"
	"regexp"

	"github.com/tapline-sdn/tapline/ovsdb/vswitch"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// Memory knows the rows of one host that carried our marks when they were last seen. So a row whose
// marks somebody takes off is known to be ours still. Rows that lost their marks while nobody
// looked are recognised by what they are: the tap bridge by its datapath id, which no other cluster
// gives, and all else by its name together with its place among our objects. The zero value is
// ready for use.
type Memory struct {
	ids      map[vswitch.UUID]string  // owner, of rows that are ours
	selected map[vswitch.UUID]bool    // ports that stand and that a mirror of ours has selected
	mirrors  map[*vswitch.Mirror]bool // rows whose ports are among those
	// claimed and agreed are the last questions for which Claim and Diff found nothing to do; zero
	// if they found something.
	claimed, agreed question
	matched         matched // see [Memory.Diff]
}

// question is what a comparison depends on.
type question struct {
	snap *vswitch.Snapshot // nil: nothing
	with uint64            // fingerprint of what it needs of the program
	self Self
}

// same reports whether the same was asked before.
func (a question) same(before question) bool {
	return before.snap != nil && a.with == before.with && a.self == before.self &&
		a.snap.SameObjects(before.snap)
}

// WasSelected reports whether a port that stands has been selected by a mirror of ours before.
func (m *Memory) WasSelected(port vswitch.UUID) bool { return m.selected[port] }

// Names of the ports and mirrors of captures.
var (
	patchName  = regexp.MustCompile(`^tl[mt]-[0-9a-f]{8}$`)
	mirrorName = regexp.MustCompile(`^tl-[0-9a-f]{8}(-[0-9]+)?$`)
)

// Claim returns the transaction that puts our marks back on rows of ours that have lost them; it is
// empty if there are none. d is the program, or nil if it is not known yet. Owners that repair does
// not let through are left alone.
func (m *Memory) Claim(snap *vswitch.Snapshot, d *Desired, self Self, tapBridge string,
	repair Gate) Rows {
	now := question{snap: snap, self: self}
	if d != nil {
		now.with = d.portsFingerprint
	}
	if now.same(m.claimed) {
		return Rows{}
	}

	c := &claimer{
		snap: snap, d: d, self: self, tapBridge: tapBridge, repair: repair, memory: m,
		ids: make(map[vswitch.UUID]string, len(m.ids)),
		out: Rows{
			Txn:         vswitch.NewTxn(snap, vswitch.Owner{}),
			Outstanding: map[string]bool{}, Blocked: map[string]string{},
		},
	}

	if tap, exists := snap.Bridge(tapBridge); exists {
		c.bridge(tap)
	}

	for _, b := range snap.Bridges() {
		for p := range snap.EachPort(b) {
			c.port(b, p)
		}
	}

	m.forgetPorts(snap)
	m.claimMirrors(c)
	m.ids, m.claimed = c.ids, question{}
	if len(c.out.Outstanding) == 0 {
		m.claimed = now
	}

	return c.out
}

// forgetPorts forgets the selected ports that are gone.
func (m *Memory) forgetPorts(snap *vswitch.Snapshot) {
	if m.selected == nil {
		m.selected = map[vswitch.UUID]bool{}
	}
	for port := range m.selected {
		if _, stands := snap.Port(port); !stands {
			delete(m.selected, port)
		}
	}
}

// claimMirrors claims the mirrors, and notes the ports that ours select.
func (m *Memory) claimMirrors(c *claimer) {
	mirrors := make(map[*vswitch.Mirror]bool, len(m.mirrors))
	for _, b := range c.snap.Bridges() {
		for row := range c.snap.EachMirror(b) {
			if !c.mirror(b, row) {
				continue
			}
			if mirrors[row] = true; m.mirrors[row] {
				continue // Its ports are noted already.
			}

			for _, ports := range [][]vswitch.UUID{row.SelectSrcPort, row.SelectDstPort} {
				for _, port := range ports {
					m.selected[port] = true
				}
			}
		}
	}

	m.mirrors = mirrors
}

// ownPort stands for the owner of the tap bridge's own port and interface, which come with the
// bridge and name no owner.
const ownPort = "\x00own port"

// claimer is one run of [Memory.Claim].
type claimer struct {
	snap      *vswitch.Snapshot
	d         *Desired
	self      Self
	tapBridge string
	repair    Gate
	memory    *Memory
	ids       map[vswitch.UUID]string // what is ours in this snapshot
	home      *vswitch.Bridge         // the tap bridge, if it is ours
	out       Rows
}

// claim notes whose a row is, and returns the external_ids that the row must have. They differ from
// have if it has lost our marks. known says that the row is ours by what it is, and owner whose it
// then is.
func (c *claimer) claim(id vswitch.UUID, have vswitch.Pairs, known bool,
	owner string) (marks vswitch.Pairs, ours bool) {
	if c.self.owns(have) && (owner != ownPort || have.Get(IDKey) == "") {
		c.ids[id] = have.Get(IDKey)
		if owner == ownPort {
			c.ids[id] = owner
		}
		return have, true
	}

	before, remembered := c.memory.ids[id]
	if !remembered && (!known || have.Get(OwnerKey) != "" && !c.self.owns(have)) {
		// Another cluster's mark is respected where nothing says that it was ours.
		return have, false
	}

	switch {
	case owner == ownPort:
	case remembered:
		owner = before
	case have.Get(IDKey) != "":
		owner = have.Get(IDKey)
	}

	if owner == "" && (c.d == nil || len(c.d.held) > 0) {
		return have, false // Perhaps that of an owner who must be left alone: later.
	}

	c.ids[id] = owner
	marks = have.With(OwnerKey, c.self.Cluster)
	if owner == ownPort || owner == "" {
		return marks.Without(IDKey), true
	}

	return marks.With(IDKey, owner), true
}

// may notes a row that has lost its marks, and reports whether it gets them back now.
func (c *claimer) may(change Change) bool {
	if change.Owner == ownPort {
		change.Owner = tap.OwnerBridge
	}
	c.out.Outstanding[change.Owner] = true
	if c.repair(change.Owner) {
		c.out.Changes = append(c.out.Changes, change)
		return true
	}
	return false
}

func (c *claimer) bridge(b *vswitch.Bridge) {
	ours := b.OtherConfig.Get("datapath-id") == c.self.datapathID()
	marks, known := c.claim(b.UUID, b.ExternalIDs, ours, tap.OwnerBridge)
	if !known {
		return
	}

	c.home = b
	if marks != b.ExternalIDs {
		want := *b
		want.ExternalIDs = marks
		if c.may(differing(tap.OwnerBridge, "bridge "+b.Name, b, &want)) {
			c.out.Txn.UpdateBridge(want)
		}
	}

	for _, row := range c.snap.Controllers(b) {
		ours := c.self.leadsHere(row.Target) || row.Target == c.self.captureTarget()
		if marks, known := c.claim(row.UUID, row.ExternalIDs, ours,
			tap.OwnerBridge); known && marks != row.ExternalIDs {
			want := *row
			want.ExternalIDs = marks
			if c.may(differing(tap.OwnerBridge, "controller "+row.Target+" of "+b.Name, row,
				&want)) {
				c.out.Txn.UpdateController(want)
			}
		}
	}
}

func (c *claimer) port(b *vswitch.Bridge, p *vswitch.Port) {
	known, owner := false, ""
	if p.Name == b.Name || !c.self.owns(p.ExternalIDs) {
		known, owner = c.recognise(b, p, c.snap.OnlyInterface(p))
	}
	if p.Name == b.Name && !known {
		return // A bridge's own port is ours if the bridge is, whoever has marked it.
	}

	marks, ours := c.claim(p.UUID, p.ExternalIDs, known, owner)
	if !ours {
		return
	}

	owner = c.ids[p.UUID]
	if marks != p.ExternalIDs {
		want := *p
		want.ExternalIDs = marks
		if c.may(differing(owner, object("port", p.Name, b.Name), p, &want)) {
			c.out.Txn.UpdatePort(want)
		}
	}

	for i := range c.snap.EachInterface(p) {
		if marks, ours := c.claim(i.UUID, i.ExternalIDs, i.Name == p.Name, owner); ours &&
			marks != i.ExternalIDs {
			want := *i
			want.ExternalIDs = marks
			if c.may(differing(owner, object("interface", i.Name, b.Name), i, &want)) {
				c.out.Txn.UpdateInterface(want)
			}
		}
	}
}

// recognise reports whether a port is ours by what it is, and whose: "" if that cannot be told.
// device is nil if the port is a bond.
func (c *claimer) recognise(b *vswitch.Bridge, p *vswitch.Port,
	device *vswitch.Interface) (known bool, owner string) {
	home := c.home != nil && b.UUID == c.home.UUID
	if home && p.Name == b.Name {
		return true, ownPort
	}
	if c.home == nil || device == nil || device.Name != p.Name {
		return false, ""
	}
	if c.d != nil {
		if want := c.d.ports[p.Name]; want != nil && want.Bridge == b.Name && !want.Plugged {
			owner = want.Owner
			known = home && want.OFPortRequest != 0 &&
				device.OFPortRequest == int(want.OFPortRequest)
		}
	}
	if c.self.owns(device.ExternalIDs) && (home || patchName.MatchString(p.Name)) {
		return true, device.ExternalIDs.Get(IDKey)
	}

	switch {
	case isTunnel(device.Type):
		known = known || home && device.Options.Get("remote_ip") == "flow" &&
			device.Options.Get("key") == "flow"
	case device.Type == "patch" && patchName.MatchString(p.Name) &&
		device.Options.Get("peer") == counterpart(p.Name):
		peer, stands := c.snap.PortOnBridge(c.tapBridge, device.Options.Get("peer"))
		known = home || stands
		if stands && owner == "" && c.self.owns(peer.ExternalIDs) {
			owner = peer.ExternalIDs.Get(IDKey)
		}
	}

	return known, owner
}

// counterpart is the name of a patch port's peer.
func counterpart(name string) string {
	if name[2] == 'm' {
		return "tlt" + name[3:]
	}
	return "tlm" + name[3:]
}

// mirror reports whether a mirror is ours.
func (c *claimer) mirror(b *vswitch.Bridge, m *vswitch.Mirror) bool {
	owner, known := "", false
	if m.OutputPort != nil && mirrorName.MatchString(m.Name) {
		owner, known = c.ids[*m.OutputPort]
	}

	marks, ours := c.claim(m.UUID, m.ExternalIDs, known, owner)
	if ours && marks != m.ExternalIDs {
		want := *m
		want.ExternalIDs = marks
		if c.may(differing(c.ids[m.UUID], object("mirror", m.Name, b.Name), m, &want)) {
			c.out.Txn.UpdateMirror(want)
		}
	}

	return ours
}

func (s Self) datapathID() string { return fmt.Sprintf("%016x", s.DatapathID) }
