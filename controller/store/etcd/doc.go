// Package etcd is a [store.Store] in etcd 3.4 or later.
//
// Everything is under one prefix, and can be read with etcdctl:
//
//	PREFIX/head             JSON: revision, reserved keys, cluster id, last writer and deletions
//	PREFIX/secret           the cluster's secret, in base64
//	PREFIX/records/KIND/ID  the revision, a space, and the record as JSON
//	PREFIX/lock             who uses the prefix, or leads the replicas that do, on a lease
//	PREFIX/accepted         when an operator last said that a restored store is meant
//	PREFIX/replicas/NAME    a replica that runs, on a lease; see controller/replica
//
// Every write is one transaction that rewrites the head, on the condition that the head is still
// the one that this process has seen. So one comparison orders all writes, and revisions are the
// store's own: each batch is one above the last. The revisions of all records are kept in memory,
// where conditions on them are checked. A watch keeps them up to date with what others write.
//
// An attempt to write may end without an answer, and may be carried out later. The same transaction
// is then repeated until its outcome is known: the head names the writer and the number of the last
// transaction. After [Config.CommitTime] the callers get an error, and nothing else is written
// until the outcome is settled: a new head keeps a late attempt from being carried out, and what
// was carried out though its callers got an error is taken back. Where other processes share the
// prefix, one of them may have written since; then it stays, and a watch tells of it.
//
// A store whose head goes back, as after a restore from a snapshot, writes nothing more. With
// [Config.Shared] false, the default, the same goes for one in which somebody else has written.
//
// A store owns the goroutines that write, that follow the watch, and that keep the lock. Close
// waits for them.
package etcd
