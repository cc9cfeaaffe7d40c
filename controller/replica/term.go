package replica

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
)

var (
	// errExpired is why a term ends by our own clock.
	errExpired = errors.New("the lease was not renewed in time, as without etcd or after a stop")
	// errResigned is why a term ends that was given up.
	errResigned = errors.New("it has stepped down")
	// errRevoked is why a term ends whose lease etcd does not know any more.
	errRevoked = errors.New("etcd has ended its lease")
)

// Term is a time for which this process leads. Its methods may be called concurrently.
type Term struct {
	member  *Member
	lease   clientv3.LeaseID
	ttl     time.Duration // as etcd granted it
	created int64
	stop    context.CancelFunc // of the goroutines
	running sync.WaitGroup

	mu    sync.Mutex
	until time.Time     // by our own clock; the lease holds at least that long
	why   error         // why it is over; nil: it is not known to be
	done  chan struct{} // closed when why is set
}

// Campaign waits until this process leads, or ctx ends. Only one term may last at a time.
func (m *Member) Campaign(ctx context.Context) (*Term, error) {
	var told error
	for {
		changed := m.Changed()
		if v := m.View(); v.Err == nil && v.Term == 0 && v.Restored == nil {
			term, err := m.try(ctx)
			if err != nil && (told == nil || told.Error() != err.Error()) {
				m.log.Warn("no leader could be elected; it is tried again", "error", err)
			}
			if told = err; term != nil {
				return term, nil
			}
		}

		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-changed:
		case <-time.After(lookPause): // A try may have failed.
		}
	}
}

// try creates the leader's key. It returns nil, without an error, if another process was first.
func (m *Member) try(ctx context.Context) (*Term, error) {
	attempt, cancel := context.WithTimeout(ctx, attemptTime)
	defer cancel()

	sent := time.Now()
	lease, err := m.client.Grant(attempt, seconds(m.config.Lease))
	if err != nil {
		return nil, m.config.Etcd.Explain(err)
	}

	self, key := m.self, m.config.Etcd.ElectionKey()
	self.Since = now()
	answer, err := m.client.Txn(attempt).
		If(clientv3.Compare(clientv3.CreateRevision(key), "=", 0)).
		Then(clientv3.OpPut(key, self.encode(), clientv3.WithLease(lease.ID))).Commit()
	if err != nil {
		// We may have the key. Without the lease nobody does.
		m.revoke(context.WithoutCancel(ctx), lease.ID)
		return nil, m.config.Etcd.Explain(err)
	}
	if !answer.Succeeded {
		m.revoke(context.WithoutCancel(ctx), lease.ID)
		return nil, nil
	}

	keep, stop := context.WithCancel(context.WithoutCancel(ctx))
	t := &Term{
		member: m, lease: lease.ID, ttl: time.Duration(lease.TTL) * time.Second,
		created: answer.Header.Revision, stop: stop, done: make(chan struct{}),
	}
	t.until = sent.Add(t.ttl)
	m.mu.Lock()
	m.term = t
	m.mu.Unlock()

	t.running.Go(func() { t.keep(keep) })
	t.running.Go(func() { t.expire(keep) })
	return t, nil
}

// revoke ends a lease, with the key on it. Without etcd, it ends by itself.
func (m *Member) revoke(ctx context.Context, lease clientv3.LeaseID) {
	ctx, cancel := context.WithTimeout(ctx, attemptTime)
	defer cancel()
	_, _ = m.client.Revoke(ctx, lease)
}

// keep renews the lease until the term is over.
func (t *Term) keep(ctx context.Context) {
	// Several tries fit into a lease, though each may take its whole time.
	attempt := min(attemptTime, t.ttl/4)
	ticks := time.NewTicker(t.ttl / 8)
	defer ticks.Stop()
	for t.Err() == nil {
		select {
		case <-ctx.Done():
			return
		case <-t.done:
			return
		case <-ticks.C:
			t.renew(ctx, attempt)
		}
	}
}

// renew asks etcd once to renew the lease, and whether the key is still ours.
//
// A leader of etcd that was cut off, and replaced, may renew a lease that its successor lets pass.
// So a renewal counts only if etcd had the same leader afterwards: the second answer needs a
// quorum.
func (t *Term) renew(ctx context.Context, limit time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()

	sent := time.Now()
	renewal, err := t.member.client.KeepAliveOnce(ctx, t.lease)
	switch {
	case errors.Is(err, rpctypes.ErrLeaseNotFound):
		t.Lost(errRevoked)
		return
	case err != nil:
		return
	}

	answer, err := t.member.client.Get(ctx, t.member.config.Etcd.ElectionKey())
	switch {
	case err != nil:
	case len(answer.Kvs) == 0 || answer.Kvs[0].CreateRevision != t.created:
		t.Lost(errRevoked)
	case answer.Header.RaftTerm == renewal.RaftTerm:
		t.extend(sent.Add(time.Duration(renewal.TTL) * time.Second))
	}
}

// extend notes that the lease holds until a time.
func (t *Term) extend(until time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if until.After(t.until) {
		t.until = until
	}
}

// expire ends the term by our own clock, until ctx ends.
func (t *Term) expire(ctx context.Context) {
	for t.Err() == nil {
		t.mu.Lock()
		left := time.Until(t.until)
		t.mu.Unlock()

		select {
		case <-ctx.Done():
			return
		case <-t.done:
			return
		case <-time.After(max(left, time.Millisecond)):
		}
	}
}

// Number is the number of the term, which only grows within one etcd.
func (t *Term) Number() uint64 { return uint64(t.created) }

// Created is etcd's revision that created the leader's key.
func (t *Term) Created() int64 { return t.created }

// Err returns why the term is over, or nil. It asks nobody.
func (t *Term) Err() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.why == nil && !time.Now().Before(t.until) {
		t.endLocked(errExpired)
	}
	return t.why
}

// Confirm asks a quorum of etcd whether this process still leads. It returns why that is not so, or
// not known.
func (t *Term) Confirm(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, attemptTime)
	defer cancel()

	answer, err := t.member.client.Get(ctx, t.member.config.Etcd.ElectionKey())
	if err != nil {
		return t.member.config.Etcd.Explain(err)
	}
	if len(answer.Kvs) == 0 || answer.Kvs[0].CreateRevision != t.created {
		t.Lost(errRevoked)
	}
	return t.Err()
}

// Lost ends the term for a reason that somebody else has found.
func (t *Term) Lost(why error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.why == nil {
		t.endLocked(why)
	}
}

func (t *Term) endLocked(why error) {
	t.why = fmt.Errorf("term %d is over: %w", t.created, why)
	close(t.done)
}

// Done is closed when the term is over. It is also closed by our own clock, without etcd.
func (t *Term) Done() <-chan struct{} { return t.done }

// Resign ends the term, if it is not over yet, and lets another replica lead at once. It must be
// called at the end of each term, when nothing is done in its name any more.
func (t *Term) Resign(ctx context.Context) {
	t.Lost(errResigned)
	t.stop()
	t.running.Wait()

	m := t.member
	m.mu.Lock()
	m.since = now()
	m.mu.Unlock()
	m.revoke(context.WithoutCancel(ctx), t.lease)
}

// AwaitOther waits until another process leads, or for the time of a lease at most, so that who has
// stepped down does not lead again at once.
func (m *Member) AwaitOther(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, m.config.Lease)
	defer cancel()
	for {
		changed := m.Changed()
		v := m.View()
		others := false
		for _, p := range v.Peers {
			others = others || !m.IsSelf(p)
		}
		if !others || v.Term != 0 && !m.IsSelf(v.Leader) {
			return
		}

		select {
		case <-ctx.Done():
			return
		case <-changed:
		}
	}
}
