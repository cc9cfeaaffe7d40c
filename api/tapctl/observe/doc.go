// Package observe has the verbs that look and change nothing: explain, topology, watch, wait,
// audit-list and get-config.
//
// watch and wait read the controller's stream of events in goroutines of their own, and wait for
// those before they return.
package observe
