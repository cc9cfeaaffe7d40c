package quiet

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// TestQuiet: who returns without end does not fill the log, hides nobody else, and what was left
// out is told.
func TestQuiet(t *testing.T) {
	var out strings.Builder
	now := time.Unix(1000, 0)
	handler := New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug}))
	handler.lines.now = func() time.Time { return now }
	log := slog.New(handler)
	count := func(text string) int { return strings.Count(out.String(), text) }

	for port := range 1000 {
		log.Warn("refused", "remote", fmt.Sprintf("192.0.2.1:%d", port))
		log.With("host", "h1").Warn("ended", "error", port)
		log.With("host", "h1").Debug("details")
		log.Info("request", "method", "POST", "remote", "192.0.2.1:9")
	}

	log.Warn("refused", "remote", "192.0.2.2:1")
	log.With("host", "h2").Warn("ended")
	assert.Equal(t, burst, count("msg=refused remote=192.0.2.1"))
	assert.Equal(t, burst, count("msg=ended host=h1"))
	assert.Equal(t, 1, count("remote=192.0.2.2"))
	assert.Equal(t, 1, count("msg=ended host=h2"))
	assert.Equal(t, 1000, count("msg=details"))
	assert.Equal(t, 1000, count("msg=request"), "requests to the API")

	out.Reset()
	now = now.Add(pause)
	for range 10 {
		log.Warn("refused", "remote", "192.0.2.1:1")
	}

	assert.Equal(t, 1, count("refused"))
	assert.Contains(t, out.String(), "left_out=980")

	out.Reset()
	for i := range 3 * burst {
		log.With("host", "h1").Warn("repaired", "found", []string{fmt.Sprint("port ", i)})
	}

	assert.Equal(t, 3*burst, count("repaired"), "each repair is told")

	out.Reset()
	for i := range 100_000 {
		log.Warn("strange", "remote", fmt.Sprintf("192.0.%d.%d:1", i>>8, i&255))
	}

	assert.LessOrEqual(t, count("strange"), maxKinds+burst)
	assert.LessOrEqual(t, len(handler.lines.seen), maxKinds+1)
	now = now.Add(time.Hour)
	log.Warn("strange", "remote", "192.0.2.1:1")
	assert.Contains(t, out.String(), "remote=192.0.2.1:1")
}
