package quiet

import (
	"context"
	"log/slog"
	"net"
	"sync"
	"time"
)

// Lines about one host or one address are held to a rate: of the same message a burst, then one
// each pause, which says how many were left out. Debug lines and requests to the API are not held
// back.
const (
	burst    = 20
	pause    = 10 * time.Second
	maxFound = 200  // characters by which lines that tell of something found are told apart
	maxKinds = 4096 // that are remembered; beyond, all peers share what a message may take
)

// Handler is the slog.Handler that does so.
type Handler struct {
	next  slog.Handler
	host  string // of the logger
	lines *lines
}

// New returns a handler that passes on to next what may be written.
func New(next slog.Handler) *Handler {
	return &Handler{next: next, lines: &lines{now: time.Now, seen: map[line]*allowance{}}}
}

// line is what lines have in common that are counted together.
type line struct{ message, host, remote, found string }

// Enabled implements slog.Handler.
func (q *Handler) Enabled(ctx context.Context, level slog.Level) bool {
	return q.next.Enabled(ctx, level)
}

// Handle implements slog.Handler.
func (q *Handler) Handle(ctx context.Context, r slog.Record) error {
	if r.Level < slog.LevelInfo {
		return q.next.Handle(ctx, r)
	}

	key := line{message: r.Message, host: q.host}
	request := false
	r.Attrs(func(a slog.Attr) bool {
		switch a.Key {
		case "method":
			request = true
		case "host":
			key.host = a.Value.String()
		// Each repair is told; the same one again and again is backed off by whoever repairs.
		case "found":
			key.found = a.Value.String()
			key.found = key.found[:min(len(key.found), maxFound)]
		case "remote":
			key.remote = withoutPort(a.Value.String())
		}
		return true
	})

	if key.host == "" && key.remote == "" || request {
		return q.next.Handle(ctx, r)
	}

	left, allowed := q.lines.take(key)
	if !allowed {
		return nil
	}

	if left > 0 {
		r = r.Clone()
		r.AddAttrs(slog.Int("left_out", left))
	}

	return q.next.Handle(ctx, r)
}

// WithAttrs implements slog.Handler.
func (q *Handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	host := q.host
	for _, a := range attrs {
		if a.Key == "host" {
			host = a.Value.String()
		}
	}
	return &Handler{q.next.WithAttrs(attrs), host, q.lines}
}

// WithGroup implements slog.Handler.
func (q *Handler) WithGroup(name string) slog.Handler {
	return &Handler{q.next.WithGroup(name), q.host, q.lines}
}

func withoutPort(address string) string {
	if host, _, err := net.SplitHostPort(address); err == nil {
		return host
	}
	return address
}

// lines counts them.
type lines struct {
	now func() time.Time

	mu     sync.Mutex
	seen   map[line]*allowance
	forgot time.Time // when
}

// allowance is how many lines of a kind may still be written.
type allowance struct {
	used float64 // of burst
	at   time.Time
	left int // out since the last one that was written
}

func (a *allowance) refill(now time.Time) {
	a.used = max(0, a.used-now.Sub(a.at).Seconds()/pause.Seconds())
	a.at = now
}

// take says whether a line may be written, and how many like it were not.
func (l *lines) take(key line) (left int, allowed bool) {
	l.mu.Lock()
	defer l.mu.Unlock()

	now := l.now()
	a := l.seen[key]
	if a == nil {
		if len(l.seen) >= maxKinds && now.Sub(l.forgot) >= pause {
			l.forget(now)
		}
		if len(l.seen) >= maxKinds {
			key = line{message: key.message}
			a = l.seen[key]
		}
	}

	if a == nil {
		a = &allowance{at: now}
		l.seen[key] = a
	}

	if a.refill(now); a.used+1 > burst {
		a.left++
		return 0, false
	}

	a.used++
	left, a.left = a.left, 0
	return left, true
}

// forget drops the kinds of which nothing was written for long.
func (l *lines) forget(now time.Time) {
	l.forgot = now
	for key, a := range l.seen {
		if a.refill(now); a.used == 0 {
			delete(l.seen, key)
		}
	}
}
