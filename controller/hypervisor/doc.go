// Package hypervisor is about the guests of hosts, as the hypervisor knows them, and about how the tap NIC of a tap service gets
// into its guest.
//
// [Libvirt] does both by virsh(1), executed without a shell: a worker for each host surveys the host's domains, compares their
// NICs with what is wanted ([Orders]), attaches and detaches, and reports ([Report]). It looks at state, never at what it did
// before: each NIC of ours carries an alias with the ids of the cluster and of the service, so that after any restart it is
// known which NICs are ours and which of them nobody wants any more. NICs without our alias are never touched.
//
// Without a driver somebody else plugs the NIC, wherever it suits him: Tapline recognises it by its address or name and moves
// it to the tap bridge.
//
// The package decides nothing about mirroring and knows no switch. A worker owns its goroutines and child processes, and has
// waited for all of them when it returns.
package hypervisor
