//go:build linux

package e2e

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/testenv/lab"
)

// ownCounters compares what is counted by MAC address for tap flows that share a capture with what
// the guests' own NICs show.
func (s *stage) ownCounters(t *testing.T) {
	for _, where := range []string{"local", "remote"} {
		for _, test := range []struct {
			name string
			flow api.TapFlowCreate
			rate string
		}{
			{name: "plain"},
			{name: "with options", rate: "100000pps",
				flow: api.TapFlowCreate{Filter: "udp dst port 9", Snaplen: 100, Sample: 2}},
		} {
			s.run(t, where+" "+test.name, func(t *testing.T) {
				to := s.collectors()[where](t)
				if test.rate != "" {
					s.limit(t, to, test.rate)
				}
				s.ownOf(t, to, test.flow)
			})
		}
	}

	s.run(t, "beside a whole switch", func(t *testing.T) {
		to := s.guestSink(t, s.ids1, "brtap")
		f := s.flow(t, to, vnic(s.web, "OUT"))
		whole := s.flow(t, to, vswitch(s.h1, lab.WireBridge, 0, "BOTH"))
		send(t, s.web, numbered(s.web.MAC(), s.db.MAC(), 0, 100, 100)...)
		send(t, s.db, numbered(s.db.MAC(), s.web.MAC(), 0, 100)...)
		s.countsOwn(t, f.ID, 2, 0)
		got, err := s.api.TapFlows().Get(deadline(t), whole.ID)
		must(t, err)
		if !got.Counters.Shared || got.Counters.ByMAC != nil {
			t.Errorf("counters of the switch are %+v, want shared ones", got.Counters)
		}
	})
}

// ownOf has guests send all kinds of frames while one of them is mirrored, and while both are.
func (s *stage) ownOf(t *testing.T, to *sink, options api.TapFlowCreate) {
	as := func(f, options api.TapFlowCreate) api.TapFlowCreate {
		f.Filter, f.Snaplen, f.Sample = options.Filter, options.Snaplen, options.Sample
		return f
	}
	web, db := capture(t, s.web.Node, "eth0", lab.Out), capture(t, s.db.Node, "eth0", lab.In)
	receiver := capture(t, s.db.Node, "eth0", lab.In)
	s.sendOwn(t) // The switch learns where everybody is.
	must(t, web.WaitQuiet(deadline(t), quiet))
	must(t, db.WaitQuiet(deadline(t), quiet))
	// What the switch has counted and not added up yet would be added to flows that come now.
	_, err := s.h1.AppCtl("revalidator/purge")
	must(t, err)

	f := s.flow(t, to, as(vnic(s.web, "OUT"), options))
	alone := len(web.Data())
	before := s.cachedFlows(t)
	must(t, web.WaitQuiet(deadline(t), quiet))
	alone = len(web.Data()) - alone
	eventually(t, "packets of one tap flow", func() error {
		got, err := s.api.TapFlows().Get(deadline(t), f.ID)
		if err == nil && (int(got.Counters.Captured.Packets) != alone || got.Counters.Shared) {
			err = fmt.Errorf("counters are %+v, want %d packets", got.Counters, alone)
		}
		return err
	})

	g := s.flow(t, to, as(vnic(s.db, "IN"), options))
	sent, came, all := len(web.Data()), len(db.Data()), len(receiver.Data())
	if after := s.cachedFlows(t); after > before {
		t.Errorf("the switch caches %d flows, %d without counting by address", after, before)
	}
	must(t, web.WaitQuiet(deadline(t), quiet))
	must(t, db.WaitQuiet(deadline(t), quiet))

	ofWeb := addressed(web.Data()[sent:], 6, s.web.MAC())
	ofDB := addressed(db.Data()[came:], 0, s.db.MAC())
	if ofWeb == 0 || ofWeb == len(web.Data())-sent || ofDB == 0 || ofDB == len(db.Data())-came {
		t.Errorf("of %d and %d frames, %d and %d have the address: the test is void",
			len(web.Data())-sent, len(db.Data())-came, ofWeb, ofDB)
	}
	s.countsOwn(t, f.ID, alone+ofWeb, 1)
	s.countsOwn(t, g.ID, ofDB, 1)

	got, err := s.api.TapFlows().Get(deadline(t), g.ID)
	must(t, err)
	switch own := got.Counters.ByMAC; {
	case options.Filter == "" && own.Selected != nil, options.Filter != "" && own.Selected == nil:
		t.Errorf("with filter %q it counts %+v as selected", options.Filter, own.Selected)
	case own.Selected != nil && (own.Selected.Packets == 0 || int(own.Selected.Packets) >= ofDB):
		t.Errorf("the filter selects %d of %d", own.Selected.Packets, ofDB)
	}
	if n := len(receiver.Data()) - all; n != len(db.Data())-came {
		t.Errorf("the receiver has %d frames, not %d", n, len(db.Data())-came)
	}
}

// sendOwn has guests send frames with their own addresses, to all, with an address of nobody, and
// to an address of nobody.
func (s *stage) sendOwn(t testing.TB) {
	nobody, other := lab.MAC{2, 0, 0, 0, 0, 0x98}, lab.MAC{2, 0, 0, 0, 0, 0x99}
	send(t, s.db, numbered(s.db.MAC(), s.web.MAC(), 0, 60, 60)...)
	send(t, s.ids1b, numbered(s.ids1b.MAC(), s.db.MAC(), 0, 60, 500)...)
	for _, frames := range [][][]byte{
		numbered(s.web.MAC(), s.db.MAC(), 0, 60, 700, 1514),
		{tcp(s.web.MAC(), s.db.MAC(), [2]uint16{1, 2}, 2)},
		numbered(s.web.MAC(), lab.Broadcast(), 0, 60, 61),
		numbered(other, s.db.MAC(), 0, 60, 61),
		numbered(other, nobody, 0, 60),
	} {
		send(t, s.web, frames...)
	}
}

// cachedFlows has the frames sent with an empty cache, and returns how many flows the datapath has
// for them.
func (s *stage) cachedFlows(t testing.TB) int {
	t.Helper()
	_, err := s.h1.AppCtl("revalidator/purge")
	must(t, err)
	s.sendOwn(t)
	out, err := s.h1.AppCtl("dpctl/dump-flows")
	must(t, err)
	return strings.Count(out, "02:00:00:00:00:9") + strings.Count(out, s.web.MAC().String())
}

// addressed is how many frames have an address at an offset.
func addressed(frames [][]byte, at int, mac lab.MAC) (n int) {
	for _, frame := range frames {
		if bytes.Equal(frame[at:at+6], mac[:]) {
			n++
		}
	}
	return n
}

// countsOwn waits until a tap flow counts some packets as its own, and no more, and others as of
// nobody.
func (s *stage) countsOwn(t *testing.T, flow string, packets, unexplained int) {
	t.Helper()
	eventually(t, "packets by MAC", func() error {
		got, err := s.api.TapFlows().Get(deadline(t), flow)
		switch own := got.Counters.ByMAC; {
		case err != nil:
			return err
		case own == nil || !got.Counters.Shared:
			return fmt.Errorf("it counts nothing by MAC: %+v", got.Counters)
		case int(own.Captured.Packets) > packets:
			t.Fatalf("%d packets are said to have its address, %d have", own.Captured.Packets,
				packets)
		case int(own.Captured.Packets) < packets || int(own.Unexplained.Packets) < unexplained:
			return fmt.Errorf("by MAC are %+v, want %d", own, packets)
		}
		return nil
	})
}
