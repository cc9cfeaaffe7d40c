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
	// What is what is wrong with it: "missing", "unwanted", or the names of columns. Together with Object it tells whether the same
	// comes back again.
	What   string
	Detail func() string // what stands and what must; nil where What says it all
	// Gains are ports that a mirror has to select in addition, if nothing else is wrong with it.
	Gains []vswitch.UUID
	// Surplus is set for a flow that the program does not have, and the one before perhaps had.
	Surplus bool
}

// Key tells whether the same comes back again, whatever the values are.
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
	must := *want // The caller's goes on to change.
	return Change{Owner: owner, Object: object, What: strings.Join(vswitch.DifferentColumns(have, want), " "), Detail: func() string {
		var details []string
		for _, d := range vswitch.Differences(have, &must) {
			details = append(details, fmt.Sprintf("%s is %s, want %s", d.Column, d.Was, d.Now))
		}
		return strings.Join(details, ", ")
	}}
}

// gains are the ports that a mirror has to select in addition; nil if it selects one that it must not.
func gains(have, want *vswitch.Mirror) []vswitch.UUID {
	var out []vswitch.UUID
	for _, pair := range [][2][]vswitch.UUID{{have.SelectSrcPort, want.SelectSrcPort}, {have.SelectDstPort, want.SelectDstPort}} {
		if slices.ContainsFunc(pair[0], func(port vswitch.UUID) bool { return !selects(pair[1], port) }) {
			return nil
		}
		for _, port := range pair[1] {
			if !selects(pair[0], port) {
				out = append(out, port)
			}
		}
	}
	return out
}

// selects looks a port up among those that a mirror selects, which are sorted.
func selects(ports []vswitch.UUID, port vswitch.UUID) bool {
	_, found := slices.BinarySearchFunc(ports, port, vswitch.UUID.Compare)
	return found
}

// flowChange describes a modification of flows.
func flowChange(owner, bridge string, m *openflow.FlowMod, have map[flowtable.Key]*openflow.FlowStats) Change {
	stands := have[flowtable.KeyOf(m.Table, m.Priority, m.Match)]
	switch {
	case m.Command != openflow.FlowAdd && stands != nil:
		return Change{Owner: owner, Object: object("flow", asAdded(stands), bridge), What: wasUnwanted, Surplus: true}
	case m.Command != openflow.FlowAdd:
		return Change{Owner: owner, Object: object("flow", m.String(), bridge), What: wasUnwanted, Surplus: true}
	case stands == nil:
		return Change{Owner: owner, Object: object("flow", m.String(), bridge), What: wasMissing}
	}
	return Change{Owner: owner, Object: object("flow", m.String(), bridge), What: "altered", Detail: func() string { return "it is " + asAdded(stands) }}
}

// asAdded writes an installed flow as the message that would add it.
func asAdded(f *openflow.FlowStats) string {
	mod := flowtable.FlowOf(*f).Add()
	return mod.String()
}
