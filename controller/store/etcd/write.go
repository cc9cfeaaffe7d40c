package etcd

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.etcd.io/etcd/api/v3/mvccpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/tapline-sdn/tapline/controller/store"
)

var (
	errReadOnly = errors.New("it was opened to be read")
	// errUnknown means that a write may or may not have been carried out, or may yet be.
	errUnknown = errors.New("its outcome is not known yet, and it will be taken back")
	// errUnsettled is errUnknown where nobody can take the write back.
	errUnsettled = errors.New("whether it is stored is not known: read it again")
	// errMoved means that another process has written since the last head that we have seen.
	errMoved = errors.New("another process has written")
)

// write is called by the writer's goroutine with the batches that wait, and with none to look
// after etcd.
func (s *Store) write(group []*store.Batch) {
	if len(group) == 0 {
		s.look()
		return
	}

	until := time.Now().Add(s.config.CommitTime)
	for len(group) > 0 {
		dealt, err := s.writeSome(group, until)
		if err != nil {
			dealt = len(group)
		}
		for _, b := range group[:dealt] {
			if err != nil {
				b.Revision, b.Err = 0, fmt.Errorf("commit: %w", err)
			}
			b.Finish()
		}
		group = group[dealt:]
	}
}

// writeSome writes the first batches of a group, and sets their outcomes. It returns how many those
// are. After an error none of the group is written.
func (s *Store) writeSome(group []*store.Batch, until time.Time) (dealt int, err error) {
	if s.config.ReadOnly {
		return 0, errReadOnly
	}

	for {
		if err := s.settle(until); err != nil {
			return 0, err
		}

		t, dealt := s.plan(group)
		switch {
		case !t.changesNothing():
			err = s.carryOut(s.seal(t), until)
		case failed(group[:dealt]):
			err = s.confirmHead()
		}

		if errors.Is(err, errMoved) && time.Now().Before(until) {
			continue // The watch has caught up.
		}
		s.note(err)
		return dealt, err
	}
}

// failed reports whether conditions of batches did not hold.
func failed(batches []*store.Batch) bool {
	for _, b := range batches {
		if errors.Is(b.Err, store.ErrConflict) {
			return true
		}
	}
	return false
}

// confirmHead checks that the head is still the one whose records failed a condition.
func (s *Store) confirmHead() error {
	seen := s.headNow()
	kv, err := s.get(context.Background(), s.keys.head())
	if err != nil {
		return s.config.explain(err)
	}
	return s.judge(kv, seen)
}

// headNow returns the last head that we have seen. It takes mu.
func (s *Store) headNow() seenHead {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.head
}

// carryOut sends a transaction until its outcome is known. After errUnknown, it must be settled.
func (s *Store) carryOut(t *transaction, until time.Time) error {
	if err := s.begin(t); err != nil {
		return err
	}

	lingering := false // An attempt had no answer, and may be carried out later.
	for {
		err := s.attempt(t)
		switch {
		case err == nil, errors.Is(err, errMoved), isLost(err) && !lingering, s.deadNow():
			return err // No attempt can be carried out any more.
		case errors.Is(err, store.ErrNotLeader):
			s.unsettled, s.closer = t, nil
			return fmt.Errorf("%w: %v", errUnsettled, err) // ErrNotLeader says what is not known.
		case isFinal(err) && !lingering:
			return s.config.explain(err)
		case isFinal(err) || isLost(err) || !time.Now().Before(until):
			s.unsettled, s.closer = t, nil
			return fmt.Errorf("%w: %w", s.config.explain(err), errUnknown)
		}

		lingering = true
		s.note(s.config.explain(err))
		time.Sleep(retryPause)
	}
}

// isLost reports whether a write was refused since the prefix is not ours any more.
func isLost(err error) bool {
	return errors.Is(err, errNotHeld) || errors.Is(err, store.ErrNotLeader)
}

// begin lets the watch know a transaction that it may see before we have the answer. It returns an
// error if nothing is written any more.
func (s *Store) begin(t *transaction) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.dead == nil {
		s.inFlight = t
	}
	return s.dead
}

// attempt sends a transaction once. If it returns nil, the transaction is carried out.
func (s *Store) attempt(t *transaction) error {
	conditions := []clientv3.Cmp{
		clientv3.Compare(clientv3.Value(s.keys.head()), "=", t.base.raw),
		clientv3.Compare(clientv3.ModRevision(s.keys.head()), "=", t.base.mod),
	}
	if s.lock != nil {
		held, err := s.lock.condition()
		if err != nil {
			return err
		}
		conditions = append(conditions, held)
	}

	ctx, cancel := context.WithTimeout(context.Background(), s.config.AttemptTime)
	defer cancel()
	answer, err := s.client.Txn(ctx).If(conditions...).
		Then(append([]clientv3.Op{clientv3.OpPut(s.keys.head(), t.raw)}, t.writes...)...).
		Else(clientv3.OpGet(s.keys.head())).Commit()
	switch {
	case errors.Is(err, rpctypes.ErrNoSpace):
		return s.checkNoSpace(t, err)
	case err != nil:
		return err
	case answer.Succeeded:
		s.advance(t.seen(answer.Header.Revision), t)
		return nil
	}

	var kv *mvccpb.KeyValue
	if found := answer.Responses[0].GetResponseRange().Kvs; len(found) > 0 {
		kv = found[0]
	}
	return s.refused(t, kv)
}

// refused says why the conditions of a transaction did not hold, by the head that stands.
func (s *Store) refused(t *transaction, kv *mvccpb.KeyValue) error {
	switch {
	case kv != nil && string(kv.Value) == t.raw: // An earlier attempt was carried out.
		s.advance(t.seen(kv.ModRevision), t)
		return nil
	case kv != nil && kv.ModRevision == t.base.mod && string(kv.Value) == t.base.raw:
		return s.lock.lost()
	}
	return s.judge(kv, t.base)
}

// checkNoSpace looks whether a transaction was carried out. The first one for which there is no
// space is, though etcd says that it failed.
func (s *Store) checkNoSpace(t *transaction, failed error) error {
	kv, err := s.get(context.Background(), s.keys.head())
	switch {
	case err != nil:
		return err
	case kv != nil && string(kv.Value) == t.raw:
		s.advance(t.seen(kv.ModRevision), t)
		return nil
	}
	return failed
}

// judge compares a head that was read, which may be nil, with one that we had seen before that. If
// another process has written, it waits for the watch to catch up and returns errMoved. It returns
// an error for good if the store went back, or is not shared.
func (s *Store) judge(kv *mvccpb.KeyValue, seen seenHead) error {
	if kv == nil {
		return s.die(fmt.Errorf("%s is gone: etcd was emptied or restored", s.keys.head()))
	}
	now, err := parseHead(kv)
	if err != nil {
		return s.die(err)
	}

	switch {
	case now.raw == seen.raw && now.mod == seen.mod:
		return nil
	case now.ClusterID != seen.ClusterID || now.Revision < seen.Revision || now.mod <= seen.mod:
		return s.die(fmt.Errorf("etcd is at revision %d, and revision %d was written already: "+
			"it was restored from an older copy", now.Revision, seen.Revision))
	case now.Writer != s.writer && !s.config.Shared && !s.config.ReadOnly:
		return s.die(fmt.Errorf("another process has written to %s", s.keys))
	}

	if err := s.awaitHead(context.Background(), now); err != nil {
		return err
	}
	return errMoved
}

// die has nothing written any more, and returns why.
func (s *Store) die(reason error) error {
	if s.config.Leader != nil {
		s.config.Leader.Lost(reason)
	}

	s.mu.Lock()
	defer s.mu.Unlock()
	if s.dead == nil {
		s.dead = fmt.Errorf("%w: nothing more is written until the controller is restarted", reason)
		s.config.Logger.Error("the store cannot be used any more", "error", s.dead)
		close(s.moved)
		s.moved = make(chan struct{})
	}
	return s.dead
}

// note remembers whether etcd can be used, for Err. A failed condition says nothing about that.
func (s *Store) note(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case err != nil && s.problem == nil:
		s.config.Logger.Warn("the store cannot be written to; it is tried again", "error", err)
	case err == nil && s.problem != nil:
		s.config.Logger.Info("the store can be written to again")
	}
	s.problem = err
}

// look checks that etcd answers, and settles what is left. After a failure it writes, since etcd
// answers questions also while it cannot write.
func (s *Store) look() {
	s.mu.Lock()
	failed, dead := s.problem != nil, s.dead != nil
	s.mu.Unlock()
	if dead {
		return
	}

	err := s.settle(time.Now())
	if err == nil && s.lock != nil {
		_, err = s.lock.condition()
	}
	switch {
	case err != nil:
	case failed && !s.config.ReadOnly:
		err = s.probe()
	default:
		err = s.confirmHead()
	}

	if !errors.Is(err, errMoved) {
		s.note(s.config.explain(err))
	}
}

// probe writes nothing but the head.
func (s *Store) probe() error {
	t, _ := s.plan(nil)
	return s.carryOut(s.seal(t), time.Now())
}
