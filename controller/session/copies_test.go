package session

import (
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/controller/reconcile"
	"github.com/tapline-sdn/tapline/openflow"
	"github.com/tapline-sdn/tapline/openflow/action"
	"github.com/tapline-sdn/tapline/openflow/oxm"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// captured makes the program's capture a live one.
func captured(p *tap.Program) {
	p.Flows[1].Mod = openflow.FlowMod{Cookie: 0x7461<<48 | 5, Table: 3, Priority: 100,
		HardTimeout: tap.PacketInTimeout, Instructions: []action.Instruction{
			action.ApplyActions{action.Controller{MaxLen: 0xffff, ID: tap.PacketInID,
				Reason: action.ReasonAction}}}}
}

// TestCopies: while a program has a live capture, the switch makes a second connection, which gets
// its packets whole; the first one stays. When the capture goes, so do connection and row.
func TestCopies(t *testing.T) {
	h := startHost(t)
	var mu sync.Mutex
	var packets []*openflow.PacketIn
	var changes atomic.Int32
	k := keep(t, h.OVSDB, func(c *Config) {
		c.CopiesChanged = func() { changes.Add(1) }
		c.Copied = func(p *openflow.PacketIn, at time.Time) {
			mu.Lock()
			defer mu.Unlock()
			assert.WithinDuration(t, time.Now(), at, time.Minute)
			packets = append(packets, p)
		}
	})
	plain := k.use(program())
	k.ready(plain)
	assert.False(t, k.Captures())
	first := k.link.Switch()

	live := k.use(program(captured))
	k.ready(live)
	k.await("the second connection", k.Captures)
	k.await("that it is told", func() bool { return changes.Load() == 1 })
	assert.Same(t, first, k.link.Switch(), "the first one stays")

	frame := "525400000001" + "020000000009" + "88b7" + strings.Repeat("5a", 600)
	out, err := h.AppCtl("netdev-dummy/receive", "vnet1", frame)
	require.NoError(t, err, out)
	k.await("a packet", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(packets) > 0
	})
	assert.Len(t, packets[0].Data, 614)
	assert.Equal(t, live.Program.Flows[1].Mod.Cookie, packets[0].Cookie)
	assert.Equal(t, 2, strings.Count(vsctl(t, h, "--bare --columns=target list Controller"), "tcp"))

	_, drifts, _ := k.told()
	ofctl(t, h, "del-flows", tapBridge, "table=3")
	k.await("what has expired is there again", func() bool {
		return strings.Contains(ofctl(t, h, "dump-flows", tapBridge), "controller(id=7)")
	})
	_, after, _ := k.told()
	assert.Equal(t, drifts, after, "that nobody has changed anything")

	k.ready(k.use(program()))
	k.await("the second connection ends", func() bool { return !k.Captures() })
	k.await("that its end is told", func() bool { return changes.Load() == 2 })
	assert.Equal(t, 1, strings.Count(vsctl(t, h, "--bare --columns=target list Controller"), "tcp"))
	assert.Same(t, first, k.link.Switch())
}

// TestCopiesOfAnother: what a controller that was killed has left is taken away, and its second
// connection is not taken for the first one.
func TestCopiesOfAnother(t *testing.T) {
	h := startHost(t)
	k := keep(t, h.OVSDB)
	k.ready(k.use(program(captured)))
	k.await("the second connection", k.Captures)
	k.stop()
	<-k.done

	next := keep(t, h.OVSDB)
	next.ready(next.use(program()))
	next.await("one row", func() bool {
		return strings.Count(vsctl(t, h, "--bare --columns=target list Controller"), "tcp") == 1
	})
	assert.NotContains(t, ofctl(t, h, "dump-flows", tapBridge), "controller(id=7)")
}

func TestRenewals(t *testing.T) {
	d, err := reconcile.NewDesired(program(captured), tapBridge)
	require.NoError(t, err)
	flows := d.Expiring()
	require.Len(t, flows, 1)
	require.Equal(t, oxm.Match(nil), flows[0].Flow.Match)

	var r renewals
	first, second := &switchFlows{}, &switchFlows{}
	stands := true
	start := time.Unix(1000, 0)
	due := func(of *switchFlows, after time.Duration) (int, time.Duration) {
		mods, next := r.due(of, flows, func(string) bool { return stands }, start.Add(after))
		if next.IsZero() {
			return len(mods), 0
		}
		return len(mods), next.Sub(start.Add(after))
	}
	check := func(of *switchFlows, after time.Duration, want int, wait time.Duration) {
		t.Helper()
		n, next := due(of, after)
		assert.Equal(t, want, n, "messages after %v", after)
		assert.Equal(t, wait, next, "wait after %v", after)
	}

	check(first, 0, 1, renewTime)
	check(first, renewTime-1, 0, 1)
	check(first, renewTime, 1, renewTime)
	check(second, renewTime+1, 1, renewTime)
	stands = false
	check(second, 3*renewTime, 0, 0)
	stands = true
	check(second, 3*renewTime+1, 0, renewTime)
	flows = nil
	check(second, 9*renewTime, 0, 0)
}
