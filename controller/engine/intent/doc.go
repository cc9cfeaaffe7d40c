// Package intent holds what users asked for, in memory: the records of hosts, guests, tap services
// and tap flows, by id and by name.
//
// Records are replaced, never changed in place, so whoever got one may keep it. The package has no
// lock: all of it is guarded by that of the engine. It knows the rules of names, and neither how
// records are stored nor what comes of them.
package intent
