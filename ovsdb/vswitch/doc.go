// Package vswitch is the Open_vSwitch database (ovs-vswitchd.conf.db(5)) as Go
// types: rows, snapshots of them, and transactions.
//
// A [Watcher] monitors the columns of the row types, as far as the server's schema has them, and
// yields one immutable [Snapshot] after another. The row types have all configuration. Of the
// status they have only what somebody reads: every column costs updates and memory.
//
// A [Txn] is built against a snapshot and committed on a connection. It writes only what differs,
// and changes sets and maps that others write too element by element. It guards what it relies on:
// if the switch has changed meanwhile, it fails with [ErrConflict] and changes nothing:
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
// The package decides nothing: its caller knows what ought to be on a switch. It does no I/O but on
// the connection that it is given, and starts no goroutine.
//
// # Rows
//
// Rows are shared between snapshots and must not be changed, nor must the
// slices and maps in them. Copy the struct, and what changes in it, to make a
// new one. A column that the switch's schema does not have, an empty optional
// column and an empty set or map read as the zero value; sets are sorted; so
// go-cmp or reflect.DeepEqual report whether two rows are the same.
package vswitch
