package engine

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/tapline-sdn/tapline/controller/session"
	"github.com/tapline-sdn/tapline/controller/store"
)

// TestReportsWaitForEachOther: sessions that wait to report keep no request waiting.
func TestReportsWaitForEachOther(t *testing.T) {
	r := newRing(t, store.NewMemory())
	r.host("h1")
	h := r.e.hosts[must(r.e.Host("h1"))(t).ID]
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
