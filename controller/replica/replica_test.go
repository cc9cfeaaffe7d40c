package replica_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/tapline-sdn/tapline/controller/replica"
	"github.com/tapline-sdn/tapline/controller/store"
	"github.com/tapline-sdn/tapline/controller/store/etcd"
	"github.com/tapline-sdn/tapline/controller/store/etcd/etcdtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	// patience is the limit for everything that happens by itself.
	patience = time.Minute
	// lease is longer than what a busy machine may be late.
	lease = 5 * time.Second
)

var prefixes atomic.Int64

// settings are those of a prefix that no other test uses.
func settings(urls ...string) etcd.Config {
	return etcd.Config{Endpoints: urls, Prefix: fmt.Sprintf("/test/%d", prefixes.Add(1))}
}

// join starts a member. The returned function ends it.
func join(t *testing.T, c etcd.Config, name string) (*replica.Member, func()) {
	t.Helper()
	return joinWith(t, replica.Config{Etcd: c, Name: name})
}

// joinWith starts a member.
func joinWith(t *testing.T, c replica.Config) (*replica.Member, func()) {
	t.Helper()
	c.URL, c.Lease = "http://"+c.Name, lease
	m, err := replica.New(c)
	require.NoError(t, err)

	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		m.Run(ctx)
	}()
	var once atomic.Bool
	end := func() {
		if once.CompareAndSwap(false, true) {
			cancel()
			<-ended
			require.NoError(t, m.Close())
		}
	}
	t.Cleanup(end)
	return m, end
}

// campaign waits until a member leads.
func campaign(t *testing.T, m *replica.Member) *replica.Term {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	term, err := m.Campaign(ctx)
	require.NoError(t, err)
	return term
}

// awaitView waits until a member sees something.
func awaitView(t *testing.T, m *replica.Member, what string, is func(replica.View) bool) {
	t.Helper()
	require.Eventually(t, func() bool { return is(m.View()) }, patience, 10*time.Millisecond, what)
}

// awaitDone waits until a term is over, and returns why.
func awaitDone(t *testing.T, term *replica.Term) error {
	t.Helper()
	select {
	case <-term.Done():
		return term.Err()
	case <-time.After(patience):
		require.FailNow(t, "the term goes on")
		return nil
	}
}

// TestOneLeads: of several members one leads, all see who, and another follows when it resigns.
func TestOneLeads(t *testing.T) {
	cluster := etcdtest.Start(t, 1)
	c := settings(cluster.URLs()...)
	one, _ := join(t, c, "c1")
	two, endTwo := join(t, c, "c2")

	first := campaign(t, one)
	require.NoError(t, first.Err())
	require.NoError(t, first.Confirm(t.Context()))
	for _, m := range []*replica.Member{one, two} {
		awaitView(t, m, "both are registered, and c1 leads", func(v replica.View) bool {
			return len(v.Peers) == 2 && v.Peers[0].Leads && !v.Peers[1].Leads &&
				v.Leader.Name == "c1" && v.Leader.URL == "http://c1" && v.Term == first.Number()
		})
	}
	require.True(t, one.IsSelf(one.View().Leader))
	require.False(t, two.IsSelf(two.View().Leader))

	next := make(chan *replica.Term, 1)
	go func() { next <- campaign(t, two) }()
	first.Resign(t.Context())
	require.ErrorContains(t, first.Err(), "stepped down")
	one.AwaitOther(t.Context())
	second := <-next
	require.Greater(t, second.Number(), first.Number())
	require.NoError(t, second.Err())

	awaitView(t, one, "c2 leads", func(v replica.View) bool { return v.Leader.Name == "c2" })
	second.Resign(t.Context())
	endTwo()
	awaitView(t, one, "c2 is gone", func(v replica.View) bool {
		return len(v.Peers) == 1 && v.Term == 0
	})
	one.AwaitOther(t.Context()) // There is no other.
	again := campaign(t, one)
	require.Greater(t, again.Number(), second.Number())
	again.Resign(t.Context())
}

// TestCutOff: a leader that does not reach etcd knows in time that it does not lead any more, and
// another one follows.
func TestCutOff(t *testing.T) {
	cluster := etcdtest.Start(t, 1)
	proxy := etcdtest.NewProxy(t, cluster.Members[0].URL)
	c := settings(proxy.URL)
	one, _ := join(t, c, "c1")
	c.Endpoints = cluster.URLs()
	two, _ := join(t, c, "c2")
	first := campaign(t, one)

	proxy.Block()
	next := make(chan *replica.Term, 1)
	go func() { next <- campaign(t, two) }()
	require.ErrorContains(t, awaitDone(t, first), "the lease was not renewed in time")
	require.Error(t, one.View().Err)

	select {
	case second := <-next:
		defer second.Resign(t.Context())
		require.Error(t, first.Err(), "at no time do both lead")
	case <-time.After(patience):
		require.FailNow(t, "nobody follows")
	}

	proxy.Unblock()
	awaitView(t, one, "c1 is back", func(v replica.View) bool {
		return v.Err == nil && v.Leader.Name == "c2"
	})
	first.Resign(t.Context()) // That is too late, and harms nobody.
	awaitView(t, two, "c2 leads", func(v replica.View) bool { return v.Leader.Name == "c2" })
}

// TestEtcdEndsTheLease: a leader learns that etcd has dropped its key.
func TestEtcdEndsTheLease(t *testing.T) {
	cluster := etcdtest.Start(t, 1)
	c := settings(cluster.URLs()...)
	one, _ := join(t, c, "c1")
	term := campaign(t, one)
	defer term.Resign(t.Context())

	_, err := cluster.Client(t).Delete(t.Context(), c.ElectionKey())
	require.NoError(t, err)
	require.ErrorContains(t, term.Confirm(t.Context()), "etcd has ended its lease")
	require.ErrorContains(t, awaitDone(t, term), "etcd has ended its lease")
}

// TestEtcdsLeaderDies: the leading replica keeps its place while etcd elects a leader of its own.
func TestEtcdsLeaderDies(t *testing.T) {
	cluster := etcdtest.Start(t, 3)
	one, _ := join(t, settings(cluster.URLs()...), "c1")
	term := campaign(t, one)
	defer term.Resign(t.Context())

	cluster.Leader(t).Kill()
	began := time.Now()
	require.Eventually(t, func() bool {
		return time.Since(began) > lease && one.View().Err == nil || term.Err() != nil
	}, patience, 10*time.Millisecond)
	require.NoError(t, term.Err())
}

// TestSameName: a second process by the same name is not registered, and knows why.
func TestSameName(t *testing.T) {
	cluster := etcdtest.Start(t, 1)
	c := settings(cluster.URLs()...)
	one, endOne := join(t, c, "c1")
	awaitView(t, one, "registered", func(v replica.View) bool { return len(v.Peers) == 1 })
	same, _ := join(t, c, "c1")
	awaitView(t, same, "the clash", func(v replica.View) bool { return one.IsSelf(v.Clash) })

	endOne()
	awaitView(t, same, "registered", func(v replica.View) bool {
		return len(v.Peers) == 1 && same.IsSelf(v.Peers[0]) && v.Clash == replica.Peer{}
	})
}

// TestRestoredStore: nobody leads with a store that went back before an operator has said that it
// is meant; replicas remember how far it had come across restarts.
func TestRestoredStore(t *testing.T) {
	cluster := etcdtest.Start(t, 1)
	c := settings(cluster.URLs()...)
	memory := t.TempDir() + "/memory"
	write := func(term *replica.Term, n int) {
		t.Helper()
		c := c
		c.Leader = term
		s, err := etcd.Open(t.Context(), c)
		require.NoError(t, err)
		for range n {
			_, err := s.Commit(t.Context(), store.Op{
				Kind: store.KindFlow, ID: "f1", Value: json.RawMessage(`1`),
			})
			require.NoError(t, err)
		}
		require.NoError(t, s.Close())
	}
	one, endOne := joinWith(t, replica.Config{Etcd: c, Name: "c1", Memory: memory})
	term := campaign(t, one)
	write(term, 2)
	snapshot := t.TempDir() + "/snapshot"
	cluster.Ctl(t, "snapshot", "save", snapshot)
	write(term, 3)
	term.Resign(t.Context())
	require.Eventually(t, func() bool {
		text, err := os.ReadFile(memory)
		return err == nil && strings.Contains(string(text), `"revision":5`)
	}, patience, 10*time.Millisecond)

	endOne()
	cluster.Members[0].Restore(t, cluster, snapshot)
	again, _ := joinWith(t, replica.Config{Etcd: c, Name: "c1", Memory: memory})
	awaitView(t, again, "the store went back", func(v replica.View) bool {
		return errors.Is(v.Restored, replica.ErrRestored)
	})
	require.ErrorContains(t, again.View().Restored,
		"it is at revision 2, and revision 5 was written already")
	awaitView(t, again, "the lease of the snapshot ends", func(v replica.View) bool {
		return v.Term == 0
	})
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	_, err := again.Campaign(ctx)
	require.ErrorIs(t, err, context.DeadlineExceeded)

	require.NoError(t, replica.Accept(t.Context(), c, time.Now()))
	campaign(t, again).Resign(t.Context())
}

// TestStoreOfALeader: what the store writes depends on the term, also before that is known to be
// over; the next leader goes on from there.
func TestStoreOfALeader(t *testing.T) {
	cluster := etcdtest.Start(t, 1)
	c := settings(cluster.URLs()...)
	one, _ := join(t, c, "c1")
	two, _ := join(t, c, "c2")
	flow := store.Op{Kind: store.KindFlow, ID: "f1", Value: json.RawMessage(`1`)}

	first := campaign(t, one)
	c.Leader = first
	s, err := etcd.Open(t.Context(), c)
	require.NoError(t, err)
	_, err = s.Commit(t.Context(), flow)
	require.NoError(t, err)

	// A single controller, and an import, are kept out.
	alone := c
	alone.Leader, alone.OpenTime = nil, 100*time.Millisecond
	_, err = etcd.Open(t.Context(), alone)
	require.ErrorIs(t, err, store.ErrLocked)
	require.ErrorContains(t, err, "c1")

	// The key goes, and the leader does not know it yet.
	_, err = cluster.Client(t).Delete(t.Context(), c.ElectionKey())
	require.NoError(t, err)
	second := campaign(t, two)
	defer second.Resign(t.Context())
	flow.Value = json.RawMessage(`2`)
	_, err = s.Commit(t.Context(), flow)
	require.ErrorIs(t, err, store.ErrNotLeader)
	require.Error(t, awaitDone(t, first))
	_, err = s.Commit(t.Context(), flow)
	require.ErrorIs(t, err, store.ErrNotLeader)
	require.NoError(t, s.Close())
	first.Resign(t.Context())

	c.Leader = second
	s, err = etcd.Open(t.Context(), c)
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	state, err := s.Load(t.Context())
	require.NoError(t, err)
	require.Len(t, state.Records, 1)
	require.JSONEq(t, `1`, string(state.Records[0].Value))
	flow.IfRevision = state.Records[0].Revision
	_, err = s.Commit(t.Context(), flow)
	require.NoError(t, err)

	// What is found out elsewhere counts at once.
	flow.IfRevision = 0
	second.Lost(errors.New("a switch obeys somebody else"))
	_, err = s.Commit(t.Context(), flow)
	require.ErrorIs(t, err, store.ErrNotLeader)
	require.ErrorContains(t, err, "a switch obeys somebody else")
}
