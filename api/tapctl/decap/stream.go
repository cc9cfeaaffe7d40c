package decap

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"
)

// flushEvery is how long a frame may wait in a buffer of ours.
const flushEvery = 100 * time.Millisecond

// stream takes frames from sockets to a sink.
type stream struct {
	take  func(payload []byte) (inner, error)
	key   *uint32 // of the only tap service that is wanted; nil: of all
	most  int     // after so many frames it ends; 0: never
	sink  sink
	ended context.CancelCauseFunc

	mu     sync.Mutex
	totals totals
}

// totals counts packets.
type totals struct {
	start    time.Time
	frames   int
	otherKey int
	lost     uint32         // dropped by the kernel, since nobody read them in time
	refused  map[string]int // by reason
}

// errEnough ends a stream that has all that was asked for.
var errEnough = errors.New("all frames that were asked for have come")

// run takes frames until ctx ends, as many have come as were asked for, or the sink fails. Only the
// last is an error, unless nobody reads the sink any more. It closes the receivers.
func (s *stream) run(ctx context.Context, receivers []*receiver) error {
	ctx, s.ended = context.WithCancelCause(ctx)
	defer s.ended(nil)

	var group errgroup.Group
	for _, r := range receivers {
		group.Go(func() error { return s.receive(r) })
	}
	group.Go(func() error { return s.flushRegularly(ctx) })

	<-ctx.Done()
	for _, r := range receivers {
		r.conn.Close()
	}

	err := group.Wait()
	for _, r := range receivers {
		s.totals.lost += r.lost
	}

	cause := context.Cause(ctx)
	switch {
	case errors.Is(cause, unix.EPIPE), errors.Is(cause, os.ErrClosed):
		return nil
	case errors.Is(cause, errEnough), errors.Is(cause, context.Canceled),
		errors.Is(cause, context.DeadlineExceeded):
		return err
	}
	return cause
}

// receive takes frames from one socket until it is closed.
func (s *stream) receive(r *receiver) error {
	buffer, oob := make([]byte, 1<<16), make([]byte, 128)
	for {
		p, err := r.next(buffer, oob)
		switch {
		case errors.Is(err, net.ErrClosed):
			return nil
		case errors.Is(err, errShort):
			s.refuse(err)
		case err != nil:
			s.ended(err)
			return err
		default:
			s.handle(p)
		}
	}
}

func (s *stream) handle(p packet) {
	got, err := s.take(p.payload)
	if err != nil {
		s.refuse(err)
		return
	}

	s.mu.Lock()
	defer s.mu.Unlock()

	switch {
	case s.most > 0 && s.totals.frames == s.most:
		return
	case s.key != nil && got.key != *s.key:
		s.totals.otherKey++
		return
	}

	if err := s.sink.put(p.at, got.frame); err != nil {
		s.ended(err)
		return
	}

	s.totals.frames++
	if s.totals.frames == s.most {
		s.ended(errEnough)
	}
}

func (s *stream) refuse(why error) {
	s.mu.Lock()
	defer s.mu.Unlock()

	if s.totals.refused == nil {
		s.totals.refused = map[string]int{}
	}
	for _, reason := range []error{errShort, errProtocol, errVersion, errOptions} {
		if errors.Is(why, reason) {
			s.totals.refused[reason.Error()]++
		}
	}
}

func (s *stream) flushRegularly(ctx context.Context) error {
	tick := time.NewTicker(flushEvery)
	defer tick.Stop()

	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}

		s.mu.Lock()
		err := s.sink.flush()
		s.mu.Unlock()

		if err != nil {
			s.ended(err)
			return nil
		}
	}
}

// String tells what came, in the manner of tcpdump's last lines.
func (t totals) String() string {
	var text strings.Builder
	fmt.Fprintf(&text, "%d frames taken out\n%d packets dropped by the kernel\n", t.frames, t.lost)
	if t.otherKey > 0 {
		fmt.Fprintf(&text, "%d frames of other keys left out\n", t.otherKey)
	}

	reasons := make([]string, 0, len(t.refused))
	for reason := range t.refused {
		reasons = append(reasons, reason)
	}
	slices.Sort(reasons)
	for _, reason := range reasons {
		fmt.Fprintf(&text, "%d packets not understood: %s\n", t.refused[reason], reason)
	}

	return text.String()
}
