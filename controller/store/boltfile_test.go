package store_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/controller/store"
)

// TestReadBoltWhileItIsWritten: what is read is always the content after one write, though a
// controller goes on writing.
func TestReadBoltWhileItIsWritten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tapline.db")
	s := open(t, path)
	stop := make(chan struct{})
	var writer sync.WaitGroup
	writer.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			value := json.RawMessage(fmt.Sprintf(`"%0200d"`, i))
			ops := []store.Op{{Kind: store.KindHost, ID: "all", Value: value}}
			for n := range 20 {
				op := store.Op{Kind: store.KindFlow, ID: fmt.Sprint(n), Value: value}
				if (i+n)%7 == 0 {
					op.Value = nil
				}
				ops = append(ops, op)
			}
			if _, err := s.Commit(t.Context(), ops...); err != nil {
				t.Error(err)
				return
			}
			// A file that is written to without a pause is refused.
			time.Sleep(5 * time.Millisecond)
		}
	})
	defer func() {
		close(stop)
		writer.Wait()
		require.NoError(t, s.Close())
	}()

	seen := map[uint64]bool{}
	for range 50 {
		state, err := store.ReadBolt(t.Context(), path)
		require.NoError(t, err)
		seen[state.Revision] = true
		for _, r := range state.Records {
			require.Equal(t, state.Revision, r.Revision, "a part is of another write")
		}
	}
	require.Greater(t, len(seen), 10, "the writer was never running")

	left, err := filepath.Glob(filepath.Join(filepath.Dir(path), ".tapline-read-*"))
	require.NoError(t, err)
	require.Empty(t, left)
}

func TestReadBoltRefuses(t *testing.T) {
	folder := t.TempDir()
	_, err := store.ReadBolt(t.Context(), filepath.Join(folder, "absent.db"))
	require.ErrorIs(t, err, os.ErrNotExist)
	for name, content := range map[string][]byte{
		"empty": nil, "text": []byte("hello"), "zeros": make([]byte, 65536),
	} {
		path := filepath.Join(folder, name)
		require.NoError(t, os.WriteFile(path, content, 0o600))
		_, err := store.ReadBolt(t.Context(), path)
		require.ErrorContains(t, err, "it is not a store of Tapline, or damaged", name)
		require.ErrorContains(t, err, path)
	}
}

// TestReplaceBolt: the content is that of the other store, no revision and no key comes twice, and
// the old file is kept.
func TestReplaceBolt(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tapline.db")
	s := open(t, path)
	for range 5 {
		_, err := s.Commit(t.Context(), op("old", `1`))
		require.NoError(t, err)
	}
	key, err := s.NextKey(t.Context())
	require.NoError(t, err)
	before, err := s.Load(t.Context())
	require.NoError(t, err)

	content := store.State{
		ClusterID: "other", Secret: store.NewSecret(), LastKey: 0, Revision: 2,
		Records: []store.Record{
			{Kind: store.KindFlow, ID: "new", Revision: 2, Value: json.RawMessage(`"x"`)},
		},
	}
	require.ErrorIs(t, store.ReplaceBolt(t.Context(), path, content), store.ErrLocked)
	require.NoError(t, s.Close())
	require.NoError(t, store.ReplaceBolt(t.Context(), path, content))

	s = open(t, path)
	defer func() { require.NoError(t, s.Close()) }()
	after, err := s.Load(t.Context())
	require.NoError(t, err)
	require.Equal(t, content.Records, after.Records)
	require.Equal(t, "other", after.ClusterID)
	require.Equal(t, content.Secret, after.Secret)
	revision, err := s.Commit(t.Context(), op("new", `2`))
	require.NoError(t, err)
	require.EqualValues(t, 6, revision)
	again, err := s.NextKey(t.Context())
	require.NoError(t, err)
	require.Greater(t, again, key)

	kept, err := store.ReadBolt(t.Context(), path+".before")
	require.NoError(t, err)
	require.Equal(t, before.Records, kept.Records)
}
