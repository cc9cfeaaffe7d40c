package reconcile

import (
	"net/netip"
	"slices"

	"github.com/tapline-sdn/tapline/openflow"
	"github.com/tapline-sdn/tapline/openflow/action"
	"github.com/tapline-sdn/tapline/openflow/flowtable"
	"github.com/tapline-sdn/tapline/openflow/oxm"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// Meter says what the packets that a flow counts are to its owner: those that enter the tap bridge
// in the owner's name, which they do in table 0, and those that leave it, by a flow with an output.
// Between the two, the first table with flows of the owner is that of its filter.
type Meter struct {
	Owner   string
	Enters  bool
	Selects bool // the filter accepts the packets, or there is none
	Rejects bool // the filter rejects them
	Leaves  bool
	// Sampled says of packets that leave: they have passed a group after the meter, so what the
	// meter drops is not among them.
	Sampled bool
	// the tunnel address that packets of this flow come from; zero if the flow does not say
	From netip.Addr

	// Counts is set for a flow that only counts, and TapFlows are those whose packets it counts.
	// All of the above is then zero, but for Owner, and for Rejects of what dedup drops.
	Counts   tap.FlowCount
	TapFlows []string
}

// Meters are the flows of a program whose statistics count what is mirrored.
type Meters struct {
	Of map[flowtable.Key]Meter
	// Cookie and Mask select all of them, and as few others as can be.
	Cookie, Mask openflow.Cookie

	// Limits are the meters that drop what exceeds a service's rate: id -> service.
	Limits map[uint32]string
}

// Meters finds the flows that count.
func (d *Desired) Meters() Meters {
	out := Meters{Of: map[flowtable.Key]Meter{}, Mask: ^openflow.Cookie(0)}
	for i := range d.Program.Meters {
		if m := &d.Program.Meters[i]; m.Counts == tap.CountsLimited {
			if out.Limits == nil {
				out.Limits = map[uint32]string{}
			}
			out.Limits[m.Mod.ID] = m.Owner
		}
	}

	filters, sampled := d.filterTables()
	for i := range d.Program.Flows {
		f := &d.Program.Flows[i]
		table, has := filters[f.Owner]
		m, counts := meterOf(f, has && f.Mod.Table == table, sampled[f.Owner])
		if f.Owner == tap.OwnerBridge || !counts {
			continue
		}

		if len(out.Of) == 0 {
			out.Cookie = f.Mod.Cookie
		}

		out.Mask &^= out.Cookie ^ f.Mod.Cookie
		out.Of[flowtable.KeyOf(f.Mod.Table, f.Mod.Priority, f.Mod.Match)] = m
	}

	out.Cookie &= out.Mask
	return out
}

// meterOf says what a flow counts, and false if it counts nothing. filters says that it is one of
// its owner's filter.
func meterOf(f *tap.FlowEntry, filters, sampled bool) (m Meter, counts bool) {
	switch f.Counts {
	case tap.CountsByPlace:
	case tap.CountsDuplicates:
		return Meter{Owner: f.Owner, Rejects: true, Counts: f.Counts}, true
	default:
		return Meter{Owner: f.Owner, Counts: f.Counts, TapFlows: f.TapFlows}, true
	}

	m = Meter{Owner: f.Owner, Enters: f.Mod.Table == 0, Leaves: outputs(f.Mod.Instructions)}
	if filters && !m.Leaves {
		m.Rejects = len(f.Mod.Instructions) == 0
		m.Selects = goesOn(f.Mod.Instructions)
	}
	m.Sampled = m.Leaves && sampled

	for _, id := range []oxm.FieldID{oxm.FieldTunIPv4Src, oxm.FieldTunIPv6Src} {
		if field, has := f.Mod.Match.Get(id); has {
			m.From, _ = field.Addr()
		}
	}
	return m, m.Enters || m.Selects || m.Rejects || m.Leaves
}

// filterTables returns the table of each owner's filter, and the owners whose packets pass a group.
func (d *Desired) filterTables() (filters map[string]openflow.TableID, sampled map[string]bool) {
	filters, sampled = map[string]openflow.TableID{}, map[string]bool{}
	for i := range d.Program.Flows {
		f := &d.Program.Flows[i]
		if f.Mod.Table != 0 {
			if table, has := filters[f.Owner]; !has || f.Mod.Table < table {
				filters[f.Owner] = f.Mod.Table
			}
		}
		if groups, _ := flowtable.Uses(f.Mod.Instructions); len(groups) > 0 {
			sampled[f.Owner] = true
		}
	}
	return filters, sampled
}

// FilterFlows is how many flows the filter of an owner takes, the last of which stands for what no
// rule accepts.
func (d *Desired) FilterFlows(owner string) (count int) {
	filters, _ := d.filterTables()
	for i := range d.Program.Flows {
		f := &d.Program.Flows[i]
		if f.Owner == owner && f.Mod.Table != 0 && f.Mod.Table == filters[owner] &&
			f.Counts == tap.CountsByPlace {
			count++
		}
	}
	return count
}

// goesOn reports whether instructions lead to another table.
func goesOn(list []action.Instruction) bool {
	return slices.ContainsFunc(list, func(i action.Instruction) bool {
		_, is := i.(action.GotoTable)
		return is
	})
}

// outputs reports whether instructions send a packet to a port.
func outputs(list []action.Instruction) bool {
	for _, i := range list {
		switch i := i.(type) {
		case action.ApplyActions:
			if outputsBy(i) {
				return true
			}
		case action.WriteActions:
			if outputsBy(i) {
				return true
			}
		}
	}
	return false
}

// outputsBy reports whether actions send a packet to a port. Copies that are cut leave by a clone.
func outputsBy(actions []action.Action) bool {
	for _, a := range actions {
		if _, apart := tap.IsApart(a); apart {
			continue
		}
		switch a := a.(type) {
		case action.Output, action.OutputTrunc, action.Controller:
			return true
		case action.Clone:
			if outputsBy(a.Actions) {
				return true
			}
		}
	}
	return false
}
