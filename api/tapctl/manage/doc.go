// Package manage has the verbs that work on one kind of resource each: host-, guest-, wire-,
// tap-service-, tap-flow-, token- and plugin- with list, show, create, update, delete, enable and
// disable, and host-facts.
//
// What is the same for all kinds is in list.go, show.go, delete.go and enable.go. A value is
// checked here only where it has to be understood; anything else is the controller's to refuse.
package manage
