//go:build linux

package e2e

import (
	"encoding/binary"
	"fmt"
	"maps"
	"testing"
	"time"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/client"
	"github.com/tapline-sdn/tapline/testenv/lab"
)

// connections is how many connections the tests of pools make.
const connections = 600

// connectionFrame is a segment of a connection, there or back. Connections differ in their ports
// and, if apart is set, in one address as well.
func connectionFrame(src, dst lab.MAC, n int, back, apart bool) []byte {
	client, server := []byte{198, 18, 7, 1}, []byte{198, 18, 8, 2}
	if apart {
		client[2], client[3] = byte(16+n/200), byte(1+n%200)
	}

	ports, at := [2]uint16{uint16(10000 + n), 443}, append(client, server...)
	if back {
		ports = [2]uint16{ports[1], ports[0]}
		at = append(server, client...)
	}
	frame := tcp(src, dst, ports, 0x10)
	copy(frame[26:], at)
	return frame
}

// connectionOf is the number of the connection of a frame; false for other frames.
func connectionOf(frame []byte) (n int, is bool) {
	if len(frame) < 38 || frame[23] != 6 || frame[26] != 198 || frame[27] != 18 {
		return 0, false
	}
	a, b := binary.BigEndian.Uint16(frame[34:]), binary.BigEndian.Uint16(frame[36:])
	return int(max(a, b)) - 10000, min(a, b) == 443
}

// poolMember is a member of a pool, and what it got.
type poolMember struct {
	id  string
	got func() [][]byte
}

// pool spreads connections, seen half on one host and half on the other, over five members: two on
// each host and a remote collector.
func (s *collectorStage) pool(t *testing.T) {
	var members []poolMember
	var ids []string
	for _, g := range []*lab.Guest{s.ids1, s.ids1b, s.ids2, s.ids2b} {
		to := s.guestSink(t, g, "brtap")
		members = append(members, poolMember{to.ID, to.Data})
		ids = append(ids, to.ID)
	}
	box := s.remote(t, s.box.TunnelIP, "vxlan", 99)
	members, ids = append(members, poolMember{box.ID, box.copies}), append(ids, box.ID)

	v, err := s.api.TapServices().Create(deadline(t), api.TapServiceCreate{Name: unique("pool"),
		Type: "pool", Members: ids})
	must(t, err)
	s.deleteService(t, v.ID)
	_, err = s.api.TapServices().Enable(deadline(t), v.ID, client.Wait(answerTime))
	must(t, err)
	for _, g := range []*lab.Guest{s.web, s.app} {
		if f := s.flowAs(t, v.ID, vnic(g, "OUT")); f.Status != api.Ready {
			t.Fatalf("flow is %s: %s", f.Status, f.Reason)
		}
	}

	all := s.spread(t, members)
	if err := s.api.TapServices().Delete(deadline(t), ids[0]); !client.IsStatus(err, 409) {
		t.Errorf("a member was deleted: %v", err)
	}

	// One that is lost under load takes none of the others' connections with it.
	_, running := stream(t, s.web, s.db.MAC(), 500)
	lost := ids[1]
	_, err = s.api.TapServices().Disable(deadline(t), lost, client.Wait(answerTime))
	must(t, err)
	s.serviceStatus(t, v.ID, api.Ready, "is not ready")
	without := s.spread(t, members)
	for n, member := range all {
		if member != lost && without[n] != member || without[n] == lost {
			t.Errorf("connection %d moved from %s to %s", n, member, without[n])
			break
		}
	}

	// When it is back, it has what it had.
	_, err = s.api.TapServices().Enable(deadline(t), lost, client.Wait(answerTime))
	must(t, err)
	s.serviceStatus(t, v.ID, api.Ready, "")
	eventually(t, "the member has its connections again", func() error {
		if !maps.Equal(all, s.spread(t, members)) {
			return fmt.Errorf("another member has some")
		}
		return nil
	})
	must(t, running.Stop())
}

// paced sends frames as fast as a switch that knows none of them yet can take.
func paced(t *testing.T, from *lab.Guest, frames [][]byte) {
	t.Helper()
	sender, err := from.Sender("eth0")
	must(t, err)
	defer sender.Close()
	_, err = sender.Stream(t.Context(), lab.Stream{PPS: 500, Count: uint64(len(frames)),
		Frame: func(seq uint64) []byte { return frames[seq] }})
	must(t, err)
}

// spread sends both directions of all connections, each from another host, and returns the member
// that each went to.
func (s *collectorStage) spread(t *testing.T, members []poolMember) map[int]string {
	t.Helper()
	before := make([]int, len(members))
	for i, m := range members {
		before[i] = len(m.got())
	}

	// With the kernel's datapath, addresses alone tell connections apart.
	apart := s.Datapath() == lab.System
	var there, back [][]byte
	for n := range connections {
		there = append(there, connectionFrame(s.web.MAC(), s.db.MAC(), n, false, apart))
		back = append(back, connectionFrame(s.app.MAC(), s.ids2.MAC(), n, true, apart))
	}
	paced(t, s.web, there)
	paced(t, s.app, back)

	owner, copies := map[int]string{}, 0
	split := func() (n int) {
		clear(owner)
		copies = 0
		for i, m := range members {
			for _, frame := range m.got()[before[i]:] {
				c, is := connectionOf(frame)
				if !is {
					continue
				}
				copies++
				if was, seen := owner[c]; seen && was != m.id {
					n++
				}
				owner[c] = m.id
			}
		}
		return n
	}

	_, _ = await(arrives, func() error {
		if split(); copies < 2*connections {
			return fmt.Errorf("%d copies", copies)
		}
		return nil
	})
	time.Sleep(quiet) // More would have come by now.

	if n := split(); n > 0 || copies != 2*connections || len(owner) != connections {
		t.Errorf("%d connections are split, %d copies of %d, %d connections", n, copies,
			2*connections, len(owner))
	}
	counts := map[string]int{}
	for _, member := range owner {
		counts[member]++
	}
	t.Logf("connections by member: %v", counts)
	if len(counts) < 4 {
		t.Errorf("%d members have connections, of at least four that are ready", len(counts))
	}
	return owner
}
