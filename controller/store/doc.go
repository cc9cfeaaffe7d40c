// Package store keeps intent on disk: what users asked for, and nothing that can be observed again.
//
// A [Store] commits batches atomically, and a batch that was acknowledged survives the loss of power. The interface is
// small enough for bbolt ([OpenBolt], the default) and for a remote store with transactions, revisions and watches.
// [NewMemory] keeps nothing and is for tests. Package storetest is what every implementation has to pass.
//
// Every batch makes a new revision, one above the last, and a record carries the revision of the batch that wrote it.
// The store does not know what is in a record beyond that it is JSON.
//
// A bbolt store owns one goroutine that writes: the batches that wait while a write is under way are the next write,
// one after another in the order of their arrival, each with its own conditions and outcome. Each watch owns one more.
// Close waits for all of them.
package store
