package store_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	bolt "go.etcd.io/bbolt"
	"go.uber.org/goleak"

	"github.com/tapline-sdn/tapline/controller/store"
	"github.com/tapline-sdn/tapline/controller/store/storetest"
)

func TestMain(m *testing.M) {
	if path := os.Getenv(crashFile); path != "" {
		crashChild(path)
		return
	}
	goleak.VerifyTestMain(m)
}

func TestBolt(t *testing.T) {
	paths := make(map[store.Store]string)
	storetest.Run(t, storetest.Harness{
		Open: func(t testing.TB) store.Store {
			path := filepath.Join(t.TempDir(), "tapline.db")
			s := open(t, path)
			paths[s] = path
			return s
		},
		Reopen: func(t testing.TB, s store.Store) store.Store {
			require.NoError(t, s.Close())
			again := open(t, paths[s])
			paths[again] = paths[s]
			return again
		},
	})
}

func TestMemory(t *testing.T) {
	storetest.Run(
		t,
		storetest.Harness{Open: func(testing.TB) store.Store { return store.NewMemory() }},
	)
}

// open leaves closing to the caller.
func open(t testing.TB, path string, opts ...store.Option) store.Store {
	t.Helper()
	s, err := store.OpenBolt(path, opts...)
	require.NoError(t, err)
	return s
}

func opened(t testing.TB, opts ...store.Option) store.Store {
	t.Helper()
	s := open(t, filepath.Join(t.TempDir(), "tapline.db"), opts...)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

func op(id, value string) store.Op {
	return store.Op{Kind: store.KindFlow, ID: id, Value: json.RawMessage(value)}
}

func TestLocked(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tapline.db")
	first := open(t, path)
	_, err := store.OpenBolt(path, store.WithLockTimeout(0))
	require.ErrorIs(t, err, store.ErrLocked)
	require.EqualError(
		t,
		err,
		"open "+path+": another controller has it open: stop it, or use another data_dir",
	)
	require.NoError(t, first.Close())
	require.NoError(t, open(t, path, store.WithLockTimeout(0)).Close())
}

// A controller that is being replaced closes its store a moment after the new one started.
func TestLockIsWaitedFor(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tapline.db")
	first := open(t, path)
	closed := make(chan error, 1)
	time.AfterFunc(20*time.Millisecond, func() { closed <- first.Close() })
	require.NoError(t, open(t, path, store.WithLockTimeout(time.Minute)).Close())
	require.NoError(t, <-closed)
}

func TestOpenRefuses(t *testing.T) {
	write := func(change func(tx *bolt.Tx) error) func(t *testing.T, path string) {
		return func(t *testing.T, path string) {
			db, err := bolt.Open(path, 0o600, nil)
			require.NoError(t, err)
			require.NoError(t, db.Update(change))
			require.NoError(t, db.Close())
		}
	}
	tests := []struct {
		name string
		make func(t *testing.T, path string)
		want string
	}{
		{"garbage", func(t *testing.T, path string) {
			require.NoError(t, os.WriteFile(path, make([]byte, 65536), 0o600))
		}, "not a store of Tapline, or damaged"},
		{"text", func(t *testing.T, path string) {
			require.NoError(t, os.WriteFile(path, []byte("hello"), 0o600))
		}, "not a store of Tapline, or damaged"},
		{"cut off early", func(t *testing.T, path string) {
			require.NoError(t, open(t, path).Close())
			require.NoError(t, os.Truncate(path, 4096))
		}, "file size too small"},
		{"cut off", func(t *testing.T, path string) {
			s := open(t, path)
			for i := range 100 {
				_, err := s.Commit(t.Context(), op(fmt.Sprint(i), `"a record"`))
				require.NoError(t, err)
			}
			require.NoError(t, s.Close())
			require.NoError(t, os.Truncate(path, 10_000))
		}, "it ends after 10000 of"},
		{"no folder", func(t *testing.T, path string) {
			require.NoError(t, os.Remove(filepath.Dir(path)))
		}, "no such file or directory"},
		{
			"folder",
			func(t *testing.T, path string) { require.NoError(t, os.Mkdir(path, 0o700)) },
			"it is not a regular file",
		},
		{"another program's", write(func(tx *bolt.Tx) error {
			_, err := tx.CreateBucket([]byte("photos"))
			return err
		}), `bbolt file of another program: it has a bucket "photos"`},
		{"newer schema", func(t *testing.T, path string) {
			require.NoError(t, open(t, path).Close())
			write(func(tx *bolt.Tx) error {
				return tx.Bucket([]byte("meta")).
					Put([]byte("schema"), []byte{0, 0, 0, 0, 0, 0, 0, 2})
			})(t, path)
		}, "schema 2, and this controller knows schema 1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "sub", "tapline.db")
			require.NoError(t, os.Mkdir(filepath.Dir(path), 0o700))
			tt.make(t, path)
			_, err := store.OpenBolt(path, store.WithLockTimeout(0))
			require.ErrorContains(t, err, tt.want)
			require.ErrorContains(t, err, path)
		})
	}
}

func TestFileIsPrivate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tapline.db")
	require.NoError(t, open(t, path).Close())
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
}

func TestHistoryIsBounded(t *testing.T) {
	s := opened(t, store.WithHistory(3))
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	slow, err := s.Watch(ctx, 0)
	require.NoError(t, err)
	for i := range 5 {
		_, err := s.Commit(ctx, op(fmt.Sprint(i), `1`))
		require.NoError(t, err)
	}
	_, err = s.Watch(ctx, 1)
	require.ErrorIs(t, err, store.ErrTooOld)
	require.EqualError(
		t,
		err,
		"revision 1 is not between 2 and 5: cannot watch from this revision: load again",
	)
	events, err := s.Watch(ctx, 2)
	require.NoError(t, err)
	for revision := uint64(3); revision <= 5; revision++ {
		require.Equal(t, revision, (<-events).Revision)
	}
	// The slow one may hold the first event, but none after the gap.
	for event := range slow {
		require.EqualValues(t, 1, event.Revision)
	}
	require.NoError(t, ctx.Err(), "the watch was ended by the store, not by the context")
}

func TestKeysEnd(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tapline.db")
	require.NoError(t, open(t, path).Close())
	db, err := bolt.Open(path, 0o600, nil)
	require.NoError(t, err)
	require.NoError(t, db.Update(func(tx *bolt.Tx) error {
		return tx.Bucket([]byte("meta")).
			Put([]byte("key_limit"), []byte{0, 0, 0, 0, 0xff, 0xff, 0xff, 0xfd})
	}))
	require.NoError(t, db.Close())
	s := open(t, path)
	defer func() { require.NoError(t, s.Close()) }()
	for _, want := range []uint32{math.MaxUint32 - 1, math.MaxUint32} {
		key, err := s.NextKey(t.Context())
		require.NoError(t, err)
		require.Equal(t, want, key)
	}
	_, err = s.NextKey(t.Context())
	require.EqualError(t, err, "no service key is left: all 4294967295 were given out")
}

func BenchmarkCommitSerial(b *testing.B) {
	s := opened(b)
	flow := op(
		"f1",
		`{"id":"f1","name":"flow","tap_id":"s1","type":"vnic","guest_id":"g1","direction":"BOTH",`+
			`"enabled":true}`,
	)
	for b.Loop() {
		if _, err := s.Commit(b.Context(), flow); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCommitParallel64(b *testing.B) {
	s := opened(b)
	flow := op(
		"f1",
		`{"id":"f1","name":"flow","tap_id":"s1","type":"vnic","guest_id":"g1","direction":"BOTH",`+
			`"enabled":true}`,
	)
	work := make(chan struct{})
	done := make(chan error, 64)
	for range 64 {
		go func() {
			var failed error
			for range work {
				if _, err := s.Commit(b.Context(), flow); err != nil {
					failed = err
				}
			}
			done <- failed
		}()
	}
	for b.Loop() {
		work <- struct{}{}
	}
	close(work)
	for range 64 {
		if err := <-done; err != nil {
			b.Fatal(err)
		}
	}
}
