// Package vswitch is the Open_vSwitch database (ovs-vswitchd.conf.db(5)) as Go
// types: rows, snapshots of them, and transactions.
//
// A [Watcher] monitors the columns that the row types have, as far as the
// server's schema has them, and yields one immutable [Snapshot] after another.
// The row types have all configuration, and of what a switch tells about itself
// that which somebody reads: each other column costs updates, and memory.
// A [Txn] is built against a snapshot and committed on a connection; it writes
// what differs, touches sets and maps that others write too by mutation only,
// and guards what it relies on, so that it fails with [ErrConflict] rather
// than do the wrong thing to a switch that has changed meanwhile:
//
//	snap, err := watcher.Next(ctx)
//	br, _ := snap.Bridge("br0")
//	txn := vswitch.NewTxn(snap, vswitch.Owner{Key: "owner", Value: "me"})
//	txn.InsertPort(br.UUID, vswitch.Port{Name: "p0", Tag: new(100)})
//	txn.IncrementNextCfg()
//	result, err := txn.Commit(ctx, conn)
//
// The switch has applied the change once the snapshot's System().CurCfg has
// reached result.NextCfg.
//
// The package decides nothing: what ought to be on a switch is its caller's
// affair. It needs no I/O but the connection that it is given, and it starts
// no goroutine.
//
// # Rows
//
// Rows are shared between snapshots and must not be changed, nor must the
// slices and maps in them. Copy the struct, and what changes in it, to make a
// new one. A column that the switch's schema does not have, an empty optional
// column and an empty set or map read as the zero value; sets are sorted; so
// go-cmp or reflect.DeepEqual report whether two rows are the same.
package vswitch
