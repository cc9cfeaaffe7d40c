// Package trial has what an imagined engine works with instead of a store and of switches: a store
// that keeps nothing, and what a switch would show once tap NICs are where they are planned to be.
//
// The engine uses it to tell what a change would do; see its method Rehearse.
package trial
