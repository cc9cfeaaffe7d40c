package fault_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/controller/store"
	"github.com/tapline-sdn/tapline/ovsdb"
	"github.com/tapline-sdn/tapline/plugin/tap"
	"github.com/tapline-sdn/tapline/testenv/dummy"
	"github.com/tapline-sdn/tapline/testenv/fault"
)

// Rows of a liar: one bridge with one port.
var (
	lieSystem    = ovsdb.UUID{1}
	lieBridge    = ovsdb.UUID{2}
	liePort      = ovsdb.UUID{3}
	lieInterface = ovsdb.UUID{4}

	// A second port, of a guest that exists nowhere else.
	ownPort      = ovsdb.UUID{5}
	ownInterface = ovsdb.UUID{6}
)

// lie shows a host with two ports on br0: one of a guest of its own, and one whose interface has
// these external_ids.
func lie(t *testing.T, l *fault.Liar, system, port map[string]string) {
	t.Helper()
	for _, row := range []struct {
		table string
		id    ovsdb.UUID
		row   ovsdb.Row
	}{
		{"Interface", lieInterface, ovsdb.Row{
			"name": ovsdb.String("vnet666"), "ofport": ovsdb.Integer(7),
			"mac_in_use":   ovsdb.String("fe:54:00:66:66:66"),
			"external_ids": ovsdb.StringMap(port),
		}},
		{"Interface", ownInterface, ovsdb.Row{
			"name": ovsdb.String("vnet1"), "ofport": ovsdb.Integer(1),
			"mac_in_use": ovsdb.String("fe:54:00:66:00:01"),
			"external_ids": ovsdb.StringMap(map[string]string{
				"attached-mac": "52:54:00:66:00:01", "vm-id": "liar-guest"}),
		}},
		{"Port", ownPort, ovsdb.Row{"name": ovsdb.String("vnet1"), "interfaces": ownInterface}},
		{"Port", liePort, ovsdb.Row{"name": ovsdb.String("vnet666"), "interfaces": lieInterface}},
		{"Bridge", lieBridge, ovsdb.Row{
			"name": ovsdb.String("br0"), "ports": ovsdb.NewSet(liePort, ownPort),
		}},
		{"Open_vSwitch", lieSystem, ovsdb.Row{
			"ovs_version": ovsdb.String("3.1.0"), "bridges": ovsdb.NewSet(lieBridge),
			"external_ids": ovsdb.StringMap(system),
		}},
	} {
		require.NoError(t, l.Show(row.table, row.id, row.row))
	}
}

// programmed is what stands on a host's tap bridge and as mirrors of br0.
func programmed(t *testing.T, h *dummy.Host) string {
	t.Helper()
	flows, err := h.OFCtl("--no-stats", "dump-flows", "brtap")
	require.NoError(t, err)
	mirrors, err := h.VSCtl("--columns=name,select_src_port,select_dst_port,output_port", "list",
		"Mirror")
	require.NoError(t, err)
	ports, err := h.VSCtl("list-ports", "brtap")
	require.NoError(t, err)
	return flows + mirrors + ports
}

// TestLiar registers a host whose database claims what belongs to others. What others copy, and
// where to, stays as it is; who is concerned is told; and when the lie ends, all is as before.
func TestLiar(t *testing.T) {
	h := start(t, 1)[0]
	r := newRig(t, nil)
	r.register("good", h.OVSDB)
	r.ready("good")
	flow := r.capture("good", h)
	services := r.Services()
	require.Len(t, services, 1)
	sink := services[0]

	honest := map[string]string{"hostname": "liar", "ovn-encap-ip": "192.0.2.66",
		"ovn-bridge-mappings": "net0:br0"}

	liar := &fault.Liar{Schema: schema(t)}
	lie(t, liar, honest, nil)
	peer, err := fault.Listen(liar.Serve)
	require.NoError(t, err)
	defer peer.Close()
	_, err = r.CreateHost(t.Context(), store.Host{Name: "liar", OVSDB: peer.Target()})
	require.NoError(t, err)
	r.await("the liar's guest is learned", func() bool {
		_, err := r.Guest("liar-guest")
		return err == nil
	})

	before := programmed(t, h)

	for _, tc := range []struct {
		name         string
		system, port map[string]string
		told         bool // by the status of the service
	}{
		{"the collector's MAC address", honest,
			map[string]string{"attached-mac": sink.MAC.String()}, true},
		{"the collector's MAC address and guest", honest,
			map[string]string{"attached-mac": sink.MAC.String(), "vm-id": "good-dst"}, true},
		{"the tunnel address of another host", map[string]string{
			"hostname": "liar", "ovn-encap-ip": h.TunnelIP.String(),
			"ovn-bridge-mappings": "net0:br0"}, nil, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			lie(t, liar, tc.system, tc.port)
			if tc.told {
				assert.Eventually(t, func() bool {
					s, err := r.Service(sink.ID)
					return err == nil && s.State == tap.StateError &&
						strings.Contains(s.Reason, "good") && strings.Contains(s.Reason, "liar")
				}, 5*time.Second, 2*time.Millisecond, "the service names both places")
			}

			for end := time.Now().Add(time.Second); time.Now().Before(end); {
				require.Equal(t, before, programmed(t, h), "copies go elsewhere")
				<-time.After(50 * time.Millisecond)
			}

			lie(t, liar, honest, nil)
			r.await("all is as before", func() bool {
				f, err := r.Flow(flow)
				return err == nil && f.State == tap.StateReady && programmed(t, h) == before
			})
		})
	}
}
