// Package change checks what users ask for, and makes the records and store operations of it.
//
// A [Checker] holds a request against the intent, the places of NICs and the hosts: it fills in
// what the user leaves open, such as ids and the names of tap NICs, and refuses with a *view.Error
// what contradicts something. Whether a service or a flow can be mirrored is the plugin's word,
// which the engine asks for. The checker has no lock: it is used under the engine's mutex. The
// functions that make operations need none.
package change
