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

	flowOwner   map[flowtable.Key]string
	held        map[string]bool
	heldCookies map[openflow.Cookie]bool
}

// NewDesired checks that a program touches nothing but the tap bridge and mirror ports of its own, and prepares it.
func NewDesired(p *tap.Program, tapBridge string) (*Desired, error) {
	d := &Desired{
		Program: p, Prints: map[string]uint64{}, flowOwner: map[flowtable.Key]string{},
		held: map[string]bool{}, heldCookies: map[openflow.Cookie]bool{},
	}
	if err := check(p, tapBridge); err != nil {
		return nil, err
	}
	parts := map[string][]any{tap.OwnerBridge: {p.Bridge}}
	for _, port := range p.Ports {
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

// check holds a program against the contract.
func check(p *tap.Program, tapBridge string) error {
	if p.Bridge.Name != tapBridge {
		return fmt.Errorf("its tap bridge is %q, not %q", p.Bridge.Name, tapBridge)
	}
	if p.Bridge.FailMode != "secure" {
		return fmt.Errorf("bridge %s: fail_mode is %q: want secure", p.Bridge.Name, p.Bridge.FailMode)
	}
	type place struct{ bridge, name string }
	ours := map[place]tap.Port{}
	for _, port := range p.Ports {
		if port.Owner == "" || port.Name == "" || port.Bridge == "" || len(port.Name) > 15 {
			return fmt.Errorf("port %q on bridge %q of owner %q: a part is missing, or the name is over 15 characters", port.Name, port.Bridge, port.Owner)
		}
		ours[place{port.Bridge, port.Name}] = port
	}
	for _, port := range p.Ports {
		if port.Bridge == tapBridge {
			continue
		}
		peer, found := ours[place{tapBridge, port.Options["peer"]}]
		if port.Type != "patch" || !found || peer.Options["peer"] != port.Name {
			return fmt.Errorf("port %s on bridge %s: only a patch port to bridge %s may stand there", port.Name, port.Bridge, tapBridge)
		}
		if port.VLANMode != "trunk" || !slices.Equal(port.Trunks, []uint16{tap.MaxVLAN + 1}) {
			return fmt.Errorf("port %s on bridge %s: it is not closed to ordinary traffic by trunks=4095", port.Name, port.Bridge)
		}
	}
	for _, m := range p.Mirrors {
		if out, found := ours[place{m.Bridge, m.Output}]; m.Owner == "" || !found || out.Type != "patch" || m.Bridge == tapBridge {
			return fmt.Errorf("mirror %s on bridge %s: its output %q is no patch port of this program", m.Name, m.Bridge, m.Output)
		}
	}
	for _, f := range p.Flows {
		if f.Owner == "" || f.Mod.Command != openflow.FlowAdd {
			return fmt.Errorf("flow %v of owner %q: want an addition with an owner", f.Mod.Match, f.Owner)
		}
		if port, wrong := forbiddenOutput(f.Mod.Instructions); wrong {
			return fmt.Errorf("flow %v of %s: output to %v", f.Mod.Match, f.Owner, port)
		}
	}
	return nil
}

// forbiddenOutput finds an output to anything but a port with a number: copies must not be learned from, flooded or sent to a controller.
func forbiddenOutput(instructions []openflow.Instruction) (openflow.PortNo, bool) {
	for _, i := range instructions {
		var actions []openflow.Action
		switch i := i.(type) {
		case openflow.ApplyActions:
			actions = i
		case openflow.WriteActions:
			actions = i
		}
		for _, a := range actions {
			if out, ok := a.(openflow.Output); ok && out.Port > openflow.PortMax {
				return out.Port, true
			}
		}
	}
	return 0, false
}
