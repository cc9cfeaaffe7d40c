package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"syscall"

	bolt "go.etcd.io/bbolt"
)

// errUnchanged rolls back a write that would change nothing.
var errUnchanged = errors.New("nothing to write")

// writeGroup writes several batches at once, and sets the outcome of each.
func (s *Bolt) writeGroup(group []*Batch) {
	if len(group) == 0 {
		return
	}

	var events []Event
	var block keyRange
	err := s.failed
	if err == nil {
		err = s.checkFile()
	}

	if err == nil {
		err = s.db.Update(func(tx *bolt.Tx) (err error) {
			events, block, err = s.apply(tx, group)
			return err
		})
	}

	switch {
	case err == nil:
		s.Keys.Reserve(block.from, block.limit)
		s.History.Publish(events...)
	case errors.Is(err, errUnchanged):
	default:
		for _, r := range group {
			r.Revision, r.Err = 0, s.fail(err)
		}
	}

	for _, r := range group {
		r.Finish()
	}
}

// keyRange are the keys after from and up to limit.
type keyRange struct{ from, limit uint32 }

// apply applies the batches one after another, and sets the revision or the failed condition of
// each.
func (s *Bolt) apply(
	tx *bolt.Tx, group []*Batch,
) (events []Event, block keyRange, err error) {
	meta := tx.Bucket(bucketMeta)
	revision := number(meta, metaRevision)
	s.History.Reset(revision)

	for _, r := range group {
		if r.Err = checkConditions(tx, r.Ops); r.Err != nil || len(r.Ops) == 0 {
			continue
		}
		revision++
		r.Revision = revision
		if err := put(tx, revision, r.Ops); err != nil {
			return nil, keyRange{}, err
		}
		events = append(events, Event{Revision: revision, Ops: r.Ops})
	}

	var more bool
	block.from, block.limit, more = s.Keys.Next(uint32(number(meta, metaKeyLimit)))
	if len(events) == 0 && !more {
		return nil, keyRange{}, errUnchanged
	}

	return events, block, errors.Join(
		putNumber(meta, metaRevision, revision),
		putNumber(meta, metaKeyLimit, uint64(block.limit)),
	)
}

func checkConditions(tx *bolt.Tx, ops []Op) error {
	for _, op := range ops {
		revision := number(tx.Bucket([]byte(op.Kind)), []byte(op.ID))
		if err := op.CheckCondition(revision); err != nil {
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
