package reconcile

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tapline-sdn/tapline/openflow"
	"github.com/tapline-sdn/tapline/openflow/flowtable"
	"github.com/tapline-sdn/tapline/ovsdb/vswitch"
)

// Change is one object of a switch that is not as it must be.
type Change struct {
	Owner  string
	Object string // such as "port tlm-0badcafe on br0"
	// What is what is wrong with it: "missing", "unwanted", or the names of columns. Together with
	// Object it tells whether the same difference comes back again.
	What   string
	Detail func() string // what stands and what must; nil where What says it all

	// Gains are ports that a mirror has to select in addition, if nothing else is wrong with it.
	Gains []vswitch.UUID
	// Expired is set for a missing flow that expires unless it is renewed in time.
	Expired bool
	// Surplus is set for a flow that the program does not have; the program before perhaps had it.
	Surplus bool
}

// Key identifies the difference, whatever the values are.
func (c Change) Key() string { return c.Object + ": " + c.What }

// String says what was found.
func (c Change) String() string {
	if c.Detail == nil {
		return c.Object + ": " + c.What
	}
	return c.Object + ": " + c.Detail()
}

const (
	wasMissing  = "missing"
	wasUnwanted = "unwanted"
)

func object(kind, name, bridge string) string { return kind + " " + name + " on " + bridge }

// differing describes a row that must change.
func differing[T vswitch.Row](owner, object string, have, want *T) Change {
	must := *want // The caller goes on to change its own.
	detail := func() string {
		var details []string
		for _, d := range vswitch.Differences(have, &must) {
			details = append(details, fmt.Sprintf("%s is %s, want %s", d.Column, d.Was, d.Now))
		}
		return strings.Join(details, ", ")
	}

	columns := strings.Join(vswitch.DifferentColumns(have, want), " ")
	return Change{Owner: owner, Object: object, What: columns, Detail: detail}
}

// gains are the ports that a mirror has to select in addition; nil if it selects one that it must
// not.
func gains(have, want *vswitch.Mirror) []vswitch.UUID {
	sides := [][2][]vswitch.UUID{
		{have.SelectSrcPort, want.SelectSrcPort},
		{have.SelectDstPort, want.SelectDstPort},
	}

	var out []vswitch.UUID
	for _, side := range sides {
		have, want := side[0], side[1]
		if slices.ContainsFunc(have, func(port vswitch.UUID) bool { return !selects(want, port) }) {
			return nil
		}
		for _, port := range want {
			if !selects(have, port) {
				out = append(out, port)
			}
		}
	}

	return out
}

// selects looks a port up in a set of ports, which is sorted.
func selects(ports []vswitch.UUID, port vswitch.UUID) bool {
	_, found := slices.BinarySearchFunc(ports, port, vswitch.UUID.Compare)
	return found
}

// flowChange describes a modification of flows; stands is the flow that the switch has there, or
// nil.
func flowChange(owner, bridge string, m *openflow.FlowMod, stands *openflow.FlowStats) Change {
	c := Change{Owner: owner, Object: object("flow", m.String(), bridge)}
	switch {
	case m.Command != openflow.FlowAdd:
		if stands != nil {
			c.Object = object("flow", asAdded(stands), bridge)
		}
		c.What, c.Surplus = wasUnwanted, true
	case stands == nil:
		c.What, c.Expired = wasMissing, m.HardTimeout != 0
	default:
		c.What, c.Detail = "altered", func() string { return "it is " + asAdded(stands) }
	}

	return c
}

// asAdded writes an installed flow as the message that would add it.
func asAdded(f *openflow.FlowStats) string {
	mod := flowtable.FlowOf(*f).Add()
	return mod.String()
}
