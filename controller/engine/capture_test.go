package engine

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/controller/capture"
	"github.com/tapline-sdn/tapline/controller/engine/view"
	"github.com/tapline-sdn/tapline/controller/inventory/switchtest"
	"github.com/tapline-sdn/tapline/controller/session"
	"github.com/tapline-sdn/tapline/controller/store"
	"github.com/tapline-sdn/tapline/openflow"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// started is the outcome of StartCapture.
type started struct {
	c   *capture.Capture
	err error
}

// capturing starts a capture of guest g1 on a host whose switch shows it, and waits until it is
// planned.
func capturing(ctx context.Context, t *testing.T) (*ring, <-chan started) {
	t.Helper()
	r := newRing(t, store.NewMemory())
	r.host("h1")
	r.report("h1", hostSnapshot(t), nil)

	done := make(chan started, 1)
	go func() {
		c, err := r.e.StartCapture(ctx, capture.Request{Owner: "admin",
			Flow: tap.Flow{Type: tap.FlowVNIC, GuestID: "g1"}})
		done <- started{c, err}
	}()
	require.Eventually(t, func() bool { return len(r.capturesOn("h1")) == 1 }, patience,
		time.Millisecond, "it is planned")
	return r, done
}

// capturesOn are the cookies of the flows of a host's program that send packets to the controller.
func (r *ring) capturesOn(name string) (cookies []openflow.Cookie) {
	h := r.running(name)
	r.e.mu.Lock()
	defer r.e.mu.Unlock()
	if h.Program != nil {
		for _, f := range h.Program.Expiring() {
			cookies = append(cookies, f.Flow.Cookie)
		}
	}
	return cookies
}

// tapBridgeAlone is a tap bridge without a tap NIC.
func (r *ring) tapBridgeAlone() switchtest.Bridge {
	return switchtest.Bridge{Name: "brtap", Datapath: "netdev",
		IDs: map[string]string{"tapline": r.e.ClusterID()}}
}

// TestCaptureStands: a capture is returned once it stands and a packet has come, which the switch's
// connection for captures brings. It then gets the packets of its flow alone, and nothing of it
// stays planned after its end.
func TestCaptureStands(t *testing.T) {
	r, done := capturing(t.Context(), t)
	r.report("h1", hostSnapshot(t, r.tapBridgeAlone()), nil)
	select {
	case got := <-done:
		t.Fatalf("it does not wait for the connection: %+v", got)
	case <-time.After(20 * time.Millisecond):
	}

	cookie := r.capturesOn("h1")[0]
	of := r.e.captureOf(r.running("h1"), cookie)
	require.NotNil(t, of)
	assert.Nil(t, r.e.captureOf(r.running("h1"), cookie+1))
	of.Take(&openflow.PacketIn{TotalLen: 60, Data: make([]byte, 60)}, time.Now())
	r.e.captureConnected()

	got := <-done
	require.NoError(t, got.err)
	assert.Same(t, of, got.c)
	assert.Empty(t, r.flows(), "users see no tap flow of it")

	totals := r.e.StopCapture(t.Context(), got.c)
	assert.Equal(t, uint64(1), totals.Received)
	r.idle()
	assert.Empty(t, r.capturesOn("h1"))
	assert.Nil(t, r.e.Capture(got.c.ID))
}

// TestCaptureFails: what the switch refuses is told at once, and nothing stays planned. The same
// goes for a caller that does not wait.
func TestCaptureFails(t *testing.T) {
	r, done := capturing(t.Context(), t)
	states := map[string]session.OwnerState{}
	for owner := range r.prints("h1") {
		states[owner] = session.OwnerState{State: session.Failed, Reason: "no room"}
	}
	r.report("h1", hostSnapshot(t, r.tapBridgeAlone()), states)
	got := <-done
	assert.Equal(t, view.Conflict, kindOf(got.err))
	assert.ErrorContains(t, got.err, "no room")
	r.idle()
	assert.Empty(t, r.capturesOn("h1"))

	ctx, cancel := context.WithCancel(t.Context())
	r, done = capturing(ctx, t)
	cancel()
	got = <-done
	assert.Equal(t, view.Conflict, kindOf(got.err))
	r.idle()
	assert.Empty(t, r.capturesOn("h1"))
}
