package access

import (
	"container/list"
	"net/netip"
	"sync"
	"time"
)

// The limit on failures of one source: a burst, and then one failure per interval.
const (
	failureBurst    = 10
	failureInterval = 3 * time.Second
	// maxSources bounds memory: 4,096 sources take about 1 MB. The source whose last failure is the
	// oldest is forgotten first.
	maxSources = 4096
)

// Limiter counts failures by source, such as a [Network]. The caller attaches a T to each failure.
//
// It never limits valid tokens: failures from an address do not lock out others at that address.
// Guesses need no limit, since a secret has 260 bits. The limit keeps floods out of the log and the
// audit log.
type Limiter[T any] struct {
	mu      sync.Mutex
	sources map[string]*list.Element // of *source[T]
	order   *list.List               // the latest failure first
}

type source[T any] struct {
	name    string
	until   time.Time // when all failures are forgiven; each one adds failureInterval
	dropped int       // failures beyond the limit that Dropped has not passed on
	last    T         // of the dropped ones
}

// NewLimiter returns a limiter without failures.
func NewLimiter[T any]() *Limiter[T] {
	return &Limiter[T]{sources: map[string]*list.Element{}, order: list.New()}
}

// Fail counts a failure of a source. It returns 0 if the failure is within the limit, and otherwise
// the time until the next failure is within it.
func (l *Limiter[T]) Fail(name string, what T, now time.Time) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()

	s := l.sourceLocked(name)
	if s.until.Before(now) {
		s.until = now
	}

	over := s.until.Add(failureInterval).Sub(now) - failureBurst*failureInterval
	if over > 0 {
		s.dropped++
		s.last = what
		return over
	}

	s.until = s.until.Add(failureInterval)
	return 0
}

// sourceLocked returns the source of a name, as the one that failed last.
func (l *Limiter[T]) sourceLocked(name string) *source[T] {
	e := l.sources[name]
	if e == nil {
		if l.order.Len() >= maxSources {
			oldest := l.order.Remove(l.order.Back()).(*source[T])
			delete(l.sources, oldest.name)
		}
		e = l.order.PushFront(&source[T]{name: name})
		l.sources[name] = e
	}

	l.order.MoveToFront(e)
	return e.Value.(*source[T])
}

// Dropped calls each for every source that failed beyond the limit since the last call, with its
// last failure and the number of failures.
func (l *Limiter[T]) Dropped(each func(last T, times int)) {
	l.mu.Lock()
	var dropped []source[T]
	for e := l.order.Front(); e != nil; e = e.Next() {
		if s := e.Value.(*source[T]); s.dropped > 0 {
			dropped = append(dropped, *s)
			s.dropped = 0
		}
	}

	l.mu.Unlock()

	for _, s := range dropped {
		each(s.last, s.dropped)
	}
}

// Network returns the source for a remote address (IP:PORT): the IPv4 address, or the IPv6 network
// of 64 bits, since one machine can use all addresses of that network.
func Network(remote string) string {
	addrPort, err := netip.ParseAddrPort(remote)
	if err != nil {
		return ""
	}

	ip, bits := addrPort.Addr().Unmap().WithZone(""), 64
	if ip.Is4() {
		bits = 32
	}

	network, err := ip.Prefix(bits)
	if err != nil {
		return ""
	}

	return network.String()
}
