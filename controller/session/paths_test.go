package session

import (
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/controller/session/link/linktest"
	"github.com/tapline-sdn/tapline/openflow"
	"github.com/tapline-sdn/tapline/openflow/action"
	"github.com/tapline-sdn/tapline/openflow/ofconn"
	"github.com/tapline-sdn/tapline/openflow/oxm"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

var (
	peerA = netip.MustParseAddr("192.0.2.1")
	peerB = netip.MustParseAddr("192.0.2.2")
)

const senderDPID = 0x42

// prober calls probe with times of its own.
type prober struct {
	t       *testing.T
	paths   *tunnelPaths
	woken   chan struct{} // holds at most one
	conn    *ofconn.Conn
	packets []*openflow.PacketOut
	peers   []tap.Peer
	tunnel  openflow.PortNo
	start   time.Time
}

func newProber(t *testing.T) *prober {
	conn, _ := linktest.Switch(t)
	woken := make(chan struct{}, 1)
	wake := func() {
		select {
		case woken <- struct{}{}:
		default:
		}
	}

	return &prober{
		t: t, paths: newTunnelPaths(senderDPID, wake), woken: woken, conn: conn,
		tunnel: 100, start: time.Now(),
		peers: []tap.Peer{{Addr: peerA, Port: "tl-gre", ProbeKey: 7,
			Owners: []string{"cap1", "cap2"}}},
	}
}

func (p *prober) number(string) openflow.PortNo { return p.tunnel }

// at probes at a time after the start and tells who waits, and when to probe again. Frames of full
// size arrive at once.
func (p *prober) at(after time.Duration) (waiting []string, next time.Duration) {
	p.t.Helper()
	reasons, when := p.look(p.start.Add(after))
	for _, owner := range []string{"cap1", "cap2", "cap3"} {
		if reasons[owner] != "" {
			waiting = append(waiting, owner)
		}
	}

	if when.IsZero() {
		return waiting, 0
	}

	return waiting, when.Sub(p.start)
}

func (p *prober) look(now time.Time) (waiting map[string]string, next time.Time) {
	for {
		var due []openflow.Message
		waiting, next, due = p.paths.look(p.conn, p.peers, p.number, now)
		full := false
		for _, m := range due {
			packet := m.(*openflow.PacketOut)
			if len(packet.Data) == probeSize {
				p.packets = append(p.packets, packet)
				continue
			}
			full = true
			p.answer(packet)
		}

		if !full {
			return waiting, next
		}
	}
}

// sent returns the next probe that was sent.
func (p *prober) sent() *openflow.PacketOut {
	p.t.Helper()
	require.NotEmpty(p.t, p.packets, "no probe was sent")
	m := p.packets[0]
	p.packets = p.packets[1:]
	return m
}

func (p *prober) answer(m *openflow.PacketOut) {
	p.t.Helper()
	dpid, nonce, ok := ParseProbe(&openflow.PacketIn{Cookie: 0x7470 << 48, Data: m.Data})
	require.True(p.t, ok)
	assert.Equal(p.t, uint64(senderDPID), dpid)
	p.paths.answer(nonce, time.Now())
}

// TestProbeUntilAnswered: probes go out at growing intervals, with one nonce, until an answer
// comes; then now and then.
func TestProbeUntilAnswered(t *testing.T) {
	p := newProber(t)
	both := []string{"cap1", "cap2"}
	due := time.Duration(0)
	var first *openflow.PacketOut
	for _, interval := range []time.Duration{2, 4, 8, 16, 32, 64, 128, 250, 250, 250, 250} {
		waiting, next := p.at(due)
		assert.Equal(t, both, waiting)
		assert.Equal(t, due+interval*time.Millisecond, next)
		m := p.sent()
		if first == nil {
			first = m
		}

		assert.Equal(t, first, m)
		waiting, again := p.at(next - time.Microsecond)
		assert.Equal(t, both, waiting)
		assert.Equal(t, next, again, "it is not due yet")
		due = next
	}

	assert.Empty(t, p.packets)
	assert.Equal(t, []action.Action{
		action.SetField{Field: oxm.TunnelID(7)},
		action.SetField{Field: oxm.TunDst(peerA)}, action.Output{Port: 100},
	}, first.Actions)

	p.paths.answer(0, time.Now())
	waiting, _ := p.at(due - time.Microsecond)
	assert.Equal(t, both, waiting, "that was no answer to our question")
	p.answer(first)
	assert.Len(t, p.woken, 1, "the loop is to look again")
	waiting, next := p.at(due)
	assert.Empty(t, waiting)
	assert.InDelta(t, probeAgain, next, float64(patience), "an answer counts from when it comes")
	assert.Empty(t, p.packets)
}

// TestProbeLost: a way that worked counts until a probe has gone unanswered for a while.
func TestProbeLost(t *testing.T) {
	p := newProber(t)
	p.at(0)
	first := p.sent()
	p.answer(first)
	_, next := p.at(0)
	waiting, _ := p.at(next)
	assert.Empty(t, waiting)
	second := p.sent()
	assert.NotEqual(t, first.Data, second.Data, "a new question has a new nonce")
	p.answer(first)
	waiting, _ = p.at(next + probeLost)
	assert.Empty(t, waiting, "it may be on its way still")
	waiting, _ = p.at(next + probeLost + time.Millisecond)
	assert.Equal(t, []string{"cap1", "cap2"}, waiting)
	p.answer(second)
	waiting, _ = p.at(next + probeLost + 2*time.Millisecond)
	assert.Empty(t, waiting)
}

// TestDoubtedPath: a path that there is reason to doubt is probed at once, and counts as cut
// sooner.
func TestDoubtedPath(t *testing.T) {
	p := newProber(t)
	p.at(0)
	p.answer(p.sent())
	p.at(time.Millisecond)
	assert.Empty(t, p.packets)

	p.paths.doubt(func(to netip.Addr) bool { return to == peerB })
	p.at(2 * time.Millisecond)
	assert.Empty(t, p.packets, "that is another path")

	p.paths.doubt(func(to netip.Addr) bool { return to == peerA })
	waiting, _ := p.at(3 * time.Millisecond)
	assert.Empty(t, waiting, "it may work still")
	first := p.sent()
	waiting, _ = p.at(3*time.Millisecond + doubtedLost)
	assert.Empty(t, waiting)
	waiting, _ = p.at(4*time.Millisecond + doubtedLost)
	assert.Equal(t, []string{"cap1", "cap2"}, waiting)

	p.answer(first)
	waiting, _ = p.at(5*time.Millisecond + doubtedLost)
	assert.Empty(t, waiting)
	assert.False(t, p.paths.byPeer[pathKey{peerA, "tl-gre"}].doubted)
}

func TestProbeStates(t *testing.T) {
	p := newProber(t)
	p.peers = append(p.peers, tap.Peer{Addr: peerB, Port: "tl-gre", ProbeKey: 7,
		Owners: []string{"cap3"}})
	tunnel, conn := p.tunnel, p.conn
	p.tunnel = 0
	waiting, next := p.at(0)
	assert.Equal(t, []string{"cap1", "cap2", "cap3"}, waiting)
	assert.Zero(t, next, "nothing to do before the tunnel port has a number")
	p.tunnel, p.conn = tunnel, nil
	_, next = p.at(0)
	assert.Zero(t, next, "nothing to do without a connection")
	assert.Empty(t, p.packets)

	p.conn = conn
	p.at(0)
	a, b := p.sent(), p.sent()
	assert.NotEqual(t, a.Data, b.Data)
	p.answer(b)
	waiting, next = p.at(0)
	assert.Equal(t, []string{"cap1", "cap2"}, waiting)
	assert.Equal(t, firstProbe, next, "of the two, the one that is due first")

	p.peers = p.peers[:1]
	p.at(time.Microsecond)
	assert.Len(t, p.paths.byPeer, 2, "a way that worked is remembered")
	p.answer(a)
	waiting, _ = p.at(time.Millisecond)
	assert.Empty(t, waiting)
	p.conn, _ = linktest.Switch(t)
	waiting, _ = p.at(time.Millisecond)
	assert.Equal(t, []string{"cap1", "cap2"}, waiting,
		"the switch may have forgotten its neighbours")

	p.sent()
}

// TestUnusedPath: a way that worked and that nobody takes is not probed; taken again before long it
// works at once.
func TestUnusedPath(t *testing.T) {
	p := newProber(t)
	p.at(0)
	p.answer(p.sent())
	taken := p.peers
	p.peers = nil
	_, next := p.at(2 * probeAgain)
	assert.Zero(t, next)
	assert.Empty(t, p.packets)
	p.peers = taken
	waiting, _ := p.at(keepPath / 2)
	assert.Empty(t, waiting)
	p.answer(p.sent())
	p.peers = nil
	p.at(2 * keepPath)
	p.peers = taken
	waiting, _ = p.at(2 * keepPath)
	assert.Equal(t, []string{"cap1", "cap2"}, waiting, "that was too long ago")
}

func TestParseProbe(t *testing.T) {
	frame := probeFrame(0x1122334455667788, 42, 0)
	changed := func(at int, v byte) []byte {
		out := append([]byte{}, frame...)
		out[at] = v
		return out
	}

	for _, tc := range []struct {
		name   string
		cookie openflow.Cookie
		data   []byte
		ok     bool
	}{
		{"probe", 0x7470 << 48, frame, true},
		{"padded", 0x7470 << 48, append(append([]byte{}, frame...), make([]byte, 30)...), true},
		{"by another flow", 0, frame, false},
		{"another type", 0x7470 << 48, changed(12, 8), false},
		{"short", 0x7470 << 48, frame[:len(frame)-1], false},
		{"empty", 0x7470 << 48, nil, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dpid, nonce, ok := ParseProbe(&openflow.PacketIn{Cookie: tc.cookie, Data: tc.data})
			assert.Equal(t, tc.ok, ok)
			if ok {
				assert.Equal(t, []uint64{0x1122334455667788, 42}, []uint64{dpid, nonce})
			}
		})
	}
}
