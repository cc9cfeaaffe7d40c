package reconcile_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/controller/reconcile"
)

// TestObservable: what others change is observable, and what we write is not.
func TestObservable(t *testing.T) {
	for _, tc := range []struct {
		name, change string
		want         bool
	}{
		{"nothing", "", false},
		{"a port comes", "add-port br0 vnet9", true},
		{"a port goes", "del-port vnet2", true},
		{"a port moves to another bridge",
			"-- --id=@p get Port vnet2 -- remove Bridge br0 ports @p -- add Bridge br1 ports @p",
			true},
		{"a guest is named", "set Interface vnet2 external_ids:attached-mac=52:54:00:00:00:09",
			true},
		{"a bridge comes", "add-br br9", true},
		{"a bridge goes", "del-br br1", true},
		{"another datapath", "set Bridge br1 datapath_type=netdev", true},
		{"a mirror of others comes",
			"-- --id=@m create Mirror name=theirs -- add Bridge br0 mirrors @m", true},
		{"the tunnel's address", "set Open_vSwitch . external_ids:ovn-encap-ip=192.0.2.9", true},
		{"the tunnel port is opened", "set Interface tl-gre ofport=100", true},
		{"a patch port is opened", "set Interface tlm-1 ofport=7", false},
		{"a transaction is counted", "set Open_vSwitch . next_cfg=77 cur_cfg=76", false},
		{"our port is altered", "set Port tlm-1 tag=9", false},
		{"our mirror goes", "clear Bridge br0 mirrors", false},
		{"a mirror of ours has copied", "set Mirror tl-1 statistics:tx_packets=7", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			db := newDatabase(t)
			db.twoBridges()
			db.settle(desired(t, program()))
			before := db.snapshot()
			if tc.change != "" {
				db.vsctl(tc.change)
			}
			assert.Equal(t, tc.want, reconcile.Observable(before, db.snapshot(), self))
		})
	}
}

// TestWritingIsNotObservable: a program that is put in place, and taken away, shows nothing that
// others have done.
func TestWritingIsNotObservable(t *testing.T) {
	db := newDatabase(t)
	db.twoBridges()
	bare := db.snapshot()
	db.settle(desired(t, program()))
	written := db.snapshot()
	require.NotEqual(t, bare, written)
	assert.False(t, reconcile.Observable(bare, written, self))
	db.commit(reconcile.Strip(written, self, tapBridge))
	assert.False(t, reconcile.Observable(written, db.snapshot(), self))
}

// TestUnderlayChanged: other states and addresses of devices that may carry tunnels are noticed,
// and those of guests are not.
func TestUnderlayChanged(t *testing.T) {
	for _, tc := range []struct {
		name, change string
		want         bool
	}{
		{"nothing", "", false},
		{"the link goes down", "set Interface eth0 link_state=down", true},
		{"it is switched off", "set Interface eth0 admin_state=down", true},
		{"another address", "set Interface br1 mac_in_use=\"02:00:00:00:00:09\"", true},
		{"another MTU", "set Interface eth0 mtu=1400", true},
		{"it goes", "del-port br0 eth0", true},
		{"a bridge comes", "add-br br9", true},
		{"a guest's link goes down", "set Interface vnet2 link_state=down", false},
		{"a guest comes", "-- add-port br0 vnet9 -- set Interface vnet9 " +
			"external_ids:iface-id=vif9", false},
		{"our patch port is opened", "set Interface tlm-1 link_state=up", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			db := newDatabase(t)
			db.twoBridges()
			db.settle(desired(t, program()))
			db.vsctl("-- set Interface eth0 link_state=up " +
				"-- set Interface vnet2 external_ids:attached-mac=52:54:00:00:00:02")
			before := db.snapshot()
			if tc.change != "" {
				db.vsctl(tc.change)
			}
			assert.Equal(t, tc.want, reconcile.UnderlayChanged(before, db.snapshot(), self))
		})
	}
}
