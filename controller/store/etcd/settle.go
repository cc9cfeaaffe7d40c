package etcd

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/tapline-sdn/tapline/controller/store"
)

// settle finds out what became of a transaction whose callers got an error, and takes it back if it
// was carried out. When it returns nil, no attempt can be carried out any more.
func (s *Store) settle(until time.Time) error {
	for s.unsettled != nil {
		err := s.settleOnce()
		switch {
		case err == nil:
			s.unsettled, s.closer = nil, nil
			return nil
		case errors.Is(err, errMoved) && time.Now().Before(until):
			continue // Such as a late attempt that was carried out before what settles it.
		case s.deadNow() || isFinal(err) || isLost(err) ||
			!time.Now().Before(until):
			return fmt.Errorf("an earlier write is not settled: %w", s.config.explain(err))
		}
		time.Sleep(retryPause)
	}
	return nil
}

// settleAtEnd is settle for a store that is being closed.
func (s *Store) settleAtEnd() error {
	if err := s.settle(time.Now().Add(2 * s.config.AttemptTime)); err != nil {
		return fmt.Errorf("close store: a change that was reported as failed may be stored: %w",
			err)
	}
	return nil
}

func (s *Store) deadNow() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.dead != nil
}

// settleOnce sends what settles the transaction, which depends on the head that stands.
func (s *Store) settleOnce() error {
	t, seen := s.unsettled, s.headNow()
	kv, err := s.get(context.Background(), s.keys.head())
	switch {
	case err != nil:
		return err
	case kv == nil:
		return s.judge(nil, seen)
	case s.closer != nil && string(kv.Value) == s.closer.raw:
		s.advance(s.closer.seen(kv.ModRevision), s.closer)
		return nil
	case string(kv.Value) == t.raw:
		return s.takeBack(t.seen(kv.ModRevision))
	case string(kv.Value) == t.base.raw:
		if s.closer == nil {
			// With another head, the condition of late attempts no longer holds.
			s.closer = s.seal(rewrite(t.base))
		}
		return s.send(s.closer)
	}

	// Another process has written since, so no attempt can be carried out any more.
	if err := s.judge(kv, seen); !errors.Is(err, errMoved) {
		return err
	}
	return nil
}

// send attempts a transaction that settles another.
func (s *Store) send(t *transaction) error {
	if err := s.begin(t); err != nil {
		return err
	}
	return s.attempt(t)
}

// rewrite makes a transaction that changes only the head.
func rewrite(base seenHead) *transaction {
	t := &transaction{base: base, next: base.head, revisions: map[recordID]uint64{}}
	t.next.Previous, t.next.Deleted = base.Revision, nil
	return t
}

// takeBack undoes the unsettled transaction, which was carried out and left the given head.
func (s *Store) takeBack(done seenHead) error {
	s.advance(done, s.unsettled)
	if s.closer == nil || s.closer.base.raw != done.raw {
		back, err := s.undo(done)
		if errors.Is(err, rpctypes.ErrCompacted) {
			return s.die(errors.New("a change that was reported as failed is stored, and etcd " +
				"no longer has what was there before"))
		}
		if err != nil {
			return err
		}
		s.closer = s.seal(back)
	}
	return s.send(s.closer)
}

// undo makes a transaction that gives the records of the unsettled one the content and the
// revisions that they had before.
func (s *Store) undo(done seenHead) (*transaction, error) {
	ids := make([]recordID, 0, len(s.unsettled.revisions))
	for id := range s.unsettled.revisions {
		ids = append(ids, id)
	}
	back := rewrite(done)
	if len(ids) == 0 {
		return back, nil // It was about service keys, and some of those are skipped.
	}
	slices.SortFunc(ids, recordID.compare)

	var reads []clientv3.Op
	for _, id := range ids {
		reads = append(reads, clientv3.OpGet(s.keys.record(id), clientv3.WithRev(done.mod-1)))
	}
	ctx, cancel := context.WithTimeout(context.Background(), s.config.AttemptTime)
	defer cancel()
	answer, err := s.client.Txn(ctx).Then(reads...).Commit()
	if err != nil {
		return nil, err
	}

	back.next.Revision++
	event := store.Event{Revision: back.next.Revision}
	for i, id := range ids {
		before := answer.Responses[i].GetResponseRange().Kvs
		if len(before) == 0 {
			back.delete(s.keys, id, event.Revision)
			event.Ops = append(event.Ops, store.Op{Kind: id.kind, ID: id.id})
			continue
		}
		record, err := s.keys.parseRecord(before[0])
		if err != nil {
			return nil, err
		}
		back.put(s.keys, id, record.Revision, string(before[0].Value))
		event.Ops = append(event.Ops, store.Op{Kind: id.kind, ID: id.id, Value: record.Value})
	}
	back.events = []store.Event{event}
	return back, nil
}
