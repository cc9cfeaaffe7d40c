package vswitch_test

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/ovsdb"
	"github.com/tapline-sdn/tapline/ovsdb/vswitch"
	"github.com/tapline-sdn/tapline/testenv/ovs"
)

// initial is the text of the initial contents of a switch with n ports, each
// with its interface, as libvirt and OVN would fill them.
func initial(n int) []byte {
	var ports, interfaces, ids []string
	random := rand.New(rand.NewPCG(1, 2))
	id := func() (u vswitch.UUID) { // as random as real ones
		binary.BigEndian.PutUint64(u[:], random.Uint64())
		binary.BigEndian.PutUint64(u[8:], random.Uint64())
		return u
	}
	for i := range n {
		port, iface := id(), id()
		ids = append(ids, fmt.Sprintf(`["uuid","%v"]`, port))
		ports = append(ports,
			fmt.Sprintf(`"%v":{"initial":{"name":"vnet%d","interfaces":["uuid","%v"],"tag":%d,`+
				`"status":["map",[["a","b"]]]}}`, port, i, iface, i%4096))
		interfaces = append(interfaces, fmt.Sprintf(`"%v":{"initial":{"name":"vnet%d","ofport":%d,
			"mac_in_use":"02:00:00:00:00:01","mtu":1500,"ifindex":%d,
			"admin_state":"up","link_state":"up","link_speed":10000000,"duplex":"full",
				"status":["map",[["driver_name","tun"],["driver_version","1.6"],["firmware_version",
				""]]],
			"external_ids":["map",[["attached-mac","02:00:00:00:00:01"],["iface-id",
				"6d2ac2cc-9d50-4b0b-a3c1-%012d"],["iface-status","active"],["vm-uuid",
				"%v"]]]}}`, iface, i, i, i, i, port))
	}

	br := id()
	return fmt.Appendf(nil,
		`{"Open_vSwitch":{"%v":{"initial":{"bridges":["uuid","%v"]}}},`+
			`"Bridge":{"%v":{"initial":{"name":"br0","ports":["set",[%s]]}}},"Port":{%s},`+
			`"Interface":{%s}}`,
		id(), br, br, strings.Join(ids, ","), strings.Join(ports, ","), strings.Join(interfaces,
			","))
}

// BenchmarkInitial is the way from the text of 10,000 rows to a snapshot.
func BenchmarkInitial(b *testing.B) {
	db := schemaOf(b, asItIs)
	text := initial(5000)
	empty, err := vswitch.NewSnapshot(db)
	require.NoError(b, err)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()

	for b.Loop() {
		updates, err := ovsdb.ParseTableUpdates2(text, db)
		require.NoError(b, err)
		_, _, err = empty.Apply(updates)
		require.NoError(b, err)
	}
}

// BenchmarkApply is one change of one row, with so many ports around it.
func BenchmarkApply(b *testing.B) {
	for _, n := range []int{10, 10000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			db := schemaOf(b, asItIs)
			empty, err := vswitch.NewSnapshot(db)
			require.NoError(b, err)
			s, _ := apply(b, db, empty, string(initial(n)))
			port, _ := s.PortByName(fmt.Sprint("vnet", n/2))
			text := fmt.Appendf(nil, `{"Interface":{"%v":{"modify":{"link_state":"down"}}}}`,
				port.Interfaces[0])
			b.ReportAllocs()

			for b.Loop() {
				updates, err := ovsdb.ParseTableUpdates2(text, db)
				require.NoError(b, err)
				_, _, err = s.Apply(updates)
				require.NoError(b, err)
			}
		})
	}
}

// BenchmarkTransactions is transactions on a real server: one after the other,
// many under way at once, and those of ovs-vsctl, a process each.
func BenchmarkTransactions(b *testing.B) {
	s := ovs.StartServer(b)
	ctx, conn, w := watch(b, s)
	require.NoError(b, w.Close(ctx))
	bump := ovsdb.Mutate{Table: "Open_vSwitch",
		Mutations: []ovsdb.Mutation{{Column: "next_cfg", Mutator: ovsdb.Add,
			Value: ovsdb.Integer(1)}}}
	b.Run("one-by-one", func(b *testing.B) {
		for b.Loop() {
			_, err := conn.Transact(ctx, vswitch.Database, bump)
			require.NoError(b, err)
		}
	})

	b.Run("pipelined", func(b *testing.B) {
		var wg sync.WaitGroup
		work := make(chan struct{})
		for range 32 {
			wg.Go(func() {
				for range work {
					if _, err := conn.Transact(ctx, vswitch.Database, bump); err != nil {
						b.Error(err)
					}
				}
			})
		}

		for b.Loop() {
			work <- struct{}{}
		}

		close(work)
		wg.Wait()
	})

	b.Run("ovs-vsctl", func(b *testing.B) {
		for b.Loop() {
			require.NoError(b,
				exec.Command("ovs-vsctl", "--no-wait", "--db="+s.Remote, "set", "Open_vSwitch", ".",
					"external_ids:a=b").Run())
		}
	})
}
