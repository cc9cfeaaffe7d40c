//go:build linux

package e2e

import (
	"bytes"
	"context"
	"encoding/binary"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/tapline-sdn/tapline/api/client"
	"github.com/tapline-sdn/tapline/testenv/lab"
)

// isolation shows that a collector gets the copies of its own flows and nothing else, and that
// nothing from a collector gets anywhere.
func (s *stage) isolation(t *testing.T) {
	s.run(t, "what a collector sends reaches nobody", s.collectorSends)
	s.run(t, "collectors of one host get their own copies", s.ownCopies)
	s.run(t, "broadcasts of others never arrive", s.failClosed)
	s.run(t, "injected tunnel packets are dropped", s.injection)
}

func (s *stage) collectorSends(t *testing.T) {
	one, two, far, nic := s.guestSink(t, s.ids1, "brtap"), s.guestSink(t, s.ids1b, "brtap"),
		s.guestSink(t, s.ids2, "brtap"), s.hostSink(t, s.h1)

	s.flow(t, one, vnic(s.web, "BOTH"))
	s.flow(t, two, vnic(s.db, "BOTH"))
	s.flow(t, far, vnic(s.web, "BOTH"))
	s.flow(t, nic, vswitch(s.h1, lab.Wire, 0, "BOTH"))
	quietly := map[string]*lab.Capture{"a collector beside": two.Capture,
		"a collector far away": far.Capture, "the spare NIC": nic.Capture}

	for _, g := range []*lab.Guest{s.web, s.db, s.app, s.acc} {
		quietly[g.Name] = capture(t, g.Node, "eth0", lab.Both)
	}

	quietly["the wire"] = capture(t, s.h1.Node, lab.WireUplink, lab.Both)
	underlay := capture(t, s.h1.Node, lab.UnderlayUplink, lab.Out)
	from, err := s.ids1.Sender(one.nic.Device)
	must(t, err)
	mac, err := lab.ParseMAC(one.MACAddr)
	must(t, err)
	must(t, from.Send(assorted(mac, s.web.MAC())...))
	must(t, from.Send(assorted(mac, s.app.MAC())...))
	must(t, from.Close())
	spare, err := s.Fabric.Sender("spare-h1")
	must(t, err)
	must(t, spare.Send(assorted(s.h1.SpareMAC, s.web.MAC())...))
	must(t, spare.Close())
	for name, c := range quietly {
		must(t, c.WaitQuiet(deadline(t), quiet))
		if frames := c.Frames(); len(frames) > 0 {
			t.Errorf("%s got %d frames, such as %s", name, len(frames),
				lab.Describe(frames[0].Data))
		}
	}

	for _, f := range underlay.Frames() {
		if bytes.Contains(f.Data, mac[:]) {
			t.Errorf("a frame of the collector left the host: %s", lab.Describe(f.Data))
		}
	}
}

func (s *stage) ownCopies(t *testing.T) {
	one, two := s.guestSink(t, s.ids2, "brtap"), s.guestSink(t, s.ids2b, "brtap")
	s.flow(t, one, vnic(s.web, "OUT"))
	s.flow(t, two, vnic(s.db, "OUT"))
	web, db := assorted(s.web.MAC(), s.app.MAC()), assorted(s.db.MAC(), s.app.MAC())
	send(t, s.web, web...)
	send(t, s.db, db...)
	exactly(t, "copies of web", lab.MultisetOf(web), one.Capture)
	exactly(t, "copies of db", lab.MultisetOf(db), two.Capture)
}

// failClosed lets an unmirrored guest broadcast all the time while flows come and go. The
// collectors' NICs are captured from before their services are enabled.
func (s *stage) failClosed(t *testing.T) {
	near, far := s.guestSink(t, s.ids1, "brtap"), s.guestSink(t, s.ids2, "brtap")
	nic := s.hostSink(t, s.h1)
	frame := func(uint64) []byte {
		return lab.UDP{Src: s.db.MAC(), Dst: lab.Broadcast(), Tag: 0xbad, Len: 60}.Frame()
	}

	loud, err := s.db.Sender("eth0")
	must(t, err)
	traffic := loud.Start(context.Background(),
		lab.Stream{PPS: 2000, For: time.Minute, Frame: frame})

	source := capture(t, s.app.Node, "eth0", lab.In)
	for round := range 6 {
		for _, to := range []*sink{near, far, nic} {
			f := s.flowAs(t, to.ID, vnic(s.web, "OUT"))
			// acc is on VLAN 7 and hears no broadcast
			g := s.flowAs(t, to.ID, vnic(s.acc, []string{"OUT", "IN"}[round%2]))
			_, err := s.api.TapFlows().Disable(deadline(t), f.ID)
			must(t, err)
			_, err = s.api.TapServices().Disable(deadline(t), to.ID, client.Wait(answerTime))
			must(t, err)
			_, err = s.api.TapFlows().Enable(deadline(t), f.ID)
			must(t, err)
			_, err = s.api.TapServices().Enable(deadline(t), to.ID, client.Wait(answerTime))
			must(t, err)
			must(t, s.api.TapFlows().Delete(deadline(t), f.ID))
			must(t, s.api.TapFlows().Delete(deadline(t), g.ID, client.Wait(answerTime)))
		}
	}

	_, err = traffic.Stop()
	must(t, err)
	must(t, loud.Close())
	if n := len(source.Frames()); n < 100 {
		t.Errorf("only %d broadcasts went over the wire meanwhile", n)
	}

	for name, to := range map[string]*sink{"local": near, "remote": far, "NIC": nic} {
		must(t, to.WaitQuiet(deadline(t), quiet))
		if frames := to.Frames(); len(frames) > 0 {
			t.Errorf("%s collector got %d frames, such as %s", name, len(frames),
				lab.Describe(frames[0].Data))
		}
	}
}

// injection sends GRE packets to the collector's host from the underlay network.
func (s *stage) injection(t *testing.T) {
	to := s.guestSink(t, s.ids2, "brtap")
	s.flow(t, to, vnic(s.web, "OUT"))
	flows, err := s.h2.OFCtl("--no-stats", "dump-flows", "brtap")
	must(t, err)
	// The probe flow matches the same address with another key.
	match := regexp.MustCompile(`cookie=0x74610003[0-9a-f]+,.* priority=\d+,` +
		`tun_id=(0x[0-9a-f]+|\d+),tun_src=` +
		regexp.QuoteMeta(s.h1.TunnelIP.String())).FindStringSubmatch(flows)
	if match == nil {
		t.Fatalf("no flow of h2 takes copies of h1:\n%s", flows)
	}

	key, err := strconv.ParseUint(match[1], 0, 32)
	must(t, err)
	from, err := s.Fabric.Sender("underlay")
	must(t, err)
	defer from.Close()
	text, err := s.h2.VSCtl("get", "Interface", lab.UnderlayBridge, "mac_in_use")
	must(t, err)
	mac, err := lab.ParseMAC(text[1 : len(text)-1])
	must(t, err)
	packet := func(src [4]byte, key uint32, tag uint32) []byte {
		inner := lab.UDP{Src: s.web.MAC(), Dst: s.db.MAC(), Tag: tag}.Frame()
		return encapsulated(mac, src, s.h2.TunnelIP.As4(), key, inner)
	}

	right := s.h1.TunnelIP.As4()
	for i, p := range []struct {
		src [4]byte
		key uint32
	}{
		{[4]byte{10, 210, 0, 99}, uint32(key)}, {s.h3.TunnelIP.As4(), uint32(key)},
		{s.h2.TunnelIP.As4(), uint32(key)},
		{right, uint32(key) + 1}, {right, 0}, {right, 0xffffffff}, {right, uint32(key) ^ 1<<31},
	} {
		must(t, from.Send(packet(p.src, p.key, uint32(i))))
	}

	must(t, from.Send(packet(right, uint32(key), 777))) // the last one shows that the test can tell
	must(t, to.WaitLen(deadline(t), 1))
	must(t, to.WaitQuiet(deadline(t), quiet))
	for _, f := range to.Frames() {
		if tag, _, _ := lab.Sequence(f.Data); tag != 777 {
			t.Errorf("an injected packet came through: %s", lab.Describe(f.Data))
		}
	}
}

// encapsulated is a GRE packet with a key (RFC 2890) around an Ethernet frame.
func encapsulated(dst lab.MAC, from, to [4]byte, key uint32, inner []byte) []byte {
	packet := make([]byte, 14+20+8, 14+20+8+len(inner))
	copy(packet, dst[:])
	copy(packet[6:], []byte{0x02, 0xee, 0, 0, 0, 1})
	binary.BigEndian.PutUint16(packet[12:], 0x0800)
	ip := packet[14:34]
	ip[0], ip[8], ip[9] = 0x45, 64, 47
	binary.BigEndian.PutUint16(ip[2:], uint16(28+len(inner)))
	copy(ip[12:], from[:])
	copy(ip[16:], to[:])
	var total uint32
	for i := 0; i < 20; i += 2 {
		total += uint32(binary.BigEndian.Uint16(ip[i:]))
	}

	for total > 0xffff {
		total = total>>16 + total&0xffff
	}

	binary.BigEndian.PutUint16(ip[10:], ^uint16(total))
	binary.BigEndian.PutUint16(packet[34:], 0x2000)
	binary.BigEndian.PutUint16(packet[36:], 0x6558)
	binary.BigEndian.PutUint32(packet[38:], key)
	return append(packet, inner...)
}
