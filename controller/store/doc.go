// Package store keeps intent: what users asked for, and nothing that can be observed again.
//
// A [Store] commits batches atomically. A batch that was acknowledged survives a power failure.
// [OpenBolt] opens one in a file, which is the default; package etcd has one in etcd. [NewMemory]
// keeps nothing and is for tests. Every implementation must pass package storetest. Implementations
// share [Queue], [History] and [Keys].
//
// Every batch makes a new revision, which is one above the last. A record carries the revision of
// the batch that wrote it. The store knows nothing about the content of a record, but that it is
// JSON.
//
// A bbolt store owns one goroutine that writes. The batches that wait during one write are written
// together by the next, in the order of their arrival, each with its own conditions and outcome.
// Each watch owns one more goroutine. Close waits for all of them.
package store
