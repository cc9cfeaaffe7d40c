package reconcile

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"maps"
	"slices"

	"github.com/tapline-sdn/tapline/openflow"
	"github.com/tapline-sdn/tapline/openflow/flowtable"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// Keys of external_ids on rows that are ours.
const (
	OwnerKey = "tapline"       // cluster id
	IDKey    = "tapline-id"    // owner within the program
	stampKey = "tapline-stamp" // on the tap bridge: counts transactions that touch mirrors
)

// Desired is a program that was found fit to be applied, prepared for comparison. It is immutable.
type Desired struct {
	Program *tap.Program
	Flows   []flowtable.Flow
	// Prints are fingerprints of each owner's objects; they differ when anything of an owner's differs.
	Prints map[string]uint64
	Owners []string // sorted

	ports       map[string]*tap.Port // by name
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
	d := &Desired{
		Program: p, Prints: map[string]uint64{}, ports: map[string]*tap.Port{}, flowOwner: map[flowtable.Key]string{},
		delivers: map[string]bool{}, held: map[string]bool{}, heldCookies: map[openflow.Cookie]bool{},
	}
	if err := check(p, tapBridge); err != nil {
		return nil, err
	}
	parts := map[string][]any{tap.OwnerBridge: {p.Bridge}}
	for i, port := range p.Ports {
		d.ports[port.Name] = &p.Ports[i]
		parts[port.Owner] = append(parts[port.Owner], port)
	}
	for _, m := range p.Mirrors {
		parts[m.Owner] = append(parts[m.Owner], m)
	}
	for _, f := range p.Flows {
		flow := flowtable.Flow{
			Table: f.Mod.Table, Priority: f.Mod.Priority, Match: f.Mod.Match, Cookie: f.Mod.Cookie,
			Instructions: f.Mod.Instructions, IdleTimeout: f.Mod.IdleTimeout, HardTimeout: f.Mod.HardTimeout, Flags: f.Mod.Flags,
		}
		d.Flows = append(d.Flows, flow)
		d.flowOwner[flow.Key()] = f.Owner
		d.delivers[f.Owner] = true
		b, err := openflow.AppendMessage(nil, 0, &f.Mod)
		if err != nil {
			return nil, fmt.Errorf("flow of %s: %w", f.Owner, err)
		}
		parts[f.Owner] = append(parts[f.Owner], b)
	}
	for owner, objects := range parts {
		text, err := json.Marshal(objects)
		if err != nil {
			return nil, fmt.Errorf("objects of %s: %w", owner, err)
		}
		h := fnv.New64a()
		_, _ = h.Write(text) // A hash never fails.
		d.Prints[owner] = h.Sum64()
	}
	d.Owners = slices.Sorted(maps.Keys(d.Prints))
	for _, h := range p.Held {
		d.held[h.Owner] = true
		d.heldCookies[h.Cookie] = true
	}
	return d, nil
}
