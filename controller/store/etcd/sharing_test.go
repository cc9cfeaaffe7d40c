package etcd_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/controller/store"
	"github.com/tapline-sdn/tapline/controller/store/etcd"
	"github.com/tapline-sdn/tapline/controller/store/etcd/etcdtest"
)

// TestTwoProcessesShareAPrefix: each sees the batches of both in the same order, and no revision
// and no key is given out twice.
func TestTwoProcessesShareAPrefix(t *testing.T) {
	cluster := etcdtest.Start(t, 1)
	c := etcd.Config{Endpoints: cluster.URLs(), Prefix: freshPrefix(), Shared: true}
	stores := []*etcd.Store{open(t, c), open(t, c)}
	var mu sync.Mutex
	keys := map[uint32]bool{}
	batches := map[uint64]string{} // what was written, by revision

	var watches []<-chan store.Event
	var writers sync.WaitGroup
	for n, s := range stores {
		t.Cleanup(func() { require.NoError(t, s.Close()) })
		events, err := s.Watch(t.Context(), 0)
		require.NoError(t, err)
		watches = append(watches, events)
		writers.Go(func() {
			for i := range 100 {
				own := fmt.Sprintf("own-%d-%d", n, i)
				last := store.Op{Kind: store.KindFlow, ID: fmt.Sprintf("own-%d-%d", n, i-1)}
				revision, err := s.Commit(t.Context(), flow(own, `1`), last)
				key, keyErr := s.NextKey(t.Context())
				mu.Lock()
				if err != nil || keyErr != nil || keys[key] || batches[revision] != "" {
					t.Errorf("%d: %v, %v, key %d, revision %d", n, err, keyErr, key, revision)
				}
				keys[key], batches[revision] = true, own
				mu.Unlock()
			}
		})
	}
	writers.Wait()
	require.False(t, t.Failed())

	for revision := uint64(1); revision <= 200; revision++ {
		for _, events := range watches {
			event := <-events
			require.Equal(t, revision, event.Revision)
			require.Len(t, event.Ops, 2)
			for _, op := range event.Ops {
				require.Equal(t, op.Value != nil, op.ID == batches[revision])
			}
		}
	}

	state, err := stores[0].Load(t.Context())
	require.NoError(t, err)
	for key := range keys {
		require.LessOrEqual(t, key, state.LastKey)
	}
}

// TestTwoProcessesRace: of two changes from the same revision, one wins and the other is told.
func TestTwoProcessesRace(t *testing.T) {
	cluster := etcdtest.Start(t, 1)
	c := etcd.Config{Endpoints: cluster.URLs(), Prefix: freshPrefix(), Shared: true}
	stores := []*etcd.Store{open(t, c), open(t, c)}
	for _, s := range stores {
		t.Cleanup(func() { require.NoError(t, s.Close()) })
	}
	base, err := stores[0].Commit(t.Context(), flow("f1", `1`))
	require.NoError(t, err)

	for range 20 {
		var mu sync.Mutex
		var won []uint64
		var racers sync.WaitGroup
		for _, s := range stores {
			racers.Go(func() {
				revision, err := s.Commit(t.Context(), store.Op{
					Kind: store.KindFlow, ID: "f1", Value: json.RawMessage(`2`), IfRevision: base,
				})
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					won = append(won, revision)
				} else if !errors.Is(err, store.ErrConflict) {
					t.Errorf("from revision %d: %v", base, err)
				}
			})
		}
		racers.Wait()
		require.Len(t, won, 1)
		base = won[0]
	}
}

// TestLock: a second controller waits a while and then says who has the prefix. One that was killed
// is replaced when its lease ends, and writes nothing when it goes on after all.
func TestLock(t *testing.T) {
	cluster := etcdtest.Start(t, 1)
	proxy := etcdtest.NewProxy(t, cluster.Members[0].URL)
	prefix := freshPrefix()
	c := etcd.Config{
		Endpoints: cluster.URLs(), Prefix: prefix, Name: "c2", OpenTime: 500 * time.Millisecond,
	}
	first := open(t, etcd.Config{
		Endpoints: []string{proxy.URL}, Prefix: prefix, Name: "c1", LockTime: 2 * time.Second,
		AttemptTime: 300 * time.Millisecond, CommitTime: time.Second,
	})
	defer func() { _ = first.Close() }()
	awaitWritable(t, first)
	_, err := etcd.Open(t.Context(), c)
	require.ErrorIs(t, err, store.ErrLocked)
	require.ErrorContains(t, err, "(c1, since ")

	proxy.Block()
	c.OpenTime = patience
	second := open(t, c)
	defer func() { require.NoError(t, second.Close()) }()
	awaitWritable(t, second)
	want := stored(t, second)
	proxy.Unblock()

	_, err = first.Commit(t.Context(), flow("late", `1`))
	require.Error(t, err)
	require.Eventually(t, func() bool {
		err := first.Err()
		return errors.Is(err, store.ErrLocked) ||
			err != nil && strings.Contains(err.Error(), "another process has written")
	}, patience, 20*time.Millisecond)
	_, err = first.Commit(t.Context(), flow("late", `1`))
	require.Error(t, err)
	require.Equal(t, want, stored(t, second))
	awaitWritable(t, second)
}

// TestLockIsTakenAgain: a controller that loses the lock, and is alone, goes on.
func TestLockIsTakenAgain(t *testing.T) {
	cluster := etcdtest.Start(t, 1)
	prefix := freshPrefix()
	s := open(t, etcd.Config{Endpoints: cluster.URLs(), Prefix: prefix})
	defer func() { require.NoError(t, s.Close()) }()
	awaitWritable(t, s)

	cluster.Ctl(t, "del", prefix+"/lock")
	_, err := s.Commit(t.Context(), flow("f1", `1`))
	require.ErrorContains(t, err, "the lock of the prefix was lost")
	awaitWritable(t, s)
	require.Eventually(t, func() bool { return s.Err() == nil }, patience, 10*time.Millisecond)
	require.Contains(t, cluster.Ctl(t, "get", prefix+"/lock"), prefix+"/lock")
	require.Empty(t, stored(t, s))
}

func TestOpenRefuses(t *testing.T) {
	cluster := etcdtest.Start(t, 1)
	put := func(prefix, key, value string) { cluster.Ctl(t, "put", prefix+key, value) }
	tests := []struct {
		name string
		make func(prefix string)
		want string
	}{
		{"other content", func(p string) { put(p, "/photos/1", "x") },
			`/photos/1" and no `},
		{"no head", func(p string) { put(p, "/records/hosts/h1", "1 {}") },
			"as after an import that was interrupted"},
		{"other head", func(p string) { put(p, "/head", "hello") },
			"is not what a controller writes there"},
		{"newer", func(p string) { put(p, "/head", `{"schema":2}`) },
			"schema 2, and this controller knows schema 1"},
		{"no secret", func(p string) { put(p, "/head", `{"schema":1}`) }, "/secret is missing"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			prefix := freshPrefix()
			tt.make(prefix)
			_, err := etcd.Open(t.Context(), etcd.Config{
				Endpoints: cluster.URLs(), Prefix: prefix,
			})
			require.ErrorContains(t, err, tt.want)
			require.ErrorContains(t, err, "open store "+prefix)
		})
	}

	_, err := etcd.Open(t.Context(), etcd.Config{
		Endpoints: []string{"http://127.0.0.1:1"}, OpenTime: time.Second,
	})
	require.ErrorContains(t, err, "etcd does not answer in time (http://127.0.0.1:1)")
	require.ErrorContains(t, err, "; http://127.0.0.1:1: dial tcp 127.0.0.1:1: connect: ")
}

func TestAccess(t *testing.T) {
	cluster := etcdtest.Start(t, 1)
	for _, args := range [][]string{
		{"user", "add", "root:root"}, {"user", "grant-role", "root", "root"},
		{"role", "add", "tapline"},
		{"role", "grant-permission", "tapline", "--prefix=true", "readwrite", "/test/mine/"},
		{"user", "add", "tapline:hush"}, {"user", "grant-role", "tapline", "tapline"},
		{"auth", "enable"},
	} {
		cluster.Ctl(t, args...)
	}

	c := etcd.Config{
		Endpoints: cluster.URLs(), Prefix: "/test/mine", Username: "tapline", Password: "hush",
		OpenTime: 5 * time.Second,
	}
	s := open(t, c)
	awaitWritable(t, s)
	require.NoError(t, s.Close())

	wrong := c
	wrong.Password = "wrong"
	_, err := etcd.Open(t.Context(), wrong)
	require.ErrorContains(t, err, "check the user and the password")
	wrong = c
	wrong.Prefix = "/test/theirs"
	_, err = etcd.Open(t.Context(), wrong)
	require.ErrorContains(t, err,
		`user "tapline" must be allowed to read and write everything under /test/theirs/`)
	wrong = c
	wrong.Username, wrong.Password = "", ""
	_, err = etcd.Open(t.Context(), wrong)
	require.ErrorContains(t, err, "etcd asks for a user")
}

// TestEditedByHand: who changes records with etcdctl does not go unnoticed.
func TestEditedByHand(t *testing.T) {
	cluster := etcdtest.Start(t, 1)
	prefix := freshPrefix()
	s := open(t, etcd.Config{Endpoints: cluster.URLs(), Prefix: prefix})
	defer func() { _ = s.Close() }()
	awaitWritable(t, s)
	cluster.Ctl(t, "put", prefix+"/records/hosts/h1", "1 {}")
	require.Eventually(t, func() bool { return s.Err() != nil }, patience, 10*time.Millisecond)
	require.ErrorContains(t, s.Err(), "was changed by something that is no controller")
}

// TestReplaceIsInterrupted: a part is not taken for the whole, and the next attempt succeeds.
func TestReplaceIsInterrupted(t *testing.T) {
	cluster := etcdtest.Start(t, 1)
	c := etcd.Config{Endpoints: cluster.URLs(), Prefix: freshPrefix()}
	content := store.State{ClusterID: "c1", Secret: store.NewSecret(), Revision: 7, LastKey: 9}
	for i := range 3 * store.MaxOps {
		content.Records = append(content.Records, store.Record{
			Kind: store.KindFlow, ID: fmt.Sprintf("f%04d", i), Revision: 7,
			Value: json.RawMessage(`"new"`),
		})
	}
	s := open(t, c)
	_, err := s.Commit(t.Context(), flow("old", `1`))
	require.NoError(t, err)
	require.ErrorIs(t, etcd.Replace(t.Context(),
		etcd.Config{Endpoints: c.Endpoints, Prefix: c.Prefix, OpenTime: time.Second}, content),
		store.ErrLocked)
	require.NoError(t, s.Close())

	require.NoError(t, etcd.Replace(t.Context(), c, content))
	cluster.Ctl(t, "del", c.Prefix+"/head") // as if it had ended before its last step
	_, err = etcd.Open(t.Context(), c)
	require.ErrorIs(t, err, store.ErrNone)
	require.ErrorContains(t, err, "interrupted; import it again")

	require.NoError(t, etcd.Replace(t.Context(), c, content))
	s = open(t, c)
	defer func() { require.NoError(t, s.Close()) }()
	got, err := s.Load(t.Context())
	require.NoError(t, err)
	require.Equal(t, content, got)
	key, err := s.NextKey(t.Context())
	require.NoError(t, err)
	require.Greater(t, key, content.LastKey)
}
