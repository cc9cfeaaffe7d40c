package etcd_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/tapline-sdn/tapline/controller/store"
	"github.com/tapline-sdn/tapline/controller/store/etcd"
	"github.com/tapline-sdn/tapline/controller/store/etcd/etcdtest"
)

// patience is the limit for everything that happens by itself.
const patience = time.Minute

func flow(id, value string) store.Op {
	return store.Op{Kind: store.KindFlow, ID: id, Value: json.RawMessage(value)}
}

// stored returns the values of all records by id.
func stored(t testing.TB, s store.Store) map[string]string {
	t.Helper()
	var state store.State
	require.Eventually(t, func() bool {
		var err error
		state, err = s.Load(t.Context())
		return err == nil
	}, patience, 20*time.Millisecond, "the store cannot be loaded")

	out := map[string]string{}
	for _, r := range state.Records {
		out[r.ID] = string(r.Value)
	}
	return out
}

// awaitWritable waits until a write succeeds.
func awaitWritable(t testing.TB, s *etcd.Store) {
	t.Helper()
	require.Eventually(t, func() bool {
		_, err := s.Commit(t.Context(), store.Op{Kind: store.KindHost, ID: "none"})
		return err == nil
	}, patience, 20*time.Millisecond, "nothing can be written")
}

// outcomes are what callers were told about their writes.
type outcomes struct {
	mu     sync.Mutex
	stored map[string]string // by id
	failed map[string]error
}

// writeDuring has several callers write records of their own while something happens to etcd. It
// returns what they were told.
func writeDuring(t *testing.T, s *etcd.Store, happen func()) *outcomes {
	t.Helper()
	out := &outcomes{stored: map[string]string{}, failed: map[string]error{}}
	ctx, cancel := context.WithCancel(t.Context())
	var callers sync.WaitGroup
	for c := range 4 {
		callers.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				id := fmt.Sprintf("c%d-%d", c, i)
				_, err := s.Commit(t.Context(), flow(id, `"`+id+`"`))
				out.mu.Lock()
				if err != nil {
					out.failed[id] = err
				} else {
					out.stored[id] = `"` + id + `"`
				}
				out.mu.Unlock()
			}
		})
	}

	time.AfterFunc(time.Second, happen) // while they write
	time.AfterFunc(8*time.Second, cancel)
	callers.Wait()
	return out
}

// requireTruth checks that the store has what was acknowledged, and nothing that was refused.
func requireTruth(t *testing.T, s *etcd.Store, told *outcomes) {
	t.Helper()
	awaitWritable(t, s)
	require.NotEmpty(t, told.stored)
	require.Equal(t, told.stored, stored(t, s), "%d failed: %v", len(told.failed), told.failed)
}

func TestLeaderIsKilled(t *testing.T) {
	cluster := etcdtest.Start(t, 3)
	s := open(t, etcd.Config{Endpoints: cluster.URLs(), Prefix: freshPrefix()})
	defer func() { require.NoError(t, s.Close()) }()

	leader := cluster.Leader(t)
	told := writeDuring(t, s, leader.Kill)
	requireTruth(t, s, told)
	leader.Start(t)
}

func TestLeaderFreezes(t *testing.T) {
	cluster := etcdtest.Start(t, 3)
	s := open(t, etcd.Config{Endpoints: cluster.URLs(), Prefix: freshPrefix()})
	defer func() { require.NoError(t, s.Close()) }()

	leader := cluster.Leader(t)
	told := writeDuring(t, s, func() { leader.Freeze(t) })
	leader.Thaw(t)
	requireTruth(t, s, told)
}

// TestEtcdFreezes: writes fail in time with a clear error while etcd does not answer, and what was
// told to have failed is not there when etcd goes on.
func TestEtcdFreezes(t *testing.T) {
	cluster := etcdtest.Start(t, 1)
	s := open(t, etcd.Config{
		Endpoints: cluster.URLs(), Prefix: freshPrefix(),
		AttemptTime: 200 * time.Millisecond, CommitTime: time.Second,
	})
	defer func() { require.NoError(t, s.Close()) }()
	_, err := s.Commit(t.Context(), flow("f1", `"before"`), flow("f2", `"before"`))
	require.NoError(t, err)
	require.NoError(t, s.Err())

	cluster.Members[0].Freeze(t)
	began := time.Now()
	_, err = s.Commit(t.Context(), flow("f1", `"lost"`), flow("f3", `"lost"`),
		store.Op{Kind: store.KindFlow, ID: "f2"})
	require.ErrorContains(t, err, "etcd does not answer in time")
	require.ErrorContains(t, err, "its outcome is not known yet")
	require.NotErrorIs(t, err, context.DeadlineExceeded, "no deadline of the caller's has passed")
	require.Less(t, time.Since(began), 10*time.Second)
	_, err = s.Commit(t.Context(), flow("f4", `"lost"`))
	require.ErrorContains(t, err, "an earlier write is not settled")
	require.ErrorContains(t, s.Err(), "etcd does not answer in time")

	cluster.Members[0].Thaw(t)
	require.Eventually(t, func() bool { return s.Err() == nil }, patience, 20*time.Millisecond,
		"it recovers without a write")
	require.Equal(t, map[string]string{"f1": `"before"`, "f2": `"before"`}, stored(t, s))

	// The revisions are those before, too.
	_, err = s.Commit(t.Context(), store.Op{
		Kind: store.KindFlow, ID: "f1", Value: json.RawMessage(`"after"`), IfRevision: 1,
	})
	require.NoError(t, err)
}

// TestNoSpace: a full etcd is told with what to do, and forgotten once there is space.
func TestNoSpace(t *testing.T) {
	cluster := etcdtest.Start(t, 1, "--quota-backend-bytes", fmt.Sprint(2<<20))
	s := open(t, etcd.Config{Endpoints: cluster.URLs(), Prefix: freshPrefix()})
	defer func() { require.NoError(t, s.Close()) }()

	big := `"` + strings.Repeat("x", 300_000) + `"`
	want := map[string]string{}
	var err error
	for i := range 50 {
		id := fmt.Sprintf("f%d", i)
		if _, err = s.Commit(t.Context(), flow(id, big)); err != nil {
			break
		}
		want[id] = big
	}
	require.ErrorContains(t, err, "database space exceeded")
	require.ErrorContains(t, err, "etcdctl alarm disarm")
	require.ErrorContains(t, s.Err(), "database space exceeded")
	require.Equal(t, want, stored(t, s))

	makeSpace(t, cluster)
	require.Eventually(t, func() bool { return s.Err() == nil }, patience, 20*time.Millisecond)
	require.Equal(t, want, stored(t, s))
}

// makeSpace restarts etcd with a larger quota, and disarms its alarm.
func makeSpace(t *testing.T, cluster *etcdtest.Cluster) {
	t.Helper()
	m := cluster.Members[0]
	m.Kill()
	m.Arguments("--quota-backend-bytes", fmt.Sprint(64<<20))
	m.Start(t)
	cluster.Await(t)
	cluster.Ctl(t, "alarm", "disarm")
}

// TestCompactionWhileTheWatchIsDown: a process that has missed transactions loads again, and its
// watchers are told to.
func TestCompactionWhileTheWatchIsDown(t *testing.T) {
	cluster := etcdtest.Start(t, 1)
	proxy := etcdtest.NewProxy(t, cluster.Members[0].URL)
	prefix := freshPrefix()
	s := open(t, etcd.Config{Endpoints: []string{proxy.URL}, Prefix: prefix, Shared: true})
	defer func() { require.NoError(t, s.Close()) }()
	other := open(t, etcd.Config{Endpoints: cluster.URLs(), Prefix: prefix, Shared: true})
	defer func() { require.NoError(t, other.Close()) }()
	_, err := s.Commit(t.Context(), flow("f1", `1`))
	require.NoError(t, err)
	events, err := s.Watch(t.Context(), 1)
	require.NoError(t, err)

	proxy.Block()
	proxy.Cut() // Otherwise what is kept back has the events.
	for range 10 {
		awaitWritable(t, other)
	}
	_, err = other.Commit(t.Context(), flow("f1", `2`))
	require.NoError(t, err)
	client := cluster.Client(t)
	now, err := client.Get(t.Context(), "any")
	require.NoError(t, err)
	_, err = client.Compact(t.Context(), now.Header.Revision, clientv3.WithCompactPhysical())
	require.NoError(t, err)
	proxy.Unblock()

	select {
	case event, open := <-events:
		require.False(t, open, "%v", event)
	case <-time.After(patience):
		require.FailNow(t, "the watcher is not told")
	}
	require.Equal(t, map[string]string{"f1": `2`}, stored(t, s))
	_, err = s.Commit(t.Context(), store.Op{
		Kind: store.KindFlow, ID: "f1", Value: json.RawMessage(`3`), IfRevision: 12,
	})
	require.NoError(t, err)
}

// TestRestoredSnapshot: a store whose etcd went back to an older copy writes nothing more.
func TestRestoredSnapshot(t *testing.T) {
	cluster := etcdtest.Start(t, 1)
	prefix := freshPrefix()
	s := open(t, etcd.Config{Endpoints: cluster.URLs(), Prefix: prefix})
	defer func() { _ = s.Close() }()
	_, err := s.Commit(t.Context(), flow("f1", `1`))
	require.NoError(t, err)

	snapshot := t.TempDir() + "/snapshot"
	cluster.Ctl(t, "snapshot", "save", snapshot)
	_, err = s.Commit(t.Context(), flow("f1", `2`))
	require.NoError(t, err)

	cluster.Members[0].Restore(t, cluster, snapshot)
	require.Eventually(t, func() bool {
		err := s.Err()
		return err != nil && strings.Contains(err.Error(), "it was restored from an older copy")
	}, patience, 20*time.Millisecond, "it is noticed without a write")
	_, err = s.Commit(t.Context(), flow("f2", `2`))
	require.ErrorContains(t, err, "etcd is at revision 1, and revision 2 was written already")
	require.ErrorContains(t, err, "nothing more is written until the controller is restarted")

	_ = s.Close()
	again := open(t, etcd.Config{Endpoints: cluster.URLs(), Prefix: prefix})
	defer func() { require.NoError(t, again.Close()) }()
	require.Equal(t, map[string]string{"f1": `1`}, stored(t, again))
	awaitWritable(t, again)
}

// TestConnectionsAreCut: whatever becomes of a connection during a write, callers are told the
// truth.
func TestConnectionsAreCut(t *testing.T) {
	cluster := etcdtest.Start(t, 1)
	proxy := etcdtest.NewProxy(t, cluster.Members[0].URL)
	s := open(t, etcd.Config{
		Endpoints: []string{proxy.URL}, Prefix: freshPrefix(),
		AttemptTime: 200 * time.Millisecond, CommitTime: 400 * time.Millisecond,
	})
	defer func() { require.NoError(t, s.Close()) }()

	stop := make(chan struct{})
	var cutter sync.WaitGroup
	told := writeDuring(t, s, func() {
		cutter.Go(func() { proxy.Disturb(stop) })
	})
	close(stop)
	cutter.Wait()
	proxy.Unblock()
	requireTruth(t, s, told)
	t.Logf("%d stored, %d failed", len(told.stored), len(told.failed))
	require.NotEmpty(t, told.failed, "the connections were not disturbed enough")
}
