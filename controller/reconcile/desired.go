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
	// Fingerprints are fingerprints of each owner's objects; they differ when anything of an owner's differs.
	Fingerprints map[string]uint64
	Owners       []string // sorted
	// FlowsFingerprint is that of all flows, and of whose are left alone: programs with the same want the same flows.
	FlowsFingerprint uint64
	// portsFingerprint is that of all ports, rowsFingerprint that of all that stands in the database, both with whose is left alone.
	portsFingerprint, rowsFingerprint uint64
	objects                           fingerprints

	ports       map[string]*tap.Port // by name
	mirrors     map[portKey]*tap.Mirror
	flowOwner   map[flowtable.Key]string
	delivers    map[string]bool
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

// Delivers reports whether an owner has flows. A capture has none while the number of the port that it goes to is not known.
func (d *Desired) Delivers(owner string) bool { return d.delivers[owner] }

// Silenced returns the program without the flows of some owners, of which nothing may be delivered for now.
func (d *Desired) Silenced(owners map[string]bool) *Desired {
	if len(owners) == 0 {
		return d
	}
	out := *d
	out.Flows = slices.DeleteFunc(slices.Clone(d.Flows), func(f flowtable.Flow) bool { return owners[d.flowOwner[f.Key()]] })
	return &out
}

// NewDesired checks that a program touches nothing but the tap bridge and mirror ports of its own, and prepares it.
func NewDesired(p *tap.Program, tapBridge string) (*Desired, error) {
	return (&Desired{Program: &tap.Program{}}).Next(p, tapBridge)
}

// Next is [NewDesired] for a program that follows another one, from which it takes what they have in common.
func (d *Desired) Next(p *tap.Program, tapBridge string) (*Desired, error) {
	before := d
	d = &Desired{
		Program: p, Fingerprints: map[string]uint64{},
		delivers: map[string]bool{}, held: map[string]bool{}, heldCookies: map[openflow.Cookie]bool{}, portsFingerprint: 1, // Not that of no program.
	}
	if err := check(p, tapBridge, d); err != nil {
		return nil, err
	}
	var of fingerprinter
	if d.objects = of.program(p, before); of.err != nil {
		return nil, of.err
	}
	add := func(all *uint64, owner string, print uint64) {
		d.Fingerprints[owner] = of.with(d.Fingerprints[owner], print)
		*all = of.with(*all, print)
	}
	for i := range p.Ports {
		add(&d.portsFingerprint, p.Ports[i].Owner, d.objects.ports[i])
	}
	d.rowsFingerprint = d.portsFingerprint
	add(&d.rowsFingerprint, tap.OwnerBridge, of.bridge(&p.Bridge))
	for i := range p.Mirrors {
		add(&d.rowsFingerprint, p.Mirrors[i].Owner, d.objects.mirrors[i])
	}
	d.Flows = make([]flowtable.Flow, 0, len(p.Flows))
	for i := range p.Flows {
		f := &p.Flows[i]
		flow := flowtable.Flow{
			Table: f.Mod.Table, Priority: f.Mod.Priority, Match: f.Mod.Match, Cookie: f.Mod.Cookie,
			Instructions: f.Mod.Instructions, IdleTimeout: f.Mod.IdleTimeout, HardTimeout: f.Mod.HardTimeout, Flags: f.Mod.Flags,
		}
		d.Flows = append(d.Flows, flow)
		d.delivers[f.Owner] = true
		add(&d.FlowsFingerprint, f.Owner, d.objects.flows[i])
	}
	d.Owners = slices.Sorted(maps.Keys(d.Fingerprints))
	for i := range p.Held {
		h := &p.Held[i]
		d.held[h.Owner] = true
		d.heldCookies[h.Cookie] = true
		for _, all := range []*uint64{&d.FlowsFingerprint, &d.portsFingerprint, &d.rowsFingerprint} {
			*all = of.with(*all, of.hold(h))
		}
	}
	return d, nil
}
