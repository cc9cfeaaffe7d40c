package engine

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/tapline-sdn/tapline/controller/session"
	"github.com/tapline-sdn/tapline/controller/store"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// TestReportsWaitForEachOther: sessions that wait to report keep no request waiting.
func TestReportsWaitForEachOther(t *testing.T) {
	r := newRing(t, store.NewMemory())
	r.host("h1")
	h := r.e.fleet.Running[must(r.e.Host("h1"))(t).ID]
	r.e.reporting.Lock() // As a session does that reports at length.
	reported := make(chan struct{})
	go func() {
		defer close(reported)
		r.e.observe(h, session.Report{Problem: "it does not answer"})
	}()

	assert.Equal(t, "h1", must(r.e.Host("h1"))(t).Name)
	select {
	case <-reported:
		t.Error("two reports at once")
	default:
	}

	r.e.reporting.Unlock()
	<-reported
	assert.Contains(t, must(r.e.Host("h1"))(t).Health.Reason, "it does not answer")
}

// TestObservedAtOnce: what a session observes changes the plan before the session reports what
// stands.
func TestObservedAtOnce(t *testing.T) {
	r, s, _ := newWorld(t)
	r.ready(s)
	h := r.running("h1")
	before := r.program("h1")
	r.e.observed(h, hostSnapshot(t)) // The collector's NIC is gone.
	r.idle()
	assert.Equal(t, tap.StatePending, must(r.e.Service(s.ID))(t).State)
	assert.NotEqual(t, before, r.program("h1"))
	assert.True(t, must(r.e.Host("h1"))(t).Connected)
}
