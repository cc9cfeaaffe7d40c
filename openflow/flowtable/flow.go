package flowtable

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/tapline-sdn/tapline/openflow"
	"github.com/tapline-sdn/tapline/openflow/action"
	"github.com/tapline-sdn/tapline/openflow/oxm"
)

// A Flow is a wanted OpenFlow flow.
type Flow struct {
	Table        openflow.TableID
	Priority     uint16
	Match        oxm.Match // In any order.
	Cookie       openflow.Cookie
	Instructions []action.Instruction
	IdleTimeout  uint16 // Seconds; 0 means never.
	HardTimeout  uint16 // Seconds; 0 means never.
	Flags        openflow.FlowFlags
}

// Key returns the key of the flow.
func (f Flow) Key() Key { return KeyOf(f.Table, f.Priority, f.Match) }

// FlowOf is the desired flow that equals an installed one.
func FlowOf(s openflow.FlowStats) Flow {
	return Flow{
		Table: s.Table, Priority: s.Priority, Match: s.Match, Cookie: s.Cookie,
		Instructions: s.Instructions,
		IdleTimeout:  s.IdleTimeout, HardTimeout: s.HardTimeout, Flags: s.Flags,
	}
}

// A Key is the identity of a flow in a switch: table, priority and match in
// canonical form. Keys are comparable with ==.
type Key struct {
	table    openflow.TableID
	priority uint16
	match    string // Encoded fields of the normalized match.
}

// KeyOf returns the key of a flow. Two matches that a switch takes for the
// same give the same key, whatever the order of their fields.
func KeyOf(table openflow.TableID, priority uint16, match oxm.Match) Key {
	// A match that cannot be encoded cannot be installed either, and no
	// installed flow has it; its text keeps it apart from all others.
	m := match.Normalize()
	var buf [128]byte
	b, err := oxm.AppendMatch(buf[:0], m)
	if err != nil {
		b = []byte(m.String())
	}

	return Key{table, priority, string(b)}
}

// Compare orders keys by table, then by falling priority, then by match.
func (k Key) Compare(l Key) int {
	return cmp.Or(
		cmp.Compare(k.table, l.table),
		cmp.Compare(l.priority, k.priority),
		cmp.Compare(k.match, l.match),
	)
}

// instructionOrder is the order in which a switch executes instructions,
// whatever their order in the message (OpenFlow 1.3.5, 5.9).
func instructionOrder(i action.Instruction) int {
	switch i.(type) {
	case action.Meter:
		return 0
	case action.ApplyActions:
		return 1
	case action.ClearActions:
		return 2
	case action.WriteActions:
		return 3
	case action.WriteMetadata:
		return 4
	case action.GotoTable:
		return 5
	}

	return 6
}

// canonicalInstructions returns instructions in the form in which a switch
// reports them.
func canonicalInstructions(list []action.Instruction) []action.Instruction {
	var c []action.Instruction
	for _, i := range list {
		switch i := i.(type) {
		case action.ApplyActions:
			if len(i) > 0 {
				c = append(c, action.ApplyActions(canonicalActions(i)))
			}
		case action.WriteActions:
			c = append(c, action.WriteActions(canonicalActions(i)))
		default:
			c = append(c, i)
		}
	}

	slices.SortStableFunc(c, func(a, b action.Instruction) int {
		return cmp.Compare(instructionOrder(a), instructionOrder(b))
	})
	return c
}

func canonicalActions(list []action.Action) []action.Action {
	c := make([]action.Action, len(list))
	for i, a := range list {
		switch a := a.(type) {
		case action.Output:
			if a.Port != openflow.PortController {
				a.MaxLen = 0 // Switches do not keep it for other ports.
			}
			c[i] = a

		case action.Clone:
			c[i] = action.Clone{Actions: canonicalActions(a.Actions)}
		default:
			c[i] = a
		}
	}

	return c
}

// comparison holds the buffers of two wire forms, which the next comparison reuses.
type comparison struct{ a, b []byte }

// sameInstructions compares wire forms: as they are, and if they differ in canonical form. The
// first step is the cheaper one and usually decides.
func (c *comparison) sameInstructions(a, b []action.Instruction) bool {
	return c.sameWire(a, b) || c.sameWire(canonicalInstructions(a), canonicalInstructions(b))
}

func (c *comparison) sameWire(a, b []action.Instruction) bool {
	var errA, errB error
	c.a, errA = action.AppendInstructions(c.a[:0], a)
	c.b, errB = action.AppendInstructions(c.b[:0], b)
	return errA == nil && errB == nil && bytes.Equal(c.a, c.b)
}
