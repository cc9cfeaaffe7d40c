package store

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	bolt "go.etcd.io/bbolt"
)

// ReadBolt returns the content of a bbolt file, which a controller may be writing to. See
// copyQuietly for how.
func ReadBolt(ctx context.Context, path string) (State, error) {
	folder, err := os.MkdirTemp(filepath.Dir(path), ".tapline-read-")
	if err != nil {
		return State{}, err
	}
	defer func() { _ = os.RemoveAll(folder) }()

	copied := filepath.Join(folder, filepath.Base(path))
	if err := copyQuietly(ctx, path, copied); err != nil {
		return State{}, fmt.Errorf("read %s: %w", path, err)
	}

	s, err := OpenBolt(copied)
	if err != nil {
		return State{}, fmt.Errorf("read %s: %w", path, err)
	}
	state, err := s.Load(ctx)
	return state, errors.Join(err, s.Close())
}

const (
	copyAttempts = 100
	copyPause    = 20 * time.Millisecond
)

// copyQuietly copies a bbolt file as it was after one write. A write never changes pages that the
// last complete write refers to, and ends by rewriting one of two meta pages. So while both stay as
// they were, what they refer to stays too. If one has changed, the file is copied again: the next
// write may be using the pages that the one before has freed.
func copyQuietly(ctx context.Context, path, to string) error {
	for range copyAttempts {
		before, err := readMeta(path)
		if err != nil {
			return err
		}
		if err := copyFile(path, to, before); err != nil {
			return err
		}
		after, err := readMeta(path)
		if err != nil {
			return err
		}
		if before == after {
			return nil
		}

		select {
		case <-time.After(copyPause):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return errors.New("it is written to all the time: try again later, or stop the controller")
}

var errDamaged = errors.New("it is not a store of Tapline, or damaged")

// metaPages are the two meta pages of a bbolt file.
type metaPages [2]string

// used returns how much of the file they refer to, in bytes. The rest, by which the file has grown
// in advance, means nothing.
func (m metaPages) used() int64 {
	const pageSizeAt, highWaterAt = 24, 56
	most := uint64(0)
	for _, page := range m {
		b := []byte(page)
		size := uint64(binary.NativeEndian.Uint32(b[pageSizeAt:]))
		most = max(most, size*binary.NativeEndian.Uint64(b[highWaterAt:]))
	}
	return int64(most)
}

// readMeta returns the two meta pages of a bbolt file. It reads them until it finds them the same
// twice, since one may be just being written.
func readMeta(path string) (pages metaPages, err error) {
	for {
		again, err := readMetaOnce(path)
		if err != nil || again == pages {
			return again, err
		}
		pages = again
	}
}

func readMetaOnce(path string) (pages metaPages, err error) {
	file, err := os.Open(path)
	if err != nil {
		return pages, err
	}
	defer func() { _ = file.Close() }()

	const sizeAt = 24 // of the page size, in a meta page
	var first [sizeAt + 4]byte
	if _, err := io.ReadFull(file, first[:]); err != nil {
		return pages, fmt.Errorf("%w: %w", errDamaged, err)
	}
	size := binary.NativeEndian.Uint32(first[sizeAt:])
	if size < 1<<9 || size > 1<<16 {
		return pages, errDamaged
	}

	both := make([]byte, 2*size)
	if _, err := file.ReadAt(both, 0); err != nil {
		return pages, fmt.Errorf("%w: %w", errDamaged, err)
	}
	return metaPages{string(both[:size]), string(both[size:])}, nil
}

// copyFile copies a bbolt file, with the given meta pages in place of its own.
func copyFile(path, to string, meta metaPages) error {
	from, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = from.Close() }()

	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = io.CopyN(out, from, meta.used())
	if errors.Is(err, io.EOF) {
		err = errDamaged
	}
	if err == nil {
		_, err = out.WriteAt([]byte(meta[0]+meta[1]), 0)
	}
	return errors.Join(err, out.Close())
}

// ReplaceBolt makes the given content that of a bbolt file, which nobody may have open. The file
// that was there, if any, is kept beside it, with ".before" after its name. Revisions and keys go
// on from the higher of the old and the new.
func ReplaceBolt(ctx context.Context, path string, state State) (err error) {
	if _, err := os.Stat(path); err == nil {
		old, err := OpenBolt(path)
		if err != nil {
			return err
		}
		defer func() { _ = old.Close() }() // Until the new file is in place, it keeps others out.

		have, err := old.Load(ctx)
		if err != nil {
			return err
		}
		state.Revision = max(state.Revision, have.Revision)
		state.LastKey = max(state.LastKey, have.LastKey)
	}

	fresh := path + ".new"
	if err := os.Remove(fresh); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err := fill(fresh, state); err != nil {
		return err
	}

	before := path + ".before"
	if err := os.Rename(path, before); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err := os.Rename(fresh, path); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(path))
}

// fill makes a new bbolt file with the given content.
func fill(path string, state State) error {
	s, err := OpenBolt(path)
	if err != nil {
		return err
	}

	err = s.(*Bolt).db.Update(func(tx *bolt.Tx) error {
		meta := tx.Bucket(bucketMeta)
		err := errors.Join(
			meta.Put(metaCluster, []byte(state.ClusterID)),
			meta.Put(metaSecret, state.Secret),
			putNumber(meta, metaRevision, state.Revision),
			putNumber(meta, metaKeyLimit, uint64(state.LastKey)),
		)
		for _, r := range state.Records {
			op := Op{Kind: r.Kind, ID: r.ID, Value: r.Value}
			err = errors.Join(err, put(tx, r.Revision, []Op{op}))
		}
		return err
	})
	return errors.Join(err, s.Close())
}
