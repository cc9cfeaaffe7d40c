//go:build linux

package e2e

import (
	"testing"

	"github.com/tapline-sdn/tapline/testenv/lab"
)

// TestShared runs what leaves no trace on one lab and one controller: three hosts, of which two are
// registered.
func TestShared(t *testing.T) {
	s := newStage(t)
	for _, part := range []struct {
		name string
		test func(*stage, *testing.T)
	}{
		{"Commands", (*stage).commands},
		{"Examples", (*stage).examples},
		{"Mirror", (*stage).mirror},
		{"Isolation", (*stage).isolation},
		{"Busy", (*stage).busy},
		{"Loop", (*stage).loop},
		{"Status", (*stage).status},
		{"Counters", (*stage).counters},
		{"OwnCounters", (*stage).ownCounters},
		{"Dedup", (*stage).dedup},
		{"Explain", (*stage).explains},
		{"Documents", (*stage).documents},
		{"Inventory", (*stage).inventory},
		{"Refusal", (*stage).refusal},
		{"Ownership", (*stage).ownership},
		{"Trace", (*stage).trace},
		{"Drift", func(s *stage, t *testing.T) { s.drift(t, 1) }},
	} {
		t.Run(part.name, func(t *testing.T) { part.test(s, t) })
	}
}

// newStage starts the world that tests share.
func newStage(t *testing.T, options ...lab.Option) *stage {
	t.Helper()
	w := newWorld(t, 3, 2, options...)
	h1, h2 := w.Hosts[0], w.Hosts[1]
	return &stage{
		world: w, h1: h1, h2: h2, h3: w.Hosts[2],
		web: w.guest(t, h1, "web"), db: w.guest(t, h1, "db"), app: w.guest(t, h2, "app"),
		acc:  w.guest(t, h1, "acc", lab.GuestNIC{Tag: 7}),
		ids1: w.guest(t, h1, "ids1"), ids1b: w.guest(t, h1, "ids1b"), ids2: w.guest(t, h2, "ids2"),
		ids2b: w.guest(t, h2, "ids2b"),
	}
}

// stage is the world that tests share, with its guests: web, db and acc (an access port of VLAN 7)
// on the first host, app on the second, and collectors on both.
type stage struct {
	*world
	h1, h2, h3               *lab.Host
	web, db, app, acc        *lab.Guest
	ids1, ids1b, ids2, ids2b *lab.Guest
}

// collectors are the kinds of destinations, seen from the first host.
func (s *stage) collectors() map[string]func(t testing.TB) *sink {
	return map[string]func(t testing.TB) *sink{
		"local":      func(t testing.TB) *sink { return s.guestSink(t, s.ids1, "brtap") },
		"remote":     func(t testing.TB) *sink { return s.guestSink(t, s.ids2, "brtap") },
		"local NIC":  func(t testing.TB) *sink { return s.hostSink(t, s.h1) },
		"remote NIC": func(t testing.TB) *sink { return s.hostSink(t, s.h2) },
	}
}

func (s *stage) mirror(t *testing.T) {
	for _, where := range []string{"local", "remote", "local NIC", "remote NIC"} {
		collector := s.collectors()[where]
		for _, direction := range []string{"BOTH", "IN", "OUT"} {
			s.run(t, where+" vnic "+direction, func(t *testing.T) {
				s.mirrorVNIC(t, collector(t), direction)
			})
			s.run(t, where+" vswitch "+direction, func(t *testing.T) {
				s.mirrorVSwitch(t, collector(t), direction)
			})
		}

		s.run(t, where+" access port", func(t *testing.T) { s.mirrorAccessPort(t, collector(t)) })
		s.run(t, where+" vlan", func(t *testing.T) { s.mirrorVLAN(t, collector(t)) })
		s.run(t, where+" priority tag", func(t *testing.T) {
			s.mirrorOdd(t, collector(t), withTag(lab.UDP{Src: s.web.MAC(), Dst: s.db.MAC(), Tag: 1,
				Len: 100}.Frame(), 0x8100, 5<<13))
		})

		s.run(t, where+" two tags", func(t *testing.T) {
			inner := lab.UDP{Src: s.web.MAC(), Dst: s.db.MAC(), VLAN: 200, Tag: 1, Len: 100}.Frame()
			s.mirrorOdd(t, collector(t), withTag(inner, 0x8100, 100))
		})

		s.run(t, where+" two tags of 802.1ad", func(t *testing.T) {
			inner := lab.UDP{Src: s.web.MAC(), Dst: s.db.MAC(), VLAN: 200, Tag: 1, Len: 100}.Frame()
			s.mirrorOdd(t, collector(t), withTag(inner, 0x88a8, 100))
		})

		s.run(t, where+" talk on one host is copied once", func(t *testing.T) {
			to := collector(t)
			s.flow(t, to, vnic(s.web, "BOTH"))
			s.flow(t, to, vnic(s.db, "BOTH"))
			s.talkIsCopiedOnce(t, to)
		})

		s.run(t, where+" vnic and vswitch of one bridge are copied once", func(t *testing.T) {
			to := collector(t)
			s.flow(t, to, vnic(s.web, "BOTH"))
			s.flow(t, to, vswitch(s.h1, lab.Wire, 0, "BOTH"))
			s.flow(t, to, vnic(s.db, "IN"))
			s.talkIsCopiedOnce(t, to)
		})

		s.run(t, where+" vnic and vlan of one bridge are copied once", func(t *testing.T) {
			to := collector(t)
			s.flow(t, to, vnic(s.web, "BOTH"))
			s.flow(t, to, vswitch(s.h1, lab.Wire, 100, "BOTH"))
			s.flow(t, to, vswitch(s.h1, lab.Wire, 100, "IN"))
			s.flow(t, to, vnic(s.db, "BOTH"))
			s.talkIsCopiedOnce(t, to)
		})
	}

	s.run(t, "NIC plugged on br0 is moved", func(t *testing.T) {
		s.mirrorVNIC(t, s.guestSink(t, s.ids1, lab.WireBridge), "BOTH")
	})

	s.run(t, "remote NIC plugged on br0 is moved",
		func(t *testing.T) { s.mirrorVNIC(t, s.guestSink(t, s.ids2, lab.WireBridge), "BOTH") })

	s.run(t, "NIC plugged on another bridge is moved",
		func(t *testing.T) { s.mirrorVNIC(t, s.guestSink(t, s.ids1, lab.UnderlayBridge), "BOTH") })

	s.run(t, "two services of one source", s.twoServices)
	s.run(t, "sources of two hosts to one service", s.twoHosts)
}

// mirrorVNIC compares what the guest's NIC sent and received with the copies.
func (s *stage) mirrorVNIC(t *testing.T, to *sink, direction string) {
	s.flow(t, to, vnic(s.web, direction))
	out, in := capture(t, s.web.Node, "eth0", lab.Out), capture(t, s.web.Node, "eth0", lab.In)
	sent, local, remote := assorted(s.web.MAC(), s.db.MAC()), assorted(s.db.MAC(), s.web.MAC()),
		assorted(s.app.MAC(), s.web.MAC())

	send(t, s.web, sent...)
	send(t, s.db, local...)
	send(t, s.app, remote...)
	send(t, s.db, numbered(s.db.MAC(), s.web.MAC(), 0, 70, 71)...)
	var want lab.Multiset
	if direction != "IN" {
		want = sum(want, settled(t, out, len(sent)))
	}
	if direction != "OUT" {
		want = sum(want, settled(t, in, len(local)+len(remote)+2))
	}

	exactly(t, "copies", want, to.Capture)
}

// mirrorVSwitch compares what passed the bridge, or its uplink, with the copies.
func (s *stage) mirrorVSwitch(t *testing.T, to *sink, direction string) {
	s.flow(t, to, vswitch(s.h1, lab.Wire, 0, direction))
	fromWeb, fromDB := capture(t, s.web.Node, "eth0", lab.Out),
		capture(t, s.db.Node, "eth0", lab.Out)

	fromNet, toNet := capture(t, s.h1.Node, lab.WireUplink, lab.In),
		capture(t, s.h1.Node, lab.WireUplink, lab.Out)

	web, db, app := assorted(s.web.MAC(), s.db.MAC()), assorted(s.db.MAC(), s.app.MAC()),
		assorted(s.app.MAC(), s.web.MAC())

	send(t, s.web, web...)
	send(t, s.app, app...)
	send(t, s.db, db...)
	var want lab.Multiset
	switch direction {
	case "BOTH":
		want = sum(settled(t, fromWeb, len(web)), settled(t, fromDB, len(db)),
			settled(t, fromNet, len(app)))
	case "IN":
		want = settled(t, fromNet, len(app))
	case "OUT":
		want = settled(t, toNet, len(db))
	}

	exactly(t, "copies", want, to.Capture)
}

// mirrorAccessPort shows that copies have the tag that the frames have on the switch.
func (s *stage) mirrorAccessPort(t *testing.T, to *sink) {
	s.flow(t, to, vnic(s.acc, "BOTH"))
	out, in := capture(t, s.acc.Node, "eth0", lab.Out), capture(t, s.acc.Node, "eth0", lab.In)
	sent := untaggedKinds(s.acc.MAC(), s.app.MAC())
	answers := numbered(s.app.MAC(), s.acc.MAC(), 7, 64, 1518)
	send(t, s.acc, sent...)
	send(t, s.app, answers...)
	exactly(t, "copies", tagged(sum(settled(t, out, len(sent)), settled(t, in, len(answers))), 7),
		to.Capture)
}

// mirrorVLAN shows that one VLAN is copied, whichever port its frames come from, and no other.
func (s *stage) mirrorVLAN(t *testing.T, to *sink) {
	s.flow(t, to, vswitch(s.h1, lab.Wire, 7, "BOTH"))
	fromAcc := capture(t, s.acc.Node, "eth0", lab.Out)
	access := untaggedKinds(s.acc.MAC(), s.db.MAC())
	trunk := append(numbered(s.web.MAC(), s.db.MAC(), 7, 64, 65, 1518),
		lab.ARP{Src: s.web.MAC(), VLAN: 7}.Frame())

	net := numbered(s.app.MAC(), s.web.MAC(), 7, 64, 1000, 1518)
	send(t, s.acc, access...)
	send(t, s.web, trunk...)
	send(t, s.app, net...)
	send(t, s.web, assorted(s.web.MAC(), s.db.MAC())...) // other VLANs, and none
	send(t, s.app, numbered(s.app.MAC(), s.web.MAC(), 8, 64)...)
	exactly(t, "copies", sum(tagged(settled(t, fromAcc, len(access)), 7), lab.MultisetOf(trunk),
		lab.MultisetOf(net)), to.Capture)
}

// mirrorOdd compares single frames that switches treat in special ways.
func (s *stage) mirrorOdd(t *testing.T, to *sink, frame []byte) {
	s.flow(t, to, vnic(s.web, "OUT"))
	send(t, s.web, frame)
	exactly(t, "copies", lab.MultisetOf([][]byte{frame}), to.Capture)
}

// talkIsCopiedOnce has both guests of the first host talk to each other and to the net.
func (s *stage) talkIsCopiedOnce(t *testing.T, to *sink) {
	web, db := assorted(s.web.MAC(), s.db.MAC()), assorted(s.db.MAC(), s.web.MAC())
	app := numbered(s.app.MAC(), s.web.MAC(), 0, 60, 1514)
	send(t, s.web, web...)
	send(t, s.db, db...)
	send(t, s.app, app...)
	exactly(t, "copies", sum(lab.MultisetOf(web), lab.MultisetOf(db), lab.MultisetOf(app)),
		to.Capture)
}

func (s *stage) twoServices(t *testing.T) {
	local, remote, nic := s.guestSink(t, s.ids1, "brtap"), s.guestSink(t, s.ids2, "brtap"),
		s.hostSink(t, s.h2)

	s.flow(t, local, vnic(s.web, "BOTH"))
	s.flow(t, remote, vnic(s.web, "BOTH"))
	s.flow(t, nic, vnic(s.web, "OUT"))
	web, db := assorted(s.web.MAC(), s.db.MAC()), assorted(s.db.MAC(), s.web.MAC())
	send(t, s.web, web...)
	send(t, s.db, db...)
	both := sum(lab.MultisetOf(web), lab.MultisetOf(db))
	exactly(t, "local", both, local.Capture)
	exactly(t, "remote", both, remote.Capture)
	exactly(t, "NIC", lab.MultisetOf(web), nic.Capture)
}

func (s *stage) twoHosts(t *testing.T) {
	to := s.guestSink(t, s.ids2, "brtap")
	s.flow(t, to, vnic(s.web, "OUT"))
	s.flow(t, to, vnic(s.app, "OUT"))
	web, app := assorted(s.web.MAC(), s.db.MAC()), assorted(s.app.MAC(), s.ids2b.MAC())
	send(t, s.web, web...)
	send(t, s.app, app...)
	exactly(t, "copies", sum(lab.MultisetOf(web), lab.MultisetOf(app)), to.Capture)
}
