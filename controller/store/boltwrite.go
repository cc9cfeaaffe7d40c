package store

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"syscall"

	bolt "go.etcd.io/bbolt"
)

// maxGroup bounds how many batches share a write, and so how long the first of them waits for the
// others.
const maxGroup = 256

// errUnchanged rolls back a write that would change nothing.
var errUnchanged = errors.New("nothing to write")

// request is a batch on its way to the writer. A request without operations reserves keys.
type request struct {
	ops []Op
	// taken is set once: by the writer, which then sets the outcome, or by a caller that gave up,
	// and then nothing is written.
	taken atomic.Bool

	done     chan struct{} // closed by the writer after it has set the fields below
	revision uint64
	err      error
}

// take reports whether the caller may decide the outcome of the request.
func (r *request) take() bool { return r.taken.CompareAndSwap(false, true) }

// Commit implements [Store].
func (s *Bolt) Commit(ctx context.Context, ops ...Op) (uint64, error) {
	ops, err := copyBatch(ops)
	if err != nil {
		return 0, fmt.Errorf("commit: %w", err)
	}
	if len(ops) == 0 && !isClosed(s.closing) {
		return s.history.revision(), ctx.Err()
	}
	return s.submit(ctx, ops)
}

// NextKey implements [Store].
func (s *Bolt) NextKey(ctx context.Context) (uint32, error) {
	for {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		if isClosed(s.closing) {
			return 0, ErrClosed
		}
		if key, ok, err := s.keys.take(); ok || err != nil {
			return key, err
		}
		if _, err := s.submit(ctx, nil); err != nil {
			return 0, fmt.Errorf("reserve service keys: %w", err)
		}
	}
}

// submit queues a batch and waits for its outcome.
func (s *Bolt) submit(ctx context.Context, ops []Op) (uint64, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	if isClosed(s.closing) {
		return 0, ErrClosed
	}

	r := &request{ops: ops, done: make(chan struct{})}
	select {
	case s.queue <- r:
	case <-ctx.Done():
		return 0, ctx.Err()
	case <-s.closing:
		return 0, ErrClosed
	}

	var err error
	select {
	case <-r.done:
		return r.revision, r.err
	case <-ctx.Done():
		err = ctx.Err()
	case <-s.stopped:
		err = ErrClosed
	}

	if r.take() {
		return 0, err
	}

	// The writer has the batch, and its outcome is one write away.
	<-r.done
	return r.revision, r.err
}

// write is the writer's goroutine. It ends after Close, when the queue is empty.
func (s *Bolt) write() {
	defer close(s.stopped)
	for {
		select {
		case r := <-s.queue:
			s.writeGroup(s.collect(r))
		case <-s.closing:
			group := s.collect()
			if len(group) == 0 {
				return
			}
			s.writeGroup(group)
		}
	}
}

// collect takes the batches that wait, in the order of their arrival. It leaves out those whose
// callers gave up.
func (s *Bolt) collect(first ...*request) []*request {
	var group []*request
	for _, r := range first {
		if r.take() {
			group = append(group, r)
		}
	}

	for len(group) < maxGroup {
		select {
		case r := <-s.queue:
			if r.take() {
				group = append(group, r)
			}
		default:
			return group
		}
	}

	return group
}

// writeGroup writes several batches at once, and sets the outcome of each.
func (s *Bolt) writeGroup(group []*request) {
	if len(group) == 0 {
		return
	}

	var events []Event
	var limit uint32
	err := s.failed
	if err == nil {
		err = s.checkFile()
	}

	if err == nil {
		err = s.db.Update(func(tx *bolt.Tx) (err error) {
			events, limit, err = s.apply(tx, group)
			return err
		})
	}

	switch {
	case err == nil:
		s.keys.setLimit(limit)
		s.history.publish(events...)
	case errors.Is(err, errUnchanged):
	default:
		for _, r := range group {
			r.revision, r.err = 0, s.fail(err)
		}
	}

	for _, r := range group {
		close(r.done)
	}
}

// apply applies the batches one after another, and sets the revision or the failed condition of
// each.
func (s *Bolt) apply(
	tx *bolt.Tx, group []*request,
) (events []Event, limit uint32, err error) {
	meta := tx.Bucket(bucketMeta)
	revision := number(meta, metaRevision)
	s.history.reset(revision)

	for _, r := range group {
		if r.err = checkConditions(tx, r.ops); r.err != nil || len(r.ops) == 0 {
			continue
		}
		revision++
		r.revision = revision
		if err := put(tx, revision, r.ops); err != nil {
			return nil, 0, err
		}
		events = append(events, Event{Revision: revision, Ops: r.ops})
	}

	limit, more := s.keys.nextLimit()
	if len(events) == 0 && !more {
		return nil, 0, errUnchanged
	}

	return events, limit, errors.Join(
		putNumber(meta, metaRevision, revision),
		putNumber(meta, metaKeyLimit, uint64(limit)),
	)
}

func checkConditions(tx *bolt.Tx, ops []Op) error {
	for _, op := range ops {
		revision := number(tx.Bucket([]byte(op.Kind)), []byte(op.ID))
		if err := op.checkCondition(revision); err != nil {
			return fmt.Errorf("commit: %w", err)
		}
	}
	return nil
}

// put writes the records of a batch.
func put(tx *bolt.Tx, revision uint64, ops []Op) error {
	for _, op := range ops {
		bucket := tx.Bucket([]byte(op.Kind))
		var err error
		if op.Value == nil {
			err = bucket.Delete([]byte(op.ID))
		} else {
			value := append(binary.BigEndian.AppendUint64(nil, revision), op.Value...)
			err = bucket.Put([]byte(op.ID), value)
		}

		if err != nil {
			return fmt.Errorf("%s %q: %w", op.Kind, op.ID, err)
		}
	}
	return nil
}

// errReplaced means that a write would be lost, since nobody could open the file again.
var errReplaced = errors.New(
	"it was deleted or replaced while in use: put it back, or restart with what is there")

// checkFile returns an error if the open file is no longer the one at its path.
func (s *Bolt) checkFile() error {
	if now, err := os.Stat(s.path); err != nil || !os.SameFile(now, s.file) {
		return fmt.Errorf("%s: %w", s.path, errReplaced)
	}
	return nil
}

// fail decides whether the store can be written to after a failed write. A full disk may get space
// again. After any other error, the kernel may have dropped pages that it reports as written from
// then on (fsync(2), EIO), so a later success would prove nothing.
func (s *Bolt) fail(err error) error {
	if errors.Is(err, errReplaced) {
		return fmt.Errorf("commit: %w", err)
	}

	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return fmt.Errorf("commit: write %s: %w", s.path, err)
	}

	if s.failed == nil {
		s.failed = fmt.Errorf("write %s: %w: the disk cannot be trusted, "+
			"nothing more is written until the store is opened again", s.path, err)
	}
	return fmt.Errorf("commit: %w", s.failed)
}
