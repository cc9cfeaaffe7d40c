package engine

import (
	"bytes"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/tapline-sdn/tapline/controller/engine/publish"
)

// lockedBuffer is a buffer that a log and a test share.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) lines(about string) (lines []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for line := range strings.Lines(l.b.String()) {
		if strings.Contains(line, about) {
			lines = append(lines, line)
		}
	}
	return lines
}

// TestStatesAreLogged: each state that a flow comes to is logged once, with its reason; those that
// last for moments are not.
func TestStatesAreLogged(t *testing.T) {
	r, s, _ := newWorld(t)
	var log lockedBuffer
	r.e.mu.Lock()
	r.e.publish = publish.New(r.e.events, r.e.intent, r.e.fleet, r.e.standing, r.e.present,
		slog.New(slog.NewTextHandler(&log, nil)))

	r.e.mu.Unlock()
	r.ready(s)
	r.report("h1", hostSnapshot(t, r.tapBridge(s)), nil)
	r.lose("h1", "no route to host")
	r.lose("h1", "connection refused")
	r.report("h1", hostSnapshot(t, r.tapBridge(s)), nil)

	got := log.lines("tap_flow=f1")
	for len(got) > 0 && strings.Contains(got[0], "tap_nic_absent") {
		got = got[1:] // It may be seen to wait for the tap NIC before that is plugged.
	}
	if assert.Len(t, got, 3, "%q", got) {
		assert.Contains(t, got[0], "state is ready")
		assert.Contains(t, got[1], "state is pending")
		assert.Contains(t, got[1], "host_disconnected")
		assert.Contains(t, got[1], "no route to host")
		assert.Contains(t, got[2], "state is ready")
	}
}
