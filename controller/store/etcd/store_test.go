package etcd_test

import (
	"fmt"
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
