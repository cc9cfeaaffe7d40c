// Package reconcile compares what must stand on a switch with what does, and says what to change:
// rows by one OVSDB transaction (RFC 7047), flows by one OpenFlow bundle. It also says, owner by
// owner, what is not in place yet and why.
//
// It is pure: it asks no switch and writes nothing. It touches only rows that carry our cluster id,
// and holds every program against that rule before use. Programs come from plugins; the package
// does not plan.
//
// A [Desired] and snapshots are immutable and may be used by several goroutines. A [Memory] and a
// [MirrorWatch] belong to one.
package reconcile
