//go:build linux

package e2e

import (
	"context"
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/tapline-sdn/tapline/api/client"
	"github.com/tapline-sdn/tapline/testenv/lab"
)

// loop mirrors the bridges that carry the tunnel, on both hosts, to each other and to themselves.
func (s *stage) loop(t *testing.T) {
	for _, hub := range []bool{false, true} {
		name := "underlay learns"
		if hub {
			name = "underlay floods everything"
		}

		s.run(t, name, func(t *testing.T) {
			ageing := map[bool]string{false: "30000", true: "0"}
			_, err := s.Fabric.Run(deadline(t), "ip", "link", "set", "underlay", "type", "bridge",
				"ageing_time", ageing[hub])
			must(t, err)
			t.Cleanup(func() {
				_, err := s.Fabric.Run(context.Background(), "ip", "link", "set", "underlay",
					"type", "bridge", "ageing_time", ageing[false])
				must(t, err)
			})

			s.mirrorUnderlay(t)
		})
	}
}

func (s *stage) mirrorUnderlay(t *testing.T) {
	s.register(t, s.h3)
	t.Cleanup(func() {
		must(t, s.api.Hosts().Delete(context.Background(), s.h3.Name, client.Wait(answerTime)))
	})

	pids := []int{s.h1.VSwitchdPID(), s.h2.VSwitchdPID(), s.h3.VSwitchdPID()}
	near, far := s.guestSink(t, s.ids1, "brtap"), s.guestSink(t, s.ids2, "brtap")
	for _, h := range []*lab.Host{s.h1, s.h2, s.h3} {
		for _, to := range []*sink{near, far} {
			s.flow(t, to, vswitch(h, lab.UnderlayBridge, 0, "BOTH"))
		}
	}

	s.flow(t, far, vnic(s.web, "OUT"))
	from, err := s.Fabric.Sender("underlay")
	must(t, err)
	defer from.Close()
	// Broadcasts come to all three hosts; what web sends, through the tunnel, is mirrored nowhere
	// but at web.
	mac := lab.MAC{0x02, 0xee, 0, 0, 0, 2}
	var broadcasts, web [][]byte
	for i := range 20 {
		broadcasts = append(broadcasts, lab.UDP{Src: mac, Dst: lab.Broadcast(), Tag: 0x100b,
			Seq: uint64(i)}.Frame())
		web = append(web, lab.UDP{Src: s.web.MAC(), Dst: s.db.MAC(), Tag: 0x100b,
			Seq: uint64(1000 + i)}.Frame())
	}

	must(t, from.Send(broadcasts...))
	send(t, s.web, web...)
	three := sum(lab.MultisetOf(broadcasts), lab.MultisetOf(broadcasts), lab.MultisetOf(broadcasts))
	for _, c := range []struct {
		to   *sink
		want lab.Multiset
	}{{near, three}, {far, sum(three, lab.MultisetOf(web))}} {
		_, _ = await(arrives, func() error {
			if n := len(c.to.Frames()); n < c.want.Len() {
				return fmt.Errorf("%d frames", n)
			}
			return nil
		})

		if err := c.to.WaitQuiet(deadline(t), 5*quiet); err != nil {
			t.Errorf("it does not end: %v", err)
		}

		got := lab.Multiset{}
		others, kinds := 0, map[string]int{}
		for _, f := range c.to.Frames() {
			if of(0x100b)(f) {
				got[string(f.Data)]++
			} else if len(f.Data) > 23 && binary.BigEndian.Uint16(f.Data[12:]) == 0x0800 &&
				f.Data[23] == 47 {
				t.Errorf("a packet of the tunnel was mirrored: %s", lab.Describe(f.Data))
				break
			} else {
				others++
				kinds[lab.Describe(f.Data)]++
			}
		}

		if diff := lab.Diff(c.want, got); diff != "" {
			t.Errorf("%s: %s", c.to.Name, diff)
		}

		t.Logf("%d other frames of the underlay, such as ARP", others)
		// ARP between tunnel endpoints that do not know each other yet is traffic of the underlay
		// too
		if others > 3000 {
			t.Errorf("%d other frames of %d kinds", others, len(kinds))
		}
	}

	for i, h := range []*lab.Host{s.h1, s.h2, s.h3} {
		if pid := h.VSwitchdPID(); pid != pids[i] {
			t.Errorf("the switch of %s had process id %d and has %d", h.Name, pids[i], pid)
		}
	}
}
