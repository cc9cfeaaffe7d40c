package session

import (
	"encoding/hex"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/controller/reconcile"
	"github.com/tapline-sdn/tapline/openflow"
	"github.com/tapline-sdn/tapline/openflow/action"
	"github.com/tapline-sdn/tapline/openflow/oxm"
	"github.com/tapline-sdn/tapline/plugin/tap"
	"github.com/tapline-sdn/tapline/testenv/dummy"
)

// sendsAway makes the capture of a program send to another host.
func sendsAway(p *tap.Program) {
	p.Ports[2].Options = map[string]string{"remote_ip": "flow", "key": "flow",
		"local_ip": peerA.String()}
	p.Flows[0].Mod.Instructions = []action.Instruction{action.GotoTable{Table: 2}}
	via := p.Flows[1]
	via.Mod.Table, via.Mod.Cookie = 2, 0x7461<<48|7
	via.Mod.Instructions = []action.Instruction{action.GotoTable{Table: 3}}
	p.Flows = append(p.Flows, via)
	p.Flows[1].Mod.Cookie = 0x7461<<48 | 7
	p.Flows[1].Mod.Instructions = []action.Instruction{action.ApplyActions{
		action.SetField{Field: oxm.TunnelID(42)}, action.SetField{Field: oxm.TunDst(peerB)},
		action.Output{Port: 4098},
	}}
}

// copyOf is what a copy looks like in the tunnel.
func copyOf(from, to netip.Addr, key byte) []byte {
	frame := append(make([]byte, 26), from.AsSlice()...)
	frame = append(frame, to.AsSlice()...)
	return append(frame, 0x20, 0, 0x65, 0x58, 0, 0, 0, key)
}

// TestSamples: copies are tallied by the cookie of the flow that sent them, until they tell enough.
func TestSamples(t *testing.T) {
	d, err := reconcile.NewDesired(program(sendsAway), tapBridge)
	require.NoError(t, err)
	echoes := d.Echoes()
	require.Len(t, echoes, 1)

	var s samples
	cookie := echoes[0].Sampled()[0].Cookie
	own := &openflow.PacketIn{Cookie: cookie, Data: copyOf(peerA, peerB, 42)}
	guests := &openflow.PacketIn{Cookie: cookie, Data: copyOf(peerA, peerB, 43)}
	assert.False(t, s.take(own), "nobody asked")

	s.expect([]*reconcile.Echo{&echoes[0]})
	assert.False(t, s.take(own))
	assert.False(t, s.take(&openflow.PacketIn{Cookie: cookie + 1, Data: own.Data}))
	assert.False(t, s.take(guests))
	assert.True(t, s.take(own))
	tally := s.tallies()[0]
	assert.Equal(t, [2]int{3, 2}, [2]int{tally.seen, tally.own})

	s.expect([]*reconcile.Echo{&echoes[0]})
	enough := 0
	for range 100 {
		if s.take(guests) {
			enough++
		}
	}
	assert.Equal(t, 100-16+1, enough)
}

// captureFrames has the capture of a program take frames.
func captureFrames(t *testing.T, h *dummy.Host, frame []byte) {
	t.Helper()
	args := []string{"packet-out", tapBridge, "4097", "table"}
	for range 60 {
		args = append(args, hex.EncodeToString(frame))
	}
	ofctl(t, h, args...)
}

// TestStoppedCapture: a capture that feeds on itself is stopped on the switch, and says why; a
// program that changes it has it tried again.
func TestStoppedCapture(t *testing.T) {
	h := startHost(t)
	k := keep(t, h.OVSDB)
	k.ready(k.use(program(withoutCapture)))
	k.ready(k.use(program(sendsAway)))

	own := copyOf(peerA, peerB, 42)
	k.await("it is stopped", func() bool {
		captureFrames(t, h, own)
		return k.last().Owners["cap1"].State == Failed
	})
	state := k.last().Owners["cap1"]
	assert.Equal(t, tap.CodeCaptureLoops, state.Code)
	assert.Contains(t, state.Reason, "br0")
	assert.NotContains(t, ofctl(t, h, "dump-flows", tapBridge), "tun_dst")
	assert.Equal(t, Ready, k.last().Owners["tunnel"].State)
	_, drifts, _ := k.told()
	assert.Zero(t, drifts)

	d := k.use(program(sendsAway, func(p *tap.Program) { p.Flows[1].Mod.Priority = 7 }))
	k.ready(d)
	assert.Contains(t, ofctl(t, h, "dump-flows", tapBridge), "tun_dst")
}

// TestBusyCapture: the copies of a busy guest are looked at, and go on.
func TestBusyCapture(t *testing.T) {
	h := startHost(t)
	k := keep(t, h.OVSDB)
	k.ready(k.use(program(withoutCapture)))
	k.ready(k.use(program(sendsAway)))

	sampled := func() bool {
		return strings.Contains(ofctl(t, h, "dump-flows", tapBridge, "table=2"), "CONTROLLER")
	}
	var last time.Time
	k.await("its copies are looked at", func() bool {
		if sampled() {
			return true
		}
		if time.Since(last) > 2*time.Second { // Two readings may share the frames between them.
			captureFrames(t, h, copyOf(peerA, peerB, 43))
			last = time.Now()
		}
		return false
	})
	captureFrames(t, h, copyOf(peerA, peerB, 43))
	k.await("they are looked at no more", func() bool { return !sampled() })
	assert.Contains(t, ofctl(t, h, "dump-flows", tapBridge, "table=3"), "tun_dst")
	assert.Equal(t, Ready, k.last().Owners["cap1"].State)
	_, drifts, _ := k.told()
	assert.Zero(t, drifts)
}
