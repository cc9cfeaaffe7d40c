package standing

import (
	"fmt"

	"github.com/tapline-sdn/tapline/controller/engine/intent"
	"github.com/tapline-sdn/tapline/controller/engine/view"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// memberTally is how the members of a tap flow with a selector stand. It is kept up to date member
// by member, so that one that changes costs the same however many there are.
type memberTally struct {
	counts map[tap.State]int
	// members that are in error and pending
	failed, waiting map[intent.Ref]struct{}
	// example is one of those, which stands for the others in the reason.
	example intent.Ref
}

// countMember takes a member of a tap flow from one state to another; "" is none. It ignores what
// is no member.
func (t *Table) countMember(id intent.Ref, before, now tap.State) {
	m := t.intent.Members[id.ID]
	if m == nil || before == now {
		return
	}

	of := intent.FlowRef(m.Of)
	tally := t.tallies[of]
	if tally == nil {
		tally = &memberTally{counts: map[tap.State]int{}, failed: map[intent.Ref]struct{}{},
			waiting: map[intent.Ref]struct{}{}}
		t.tallies[of] = tally
	}

	tally.move(before, -1)
	tally.move(now, 1)
	delete(tally.failed, id)
	delete(tally.waiting, id)
	switch now {
	case tap.StateError:
		tally.failed[id] = struct{}{}
	case tap.StatePending:
		tally.waiting[id] = struct{}{}
	}
	if len(tally.counts) == 0 {
		delete(t.tallies, of)
	}
}

func (m *memberTally) move(state tap.State, by int) {
	if state == "" {
		return
	}
	if m.counts[state] += by; m.counts[state] == 0 {
		delete(m.counts, state)
	}
}

// memberCounts is how the members of a tap flow stand; zero if it has no selector.
func (t *Table) memberCounts(id intent.Ref) view.MemberCounts {
	f := t.intent.Flows.ByID[id.ID]
	if id.Kind != tap.KindFlow || f == nil || f.Type != tap.FlowSelector {
		return view.MemberCounts{}
	}

	counts := view.MemberCounts{Total: t.intent.Selected[id.ID]}
	if tally := t.tallies[id]; tally != nil {
		counts.Ready = tally.counts[tap.StateReady]
		counts.Pending = tally.counts[tap.StatePending]
		counts.Failed = tally.counts[tap.StateError]
	}
	return counts
}

// membersHealth is how a tap flow with a selector stands whose service is ready.
func (t *Table) membersHealth(id intent.Ref, counts view.MemberCounts) view.Health {
	tally := t.tallies[id]
	switch {
	case tally == nil || counts.Total == 0:
		return nothingSelected()
	case counts.Failed > 0:
		return t.exampleHealth(tap.StateError, tally, tally.failed, counts)
	case counts.Pending > 0:
		return t.exampleHealth(tap.StatePending, tally, tally.waiting, counts)
	}
	return view.Ready()
}

func nothingSelected() view.Health {
	return view.Pending(view.CodeSelectsNothing, "no NIC that is plugged on a host matches")
}

// exampleHealth says how many members are not ready, and of one of them why.
func (t *Table) exampleHealth(state tap.State, tally *memberTally, some map[intent.Ref]struct{},
	counts view.MemberCounts) view.Health {
	if _, still := some[tally.example]; !still {
		for id := range some {
			tally.example = id
			break
		}
	}
	return t.sumUp(state, tally.example, t.Health(tally.example), len(some), counts.Total)
}

// sumUp says of members in a state how many they are, and of one of them why.
func (t *Table) sumUp(state tap.State, example intent.Ref, why view.Health, some, all int,
) view.Health {
	who := example.ID
	if m := t.intent.Members[example.ID]; m != nil {
		who = fmt.Sprintf("NIC %s of guest %s", m.MAC, m.Guest)
	}
	return view.Health{State: state, Code: why.Code,
		Reason: fmt.Sprintf("%d of %d NICs: %s: %s", some, all, who, why.Reason)}
}

// foreseeMembers is the health of a tap flow with a selector once the switches that can be reached
// have what is planned.
func (t *Table) foreseeMembers(id intent.Ref) view.Health {
	if len(t.intent.MembersOf[id.ID]) == 0 {
		return nothingSelected()
	}

	counts, examples := map[tap.State]int{}, map[tap.State]intent.Ref{}
	for member := range t.intent.MembersOf[id.ID] {
		ref := intent.FlowRef(member)
		state := t.Foresee(ref).State
		counts[state]++
		if first, known := examples[state]; !known || ref.ID < first.ID {
			examples[state] = ref
		}
	}

	for _, state := range []tap.State{tap.StateError, tap.StatePending} {
		if counts[state] > 0 {
			example := examples[state]
			return t.sumUp(state, example, t.Foresee(example), counts[state],
				len(t.intent.MembersOf[id.ID]))
		}
	}
	return view.Ready()
}

// Retire takes over that a member no longer is one. What it may have on the switches is to leave
// them, and is remembered as what its tap flow needed before. The member is to be removed from the
// intent then.
func (t *Table) Retire(m *intent.Member) {
	id, of := intent.FlowRef(m.ID), intent.FlowRef(m.Of)
	t.addOutdated(of, t.mayHave(id)...)
	t.countMember(id, t.verdicts[id].Health.State, "")
	t.Forget(id)
}

// TakeRetired notes what the plugin has planned for a member that has been retired meanwhile. It
// reports whether the status is about one.
func (t *Table) TakeRetired(s tap.Status) bool {
	of := intent.SelectorOf(s.ID)
	if s.Kind != tap.KindFlow || of == "" || t.intent.Members[s.ID] != nil {
		return false
	}
	t.addOutdated(intent.FlowRef(of), s.Needs...)
	return true
}
