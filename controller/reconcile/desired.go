package reconcile

import (
	"maps"
	"slices"

	"github.com/tapline-sdn/tapline/openflow"
	"github.com/tapline-sdn/tapline/openflow/flowtable"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// Keys of external_ids on rows that are ours.
const (
	OwnerKey = "tapline"    // cluster id
	IDKey    = "tapline-id" // owner within the program
)

// Desired is a program that was found fit to be applied, prepared for comparison. It is immutable.
type Desired struct {
	Program *tap.Program
	Flows   []flowtable.Flow
	Owners  []string // sorted

	// Fingerprints are those of each owner's objects: they differ if anything of the owner differs.
	Fingerprints map[string]uint64
	// FlowsFingerprint is that of all flows, groups and meters, of the fragment mode, and of the
	// held owners: programs that have the same want the same of a switch's flow tables.
	FlowsFingerprint uint64
	// portsFingerprint is that of all ports and rowsFingerprint that of all rows, both with the
	// held owners.
	portsFingerprint, rowsFingerprint uint64
	objects                           fingerprints

	ports       map[string]*tap.Port // by name
	mirrors     map[portKey]*tap.Mirror
	flowOwner   map[flowtable.Key]string
	groups      []openflow.GroupMod
	meters      []openflow.MeterMod
	groupOwner  map[uint32]string // by id
	meterOwner  map[uint32]string
	delivers    map[string]bool // owners that have flows
	expiring    []Expiring
	held        map[string]bool
	heldCookies map[openflow.Cookie]bool
}

// tunnelOwner is the owner of the tunnel port, or of the tap bridge if there is none.
func (d *Desired) tunnelOwner() string {
	if port := d.ports[d.Program.Tunnel.Port]; port != nil {
		return port.Owner
	}
	return tap.OwnerBridge
}

// Delivers reports whether an owner has flows. A capture has none while the number of the port that
// it goes to is not known.
func (d *Desired) Delivers(owner string) bool { return d.delivers[owner] }

// SourceBridge is the bridge that a capture mirrors; "" for an owner that is no capture.
func (d *Desired) SourceBridge(owner string) string {
	for i := range d.Program.Mirrors {
		if d.Program.Mirrors[i].Owner == owner {
			return d.Program.Mirrors[i].Bridge
		}
	}
	return ""
}

// Silenced returns the program without the flows of some owners, which may deliver nothing for now.
func (d *Desired) Silenced(owners map[string]bool) *Desired {
	if len(owners) == 0 {
		return d
	}
	out := *d
	out.Flows = slices.DeleteFunc(slices.Clone(d.Flows),
		func(f flowtable.Flow) bool { return owners[d.flowOwner[f.Key()]] })
	return &out
}

// NewDesired checks that a program touches nothing but the tap bridge and mirror ports of its own,
// and prepares it.
func NewDesired(p *tap.Program, tapBridge string) (*Desired, error) {
	return (&Desired{Program: &tap.Program{}}).Next(p, tapBridge)
}

// Next is [NewDesired] for a program that follows another one, from which it takes what both have.
func (d *Desired) Next(p *tap.Program, tapBridge string) (*Desired, error) {
	next := &Desired{
		Program: p, Fingerprints: map[string]uint64{}, delivers: map[string]bool{},
		held: map[string]bool{}, heldCookies: map[openflow.Cookie]bool{},
		portsFingerprint: 1, // An empty program differs from none.
	}

	if err := check(p, tapBridge, next); err != nil {
		return nil, err
	}

	var f fingerprinter
	if next.objects = f.program(p, d); f.err != nil {
		return nil, f.err
	}

	next.addFlows(&f)
	next.addRows(&f)
	next.addResources(&f)
	if f.err != nil {
		return nil, f.err
	}
	next.Owners = slices.Sorted(maps.Keys(next.Fingerprints))
	next.addHeld(&f)
	return next, nil
}

// add adds the fingerprint of an object to that of its owner and of all objects of its kind.
func (d *Desired) add(f *fingerprinter, all *uint64, owner string, fingerprint uint64) {
	d.Fingerprints[owner] = f.with(d.Fingerprints[owner], fingerprint)
	*all = f.with(*all, fingerprint)
}

func (d *Desired) addRows(f *fingerprinter) {
	p := d.Program
	for i := range p.Ports {
		d.add(f, &d.portsFingerprint, p.Ports[i].Owner, d.objects.ports[i])
	}
	d.rowsFingerprint = d.portsFingerprint
	d.add(f, &d.rowsFingerprint, tap.OwnerBridge, f.bridge(&p.Bridge))
	if d.Captures() { // The tap bridge has a row of its own for them.
		d.add(f, &d.rowsFingerprint, tap.OwnerBridge, 1)
	}
	for i := range p.Mirrors {
		d.add(f, &d.rowsFingerprint, p.Mirrors[i].Owner, d.objects.mirrors[i])
	}
}

func (d *Desired) addFlows(f *fingerprinter) {
	p := d.Program
	d.Flows = make([]flowtable.Flow, 0, len(p.Flows))
	for i := range p.Flows {
		entry := &p.Flows[i]
		m := &entry.Mod
		d.Flows = append(d.Flows, flowtable.Flow{
			Table: m.Table, Priority: m.Priority, Match: m.Match, Cookie: m.Cookie,
			Instructions: m.Instructions, IdleTimeout: m.IdleTimeout, HardTimeout: m.HardTimeout,
			Flags: m.Flags,
		})
		d.delivers[entry.Owner] = true
		if m.HardTimeout != 0 {
			d.expiring = append(d.expiring, Expiring{entry.Owner, d.Flows[i]})
		}
		d.add(f, &d.FlowsFingerprint, entry.Owner, d.objects.flows[i])
	}
}

func (d *Desired) addResources(f *fingerprinter) {
	p := d.Program
	if p.Bridge.MatchFragments {
		d.FlowsFingerprint = f.with(d.FlowsFingerprint, 1)
	}
	for i := range p.Groups {
		g := &p.Groups[i]
		d.groups = append(d.groups, g.Mod)
		d.add(f, &d.FlowsFingerprint, g.Owner, f.message(kindGroup, g.Owner, &g.Mod))
	}
	for i := range p.Meters {
		m := &p.Meters[i]
		d.meters = append(d.meters, m.Mod)
		d.add(f, &d.FlowsFingerprint, m.Owner, f.message(kindMeter, m.Owner, &m.Mod))
	}
}

func (d *Desired) addHeld(f *fingerprinter) {
	for i := range d.Program.Held {
		h := &d.Program.Held[i]
		d.held[h.Owner] = true
		d.heldCookies[h.Cookie] = true
		for _, all := range []*uint64{&d.FlowsFingerprint, &d.portsFingerprint,
			&d.rowsFingerprint} {
			*all = f.with(*all, f.hold(h))
		}
	}
}
