package etcd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/tapline-sdn/tapline/controller/store"
)

// errNotHeld means that another process may have the prefix by now.
var errNotHeld = errors.New(
	"the lock of the prefix was lost, as after a long time without etcd, and is taken again")

// errKeyGone is why a leader does not lead any more whose write etcd has refused.
var errKeyGone = errors.New("its key in etcd is gone, as after a time without etcd")

// lock is a key on a lease, which only one process can have. Every transaction has the condition
// that it is still there.
type lock struct {
	store  *Store
	leader Leader // nil: the store has taken the lock itself

	mu      sync.Mutex
	lease   clientv3.LeaseID
	created int64         // etcd's revision that created the key; 0: not held
	gone    chan struct{} // closed when the lock is not held any more
	why     error         // why it could not be taken again
}

// holder is the value of PREFIX/lock.
type holder struct {
	Name  string    `json:"name"`
	Since time.Time `json:"since"`
}

func newLock(s *Store) *lock { return &lock{store: s} }

// Leader says whether this process still leads. Its key is [Config.ElectionKey], which is the lock
// of the prefix: replicas, a single controller and an import keep each other out.
type Leader interface {
	// Created is etcd's revision that created the key.
	Created() int64
	// Err returns why the process does not lead any more, or nil. It asks no other machine.
	Err() error
	// Lost is called when the store has found that the process does not lead any more, or cannot
	// use the store any more. It must not block.
	Lost(error)
}

// leaderLock returns the lock of a leader, who looks after it himself.
func leaderLock(s *Store) *lock {
	return &lock{store: s, leader: s.config.Leader, created: s.config.Leader.Created()}
}

// condition is what holds as long as the lock is ours.
func (l *lock) condition() (clientv3.Cmp, error) {
	if l.leader != nil {
		if err := l.leader.Err(); err != nil {
			return clientv3.Cmp{}, fmt.Errorf("%w: %w", store.ErrNotLeader, err)
		}
	}

	l.mu.Lock()
	defer l.mu.Unlock()
	if l.created == 0 {
		return clientv3.Cmp{}, errors.Join(errNotHeld, l.why)
	}
	return clientv3.Compare(clientv3.CreateRevision(l.store.keys.lock()), "=", l.created), nil
}

// lost notes that the lock is not ours any more. It returns the error of what relied on it.
func (l *lock) lost() error {
	if l.leader != nil {
		l.leader.Lost(errKeyGone)
		return store.ErrNotLeader
	}

	l.mu.Lock()
	defer l.mu.Unlock()
	if l.created != 0 {
		l.created = 0
		close(l.gone)
	}
	return errNotHeld
}

// acquire takes the lock, and waits for it until ctx ends.
func (l *lock) acquire(ctx context.Context) error {
	for {
		err := l.try(ctx)
		if err == nil {
			return nil
		}

		select {
		case <-ctx.Done():
			return err
		case <-time.After(4 * retryPause):
		}
	}
}

// try takes the lock if nobody has it.
func (l *lock) try(ctx context.Context) error {
	c, key := l.store.config, l.store.keys.lock()
	ctx, cancel := context.WithTimeout(ctx, c.CommitTime)
	defer cancel()

	lease, err := l.store.client.Grant(ctx, int64(max(c.LockTime, time.Second)/time.Second))
	if err != nil {
		return c.explain(err)
	}

	value, err := json.Marshal(holder{c.Name, time.Now().UTC().Truncate(time.Second)})
	if err != nil {
		return err
	}
	answer, err := l.store.client.Txn(ctx).
		If(clientv3.Compare(clientv3.CreateRevision(key), "=", 0)).
		Then(clientv3.OpPut(key, string(value), clientv3.WithLease(lease.ID))).
		Else(clientv3.OpGet(key)).Commit()
	if err != nil {
		return c.explain(err) // The lease ends by itself.
	}

	if !answer.Succeeded {
		_, _ = l.store.client.Revoke(ctx, lease.ID)
		var other holder
		if kvs := answer.Responses[0].GetResponseRange().Kvs; len(kvs) > 0 {
			_ = json.Unmarshal(kvs[0].Value, &other) // It is only shown.
		}
		return fmt.Errorf("%w (%s, since %s): stop it, or use another prefix",
			store.ErrLocked, other.Name, other.Since.Format(time.DateTime))
	}

	l.mu.Lock()
	defer l.mu.Unlock()
	l.lease, l.created, l.gone, l.why = lease.ID, answer.Header.Revision, make(chan struct{}), nil
	return nil
}

// keep renews the lease until ctx ends, and takes the lock again if it was lost.
func (l *lock) keep(ctx context.Context) {
	log, prefix := l.store.config.Logger, l.store.keys
	for l.renew(ctx); ctx.Err() == nil; l.renew(ctx) {
		_ = l.lost()
		log.Warn("the lock of the store was lost; it is taken again", "prefix", prefix)
		l.revoke() // etcd may still have the key.
		if l.retake(ctx) {
			log.Info("the lock of the store was taken again", "prefix", prefix)
		}
	}
}

// renew renews the lease until it cannot be renewed, or the lock is lost.
func (l *lock) renew(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()

	l.mu.Lock()
	lease, gone := l.lease, l.gone
	l.mu.Unlock()
	renewals, err := l.store.client.KeepAlive(ctx, lease)
	for err == nil {
		select {
		case _, ok := <-renewals:
			if !ok {
				return
			}
		case <-gone:
			return
		}
	}
}

// retake takes the lock again. It returns false if ctx ends first.
func (l *lock) retake(ctx context.Context) bool {
	for ctx.Err() == nil {
		err := l.try(ctx)
		if err == nil {
			return true
		}

		l.mu.Lock()
		l.why = err
		l.mu.Unlock()
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
	return false
}

// release gives the lock up, so that the next process need not wait until the lease ends.
func (l *lock) release() {
	if l.leader != nil {
		return
	}
	_ = l.lost()
	l.revoke()
}

// revoke ends the lease. Without etcd, it ends by itself.
func (l *lock) revoke() {
	l.mu.Lock()
	lease := l.lease
	l.mu.Unlock()

	ctx, cancel := context.WithTimeout(context.Background(), l.store.config.AttemptTime)
	defer cancel()
	_, _ = l.store.client.Revoke(ctx, lease)
}
