// Package lab runs several real Open vSwitch hosts on one Linux machine.
//
// Each host is a network namespace with an ovsdb-server and an ovs-vswitchd (userspace datapath) of
// its own. Linux bridges in a namespace called "fabric" join them:
//
//	       NAME-mgmt                       NAME-fabric
//	 bridge mgmt 10.200.0.1/24     bridge underlay   bridge net0   spare-h1
//	           |                          |               |           |
//	         mgmt0                      eth0            eth1        eth2
//	NAME-h1:  10.200.0.11/24           br-phy           br0        (unused)
//	                              10.210.0.11/24      vnet0 vnet1
//	                                                    |     |
//	                                                  eth0   eth0
//	                                             NAME-web   NAME-db
//
// Host i has the management address 10.200.0.(10+i), where ovsdb-server listens on TCP 6640, and
// the tunnel address 10.210.0.(10+i) on the internal port of br-phy, because userspace tunnels need
// their endpoint there. The wire net0 is carried by br0. What leaves eth2 arrives at spare-hI in
// the fabric. Labs share addresses but nothing else: all names outside a lab's own namespaces
// derive from the lab's name.
//
// A test calls [Start]; the command tapline-lab and other programs call [New], [Open] and [Purge].
// Guests are namespaces too ([Host.AddGuest]). Frames are sent by a [Sender], received by a
// [Capture] and compared as a [Multiset].
//
// A host can have virtual machines too, without KVM. [Host.StartLibvirt] starts a libvirtd with
// folders, processes and a host name of its own. [Host.AddMachine] defines a machine under it,
// which boots a small kernel (make deps) and reports its NICs and each frame that it receives.
//
// The package is an oracle for tests: it drives the switches only through ovs-vsctl, ovs-ofctl and
// ovs-appctl, and it imports nothing else of Tapline. It needs root and the programs that [Missing]
// names.
//
// A Lab owns its daemons, namespaces and directory; [Lab.Close] removes all of them and waits for
// its goroutines. Its methods may be called from several goroutines, except that one guest is
// changed by one goroutine at a time.
package lab
