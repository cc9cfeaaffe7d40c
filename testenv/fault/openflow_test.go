package fault_test

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/openflow"
	"github.com/tapline-sdn/tapline/testenv/fault"
)

// raw is a peer that sends the same bytes again and again and reads nothing.
func raw(b []byte, times int) func(net.Conn) {
	return func(nc net.Conn) {
		for range times {
			if _, err := nc.Write(b); err != nil {
				return
			}
		}
		_, _ = nc.Read(make([]byte, 1)) // Until the other end has had enough.
	}
}

// of encodes a message.
func of(t *testing.T, xid uint32, m openflow.Message) []byte {
	t.Helper()
	b, err := openflow.AppendMessage(nil, xid, m)
	require.NoError(t, err)
	return b
}

// TestHostileOpenFlow connects peers to the OpenFlow port that say all kinds of things. Each loses
// its own connection only: a host's changes stay as fast, its connection stays, memory and log are
// bounded.
func TestHostileOpenFlow(t *testing.T) {
	h := start(t, 1)[0]
	r := newRig(t, nil)
	r.register("good", h.OVSDB)
	r.ready("good")
	flow := r.capture("good", h)
	dpid := datapathID(t, h)
	r.toggle(flow)
	alone := r.pace(flow, 5)
	t.Logf("a change takes %v", alone)

	claims := func(w fault.Switch) func(net.Conn) {
		w.DatapathID = dpid
		w.Ports = openflow.PortDescReply{{No: openflow.PortLocal, Name: "brtap",
			HWAddr: openflow.MAC{2, 3}}, {No: 4098, Name: "tl-gre", HWAddr: openflow.MAC{2, 4}}}
		return w.Serve
	}

	flood := func(m openflow.Message) func(*fault.OpenFlow) {
		b := of(t, 7, m)
		for len(b) < 32<<10 {
			b = append(b, b...)
		}
		return func(s *fault.OpenFlow) { s.Repeat(b, 1<<20) }
	}

	noise := make([]byte, 64<<10-1)
	for i := range noise {
		noise[i] = byte(i * 7)
	}

	noise[0], noise[1], noise[2], noise[3] = 4, 10, 0xff, 0xff
	endless := func(s *fault.OpenFlow, xid uint32) {
		var ports openflow.PortDescReply
		for i := range 1000 {
			ports = append(ports, openflow.Port{No: openflow.PortNo(i + 1)})
		}
		b := of(t, xid, &openflow.MultipartReply{Flags: openflow.MultipartMore, Body: ports})
		s.Repeat(b, 1<<20)
	}

	// A flooding peer is ended because it falls behind, or because its ports are those of another.
	const noUse = "OpenFlow connection is of no use"
	for i, tc := range []struct {
		name  string
		peers int
		serve func(net.Conn)
		log   string
		grows int64 // MiB
	}{
		{"unknown datapath id", 5, (&fault.Switch{DatapathID: 99}).Serve, "not registered", 40},
		{"another's datapath id", 3, claims(fault.Switch{}), "its ports are not those", 40},
		{"another's, very often", 20, claims(fault.Switch{}), "so do 4 others", 60},
		{"another's, floods packet-ins", 3,
			claims(fault.Switch{Connected: flood(&openflow.PacketIn{Data: make([]byte, 1400)})}),
			noUse, 80},
		{"another's, floods port statuses", 3,
			claims(fault.Switch{
				Connected: flood(&openflow.PortStatus{Port: openflow.Port{No: 1}}),
			}), noUse, 80},
		{"another's, floods echo requests", 3,
			claims(fault.Switch{Connected: flood(&openflow.EchoRequest{})}), "", 80},
		{"noise of 64 KiB", 5,
			claims(fault.Switch{Connected: func(s *fault.OpenFlow) {
				s.Repeat(noise, 1)
			}}), "protocol violation", 40},
		{"noise at once", 5, raw(noise, 100), "handshake failed", 60},
		{"another protocol", 5, raw([]byte("GET / HTTP/1.1\r\n\r\n"), 100), "handshake failed", 40},
		{"wrong version", 5, raw([]byte{1, 0, 0, 8, 0, 0, 0, 1}, 1), "does not speak OpenFlow 1.3",
			40},
		{"truncated length", 5, raw([]byte{4, 0, 0, 3, 0, 0, 0, 1}, 1), "handshake failed", 40},
		{"silent", 400, func(nc net.Conn) {
			_, _ = nc.Read(make([]byte, 64))
			_, _ = nc.Read(make([]byte, 1))
		}, "", 60},
		{"never reads", 400, func(nc net.Conn) { <-time.After(2 * time.Second) }, "", 60},
		{"multipart without end", 2, claims(fault.Switch{Answer: func(s *fault.OpenFlow,
			m openflow.Message, xid uint32) bool {
			_, is := m.(*openflow.MultipartRequest)
			if is {
				endless(s, xid)
			}
			return is
		}}), "multipart reply too long", 60},
		{"foreign transaction ids", 3, claims(fault.Switch{Answer: func(s *fault.OpenFlow,
			m openflow.Message, xid uint32) bool {
			_, is := m.(*openflow.MultipartRequest)
			if is {
				s.Repeat(of(t, xid+1000, &openflow.BarrierReply{}), 1<<20)
			}
			return is
		}}), "", 40},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r.t = t
			at := r.log.len()
			peak := peakHeap()
			hostile := fault.Connect(fmt.Sprintf("127.0.1.%d", i+1), r.openflow, tc.peers,
				50*time.Millisecond, tc.serve)

			if tc.log != "" {
				assert.Eventually(t, func() bool {
					return strings.Contains(r.log.since(at), tc.log)
				}, patience, 5*time.Millisecond, "log says %q", tc.log)
			}

			took := r.pace(flow, 5)
			hostile.Close()
			grown := peak()
			text := r.log.since(at)
			t.Logf("a change took %v, %v without; %d connections; heap grew by %d MiB; %d lines "+
				"of log",
				took, alone, hostile.Connections(), grown/mib, strings.Count(text, "\n"))

			assert.Less(t, took, 10*alone+time.Second)
			assert.Less(t, grown, tc.grows*mib)
			assert.Less(t, strings.Count(text, "\n"), 150, "lines of log")
			for line := range strings.Lines(text) {
				assert.False(t, strings.Contains(line, "host=good") &&
					strings.Contains(line, "msg=\"OpenFlow connected\""),
					"the connection of the host did not stay: %s", line)
			}
		})
	}

	r.t = t
}
