// Package filter compiles expressions of pcap-filter(7), the language of tcpdump, to OpenFlow
// flows of Open vSwitch.
//
// [Compile] takes an expression to a [Program], an ordered list of rules, and [Program.Flows] places
// the program in a table. On the way:
//
//	lex.go, parse*.go    the expression becomes a tree of terms, each with its place
//	formula.go           the tree becomes a formula in which only terms are negated
//	fragment.go          what later fragments lack becomes what may be
//	lower.go             terms become cubes: sets of frames that one flow can match
//	region.go, list.go   cubes become a decision list, by intersection and union
//	compile.go           the list becomes rules
//
// The package is pure: no I/O, no clock, no goroutines, no state.
package filter
