package session

import (
	"context"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/openflow/ofconn"
)

// TestWhenToNudge looks every 10 ms, as a session does that is always awake, and tells when a switch is nudged: after so much, and
// after at most half as much again.
func TestWhenToNudge(t *testing.T) {
	for _, tc := range []struct {
		name  string
		waits bool
		came  time.Duration // last sign of the switch; 0: none
		want  []time.Duration
	}{
		{"one that was connected before", false, 0, []time.Duration{5 * time.Second, 10 * time.Second, 20 * time.Second, 40 * time.Second, time.Minute, time.Minute}},
		{"one that never was, and waits", true, 0, []time.Duration{time.Second, 10 * time.Second, 20 * time.Second}},
		{"one that tries", false, 10 * time.Second, []time.Duration{15 * time.Second, 10 * time.Second}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			begin := time.Unix(1_000_000, 0)
			var n nudges
			var came time.Time
			last := begin
			var got []time.Duration
			for now := begin; len(got) < len(tc.want); now = now.Add(10 * time.Millisecond) {
				if now.Sub(begin) > time.Hour {
					t.Fatalf("nudged after %v, and no more", got)
				}
				if tc.came > 0 && now.Sub(begin) <= tc.came {
					came = now
				}
				if n.due(now, came, tc.waits) {
					n.put(now)
					got = append(got, now.Sub(last))
					last = now
				}
			}
			for i, want := range tc.want {
				assert.GreaterOrEqual(t, got[i], want)
				assert.LessOrEqual(t, got[i], want*3/2+10*time.Millisecond)
			}
		})
	}
}

// TestNudge: a switch that found nobody listening backs off up to 8 s. It is made to try at once, which costs no flow, is no drift,
// and leaves the row of another controller alone.
func TestNudge(t *testing.T) {
	h := startHost(t)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := ln.Addr().String()
	require.NoError(t, ln.Close()) // Nobody listens there, for now.
	target := "tcp:" + address
	respelled := target[:strings.LastIndexByte(target, ':')+1] + "0" + target[strings.LastIndexByte(target, ':')+1:]
	k := keep(t, h.OVSDB, func(c *Config) { c.Advertise = target })
	d := k.use(program())
	k.await("the tap bridge", func() bool {
		_, err := h.OFCtl("dump-flows", tapBridge)
		return err == nil
	})
	vsctl(t, h, "-- --id=@other create Controller target=tcp\\:127.0.0.1\\:9 -- add Bridge brtap controller @other")
	ofctl(t, h, "add-flow", tapBridge, "table=9,priority=9,actions=drop")
	targets := func() string { return vsctl(t, h, "get-controller brtap") }
	k.await("a nudge", func() bool { return strings.Contains(targets(), respelled) })
	assert.ElementsMatch(t, []string{respelled, "tcp:127.0.0.1:9"}, strings.Fields(targets()))
	assert.Contains(t, ofctl(t, h, "dump-flows", tapBridge), "priority=9")

	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	defer running.Wait()
	defer stop()
	again, err := ofconn.Listen(ctx, "ptcp:"+address, nil)
	require.NoError(t, err)
	begin := time.Now()
	running.Go(func() { assert.NoError(t, ofconn.Serve(ctx, again, ofconn.Options{}, k.ServeOpenFlow)) })
	k.ready(d)
	t.Logf("ready %v after somebody listened", time.Since(begin))
	_, drifts, _ := k.told()
	assert.Zero(t, drifts)
	assert.Contains(t, targets(), "tcp:127.0.0.1:9")
}
