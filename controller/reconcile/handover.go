package reconcile

import (
	"slices"

	"github.com/tapline-sdn/tapline/openflow/flowtable"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// A packet that one capture selects so far and another one from now on must be copied once, by
// either of them. Three steps do that. First, everything that the other capture needs stands beside
// what there is, but for its mirror. Then one transaction changes the mirrors: Open vSwitch takes
// them in at one go, and looks through its cache of packet flows afterwards. Last, what the first
// capture has left behind goes.

// Handover returns the programs to be applied one after the other between two programs: none where
// no packet goes from one capture to another. Objects of captures that take no part are as in the
// later program from the start, so what was switched off ends at once.
func Handover(before, after *tap.Program) []*tap.Program {
	involved := handingOver(before, after)
	if len(involved) == 0 {
		return nil
	}

	swapped := joined(before, after, involved)
	prepared := *swapped
	prepared.Mirrors = nil
	for _, list := range []struct {
		of   []tap.Mirror
		when bool
	}{{before.Mirrors, true}, {after.Mirrors, false}} {
		for _, m := range list.of {
			if involved[m.Owner] == list.when {
				prepared.Mirrors = append(prepared.Mirrors, m)
			}
		}
	}

	return []*tap.Program{&prepared, swapped}
}

// selected is what a mirror selects on a bridge: what enters or leaves by a port, or everything.
type selected struct {
	bridge, port string
	leaves       bool
}

// ownersBySelection are the owners of mirrors by what they select.
type ownersBySelection map[selected][]string

func selectionsOf(p *tap.Program) ownersBySelection {
	all := ownersBySelection{}
	for i := range p.Mirrors {
		m := &p.Mirrors[i]
		if m.SelectAll || len(m.SelectVLAN) > 0 {
			key := selected{bridge: m.Bridge}
			all[key] = append(all[key], m.Owner)
		}
		for _, port := range m.SelectSrc {
			key := selected{bridge: m.Bridge, port: port}
			all[key] = append(all[key], m.Owner)
		}
		for _, port := range m.SelectDst {
			key := selected{bridge: m.Bridge, port: port, leaves: true}
			all[key] = append(all[key], m.Owner)
		}
	}
	return all
}

// handingOver returns the captures of which one gives up what another one takes.
func handingOver(before, after *tap.Program) map[string]bool {
	involved := map[string]bool{}
	was, is := selectionsOf(before), selectionsOf(after)
	for key, owners := range was {
		var from, to []string
		for _, owner := range owners {
			if !slices.Contains(is[key], owner) {
				from = append(from, owner)
			}
		}
		for _, owner := range is[key] {
			if !slices.Contains(owners, owner) {
				to = append(to, owner)
			}
		}

		if len(from) == 0 || len(to) == 0 {
			continue
		}
		for _, owner := range append(from, to...) {
			involved[owner] = true
		}
	}
	return involved
}

// joined is the later program with what the earlier one has for captures that hand over. Where both
// have the same object, it is that of the later one.
func joined(before, after *tap.Program, involved map[string]bool) *tap.Program {
	out := *after
	out.Bridge.MatchFragments = before.Bridge.MatchFragments || after.Bridge.MatchFragments
	out.Ports = slices.Clone(after.Ports)
	for _, p := range before.Ports {
		if involved[p.Owner] && !slices.ContainsFunc(after.Ports, func(o tap.Port) bool {
			return o.Name == p.Name
		}) {
			out.Ports = append(out.Ports, p)
		}
	}

	keys := make(map[flowtable.Key]bool, len(after.Flows))
	key := func(f *tap.FlowEntry) flowtable.Key {
		return flowtable.KeyOf(f.Mod.Table, f.Mod.Priority, f.Mod.Match)
	}
	for i := range after.Flows {
		keys[key(&after.Flows[i])] = true
	}
	out.Flows = slices.Clone(after.Flows)
	for i := range before.Flows {
		// Flows of a capture that stays are as in the later program.
		if f := &before.Flows[i]; involved[f.Owner] && !owns(after, f.Owner) && !keys[key(f)] {
			out.Flows = append(out.Flows, *f)
		}
	}

	out.Groups = slices.Clone(after.Groups)
	for _, g := range before.Groups {
		if !slices.ContainsFunc(after.Groups, func(o tap.GroupEntry) bool {
			return o.Mod.ID == g.Mod.ID
		}) {
			out.Groups = append(out.Groups, g)
		}
	}
	out.Meters = slices.Clone(after.Meters)
	for _, m := range before.Meters {
		if !slices.ContainsFunc(after.Meters, func(o tap.MeterEntry) bool {
			return o.Mod.ID == m.Mod.ID
		}) {
			out.Meters = append(out.Meters, m)
		}
	}
	return &out
}

// owns reports whether an owner has flows in a program.
func owns(p *tap.Program, owner string) bool {
	return slices.ContainsFunc(p.Flows, func(f tap.FlowEntry) bool { return f.Owner == owner })
}
