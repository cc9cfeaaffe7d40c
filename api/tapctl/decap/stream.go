package decap

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
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

// Stream takes frames from the sockets of an encapsulation to a sink. Its fields are set before
// [Stream.Run].
type Stream struct {
	Key  *uint32 // of the only tap service that is wanted; nil: of all
	Most uint64  // after so many frames it ends; 0: never
	To   Sink

	receivers []*receiver
	take      func(payload []byte) (inner, error)
	ended     context.CancelCauseFunc

	mu     sync.Mutex
	totals Totals
}

// Totals counts packets.
type Totals struct {
	start    time.Time
	frames   uint64
	otherKey int
	lost     uint32         // dropped by the kernel, since nobody read them in time
	refused  map[string]int // by reason
}

// errEnough ends a stream that has all that was asked for.
var errEnough = errors.New("all frames that were asked for have come")

// Listen opens the sockets at which copies of an encapsulation arrive: at one address of this
// machine, or at all if it is not valid. The port is for VXLAN and Geneve; 0 is any that is free.
// The stream is then run, or closed.
func Listen(ctx context.Context, encap string, at netip.Addr, port uint16) (*Stream, error) {
	e, known := find(encap)
	if !known {
		return nil, fmt.Errorf("%q is no encapsulation: want %s", encap,
			strings.Join(names(), ", "))
	}

	receivers, err := listen(ctx, e, at, port)
	if err != nil {
		return nil, err
	}
	return &Stream{receivers: receivers, take: e.take}, nil
}

// Port is the UDP port at which the stream listens; 0 for an encapsulation without ports.
func (s *Stream) Port() uint16 {
	at, is := s.receivers[0].conn.LocalAddr().(*net.UDPAddr)
	if !is {
		return 0
	}
	return uint16(at.Port)
}

// Close closes the sockets.
func (s *Stream) Close() (err error) {
	for _, r := range s.receivers {
		err = errors.Join(err, r.conn.Close())
	}
	return err
}

// Run takes frames until ctx ends, as many have come as are wanted, or the sink fails. Only the
// last is an error, unless nobody reads the sink any more. It ends the sink and closes the stream.
func (s *Stream) Run(ctx context.Context) (Totals, error) {
	s.totals.start = time.Now()
	err := s.run(ctx)
	return s.totals, errors.Join(err, s.To.end(s.totals))
}

func (s *Stream) run(ctx context.Context) error {
	ctx, s.ended = context.WithCancelCause(ctx)
	defer s.ended(nil)

	var group errgroup.Group
	for _, r := range s.receivers {
		group.Go(func() error { return s.receive(r) })
	}
	group.Go(func() error { return s.flushRegularly(ctx) })

	<-ctx.Done()
	lost := s.dropped()
	_ = s.Close()

	err := group.Wait()
	s.totals.lost = lost

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

// dropped is what the kernel has dropped of all sockets, which are still open.
func (s *Stream) dropped() (all uint32) {
	for _, r := range s.receivers {
		all += r.dropped()
	}
	return all
}

// receive takes frames from one socket until it is closed.
func (s *Stream) receive(r *receiver) error {
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

func (s *Stream) handle(p packet) {
	got, err := s.take(p.payload)
	if err != nil {
		s.refuse(err)
		return
	}

	s.mu.Lock()
	defer s.mu.Unlock()

	switch {
	case s.Most > 0 && s.totals.frames == s.Most:
		return
	case s.Key != nil && got.key != *s.Key:
		s.totals.otherKey++
		return
	}

	if err := s.To.put(p.at, got.frame); err != nil {
		s.ended(err)
		return
	}

	s.totals.frames++
	if s.totals.frames == s.Most {
		s.ended(errEnough)
	}
}

func (s *Stream) refuse(why error) {
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

func (s *Stream) flushRegularly(ctx context.Context) error {
	tick := time.NewTicker(flushEvery)
	defer tick.Stop()

	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}

		s.mu.Lock()
		err := s.To.flush()
		s.mu.Unlock()

		if err != nil {
			s.ended(err)
			return nil
		}
	}
}

// String tells what came, in the manner of tcpdump's last lines.
func (t Totals) String() string {
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
