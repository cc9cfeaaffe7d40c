// Package ovs runs a real ovsdb-server and, where it is wanted, a real
// ovs-vswitchd with dummy devices on its database, for tests of the protocol
// libraries. Neither needs root, a kernel module or the system's own Open
// vSwitch; everything is in a directory of its own and ends with the test. For
// many hosts see package dummy, for traffic package lab.
//
// A test is skipped, with the name of what is missing, where Open vSwitch is
// not installed, and fails instead where the environment says CI=true.
package ovs
