package client_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/ovsdb/client"
	"github.com/tapline-sdn/tapline/ovsdb/vswitch"
	"github.com/tapline-sdn/tapline/testenv/ovs"
)

// TestServerMethods: whichever way a real server is monitored, the snapshots
// are the same.
func TestServerMethods(t *testing.T) {
	s := ovs.StartServer(t)
	ctx := timeout(t)
	conns, watchers := make([]*client.Conn, 3), make([]*vswitch.Watcher, 3)
	for n := range 3 {
		conns[n] = dial(t, s.Remote, client.Options{})
		conns[n].OnlyFrom(n)
		var err error
		watchers[n], err = vswitch.Watch(ctx, conns[n])
		require.NoError(t, err)
	}

	for _, args := range [][]string{
		{"add-br", "br0", "--", "add-port", "br0", "p0", "tag=7", "trunks=1,2,3",
			"external_ids:a=1", "external_ids:b=2"},
		{"set", "Port", "p0", "tag=8", "trunks=2,4", "external_ids:a=2"},
		{"clear", "Port", "p0", "tag"},
		{"remove", "Port", "p0", "external_ids", "a", "--", "set", "Port", "p0", "vlan_mode=trunk"},
		{"--", "--id=@p", "get", "Port", "p0", "--", "--id=@m", "create", "Mirror", "name=m",
			"select_src_port=@p", "output_port=@p", "--", "add", "Bridge", "br0", "mirrors", "@m"},
		{"del-port", "p0"},
		{"set-controller", "br0", "tcp:127.0.0.1:1", "tcp:127.0.0.1:2"},
		{"del-controller", "br0"},
		{"del-br", "br0"},
	} {
		before := watchers[0].Snapshot()
		s.Vsctl(append([]string{"--no-wait"}, args...)...)

		for n := range 3 {
			require.NoError(t, conns[n].Echo(ctx))
		}

		now := watchers[0].Snapshot()
		require.True(t, len(now.Since(before)) > 0, "something has changed")

		for n, w := range watchers {
			require.Len(t, w.Snapshot().Since(now), 0, "differences of method "+string(rune('0'+n)))
		}
	}
}
