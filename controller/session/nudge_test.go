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

// TestNudge: a switch that found nobody listening backs off up to 8 s. It is made to try at once,
// which costs no flow, is no drift, and leaves the row of another controller alone.
func TestNudge(t *testing.T) {
	h := startHost(t)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := ln.Addr().String()
	require.NoError(t, ln.Close()) // Nobody listens there, for now.
	target := "tcp:" + address
	respelled := target[:strings.LastIndexByte(target, ':')+1] + "0" +
		target[strings.LastIndexByte(target, ':')+1:]

	k := keep(t, h.OVSDB, func(c *Config) { c.Advertise = target })
	d := k.use(program())
	k.await("the tap bridge", func() bool {
		_, err := h.OFCtl("dump-flows", tapBridge)
		return err == nil
	})

	vsctl(t, h, "-- --id=@other create Controller target=tcp\\:127.0.0.1\\:9 -- add Bridge brtap "+
		"controller @other")

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
	running.Go(func() {
		assert.NoError(t, ofconn.Serve(ctx, again, ofconn.Options{}, k.ServeOpenFlow))
	})

	k.ready(d)
	t.Logf("ready %v after somebody listened", time.Since(begin))
	_, drifts, _ := k.told()
	assert.Zero(t, drifts)
	assert.Contains(t, targets(), "tcp:127.0.0.1:9")
}

// TestFlowRestoreWait: a switch that makes no OpenFlow connection because of a setting is not
// nudged, and the setting is named until it is gone.
func TestFlowRestoreWait(t *testing.T) {
	h := startHost(t)
	vsctl(t, h, "--no-wait set Open_vSwitch . other_config:flow-restore-wait=true")
	k := keep(t, h.OVSDB, func(c *Config) { c.Advertise = "tcp:127.0.0.1:9" })
	k.use(program())
	reason := func() string { return k.last().Owners["cap1"].Reason }
	k.await("the setting is named", func() bool {
		return strings.Contains(reason(), "flow-restore-wait")
	})
	assert.Equal(t, Waiting, k.last().Owners["cap1"].State)

	vsctl(t, h, "--no-wait remove Open_vSwitch . other_config flow-restore-wait")
	k.await("it is named no more", func() bool {
		return reason() != "" && !strings.Contains(reason(), "flow-restore-wait")
	})
}
