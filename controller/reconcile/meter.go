package reconcile

import (
	"net/netip"

	"github.com/tapline-sdn/tapline/openflow"
	"github.com/tapline-sdn/tapline/openflow/action"
	"github.com/tapline-sdn/tapline/openflow/flowtable"
	"github.com/tapline-sdn/tapline/openflow/oxm"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// Meter says what the packets that a flow counts are to its owner: those that enter the tap bridge
// in the owner's name, which they do in table 0, and those that leave it, by a flow with an output.
type Meter struct {
	Owner  string
	Enters bool
	Leaves bool
	// the tunnel address that packets of this flow come from; zero if the flow does not say
	From netip.Addr
}

// Meters are the flows of a program whose statistics count what is mirrored.
type Meters struct {
	Of map[flowtable.Key]Meter
	// Cookie and Mask select all of them, and as few others as can be.
	Cookie, Mask openflow.Cookie
}

// Meters finds the flows that count.
func (d *Desired) Meters() Meters {
	out := Meters{Of: map[flowtable.Key]Meter{}, Mask: ^openflow.Cookie(0)}
	for i := range d.Program.Flows {
		f := &d.Program.Flows[i]
		m := Meter{Owner: f.Owner, Enters: f.Mod.Table == 0, Leaves: outputs(f.Mod.Instructions)}
		if f.Owner == tap.OwnerBridge || !m.Enters && !m.Leaves {
			continue
		}

		for _, id := range []oxm.FieldID{oxm.FieldTunIPv4Src, oxm.FieldTunIPv6Src} {
			if field, has := f.Mod.Match.Get(id); has {
				m.From, _ = field.Addr()
			}
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
		switch a := a.(type) {
		case action.Output, action.OutputTrunc:
			return true
		case action.Clone:
			if outputsBy(a.Actions) {
				return true
			}
		}
	}
	return false
}
