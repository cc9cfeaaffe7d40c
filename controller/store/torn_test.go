package store_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/controller/store"
)

// metaPages are the first pages of a bbolt file. A commit writes one of them last, after all other
// pages are on disk.
const metaPages = 2

// TestTornWrites cuts commits off at every page and within pages. The store opens with the state
// before the commit or after it.
func TestTornWrites(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "tapline.db")
	random := rand.New(rand.NewPCG(1, 1))
	size := os.Getpagesize()
	value := bytes.Repeat([]byte("x"), 3000) // some pages per commit
	s := open(t, path)
	for i := range 20 {
		_, err := s.Commit(t.Context(), op(fmt.Sprint("first-", i), fmt.Sprintf("%q", value)))
		require.NoError(t, err)
	}
	require.NoError(t, s.Close())
	for commit := range 3 {
		s := open(t, path)
		old, err := s.Load(t.Context())
		require.NoError(t, err)
		before, err := os.ReadFile(path) // Opening may have written.
		require.NoError(t, err)
		_, err = s.Commit(
			t.Context(),
			op(fmt.Sprint("then-", commit), fmt.Sprintf("%q", value)),
			op(fmt.Sprint("first-", commit), `"y"`),
		)
		require.NoError(t, err)
		after, err := os.ReadFile(path)
		require.NoError(t, err)
		require.NoError(t, s.Close())
		var data, meta []int
		for page := 0; page*size < len(after); page++ {
			switch {
			case page*size < len(before) && bytes.Equal(pageOf(before, page, size),
				pageOf(after, page, size)):
			case page < metaPages:
				meta = append(meta, page)
			default:
				data = append(data, page)
			}
		}
		require.NotEmpty(t, data)
		require.NotEmpty(t, meta)
		random.Shuffle(
			len(data),
			func(i, j int) { data[i], data[j] = data[j], data[i] },
		) // the disk may write them in any order
		check := func(what string, file []byte, revision uint64) {
			t.Helper()
			torn := filepath.Join(dir, "torn.db")
			require.NoError(t, os.WriteFile(torn, file, 0o600))
			s, err := store.OpenBolt(torn)
			require.NoError(t, err, "commit %d, %s", commit, what)
			state, err := s.Load(t.Context())
			require.NoError(t, err, "commit %d, %s", commit, what)
			require.Equal(t, revision, state.Revision, "commit %d, %s", commit, what)
			if revision == old.Revision {
				require.Equal(t, old.Records, state.Records, "commit %d, %s", commit, what)
			}
			require.NoError(t, s.Close())
		}
		file := make([]byte, len(after))
		copy(file, before)
		for n, page := range data {
			for _, cut := range []int{size / 2, size} {
				copy(file[page*size:page*size+cut], after[page*size:])
				check(fmt.Sprintf("%d pages and %d bytes", n, cut), file, old.Revision)
			}
		}
		for _, page := range meta {
			// within the page's header and the meta data, whose checksum ends it
			for _, cut := range []int{20, 40, 60, 70} {
				torn := bytes.Clone(file)
				copy(torn[page*size:page*size+cut], after[page*size:])
				if !bytes.Equal(pageOf(torn, page, size), pageOf(after, page, size)) {
					check(
						fmt.Sprintf("all data and %d bytes of the meta page", cut),
						torn,
						old.Revision,
					)
				}
			}
		}
		check("whole", after, old.Revision+1)
	}
}

func pageOf(file []byte, page, size int) []byte {
	return file[page*size : min((page+1)*size, len(file))]
}
