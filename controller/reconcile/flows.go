package reconcile

import (
	"slices"

	"github.com/tapline-sdn/tapline/openflow"
	"github.com/tapline-sdn/tapline/openflow/flowtable"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// Flows is what must change among the flows of the tap bridge.
type Flows struct {
	Mods        []openflow.FlowMod
	Outstanding map[string]bool // owners some of whose flows are not as they must be
	// Changes are what is wrong, one for each of Mods, except for probe flows that follow the
	// program.
	Changes []Change
	// Fresh says that Mods only add flows for owners that have none yet. Until these stand, the tap
	// bridge drops the packets of the owners, so it does not matter which comes first: the flows,
	// or the rows that feed them.
	Fresh bool
	// Resources are what must change beside flows, see [Flows.AddResources].
	Resources Resources
	// Whole says that Mods and Resources leave nothing undone.
	Whole bool
}

// DiffFlows compares a program and the controller's own flows with the flows of the tap bridge, all
// of which are ours. settled says that the probe flows stood before, so that a difference is
// somebody else's doing. What belongs to an owner that repair does not let through stays as it is.
func DiffFlows(
	have []openflow.FlowStats, d *Desired, probes *Probes, settled bool, repair Gate,
) Flows {
	want := append(slices.Clip(d.Flows), probes.flows...)
	x := flowDiffer{d: d, settled: settled, repair: repair, out: Flows{
		Mods:        flowtable.Diff(want, have, flowtable.Options{Ignore: d.ignores(probes)}),
		Outstanding: map[string]bool{}, Whole: true,
	}}
	if len(x.out.Mods) == 0 {
		return x.out
	}

	x.index(have)
	mods := x.out.Mods
	x.out.Mods, x.out.Fresh = nil, true
	for i := range mods {
		x.mod(&mods[i])
	}

	return x.out
}

// ignores returns which flows of the switch are left alone: those of held owners, those by which
// copies are looked at, and probe flows while a tunnel port has no number, or some hosts that may
// send here were not seen yet.
func (d *Desired) ignores(probes *Probes) func(openflow.FlowStats) bool {
	return func(f openflow.FlowStats) bool {
		if isSampler(&f) || d.heldCookies[f.Cookie] &&
			d.flowOwner[flowtable.KeyOf(f.Table, f.Priority, f.Match)] == "" {
			return true
		}
		return (probes.pending || len(d.held) > 0) && isProbeFlow(&f)
	}
}

// flowDiffer builds Flows.
type flowDiffer struct {
	d       *Desired
	settled bool
	repair  Gate
	out     Flows

	stands  map[flowtable.Key]*openflow.FlowStats
	cookies map[openflow.Cookie]bool // of flows that stand
}

func (x *flowDiffer) index(have []openflow.FlowStats) {
	x.stands = make(map[flowtable.Key]*openflow.FlowStats, len(have))
	x.cookies = map[openflow.Cookie]bool{}
	for i := range have {
		f := &have[i]
		x.cookies[f.Cookie] = true
		x.stands[flowtable.KeyOf(f.Table, f.Priority, f.Match)] = f
	}
}

// mod takes a modification, unless it has to wait.
func (x *flowDiffer) mod(m *openflow.FlowMod) {
	key := flowtable.KeyOf(m.Table, m.Priority, m.Match)
	owner, known := x.d.flowOwner[key]
	if !known {
		owner = tap.OwnerBridge
	}

	x.out.Outstanding[owner] = true

	was := x.stands[key]
	add := m.Command == openflow.FlowAdd
	probe := add && m.Cookie == probeMagic || !add && was != nil && isProbeFlow(was)
	if !probe && !x.repair(owner) { // Others depend on probes.
		x.out.Whole = false
		return
	}

	x.out.Mods = append(x.out.Mods, *m)
	fresh := add && (probe || owner != tap.OwnerBridge && !x.cookies[m.Cookie])
	x.out.Fresh = x.out.Fresh && fresh
	if probe {
		owner = x.d.tunnelOwner()
	}
	if !probe || x.settled {
		x.out.Changes = append(x.out.Changes, flowChange(owner, x.d.Program.Bridge.Name, m, was))
	}
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
