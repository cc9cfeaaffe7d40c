package filter

import (
	"cmp"
	"slices"
	"strconv"

	"github.com/tapline-sdn/tapline/openflow/oxm"
)

// compile turns an expression into rules.
func compile(n node) (*Program, *Error) {
	f := always
	if n != nil {
		f = normalize(n, false)
	}
	if again := f.vlanTwice(); again != nil {
		return nil, again.at.fail("Open vSwitch reads the outer VLAN tag alone",
			"ask for one tag")
	}

	a := &algebra{}
	result := a.decide(f)
	if result == nil || a.tired() {
		return nil, tooLarge(f)
	}

	program := result.program()
	if program.Len() > MaxFlows {
		return nil, tooLarge(f)
	}
	return program, nil
}

// tooLarge is the error for a formula that needs too many flows. It points at the smallest part
// that does so by itself.
func tooLarge(f *formula) *Error {
	a := &algebra{}
	needs := a.flowsNeeded(f)
	for i := 0; i < len(f.operands) && !a.tired(); i++ {
		if n := a.flowsNeeded(f.operands[i]); n > MaxFlows && !a.tired() {
			f, needs, i = f.operands[i], n, -1
		}
	}

	var at span
	f.literals(func(l *formula) {
		if at.length == 0 {
			at = l.at
		}
		at = at.to(l.at)
	})
	number := strconv.Itoa(needs)
	if needs > maxFlowsWithin {
		number = "more than " + strconv.Itoa(maxFlowsWithin)
	}
	return at.fail("this needs "+number+" flows, and "+strconv.Itoa(MaxFlows)+" are possible",
		"say tcp or udp, src or dst with ports, use networks for hosts, or make several tap flows")
}

// flowsNeeded is the number of flows of a formula, or a number above maxFlowsWithin if these are
// too many to count.
func (a *algebra) flowsNeeded(f *formula) int {
	result := a.decide(f)
	if result == nil || a.tired() {
		return maxFlowsWithin + 1
	}
	return result.program().Len()
}

// decide returns the decision list of a formula for all frames, or nil if it needs too many flows.
// What can be asked of later fragments as well is asked of all frames at once, if that takes fewer
// flows than to ask it of each kind.
func (a *algebra) decide(f *formula) list {
	apart := a.evaluate(f.lower())
	if apart != nil {
		apart = a.simplify(append(a.laterFragments(f), apart...))
	}
	if f.form != formAnd && f.form != formOr {
		return apart
	}

	known, rest := f.split()
	if known.form == f.neutral() || rest.form == f.neutral() {
		return apart
	}

	x, y := a.evaluate(known.lower()), a.decide(rest)
	if x == nil || y == nil || a.tired() {
		return apart
	}

	var together list
	if f.form == formAnd {
		together = a.conjunction([]list{x, y})
	} else if together = a.conjunction([]list{x.not(), y.not()}); together != nil {
		together = together.not()
	}
	if apart == nil || together != nil && together.flows() < apart.flows() {
		return together
	}
	return apart
}

// evaluate returns the decision list of a formula, or nil if it needs too many flows.
func (a *algebra) evaluate(f *formula) list {
	switch f.form {
	case formTrue, formFalse:
		return everything(f.form == formTrue)
	case formLiteral:
		var regions []region
		for _, c := range cubes(f.term) {
			regions = append(regions, region{cube: c})
		}
		l := only(a.union(regions))
		if f.negated {
			return l.not()
		}
		return l
	}

	lists := make([]list, len(f.operands))
	for i, operand := range f.operands {
		l := a.evaluate(operand)
		if l == nil || a.tired() {
			return nil
		}
		if f.form == formOr {
			l = l.not()
		}
		lists[i] = l
	}

	l := a.conjunction(lists)
	if l != nil && f.form == formOr {
		return l.not()
	}
	return l
}

// conjunction joins lists of which all must accept. Those that only reject go first: they need no
// more flows than they have.
func (a *algebra) conjunction(lists []list) list {
	var rejects, rest []list
	for _, l := range lists {
		if l.onlyRejects() {
			rejects = append(rejects, l[:len(l)-1])
		} else {
			rest = append(rest, l)
		}
	}

	slices.SortStableFunc(rest, func(x, y list) int { return cmp.Compare(x.flows(), y.flows()) })
	result := a.simplify(append(slices.Concat(rejects...), everything(true)...))
	if len(rest) == 0 {
		return result
	}

	all := rest[0]
	for _, l := range rest[1:] {
		if all = a.and(all, l); all == nil || a.tired() {
			return nil
		}
	}
	return a.and(result, all)
}

// onlyRejects reports whether the list rejects some frames and accepts all others.
func (l list) onlyRejects() bool {
	return l[len(l)-1].accept && !slices.ContainsFunc(l[:len(l)-1], func(b block) bool {
		return b.accept
	})
}

// program numbers the steps of a list. The last block is left out where it rejects, since a frame
// that matches no flow is dropped.
func (l list) program() *Program {
	program := &Program{}
	level := 0
	for i, b := range l {
		if i == len(l)-1 && !b.accept {
			break
		}

		// Conjunctions need a level each; plain rules of the block share one.
		plain := false
		for _, r := range b.regions {
			rule := Rule{Match: r.cube.match(), Accept: b.accept, Level: level}
			if len(r.clauses) == 0 {
				program.Rules = append(program.Rules, rule)
				plain = true
			}
		}
		if plain {
			level++
		}
		for _, r := range b.regions {
			if len(r.clauses) > 0 {
				program.Rules = append(program.Rules, Rule{Match: r.cube.match(),
					Clauses: matches(r.clauses), Accept: b.accept, Level: level})
				level++
			}
		}
	}
	return program
}

func matches(clauses [][]cube) [][]oxm.Match {
	result := make([][]oxm.Match, len(clauses))
	for i, clause := range clauses {
		for _, c := range clause {
			result[i] = append(result[i], c.match())
		}
	}
	return result
}
