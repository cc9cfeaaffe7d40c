package reconcile

import (
	"github.com/tapline-sdn/tapline/openflow"
	"github.com/tapline-sdn/tapline/openflow/flowtable"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// The stamp flow is the tap bridge's last resort: it drops what nothing else takes. Its cookie holds the number of the last
// transaction that touched mirrors, so that writing it makes the switch drop what it has cached from before:
//
//	 63            48 47                                      0
//	+----------------+----------------------------------------+
//	| 0x7473 ("ts")  |                 stamp                  |
//	+----------------+----------------------------------------+
const (
	stampMagic = 0x7473 << 48
	stampMask  = 1<<48 - 1
)

// StampFlow is the flow that says that the switch has seen a stamp.
func StampFlow(stamp uint64) flowtable.Flow {
	return flowtable.Flow{Cookie: openflow.Cookie(stampMagic | stamp&stampMask)}
}

// InstalledStamp reads the stamp from the flows of a switch; false if there is none.
func InstalledStamp(have []openflow.FlowStats) (uint64, bool) {
	key := StampFlow(0).Key()
	for _, f := range have {
		if f.Cookie&^stampMask == stampMagic && flowtable.KeyOf(f.Table, f.Priority, f.Match) == key {
			return uint64(f.Cookie & stampMask), true
		}
	}
	return 0, false
}

// Flows is what must change among the flows of the tap bridge.
type Flows struct {
	Mods        []openflow.FlowMod
	Outstanding map[string]bool // owners some of whose flows are not as they must be
}

// DiffFlows compares a program and a stamp with the flows of the tap bridge, all of which are ours.
func DiffFlows(have []openflow.FlowStats, d *Desired, stamp uint64) Flows {
	want := append(append([]flowtable.Flow{}, d.Flows...), StampFlow(stamp))
	out := Flows{
		Mods: flowtable.Diff(want, have, flowtable.Options{
			Ignore: func(f openflow.FlowStats) bool {
				_, wanted := d.flowOwner[flowtable.KeyOf(f.Table, f.Priority, f.Match)]
				return !wanted && d.heldCookies[f.Cookie]
			},
		}),
		Outstanding: map[string]bool{},
	}
	for i := range out.Mods {
		owner, known := d.flowOwner[flowtable.KeyOf(out.Mods[i].Table, out.Mods[i].Priority, out.Mods[i].Match)]
		if !known {
			owner = tap.OwnerBridge
		}
		out.Outstanding[owner] = true
	}
	return out
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
				Table: m.Table, Priority: m.Priority, Match: m.Match, Cookie: m.Cookie, Instructions: m.Instructions,
				IdleTimeout: m.IdleTimeout, HardTimeout: m.HardTimeout, Flags: m.Flags,
			})
		}
	}
	return out
}
