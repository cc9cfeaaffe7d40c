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

// Limiter counts failures by source: an IPv4 address, or an IPv6 network of 64 bits, since a machine has all of its addresses.
//
// It limits failures, not who is right: a right token is let in however often others fail from the same address, so nobody can lock
// out who shares it. A limit on guesses would add nothing to 260 bits; this one keeps floods out of the logs and the audit log.
type Limiter struct {
	mu      sync.Mutex
	sources map[netip.Prefix]*list.Element // of *source
	order   *list.List                     // the last that failed first
}

type source struct {
	network netip.Prefix
	until   time.Time // when all of its failures are forgiven: each adds failureEvery
	dropped int       // beyond the limit, and not told yet
	remote  string
}

// NewLimiter returns a limiter that has seen no failure.
func NewLimiter() *Limiter {
	return &Limiter{sources: map[netip.Prefix]*list.Element{}, order: list.New()}
}

// Fail counts a failure of a remote address (IP:PORT). If the limit is passed, it tells after which time the next failure is
// within it again; 0 otherwise.
func (l *Limiter) Fail(remote string, now time.Time) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	network := networkOf(remote)
	e := l.sources[network]
	if e == nil {
		if l.order.Len() >= maxSources {
			oldest := l.order.Back()
			delete(l.sources, l.order.Remove(oldest).(*source).network)
		}
		e = l.order.PushFront(&source{network: network})
		l.sources[network] = e
	}
	l.order.MoveToFront(e)
	s := e.Value.(*source)
	s.remote = remote
	if s.until.Before(now) {
		s.until = now
	}
	if over := s.until.Add(failureEvery).Sub(now) - failuresAtOnce*failureEvery; over > 0 {
		s.dropped++
		return over
	}
	s.until = s.until.Add(failureEvery)
	return 0
}

// Dropped tells each source that failed beyond the limit since it was last asked, by its last address, and how often.
func (l *Limiter) Dropped(tell func(remote string, times int)) {
	l.mu.Lock()
	counts := map[string]int{}
	for e := l.order.Front(); e != nil; e = e.Next() {
		if s := e.Value.(*source); s.dropped > 0 {
			counts[s.remote] += s.dropped
			s.dropped = 0
		}
	}
	l.mu.Unlock()
	for remote, times := range counts {
		tell(remote, times)
	}
}

func networkOf(remote string) netip.Prefix {
	at, err := netip.ParseAddrPort(remote)
	if err != nil {
		return netip.Prefix{}
	}
	ip, bits := at.Addr().Unmap().WithZone(""), 64
	if ip.Is4() {
		bits = 32
	}
	network, err := ip.Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return network
}
