// Command tapline-lab makes a lab of several Open vSwitch hosts on one Linux
// machine to play with, see package lab. It needs root.
//
//	tapline-lab up --hosts 3 --guests 2     three hosts with two guests each
//	tapline-lab info                        addresses, MACs, spare NICs
//	tapline-lab exec h1 -- ovs-vsctl show   on a host, with its own OVS
//	tapline-lab exec g1 -- ping 10.220.0.3  in a guest
//	tapline-lab serve                       a controller, in the background
//	tapline-lab exec controller -- tapctl host-list
//	tapline-lab plug g4 --tap-service ids   the NIC that a tap service asks for
//	tapline-lab move g1 h2                  a live migration
//	tapline-lab down
//
// The lab keeps running after up has returned, until down.
package main
