// Package reconcile compares what must stand on a switch with what does, and says what to change: rows by one OVSDB
// transaction, flows by one OpenFlow bundle. It also says, owner by owner, what is not in place yet and why.
//
// It is pure. It touches only rows that carry our cluster id, and holds every program against that rule before use.
package reconcile
