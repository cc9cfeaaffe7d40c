package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	bolt "go.etcd.io/bbolt"
)

func openBolt(t *testing.T, folder string) *Bolt {
	t.Helper()
	s, err := OpenBolt(filepath.Join(folder, "tapline.db"))
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close() })
	return s.(*Bolt)
}

func flow(id string, ifRevision uint64) Op {
	return Op{Kind: KindFlow, ID: id, Value: []byte(`{}`), IfRevision: ifRevision}
}

// writes counts transactions that reached the disk.
func writes(t *testing.T, s *Bolt) (n int) {
	t.Helper()
	require.NoError(t, s.db.View(func(tx *bolt.Tx) error {
		n = tx.ID()
		return nil
	}))
	return n
}

func TestGroupSharesOneWrite(t *testing.T) {
	s := openBolt(t, t.TempDir())
	group := []*Batch{
		NewBatch(flow("f1", 0)),
		NewBatch(flow("f2", 9)),
		NewBatch(flow("f1", 1)), // sees the batch before it
		NewBatch(flow("f1", 1)), // and so does this
		NewBatch(),              // wants keys
		NewBatch(flow("f3", 0)),
	}
	before := writes(t, s)
	s.writeGroup(group)
	require.Equal(t, before+1, writes(t, s))
	for i, want := range []uint64{1, 0, 2, 0, 0, 3} {
		<-group[i].done
		require.Equal(t, want, group[i].Revision, i)
		require.Equal(t, i == 1 || i == 3, errors.Is(group[i].Err, ErrConflict), i)
	}
}

func TestConflictWritesNothing(t *testing.T) {
	s := openBolt(t, t.TempDir())
	before := writes(t, s)
	_, err := s.Commit(t.Context(), flow("f1", 7))
	require.ErrorIs(t, err, ErrConflict)
	require.Equal(t, before, writes(t, s))
}

func TestKeysRarelyWrite(t *testing.T) {
	s := openBolt(t, t.TempDir())
	before := writes(t, s)
	for range keyBlock {
		_, err := s.NextKey(t.Context())
		require.NoError(t, err)
	}
	require.Equal(t, before, writes(t, s), "the first block is reserved when the store is opened")
	for range 10 * keyBlock {
		_, err := s.NextKey(t.Context())
		require.NoError(t, err)
		_, err = s.Commit(t.Context(), flow("f1", 0))
		require.NoError(t, err)
	}
	require.Equal(
		t,
		before+10*keyBlock+1,
		writes(t, s),
		"the rest is reserved by writes that are made anyway",
	)
}

// A caller who gives up before the writer has his batch knows that it was not written.
func TestGiveUpInQueue(t *testing.T) {
	s := openBolt(t, t.TempDir())
	block, err := s.db.Begin(true) // the writer waits for this transaction
	require.NoError(t, err)
	defer func() { _ = block.Rollback() }()
	taken := NewBatch(flow("f1", 0))
	s.batches <- taken
	require.Eventually(t, taken.taken.Load, time.Minute, time.Millisecond)
	ctx, cancel := context.WithCancel(t.Context())
	gaveUp := make(chan error, 1)
	go func() {
		_, err := s.Commit(ctx, flow("f2", 0))
		gaveUp <- err
	}()
	require.Eventually(t, func() bool { return len(s.batches) == 1 }, time.Minute, time.Millisecond)
	cancel()
	require.ErrorIs(t, <-gaveUp, context.Canceled)
	require.NoError(t, block.Rollback())
	<-taken.done
	require.NoError(t, taken.Err)
	require.NoError(t, s.Close()) // the queue is empty
	s = openBolt(t, filepath.Dir(s.path))
	state, err := s.Load(t.Context())
	require.NoError(t, err)
	require.Len(t, state.Records, 1)
	require.Equal(t, "f1", state.Records[0].ID)
}

func TestNothingIsWrittenAfterAFailedWrite(t *testing.T) {
	s := openBolt(t, t.TempDir())
	_, err := s.Commit(t.Context(), flow("f1", 0))
	require.NoError(t, err)
	require.ErrorContains(t, s.fail(syscall.EIO), "input/output error")
	_, err = s.Commit(t.Context(), flow("f2", 0))
	require.ErrorIs(t, err, syscall.EIO)
	require.EqualError(
		t,
		err,
		"commit: write "+s.path+
			": input/output error: the disk cannot be trusted, nothing more is written until the "+
			"store is opened again",
	)
	state, err := s.Load(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 1, state.Revision)
}

// TestFileAway: a write to a file that was moved away is refused. Once the file is back, writes
// succeed again.
func TestFileAway(t *testing.T) {
	folder := t.TempDir()
	s := openBolt(t, folder)
	path, away := filepath.Join(folder, "tapline.db"), filepath.Join(folder, "away.db")
	require.NoError(t, os.Rename(path, away))
	_, err := s.Commit(t.Context(), flow("f1", 0))
	require.ErrorContains(t, err, path+": it was deleted or replaced while in use")
	require.NoError(t, os.WriteFile(path, nil, 0o600))
	_, err = s.Commit(t.Context(), flow("f1", 0))
	require.ErrorIs(t, err, errReplaced)
	require.NoError(t, os.Rename(away, path))
	_, err = s.Commit(t.Context(), flow("f1", 0))
	require.NoError(t, err)
}

func TestFullDisk(t *testing.T) {
	folder := t.TempDir()
	if err := syscall.Mount("tapline-test", folder, "tmpfs", 0, "size=256k"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("mount a small tmpfs: %v", err)
		}
		t.Skipf("needs root to mount a small tmpfs: %v", err)
	}
	t.Cleanup(
		func() { require.NoError(t, syscall.Unmount(folder, 0)) },
	) // after the store is closed
	s := openBolt(t, folder)
	big := `"` + strings.Repeat("x", 8<<10) + `"`
	var acknowledged int
	var err error
	for err == nil && acknowledged < 100 {
		_, err = s.Commit(
			t.Context(),
			Op{Kind: KindFlow, ID: fmt.Sprint(acknowledged), Value: []byte(big)},
		)
		if err == nil {
			acknowledged++
		}
	}
	require.ErrorIs(t, err, syscall.ENOSPC)
	require.Positive(t, acknowledged)
	require.NoError(
		t,
		syscall.Mount("tapline-test", folder, "tmpfs", syscall.MS_REMOUNT, "size=8m"),
	)
	revision, err := s.Commit(t.Context(), flow("after", 0))
	require.NoError(t, err, "there is room again")
	require.EqualValues(t, acknowledged+1, revision)
	require.NoError(t, s.Close())
	s = openBolt(t, folder)
	state, err := s.Load(t.Context())
	require.NoError(t, err)
	require.Len(t, state.Records, acknowledged+1)
	require.NoError(t, s.Close())
}

// A write that failed and yet reached the disk leaves watchers without its batch, so they have to
// load again.
func TestHistoryOfAnUnknownWrite(t *testing.T) {
	h := NewHistory(8, 5)
	events, err := h.Watch(t.Context(), 5)
	require.NoError(t, err)
	h.Reset(5)
	h.Publish(Event{Revision: 6})
	require.EqualValues(t, 6, (<-events).Revision)
	h.Reset(8)
	_, open := <-events
	require.False(t, open)
	_, err = h.Watch(t.Context(), 6)
	require.ErrorIs(t, err, ErrTooOld)
	require.EqualValues(t, 8, h.Revision())
	h.close()
}
