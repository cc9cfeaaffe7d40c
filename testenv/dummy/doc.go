// Package dummy runs many Open vSwitch hosts for tests of scale: a real
// ovsdb-server and a real ovs-vswitchd each, whose datapath and ports are OVS's
// dummies (--enable-dummy=override), so that they need neither root nor
// namespaces nor interfaces, and pass no traffic. For traffic see package lab.
//
// Each host has a bridge br0 for the wire net0 and the identification that a
// host of package lab has. Its database listens on a unix socket and on a TCP
// port of the loopback interface.
//
// The daemons end with the process that started them, whatever ends it: the
// kernel kills them with the thread that forked them (prctl(2),
// PR_SET_PDEATHSIG), and a Fleet keeps that thread until Close.
package dummy
