// Package standing works out how tap services, tap flows and hosts stand: disabled, pending, ready
// or in error, and why.
//
// It puts together the plugin's word on each service and flow ([tap.Status]), what the sessions
// have read back from the switches, and what the hypervisors say of tap NICs. Methods that may
// change a health return whose health is another; telling watchers of it is the caller's business.
// The package does no I/O.
//
// A [Table] has no lock: all of it, and the hosts in it, are guarded by the engine's mutex.
package standing
