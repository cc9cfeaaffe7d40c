package filter

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tapline-sdn/tapline/openflow"
	"github.com/tapline-sdn/tapline/openflow/action"
	"github.com/tapline-sdn/tapline/openflow/oxm"
)

// MaxFlows is the largest number of OpenFlow flows that a filter may need.
const MaxFlows = 256

// Program is a compiled filter. The first rule that matches a frame decides; a frame that matches
// no rule is rejected. A Program without rules rejects every frame.
//
// It presupposes that the switch handles fragments in nx-match mode ([openflow.FragNXMatch]): in
// any other mode flows cannot see the ports of first fragments.
type Program struct {
	Rules []Rule
}

// Rule is one step of a Program.
type Rule struct {
	// Match selects the rule's frames. It is canonical (see [oxm.Match.Normalize]) and has all the
	// prerequisites of its fields.
	Match oxm.Match

	// Clauses are further conditions: the rule selects a frame if Match does and, of every clause,
	// at least one match does. There are none, or at least two. Each of their matches contains
	// Match already.
	Clauses [][]oxm.Match

	// Accept says what happens to the frames: true to copy them, false to reject them.
	Accept bool

	// Level orders rules: it is 0 for the first and grows. Rules of one level all accept or all
	// reject, so that their order does not matter. A rule with clauses has a level of its own.
	Level int
}

// Placement says where the flows of a program go, and what they do.
type Placement struct {
	Table openflow.TableID

	// Priority is that of rules of level 0; each further level is one lower. It must be at least
	// [MaxFlows].
	Priority uint16

	// Match is added to each flow, such as a match on metadata. It must not hold fields that
	// programs match: Ethernet addresses and type, VLAN, and whatever belongs to IP and ARP.
	Match oxm.Match

	Cookie openflow.Cookie

	// Accept is what happens to accepted frames, such as a goto_table. Rejected frames are dropped.
	Accept []action.Instruction

	// Conjunction is the first of [Program.Conjunctions] ids of conjunctions. They must be
	// different for all programs in one table.
	Conjunction uint32
}

// Len returns the number of OpenFlow flows, at most [MaxFlows].
func (p *Program) Len() int {
	n := 0
	for i := range p.Rules {
		n += p.Rules[i].Len()
	}
	return n
}

// Conjunctions returns the number of ids of conjunctions that the flows need.
func (p *Program) Conjunctions() int {
	n := 0
	for i := range p.Rules {
		if len(p.Rules[i].Clauses) > 0 {
			n++
		}
	}
	return n
}

// Flows returns the flows, [Program.Len] of them, in the order of the rules: [Rule.Len] of each, of
// which the first counts the frames that the rule decides. (Flows with conjunction actions count
// nothing.) Flows of several placements can share a table if their matches exclude each other.
func (p *Program) Flows(at Placement) []openflow.FlowMod {
	flows := make([]openflow.FlowMod, 0, p.Len())
	id := at.Conjunction
	for i := range p.Rules {
		flows = append(flows, p.Rules[i].flows(at, id)...)
		if len(p.Rules[i].Clauses) > 0 {
			id++
		}
	}
	return flows
}

// String lists the rules, one a line.
func (p *Program) String() string {
	var b strings.Builder
	for i := range p.Rules {
		fmt.Fprintln(&b, &p.Rules[i])
	}
	return b.String()
}

// Len returns the number of OpenFlow flows that the rule needs: one, or for a conjunction one for
// each match of its clauses and one more.
func (r *Rule) Len() int {
	n := 1
	for _, clause := range r.Clauses {
		n += len(clause)
	}
	return n
}

// String writes the rule as level, action and match, in the syntax of ovs-ofctl.
func (r *Rule) String() string {
	verdict := "reject"
	if r.Accept {
		verdict = "accept"
	}

	var parts []string
	if len(r.Match) > 0 {
		parts = append(parts, r.Match.String())
	}
	for _, clause := range r.Clauses {
		parts = append(parts, fmt.Sprintf("one of %v", clause))
	}
	if len(parts) == 0 {
		parts = append(parts, "all")
	}
	return fmt.Sprintf("%d %s %s", r.Level, verdict, strings.Join(parts, " and "))
}

func (r *Rule) flows(at Placement, id uint32) []openflow.FlowMod {
	mod := openflow.FlowMod{Cookie: at.Cookie, Table: at.Table,
		Priority: at.Priority - uint16(r.Level)}

	final := mod
	if r.Accept {
		final.Instructions = at.Accept
	}

	if len(r.Clauses) == 0 {
		final.Match = slices.Concat(at.Match, r.Match)
		return []openflow.FlowMod{final}
	}

	// The flow of the conjunction itself needs no more of the match: the clauses have it.
	final.Match = slices.Concat(at.Match,
		oxm.Match{oxm.NewField(oxm.FieldConjID, oxm.Uint128{Lo: uint64(id)})})
	flows := []openflow.FlowMod{final}
	for i, clause := range r.Clauses {
		member := mod
		member.Instructions = []action.Instruction{action.ApplyActions{action.Conjunction{
			ID: id, Clause: uint8(i + 1), Clauses: uint8(len(r.Clauses))}}}

		for _, match := range clause {
			member.Match = slices.Concat(at.Match, match)
			flows = append(flows, member)
		}
	}

	return flows
}
