package reconcile

import (
	"slices"

	"github.com/tapline-sdn/tapline/openflow"
	"github.com/tapline-sdn/tapline/openflow/action"
	"github.com/tapline-sdn/tapline/openflow/flowtable"
	"github.com/tapline-sdn/tapline/openflow/oxm"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// The probe flow sends probes of other hosts, and nothing else, from the tunnel to the controller
// (see package session).
const (
	probeMagic = 0x7470 << 48 // "tp"
	// ProbeKey is the tunnel key of probes. Services never have it.
	ProbeKey = 0xffffffff
	// ProbeEtherType is one of the two that IEEE 802 leaves for local experiments (IEEE 802,
	// 9.2.4).
	ProbeEtherType = 0x88b5

	probePriority = 0xffff
	probeMaxLen   = 128
)

// ProbeFlow is the flow for probes that arrive at a tunnel port.
func ProbeFlow(tunnel openflow.PortNo) flowtable.Flow {
	return flowtable.Flow{
		Priority: probePriority, Cookie: probeMagic,
		Match: oxm.Match{oxm.InPort(tunnel), oxm.EthType(ProbeEtherType), oxm.TunnelID(ProbeKey)},
		Instructions: []action.Instruction{action.ApplyActions{
			action.Output{Port: openflow.PortController, MaxLen: probeMaxLen},
		}},
	}
}

// IsProbe reports whether a packet came by the probe flow.
func IsProbe(p *openflow.PacketIn) bool { return p.Cookie == probeMagic }

// Flows is what must change among the flows of the tap bridge.
type Flows struct {
	Mods        []openflow.FlowMod
	Outstanding map[string]bool // owners some of whose flows are not as they must be
	// what is wrong, one for each of Mods, but for the controller's own flows where they go on by
	// themselves
	Changes []Change
	// Fresh says that Mods only add the flows of owners that have none yet. Until they stand the
	// tap bridge drops what comes from those, so it does not matter which comes first: they, or the
	// rows that feed them.
	Fresh bool
	// Whole says that Mods leave nothing undone.
	Whole bool
}

// DiffFlows compares a program, and the probe flow of the tunnel port, if it has a number yet, with
// the flows of the tap bridge, all of which are ours. What belongs to an owner that repair does not
// let through stays as it is.
func DiffFlows(have []openflow.FlowStats, d *Desired, tunnel openflow.PortNo, repair Gate) Flows {
	want := d.Flows
	if tunnel != 0 {
		want = append(slices.Clip(want), ProbeFlow(tunnel))
	}

	out := Flows{
		Mods: flowtable.Diff(want, have, flowtable.Options{
			Ignore: func(f openflow.FlowStats) bool {
				if d.heldCookies[f.Cookie] && d.flowOwner[flowtable.KeyOf(f.Table, f.Priority,
					f.Match)] == "" {
					return true
				}
				return tunnel == 0 && d.Program.Tunnel.Port != "" && probePort(&f) != 0
			},
		}),
		Outstanding: map[string]bool{},
	}
	if out.Whole = true; len(out.Mods) == 0 {
		return out
	}

	stands := make(map[flowtable.Key]*openflow.FlowStats, len(have))
	cookies := map[openflow.Cookie]bool{}
	renumbered := false
	for i := range have {
		if at := probePort(&have[i]); at != 0 && at != tunnel {
			renumbered = true
		}
		cookies[have[i].Cookie] = true
		stands[flowtable.KeyOf(have[i].Table, have[i].Priority, have[i].Match)] = &have[i]
	}

	var mods []openflow.FlowMod
	out.Fresh = true
	for i := range out.Mods {
		mod := &out.Mods[i]
		owner, known := d.flowOwner[flowtable.KeyOf(mod.Table, mod.Priority, mod.Match)]
		if !known {
			owner = tap.OwnerBridge
		}

		out.Outstanding[owner] = true
		was := stands[flowtable.KeyOf(mod.Table, mod.Priority, mod.Match)]
		// The probe flow goes on by itself, and others depend on it.
		own, goesOn := ownFlow(mod, was, renumbered)
		if !own && !repair(owner) {
			out.Whole = false
			continue
		}

		mods = append(mods, *mod)
		out.Fresh = out.Fresh && owner != tap.OwnerBridge && mod.Command == openflow.FlowAdd &&
			!cookies[mod.Cookie]
		if !goesOn {
			if own {
				owner = d.tunnelOwner()
			}
			out.Changes = append(out.Changes, flowChange(owner, d.Program.Bridge.Name, mod, was))
		}
	}

	out.Mods = mods
	return out
}

// ownFlow tells whether a modification is of the probe flow, which is the controller's own, and
// then whether it comes about by itself: the tunnel port has another number.
func ownFlow(mod *openflow.FlowMod, was *openflow.FlowStats, renumbered bool) (own, goesOn bool) {
	if mod.Command == openflow.FlowAdd {
		own = mod.Cookie == probeMagic
		return own, own && was == nil && renumbered
	}
	own = was != nil && probePort(was) != 0
	return own, own
}

// probePort is the port of a probe flow, or 0 if the flow is none.
func probePort(f *openflow.FlowStats) openflow.PortNo {
	if f.Cookie != probeMagic {
		return 0
	}

	in, _ := f.Match.Get(oxm.FieldInPort)
	port := openflow.PortNo(in.Uint64())
	want := ProbeFlow(port)
	if flowtable.KeyOf(f.Table, f.Priority, f.Match) != want.Key() {
		return 0
	}

	return port
}

// Applied is what a switch has after it took the modifications of [DiffFlows].
func Applied(have []openflow.FlowStats, mods []openflow.FlowMod) []openflow.FlowStats {
	changed := map[flowtable.Key]*openflow.FlowMod{}
	for i := range mods {
		changed[flowtable.KeyOf(mods[i].Table, mods[i].Priority, mods[i].Match)] = &mods[i]
	}

	var out []openflow.FlowStats
	for _, f := range have {
		if changed[flowtable.KeyOf(f.Table, f.Priority, f.Match)] == nil {
			out = append(out, f)
		}
	}

	for _, m := range changed {
		if m.Command == openflow.FlowAdd {
			out = append(out, openflow.FlowStats{
				Table: m.Table, Priority: m.Priority, Match: m.Match, Cookie: m.Cookie,
				Instructions: m.Instructions,
				IdleTimeout:  m.IdleTimeout, HardTimeout: m.HardTimeout, Flags: m.Flags,
			})
		}
	}

	return out
}
