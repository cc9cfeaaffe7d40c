// Package members keeps the members of tap flows with a selector up to date: it tells the index of
// package selection what guests are and where, and takes over into the intent who came and left.
//
// It decides nothing about what is mirrored: each member is told to the plugin as a tap flow of
// type vnic, and its programs are held to that. A [Keeper] has no lock: it is guarded by the
// engine's mutex.
package members
