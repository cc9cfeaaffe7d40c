//go:build linux

package e2e

import (
	"fmt"
	"syscall"
	"testing"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/testenv/lab"
)

// counters compares what the API counts with what was sent.
func (s *stage) counters(t *testing.T) {
	for _, where := range []string{"local", "remote", "remote NIC"} {
		s.run(t, where, func(t *testing.T) {
			to := s.collectors()[where](t)
			f := s.flow(t, to, vnic(s.web, "OUT"))
			frames := numbered(s.web.MAC(), s.db.MAC(), 0, 100, 200, 300, 1514)
			send(t, s.web, frames...)
			s.counted(t, f.ID, to.ID, 4, 100+200+300+1514, 0)
			v, err := s.api.TapFlows().Get(deadline(t), f.ID)
			must(t, err)
			if v.Counters.Shared {
				t.Error("the flow's counters are said to be shared")
			}

			list, err := s.api.TapFlows().List(deadline(t))
			must(t, err)
			for _, row := range list.TapFlows {
				if row.ID == f.ID && row.Counters.Captured.Packets != 4 {
					t.Errorf("the list says %d packets", row.Counters.Captured.Packets)
				}
			}

			g := s.flow(t, to, vnic(s.db, "OUT"))
			send(t, s.db, numbered(s.db.MAC(), s.web.MAC(), 0, 500)...)
			eventually(t, "shared", func() error {
				v, err := s.api.TapFlows().Get(deadline(t), g.ID)
				if err == nil && (!v.Counters.Shared || v.Counters.Captured.Packets != 1) {
					err = fmt.Errorf("counters are %+v", v.Counters)
				}
				return err
			})

			s.counted(t, f.ID, to.ID, 5, 100+200+300+1514+500, 0)
		})
	}

	s.run(t, "loss in the tunnel", func(t *testing.T) {
		to := s.guestSink(t, s.ids2, "brtap")
		f := s.flow(t, to, vnic(s.web, "OUT"))
		send(t, s.web, numbered(s.web.MAC(), s.db.MAC(), 0, 100, 100)...)
		s.counted(t, f.ID, to.ID, 2, 200, 0)
		_, err := s.h2.OFCtl("add-flow", lab.UnderlayBridge,
			"priority=40000,ip,nw_proto=47,actions=drop")
		must(t, err)
		restore := func() {
			_, err := s.h2.OFCtl("del-flows", "--strict", lab.UnderlayBridge,
				"priority=40000,ip,nw_proto=47")
			must(t, err)
		}

		t.Cleanup(restore)
		// Of full size: the kernel's datapath may merge small packets before it counts them.
		send(t, s.web, numbered(s.web.MAC(), s.db.MAC(), 0, 1514, 1514, 1514)...)
		s.counted(t, f.ID, to.ID, 5, 200+3*1514, 3)
		restore()
	})

	s.run(t, "tunnel's own packets are left out, and not lost", func(t *testing.T) {
		// The copies for the other sink enter the underlay's bridge of the second host.
		to := s.guestSink(t, s.ids1, "brtap")
		f := s.flow(t, to, vswitch(s.h2, lab.UnderlayBridge, 0, "BOTH"))
		other := s.guestSink(t, s.ids2b, "brtap")
		s.flow(t, other, vnic(s.web, "OUT"))
		send(t, s.web, numbered(s.web.MAC(), s.db.MAC(), 0, 100, 100, 100)...)
		eventually(t, "guarded", func() error {
			v, err := s.api.TapFlows().Get(deadline(t), f.ID)
			if err == nil && (v.Counters.Guarded.Packets < 3 || v.Counters.Lost.Packets != 0) {
				err = fmt.Errorf("counters are %+v", v.Counters)
			}
			return err
		})
	})
}

// counted waits until a flow and its service show the given numbers of packets, bytes and losses.
func (s *stage) counted(t *testing.T, flow, service string, packets, bytes, lost uint64) {
	t.Helper()
	check := func(c api.Counters) error {
		switch {
		case c.Delivered == nil || c.Lost == nil || c.SampledAt == nil:
			return fmt.Errorf("counters are not complete: %+v", c)
		case c.Lost.Packets > lost:
			t.Fatalf("%d packets are said to be lost, %d are: %+v", c.Lost.Packets, lost, c)
		case c.Captured.Packets > packets:
			t.Fatalf("%d packets are said to be captured, %d were sent", c.Captured.Packets,
				packets)
		case c.Captured.Packets != packets || c.Captured.Bytes != bytes ||
			c.Delivered.Packets != packets-lost || c.Lost.Packets != lost:
			return fmt.Errorf("captured %+v, delivered %+v, lost %+v", c.Captured, *c.Delivered,
				*c.Lost)
		}
		return nil
	}

	eventually(t, "counters", func() error {
		f, err := s.api.TapFlows().Get(deadline(t), flow)
		if err == nil {
			err = check(f.Counters)
		}

		if err != nil {
			return fmt.Errorf("flow: %w", err)
		}

		v, err := s.api.TapServices().Get(deadline(t), service)
		if err == nil {
			err = check(v.Counters)
		}

		if err != nil {
			return fmt.Errorf("service: %w", err)
		}

		return nil
	})
}

// countersGoOn checks that a restarted controller continues from the switches' counters, and that a
// restarted switch makes no counter shrink and no loss appear.
func (w *world) countersGoOn(t *testing.T, sink *lab.Host, from, to *lab.Guest, flow string,
	ready func()) {
	before := api.Counters{Delivered: &api.Flowing{}, Lost: &api.Count{}}
	reach := func(packets uint64) {
		t.Helper()
		eventually(t, fmt.Sprintf("%d packets", packets), func() error {
			f, err := w.api.TapFlows().Get(deadline(t), flow)
			if err != nil {
				return err
			}

			c := f.Counters
			switch {
			case c.Lost == nil || c.Lost.Packets != 0:
				t.Fatalf("packets are said to be lost: %+v", c.Lost)
			case c.SampledAt != nil && (c.Captured.Packets < before.Captured.Packets ||
				c.Delivered.Packets < before.Delivered.Packets):
				t.Fatalf("counters shrank from %+v to %+v", before, c)
			case c.SampledAt == nil || c.Captured.Packets != packets ||
				c.Delivered.Packets != packets:
				return fmt.Errorf("captured %+v, delivered %+v", c.Captured, *c.Delivered)
			}

			before = c
			return nil
		})
	}

	more := func() { send(t, from, numbered(from.MAC(), to.MAC(), 0, 100, 200, 300)...) }
	more()
	reach(3)
	w.stop(t, syscall.SIGKILL)
	before = api.Counters{Delivered: &api.Flowing{}}
	w.start(t)
	ready()
	reach(3)
	more()
	reach(6)
	must(t, sink.RestartVSwitchd(deadline(t)))
	eventually(t, "counters of a switch that started again", func() error {
		ready()
		x, err := w.api.TapFlows().Explain(deadline(t), flow)
		if err != nil {
			return err
		}

		for _, at := range x.Switches {
			if at.Host == sink.Name && (!at.OpenFlow.Connected || at.FlowsError != "" ||
				len(at.Flows) == 0 || at.Flows[0].State != "stands") {
				return fmt.Errorf("host %+v", at)
			}
		}

		return nil
	})

	more()
	reach(9)
}
