// Package hypervisor knows the guests of each host as the hypervisor sees them, and plugs the tap
// NICs of tap services into their guests.
//
// [Libvirt] does both with virsh(1), which it executes without a shell. One worker per host
// surveys the host's domains, compares their NICs with what is ordered ([Orders]), attaches and
// detaches NICs, and reports ([Report]). A worker acts on the state that it reads, never on what
// it remembers having done. Each NIC of ours carries an alias with the ids of the cluster and of
// the tap service, so after a restart it is known which NICs are ours and which of them are no
// longer ordered. NICs without our alias are never changed.
//
// A host is believed about the guests that it runs, and about nothing else. A guest keeps the UUID
// by which it was asked for. A name or an address that guests on two hosts have plugs a NIC into
// neither.
//
// Without a driver, somebody else plugs the NIC into any bridge of the host. Tapline recognises
// the NIC by its MAC address or name and moves its port to the tap bridge.
//
// The package decides nothing about mirroring and does not talk to switches. A worker owns its
// goroutines and child processes, and waits for all of them before it returns.
package hypervisor
