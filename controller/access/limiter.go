package access

import (
	"container/list"
	"net/netip"
	"sync"
	"time"
)

// The limit on failures of one source: so many at once, and then one each so often.
const (
	failuresAtOnce = 10
	failureEvery   = 3 * time.Second
	// maxSources bounds memory: 4,096 sources take about 1 MB. The one that failed longest ago is forgotten first.
	maxSources = 4096
)

// Limiter counts failures by source, such as a [Network]. With each goes a T that tells of it.
//
// It limits failures, not who is right: a right token is let in however often others fail from the same address, so nobody can lock
// out who shares it. A limit on guesses would add nothing to 260 bits; this one keeps floods out of the logs and the audit log.
type Limiter[T any] struct {
	mu      sync.Mutex
	sources map[string]*list.Element // of *source[T]
	order   *list.List               // the last that failed first
}

type source[T any] struct {
	name    string
	until   time.Time // when all of its failures are forgiven: each adds failureEvery
	dropped int       // beyond the limit, and not told yet
	last    T         // of those
}

// NewLimiter returns a limiter that has seen no failure.
func NewLimiter[T any]() *Limiter[T] {
	return &Limiter[T]{sources: map[string]*list.Element{}, order: list.New()}
}

// Fail counts a failure of a source. If the limit is passed, it tells after which time the next failure is within it again; 0
// otherwise.
func (l *Limiter[T]) Fail(name string, what T, now time.Time) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	e := l.sources[name]
	if e == nil {
		if l.order.Len() >= maxSources {
			delete(l.sources, l.order.Remove(l.order.Back()).(*source[T]).name)
		}
		e = l.order.PushFront(&source[T]{name: name})
		l.sources[name] = e
	}
	l.order.MoveToFront(e)
	s := e.Value.(*source[T])
	if s.until.Before(now) {
		s.until = now
	}
	if over := s.until.Add(failureEvery).Sub(now) - failuresAtOnce*failureEvery; over > 0 {
		s.dropped++
		s.last = what
		return over
	}
	s.until = s.until.Add(failureEvery)
	return 0
}

// Dropped tells of each source that failed beyond the limit since it was last asked: the last failure, and how many there were.
func (l *Limiter[T]) Dropped(tell func(last T, times int)) {
	l.mu.Lock()
	var told []source[T]
	for e := l.order.Front(); e != nil; e = e.Next() {
		if s := e.Value.(*source[T]); s.dropped > 0 {
			told = append(told, *s)
			s.dropped = 0
		}
	}
	l.mu.Unlock()
	for _, s := range told {
		tell(s.last, s.dropped)
	}
}

// Network is a remote address (IP:PORT) as a source: an IPv4 address, or an IPv6 network of 64 bits, since a machine has all of its
// addresses.
func Network(remote string) string {
	at, err := netip.ParseAddrPort(remote)
	if err != nil {
		return ""
	}
	ip, bits := at.Addr().Unmap().WithZone(""), 64
	if ip.Is4() {
		bits = 32
	}
	network, err := ip.Prefix(bits)
	if err != nil {
		return ""
	}
	return network.String()
}
