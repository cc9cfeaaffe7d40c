// Package etcdtest runs members of etcd for tests, with data directories and ports of their own. A
// test ends what it has started.
package etcdtest
