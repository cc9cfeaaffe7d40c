package etcd_test

import (
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/tapline-sdn/tapline/controller/store"
	"github.com/tapline-sdn/tapline/controller/store/etcd"
	"github.com/tapline-sdn/tapline/controller/store/etcd/etcdtest"
	"github.com/tapline-sdn/tapline/controller/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var prefixes atomic.Int64

// freshPrefix returns a prefix that no other test uses.
func freshPrefix() string { return fmt.Sprintf("/test/%d", prefixes.Add(1)) }

// open leaves closing to the caller.
func open(t testing.TB, c etcd.Config) *etcd.Store {
	t.Helper()
	s, err := etcd.Open(t.Context(), c)
	require.NoError(t, err)
	return s
}

func TestContract(t *testing.T) {
	cluster := etcdtest.Start(t, 1)
	configs := make(map[store.Store]etcd.Config)
	openWith := func(t testing.TB, c etcd.Config) store.Store {
		s := open(t, c)
		configs[s] = c
		return s
	}
	storetest.Run(t, storetest.Harness{
		Open: func(t testing.TB) store.Store {
			return openWith(t, etcd.Config{Endpoints: cluster.URLs(), Prefix: freshPrefix()})
		},
		Reopen: func(t testing.TB, s store.Store) store.Store {
			require.NoError(t, s.Close())
			return openWith(t, configs[s])
		},
	})
}

// BenchmarkCommitSerial has one caller write, as a user who waits for each answer.
func BenchmarkCommitSerial(b *testing.B) {
	cluster := etcdtest.Start(b, 1, "--unsafe-no-fsync=false")
	s := open(b, etcd.Config{Endpoints: cluster.URLs(), Prefix: freshPrefix()})
	defer func() { require.NoError(b, s.Close()) }()
	for b.Loop() {
		if _, err := s.Commit(b.Context(), flow("f1", benchmarked)); err != nil {
			b.Fatal(err)
		}
	}
}

// benchmarked is about what a tap flow has.
const benchmarked = `{"id":"f1","name":"flow","tap_id":"s1","type":"vnic","guest_id":"g1",` +
	`"direction":"BOTH","enabled":true}`

// BenchmarkCommitParallel64 has 64 callers write records of their own, which share transactions.
func BenchmarkCommitParallel64(b *testing.B) {
	cluster := etcdtest.Start(b, 1, "--unsafe-no-fsync=false")
	s := open(b, etcd.Config{Endpoints: cluster.URLs(), Prefix: freshPrefix()})
	defer func() { require.NoError(b, s.Close()) }()
	var callers atomic.Int64
	b.SetParallelism(64 / runtime.GOMAXPROCS(0))
	b.RunParallel(func(pb *testing.PB) {
		own := flow(fmt.Sprint(callers.Add(1)), benchmarked)
		for pb.Next() {
			if _, err := s.Commit(b.Context(), own); err != nil {
				b.Error(err)
				return
			}
		}
	})
}
