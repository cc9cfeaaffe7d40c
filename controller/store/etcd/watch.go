package etcd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"go.etcd.io/etcd/api/v3/mvccpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/tapline-sdn/tapline/controller/store"
)

func (r recordID) compare(o recordID) int {
	return cmp.Or(cmp.Compare(r.kind, o.kind), cmp.Compare(r.id, o.id))
}

// follow takes over what is written under the prefix, until ctx ends.
func (s *Store) follow(ctx context.Context) {
	for ctx.Err() == nil {
		err := s.followWatch(ctx)
		if errors.Is(err, rpctypes.ErrCompacted) {
			// etcd has dropped transactions that we have not seen.
			err = s.reload(ctx)
		}
		if err != nil && ctx.Err() == nil {
			s.config.Logger.Debug("the watch of etcd is started again", "error", err)
		}

		select {
		case <-ctx.Done():
		case <-time.After(watchPause):
		}
	}
}

// watchPause is the time after which a watch that has ended is started again.
const watchPause = 250 * time.Millisecond

// followWatch follows one watch until it ends.
func (s *Store) followWatch(ctx context.Context) error {
	ctx, cancel := context.WithCancel(clientv3.WithRequireLeader(ctx))
	defer cancel()

	s.mu.Lock()
	from := s.head.mod + 1
	s.mu.Unlock()
	for answer := range s.client.Watch(ctx, s.keys.all(),
		clientv3.WithPrefix(), clientv3.WithRev(from)) {
		if err := answer.Err(); err != nil {
			return err
		}
		// All events of a transaction are in one answer, one after another.
		for events := answer.Events; len(events) > 0; {
			n := 1
			for n < len(events) && events[n].Kv.ModRevision == events[0].Kv.ModRevision {
				n++
			}
			if err := s.observe(events[:n]); err != nil {
				_ = s.die(err)
			}
			events = events[n:]
		}
	}
	return ctx.Err()
}

// observe takes over one transaction of etcd. It returns an error if that is not one of ours.
func (s *Store) observe(events []*clientv3.Event) error {
	var headKV *mvccpb.KeyValue
	var records []*clientv3.Event
	for _, e := range events {
		switch _, isRecord := s.keys.recordOf(e.Kv.Key); {
		case string(e.Kv.Key) == s.keys.head():
			headKV = e.Kv
			if e.Type == mvccpb.DELETE {
				return fmt.Errorf("%s was deleted", s.keys.head())
			}
		case isRecord:
			records = append(records, e)
		}
	}

	if headKV == nil {
		if len(records) > 0 {
			return fmt.Errorf("%q was changed by something that is no controller",
				records[0].Kv.Key)
		}
		return nil // The lock.
	}

	now, err := parseHead(headKV)
	if err != nil {
		return err
	}
	t, err := s.rebuild(now, records)
	if err != nil {
		return err
	}
	s.advance(now, t)
	return nil
}

// rebuild makes the batches of a transaction out of what it has left in etcd. Conditions, and what
// a batch itself has overwritten, are not seen.
func (s *Store) rebuild(now seenHead, records []*clientv3.Event) (*transaction, error) {
	t := &transaction{revisions: map[recordID]uint64{}}
	for revision := now.Previous + 1; revision <= now.Revision; revision++ {
		t.events = append(t.events, store.Event{Revision: revision})
	}
	add := func(batch uint64, op store.Op) error {
		if batch <= now.Previous {
			batch = now.Revision // It was taken back, with the revision that it had.
		}
		if batch > now.Revision || now.Revision == now.Previous {
			return fmt.Errorf("%s %q has revision %d, which the head does not have",
				op.Kind, op.ID, batch)
		}
		event := &t.events[batch-now.Previous-1]
		event.Ops = append(event.Ops, op)
		return nil
	}

	for _, e := range records {
		if e.Type == mvccpb.DELETE {
			continue // The head says to which batch it belongs.
		}
		record, err := s.keys.parseRecord(e.Kv)
		if err != nil {
			return nil, err
		}
		t.revisions[recordID{record.Kind, record.ID}] = record.Revision
		op := store.Op{Kind: record.Kind, ID: record.ID, Value: record.Value}
		if err := add(record.Revision, op); err != nil {
			return nil, err
		}
	}

	for _, d := range now.Deleted {
		id, err := d.record()
		if err != nil {
			return nil, err
		}
		t.revisions[id] = 0
		if err := add(d.Revision, store.Op{Kind: id.kind, ID: id.id}); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// advance takes over a transaction that was carried out, unless that was done before. The writer
// and the watch both call it, and either may be first.
func (s *Store) advance(now seenHead, t *transaction) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now.mod <= s.head.mod {
		return
	}
	if s.inFlight != nil && s.inFlight.raw == now.raw {
		t, s.inFlight = s.inFlight, nil // It knows the conditions of its batches.
	}

	for id, revision := range t.revisions {
		if revision == 0 {
			delete(s.revisions, id)
		} else {
			s.revisions[id] = revision
		}
	}

	if t.limit > 0 {
		s.Keys.Reserve(t.from, t.limit)
	}
	s.History.Reset(now.Previous) // It has a gap where the store was restored.
	s.History.Publish(t.events...)
	s.moveLocked(now)
}

// reload takes over everything, since the watch has missed something.
func (s *Store) reload(ctx context.Context) error {
	found, err := s.readAll(ctx)
	if err != nil {
		return err
	}

	s.mu.Lock()
	defer s.mu.Unlock()
	if found.head.mod <= s.head.mod {
		return nil
	}
	s.revisions = found.revisions()
	s.History.Reset(found.head.Revision)
	s.moveLocked(found.head)
	return nil
}

func (s *Store) moveLocked(now seenHead) {
	s.head = now
	close(s.moved)
	s.moved = make(chan struct{})
}
