// Package engine is the ring of the controller: intent from the store and observation from the
// sessions go to the plugin, its programs go to the sessions, and what the sessions then read back
// becomes the status that users see.
//
// Callers change intent (Create, Update, Delete) and read views; they never act on a switch. A
// change is checked by the plugin, committed to the store, and only then acknowledged; convergence
// follows on its own and can be waited for.
package engine
