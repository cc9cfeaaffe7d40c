package etcd

import (
	"fmt"
	"net/url"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/tapline-sdn/tapline/controller/store"
)

// maxBytes bounds the records of one transaction. etcd refuses requests of more than 1.5 MiB.
const maxBytes = 1 << 20

// transaction is what is sent to etcd at once: a new head, and the records of some batches.
type transaction struct {
	base seenHead // must be the head when it is carried out
	next head
	raw  string // next, as it is stored

	writes  []clientv3.Op // of records
	batches []*store.Batch
	events  []store.Event
	// revisions of the records that it writes; 0: deleted.
	revisions map[recordID]uint64

	from, limit uint32 // the block of service keys that it reserves
}

// plan makes a transaction of the first batches of a group. It sets the outcome of those whose
// conditions do not hold, and of those that can never be written. It returns how many batches it
// has dealt with.
func (s *Store) plan(group []*store.Batch) (t *transaction, dealt int) {
	s.mu.Lock()
	defer s.mu.Unlock()

	t = &transaction{base: s.head, next: s.head.head, revisions: map[recordID]uint64{}}
	t.next.Deleted = nil
	size := 0

	for _, b := range group {
		b.Revision, b.Err = 0, nil
		final, bytes := reduce(b.Ops)
		if b.Err = checkSize(len(final), bytes); b.Err != nil {
			dealt++
			continue
		}
		// A batch that depends on one before it has to wait until that one is written.
		if t.touches(final) || len(t.revisions)+len(final) > store.MaxOps ||
			size+bytes > maxBytes {
			break
		}

		dealt++
		if b.Err = s.checkConditionsLocked(b.Ops); b.Err == nil && len(b.Ops) > 0 {
			t.add(s.keys, b, final)
			size += bytes
		}
	}

	t.next.Previous = s.head.Revision
	t.from, t.limit, _ = s.Keys.Next(s.head.KeyLimit)
	if t.limit > s.head.KeyLimit {
		t.next.KeyLimit = t.limit
	}
	return t, dealt
}

// reduce returns the last operation on each record, in order, and their size in bytes. etcd refuses
// to write a key twice in a transaction.
func reduce(ops []store.Op) (final []store.Op, size int) {
	last := make(map[recordID]int, len(ops))
	for i, op := range ops {
		last[idOf(op)] = i
	}
	for i, op := range ops {
		if last[idOf(op)] == i {
			final = append(final, op)
			size += len(op.ID) + len(op.Value)
		}
	}
	return final, size
}

func checkSize(ops, bytes int) error {
	switch {
	case ops > store.MaxOps:
		return fmt.Errorf("commit: the batch has %d records: etcd takes %d at once",
			ops, store.MaxOps)
	case bytes > maxBytes:
		return fmt.Errorf("commit: the batch has %d bytes: etcd takes %d at once", bytes, maxBytes)
	}
	return nil
}

func (s *Store) checkConditionsLocked(ops []store.Op) error {
	for _, op := range ops {
		if err := op.CheckCondition(s.revisions[idOf(op)]); err != nil {
			return fmt.Errorf("commit: %w", err)
		}
	}
	return nil
}

func (t *transaction) touches(ops []store.Op) bool {
	for _, op := range ops {
		if _, touched := t.revisions[idOf(op)]; touched {
			return true
		}
	}
	return false
}

// add appends a batch, of which final are the last operations on each record.
func (t *transaction) add(keys keyspace, b *store.Batch, final []store.Op) {
	t.next.Revision++
	revision := t.next.Revision
	for _, op := range final {
		if op.Value == nil {
			t.delete(keys, idOf(op), revision)
			continue
		}
		t.put(keys, idOf(op), revision, encodeRecord(revision, op.Value))
	}

	b.Revision = revision
	t.batches = append(t.batches, b)
	t.events = append(t.events, store.Event{Revision: revision, Ops: b.Ops})
}

func (t *transaction) put(keys keyspace, id recordID, revision uint64, raw string) {
	t.revisions[id] = revision
	t.writes = append(t.writes, clientv3.OpPut(keys.record(id), raw))
}

func (t *transaction) delete(keys keyspace, id recordID, batch uint64) {
	t.revisions[id] = 0
	t.writes = append(t.writes, clientv3.OpDelete(keys.record(id)))
	t.next.Deleted = append(t.next.Deleted, deletion{batch, id.kind, url.PathEscape(id.id)})
}

// changesNothing reports whether a transaction would only rewrite the head.
func (t *transaction) changesNothing() bool {
	return len(t.batches) == 0 && t.next.KeyLimit == t.base.KeyLimit
}

// seal numbers a transaction. It must not be changed any more.
func (s *Store) seal(t *transaction) *transaction {
	s.sequence++
	t.next.Writer, t.next.Sequence = s.writer, s.sequence
	t.raw = t.next.encode()
	return t
}

// seen is the head after the transaction was carried out at one of etcd's revisions.
func (t *transaction) seen(mod int64) seenHead { return seenHead{t.next, t.raw, mod} }
