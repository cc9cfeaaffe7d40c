// Package replica elects the leader of several controllers that share a store in etcd, and tells
// who they are.
//
// A [Member] registers under the store's prefix, and asks etcd at short intervals who leads and who
// else is registered. It does not watch, because a watch on a member of etcd that is frozen or cut
// off stays silent for many seconds.
//
//	PREFIX/lock             the leader: the key that a store takes as its lock, see store/etcd
//	PREFIX/replicas/NAME    a replica that runs
//
// Both have a JSON object with name, url and since, and each is on a lease of its own. Whoever
// creates the leader's key leads for a [Term]. Its number is etcd's revision of that moment, so it
// only grows within one etcd.
//
// A term ends when it is resigned, when etcd says so, when somebody finds out that another process
// leads ([Term.Lost]), and by this process's own clock: as soon as the lease could have passed
// since the last renewal was sent. So a process that was stopped and goes on knows it at once,
// without asking anybody.
//
// The package knows nothing of HTTP, of engines and of switches. A Member owns one goroutine, and
// each Term owns one more; both end with their contexts.
package replica
