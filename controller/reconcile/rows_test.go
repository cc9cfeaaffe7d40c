package reconcile_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/controller/reconcile"
	"github.com/tapline-sdn/tapline/ovsdb/vswitch"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// TestOperations holds whole transactions against goldens.
func TestOperations(t *testing.T) {
	for _, tc := range []struct {
		name   string
		before *tap.Program // applied first, or nil
		now    *tap.Program
		gate   bool
	}{
		{"fresh-gate-closed", nil, program(), false},
		{"fresh-gate-open", nil, program(), true},
		{"capture-joins", program(), program(capture("cap2", "2", "br0", "vnet1")), true},
		{"capture-changes", program(), program(func(p *tap.Program) {
			p.Mirrors[0].SelectSrc, p.Mirrors[0].SelectDst = []string{"vnet2"}, nil
		}), true},
		{"capture-leaves", program(), program(without("cap1")), true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			db := newDatabase(t)
			db.twoBridges()
			if tc.before != nil {
				db.settle(desired(t, tc.before))
			}

			d := desired(t, tc.now)
			rows := reconcile.Diff(db.snapshot(), d, self, gate(tc.gate), reconcile.Open)
			golden(t, tc.name, render(t, db.snapshot(), rows.Txn))
			db.commit(rows.Txn)
			db.settle(d)
		})
	}
}

// TestGate: until the flows stand, nothing new feeds the tap bridge; what stands is still kept
// right, and taken away.
func TestGate(t *testing.T) {
	db := newDatabase(t)
	db.twoBridges()
	d := desired(t, program(nic("eth9")))
	rows := reconcile.Diff(db.snapshot(), d, self, reconcile.Shut, reconcile.Open)
	assert.Equal(t, map[string]bool{"bridge": true, "tunnel": true, "cap1": true, "s2": true},
		rows.Outstanding)

	db.commit(rows.Txn)
	rows = reconcile.Diff(db.snapshot(), d, self, reconcile.Shut, reconcile.Open)
	assert.True(t, rows.Txn.Empty())
	assert.Equal(t, map[string]bool{"cap1": true}, rows.Outstanding,
		"the capture waits for the gate")

	for p := range db.snapshot().Ports() {
		assert.False(t, strings.HasPrefix(p.Name, "tlm-") || strings.HasPrefix(p.Name, "tlt-"),
			p.Name)
	}

	db.settle(d)

	db.vsctl("set Mirror tl-1 select_all=true")
	rows = reconcile.Diff(db.snapshot(), d, self, reconcile.Shut, reconcile.Open)
	assert.Equal(t, []string{"update mirror tl-1: select_all", "update port brtap: tag",
		"mutate system: next_cfg"}, writes(t, db.snapshot(), rows.Txn))

	rows = reconcile.Diff(db.snapshot(), desired(t, program(without("cap1"))), self, reconcile.Shut,
		reconcile.Open)

	assert.Equal(t, []string{"update port brtap: tag", "mutate br0: ports", "mutate brtap: ports",
		"mutate br0: mirrors", "mutate system: next_cfg"},
		writes(t, db.snapshot(), rows.Txn), "on the way out nothing waits")
}

// TestDrift: whatever somebody changes in our rows is put back, by writing no more than that.
func TestDrift(t *testing.T) {
	const (
		stamped = "update port brtap: tag"
		counted = "mutate system: next_cfg"
	)
	inserted := func(name string) []string {
		return []string{"insert Port " + name, "insert Interface " + name}
	}

	anew := append(inserted("tlm-1"), "update mirror tl-1: output_port", stamped,
		"mutate br0: ports")

	for _, tc := range []struct {
		name   string
		behind string // what ovs-vsctl does behind our back
		want   []string
		owner  string
		stamp  bool
	}{
		{"fail_mode", "set Bridge brtap fail_mode=standalone", []string{"update brtap: fail_mode"},
			"bridge", false},
		{"protocols", "set Bridge brtap protocols=OpenFlow10", []string{"update brtap: protocols"},
			"bridge", false},
		{"datapath_type", "set Bridge brtap datapath_type=system",
			[]string{"update brtap: datapath_type"}, "bridge", false},
		{"stp", "set Bridge brtap stp_enable=true", []string{"update brtap: stp_enable"}, "bridge",
			false},
		{"rstp", "set Bridge brtap rstp_enable=true", []string{"update brtap: rstp_enable"},
			"bridge", false},
		{"snooping", "set Bridge brtap mcast_snooping_enable=true",
			[]string{"update brtap: mcast_snooping_enable"}, "bridge", false},
		{"flow table", "-- --id=@t create Flow_Table flow_limit=1 overflow_policy=refuse -- set " +
			"Bridge brtap flow_tables:0=@t",
			[]string{"update brtap: flow_tables"}, "bridge", false},
		{"own port", "-- --id=@p get Port brtap -- remove Bridge brtap ports @p",
			append(inserted("brtap"), "mutate brtap: ports"), "bridge", false},
		{"other_config", "remove Bridge brtap other_config disable-in-band",
			[]string{"mutate brtap: other_config"}, "bridge", false},
		{"datapath id", "set Bridge brtap other_config:datapath-id=0000000000000007",
			[]string{"mutate brtap: other_config"}, "bridge", false},
		{"id of the bridge", "remove Bridge brtap external_ids tapline-id",
			[]string{"mutate brtap: external_ids"}, "bridge", false},
		{"bridge", "del-br brtap", nil, "bridge", false},

		{"own port's settings", "set Port brtap tag=7 vlan_mode=access other_config:x=y",
			[]string{"update port brtap: vlan_mode", "mutate port brtap: other_config"}, "bridge",
			false},
		{"type of the own port", "set Interface brtap type=system",
			[]string{"update interface brtap: type"}, "bridge", false},

		{"controller", "del-controller brtap", []string{"insert Controller",
			"mutate brtap: controller"}, "bridge", false},
		{"controller's target", "set Controller brtap target=\"tcp:192.0.2.66:6653\"",
			[]string{"insert Controller", "mutate brtap: controller"}, "bridge", false},
		{"controller's mode", "set Controller brtap connection_mode=in-band",
			[]string{"update controller tcp:192.0.2.10:6653: connection_mode"}, "bridge", false},
		{"controller's probe", "set Controller brtap inactivity_probe=0",
			[]string{"update controller tcp:192.0.2.10:6653: inactivity_probe"}, "bridge", false},
		{"controller's backoff", "set Controller brtap max_backoff=8000",
			[]string{"update controller tcp:192.0.2.10:6653: max_backoff"}, "bridge", false},
		{"controller's messages",
			"set Controller brtap enable_async_messages=false controller_queue_size=1 " +
				"controller_rate_limit=100 controller_burst_limit=25",
			[]string{"update controller tcp:192.0.2.10:6653: controller_burst_limit " +
				"controller_queue_size controller_rate_limit enable_async_messages"}, "bridge",
			false},
		{"controller's type", "set Controller brtap type=service",
			[]string{"update controller tcp:192.0.2.10:6653: type"}, "bridge", false},
		{"controller's own port",
			"set Controller brtap local_ip=192.0.2.8 local_netmask=255.255.255.0 " +
				"local_gateway=192.0.2.1",
			[]string{"update controller tcp:192.0.2.10:6653: local_gateway local_ip local_netmask"},
			"bridge", false},
		{"id of the controller", "set Controller brtap external_ids:tapline-id=x",
			[]string{"mutate controller tcp:192.0.2.10:6653: external_ids"}, "bridge", false},

		{"patch port", "del-port tlm-1", append(inserted("tlm-1"),
			"update mirror tl-1: output_port", stamped, "mutate br0: ports"), "cap1", true},
		{"tap bridge's patch port", "del-port tlt-1",
			append(inserted("tlt-1"), stamped, "mutate brtap: ports"), "cap1", true},
		{"tunnel port", "del-port tl-gre", append(inserted("tl-gre"), "mutate brtap: ports"),
			"tunnel", false},
		{"trunks", "set Port tlm-1 trunks=1", []string{"update port tlm-1: trunks", stamped},
			"cap1", true},
		{"no trunks", "clear Port tlm-1 trunks", []string{"update port tlm-1: trunks", stamped},
			"cap1", true},
		{"vlan_mode", "set Port tlm-1 vlan_mode=access",
			[]string{"update port tlm-1: vlan_mode", stamped}, "cap1", true},
		{"tag", "set Port tlt-1 tag=7", []string{"update port tlt-1: tag", stamped}, "cap1", true},
		{"cvlans", "set Port tlm-1 cvlans=7", []string{"update port tlm-1: cvlans", stamped},
			"cap1", true},
		{"QoS", "-- --id=@q create QoS type=linux-htb other_config:max-rate=1000 -- set Port " +
			"tl-gre qos=@q", []string{"update port tl-gre: qos", stamped}, "tunnel", true},
		{"delays", "set Port tlm-1 bond_updelay=7 bond_downdelay=7",
			[]string{"update port tlm-1: bond_downdelay bond_updelay", stamped}, "cap1", true},
		{"id of the port", "set Port tlm-1 external_ids:tapline-id=cap9",
			[]string{"mutate port tlm-1: external_ids", stamped}, "cap1", true},
		{"type", "set Interface tlm-1 type=internal", anew, "cap1", true},
		{"peer", "set Interface tlm-1 options:peer=x", anew, "cap1", true},
		{"option too many", "set Interface tl-gre options:psk=x",
			append(inserted("tl-gre"), stamped, "mutate brtap: ports"), "tunnel", true},
		{"ofport_request", "set Interface tlt-1 ofport_request=9",
			append(inserted("tlt-1"), stamped, "mutate brtap: ports"), "cap1", true},
		{"ofport_request too many", "set Interface tlm-1 ofport_request=9", anew, "cap1", true},
		{"BFD", "set Interface tlm-1 bfd:enable=true",
			[]string{"mutate interface tlm-1: bfd", stamped}, "cap1", true},
		{"LLDP", "set Interface tlm-1 lldp:enable=true",
			[]string{"mutate interface tlm-1: lldp", stamped}, "cap1", true},
		{"CFM", "set Interface tlm-1 cfm_mpid=3",
			[]string{"update interface tlm-1: cfm_mpid", stamped}, "cap1", true},
		{"policing", "set Interface tl-gre ingress_policing_rate=5 ingress_policing_kpkts_rate=5",
			[]string{"update interface tl-gre: ingress_policing_kpkts_rate ingress_policing_rate",
				stamped}, "tunnel", true},
		{"policing's bursts",
			"set Interface tl-gre ingress_policing_burst=5 ingress_policing_kpkts_burst=5",
			[]string{"update interface tl-gre: ingress_policing_burst ingress_policing_kpkts_burst",
				stamped}, "tunnel", true},
		{"id of the interface", "remove Interface tlm-1 external_ids tapline-id",
			[]string{"mutate interface tlm-1: external_ids", stamped}, "cap1", true},
		{"port on the wrong bridge",
			"-- --id=@p get Port tlm-1 -- remove Bridge br0 ports @p -- add Bridge br1 ports @p",
			append(inserted("tlm-1"), "update mirror tl-1: output_port", stamped,
				"mutate br1: ports", "mutate br0: ports"), "cap1", true},

		{"mirror", "-- --id=@m get Mirror tl-1 -- remove Bridge br0 mirrors @m",
			[]string{"insert Mirror tl-1", stamped, "mutate br0: mirrors"}, "cap1", true},
		{"mirror's name", "set Mirror tl-1 name=other",
			[]string{"update mirror other: name", stamped}, "cap1", true},
		{"select_all", "set Mirror tl-1 select_all=true",
			[]string{"update mirror tl-1: select_all", stamped}, "cap1", true},
		{"select_src_port", "-- --id=@p get Port vnet2 -- add Mirror tl-1 select_src_port @p",
			[]string{"mutate mirror tl-1: select_src_port", stamped}, "cap1", true},
		{"select_dst_port", "clear Mirror tl-1 select_dst_port",
			[]string{"mutate mirror tl-1: select_dst_port", stamped}, "cap1", true},
		{"select_vlan", "set Mirror tl-1 select_vlan=7",
			[]string{"update mirror tl-1: select_vlan", stamped}, "cap1", true},
		{"output_port", "-- --id=@p get Port vnet2 -- set Mirror tl-1 output_port=@p",
			[]string{"update mirror tl-1: output_port", stamped}, "cap1", true},
		{"output_vlan", "clear Mirror tl-1 output_port -- set Mirror tl-1 output_vlan=7",
			[]string{"update mirror tl-1: output_port output_vlan", stamped}, "cap1", true},
		{"snaplen", "set Mirror tl-1 snaplen=64", []string{"update mirror tl-1: snaplen", stamped},
			"cap1", true},
		{"id of the mirror", "set Mirror tl-1 external_ids:tapline-id=x",
			[]string{"mutate mirror tl-1: external_ids", stamped}, "cap1", true},
		{"twin", "-- --id=@m create Mirror name=tl-1 select_all=true external_ids:tapline=c1 " +
			"external_ids:tapline-id=cap1 -- add Bridge br0 mirrors @m", nil, "cap1", true},
		{"mirror of ours that nobody wants",
			"-- --id=@m create Mirror name=tl-9 external_ids:tapline=c1 " +
				"external_ids:tapline-id=cap9 -- add Bridge br1 mirrors @m",
			[]string{stamped, "mutate br1: mirrors"}, "cap9", true},
		{"port of ours that nobody wants",
			"add-port br1 tlm-9 -- set Port tlm-9 external_ids:tapline=c1 " +
				"external_ids:tapline-id=cap9",
			[]string{stamped, "mutate br1: ports"}, "cap9", true},
		{"guest restarts", "del-port vnet1 -- add-port br0 vnet1",
			[]string{"mutate mirror tl-1: select_src_port select_dst_port", stamped}, "cap1", true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			db := newDatabase(t)
			db.twoBridges()
			d := desired(t, program())
			db.settle(d)
			before := db.snapshot()
			db.vsctl(tc.behind)
			rows := reconcile.Diff(db.snapshot(), d, self, reconcile.Open, reconcile.Open)
			if tc.want != nil {
				assert.Equal(t, append(slices.Clone(tc.want), counted),
					writes(t, db.snapshot(), rows.Txn))
			}

			assert.Contains(t, rows.Outstanding, tc.owner)
			if tc.want != nil {
				assert.Len(t, rows.Outstanding, 1)
			}

			stamp := db.stamp()
			db.commit(rows.Txn)
			if tc.stamp {
				assert.NotEqual(t, stamp, db.stamp())
			} else {
				assert.Equal(t, stamp, db.stamp(), "no mirror was touched")
			}

			db.idle(d)
			sameForeign(t, before, db.snapshot())
		})
	}
}

// sameForeign makes sure that no row of others has changed, but for those that were put into its
// place meanwhile.
func sameForeign(t *testing.T, before, now *vswitch.Snapshot) {
	t.Helper()
	for _, b := range now.Bridges() {
		if b.ExternalIDs.Get("tapline") != "" {
			continue
		}

		was, existed := before.Bridge(b.Name)
		require.True(t, existed)
		assert.Equal(t, was.UUID, b.UUID)
		assert.Equal(t, was.OtherConfig, b.OtherConfig)
		assert.Equal(t, was.ExternalIDs, b.ExternalIDs)
		for _, p := range before.BridgePorts(was) {
			if p.ExternalIDs.Get("tapline") == "" {
				_, still := now.PortOnBridge(b.Name, p.Name)
				assert.True(t, still, "port %s", p.Name)
			}
		}
	}
}

// TestOthersStay: what stands in the way and is not ours is told, and left as it is.
func TestOthersStay(t *testing.T) {
	for _, tc := range []struct {
		name    string
		before  string // ovs-vsctl, before the program is first compared
		program *tap.Program
		blocked map[string]string
	}{
		{"bridge of that name", "add-br brtap", program(), map[string]string{
			"bridge": "bridge brtap is not ours", "cap1": "bridge brtap is not ours",
			"tunnel": "bridge brtap is not ours"}},
		{"bridge of another cluster", "add-br brtap -- set Bridge brtap external_ids:tapline=c2",
			program(), map[string]string{
				"bridge": "bridge brtap is not ours", "cap1": "bridge brtap is not ours",
				"tunnel": "bridge brtap is not ours"}},
		{"port of that name", "add-port br1 tlm-1", program(),
			map[string]string{"cap1": "port tlm-1 exists and is not ours"}},
		{"port of that name in its place", "add-port br0 tlm-1", program(),
			map[string]string{"cap1": "port tlm-1 exists and is not ours"}},
		{"port of that name of another cluster",
			"add-port br0 tlm-1 -- set Port tlm-1 external_ids:tapline=c2", program(),
			map[string]string{"cap1": "port tlm-1 exists and is not ours"}},
		{"NIC in use", "add-port br1 eth9", program(nic("eth9")),
			map[string]string{"s2": "port eth9 exists and is not ours"}},
		{"NIC in use by a bond", "add-bond br1 bond0 eth8 eth9", program(nic("eth9")),
			map[string]string{"s2": "interface eth9 is in use by port bond0"}},
		{"no such bridge", "del-br br0", program(),
			map[string]string{"cap1": "there is no bridge br0"}},
		{"guest's NIC that is a bridge's own port", "add-br br2", program(plugged("br2")),
			map[string]string{"s1": "port br2 is a part of another bridge, and no NIC of a guest"}},
		{"guest's NIC that is a bond", "add-bond br1 bond0 eth8 eth9", program(plugged("bond0")),
			map[string]string{
				"s1": "port bond0 is a part of another bridge, and no NIC of a guest"}},
		{"guest's NIC that is a patch port",
			"add-port br1 int-x -- set Interface int-x type=patch options:peer=y",
			program(plugged("int-x")),
			map[string]string{
				"s1": "port int-x is a part of another bridge, and no NIC of a guest"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			db := newDatabase(t)
			db.twoBridges()
			db.vsctl(tc.before)
			before := db.snapshot()
			d := desired(t, tc.program)
			rows := reconcile.Diff(before, d, self, reconcile.Open, reconcile.Open)
			assert.Equal(t, tc.blocked, rows.Blocked)
			db.commit(rows.Txn)
			sameForeign(t, before, db.snapshot())
			rows = reconcile.Diff(db.snapshot(), d, self, reconcile.Open, reconcile.Open)
			assert.Equal(t, tc.blocked, rows.Blocked)
			assert.True(t, rows.Txn.Empty(), render(t, db.snapshot(), rows.Txn))
		})
	}
}

// TestForeignMirrorOfThatName: mirrors are told apart by whose they are, never by name.
func TestForeignMirrorOfThatName(t *testing.T) {
	db := newDatabase(t)
	db.twoBridges()
	db.vsctl("-- --id=@m create Mirror name=tl-1 select_all=true -- add Bridge br0 mirrors @m")
	b, _ := db.snapshot().Bridge("br0")
	foreign := db.snapshot().BridgeMirrors(b)[0]
	db.settle(desired(t, program()))
	b, _ = db.snapshot().Bridge("br0")
	assert.Len(t, b.Mirrors, 2)
	now, _ := db.snapshot().Mirror(foreign.UUID)
	assert.Equal(t, foreign, now)
}

// TestForeignOnTapBridge: somebody's port, controller and settings on the tap bridge stay.
func TestForeignOnTapBridge(t *testing.T) {
	db := newDatabase(t)
	db.twoBridges()
	d := desired(t, program())
	db.settle(d)
	db.vsctl("add-port brtap probe0 -- set Bridge brtap other_config:hwaddr=02:00:00:00:00:01 " +
		"external_ids:team=net" +
		" -- --id=@c create Controller target=\"tcp:192.0.2.77:6653\" -- add Bridge brtap " +
		"controller @c" +
		" -- set Port tlm-1 external_ids:seen=yes")

	db.idle(d)
}

// TestMarkedBridge: a bridge that somebody marks as ours by mistake is not taken away.
func TestMarkedBridge(t *testing.T) {
	db := newDatabase(t)
	db.twoBridges()
	db.settle(desired(t, program()))
	db.vsctl("set Bridge br1 external_ids:tapline=c1 -- set Port br1 external_ids:tapline=c1")
	db.idle(desired(t, program()))
}

func TestPluggedNIC(t *testing.T) {
	db := newDatabase(t)
	db.twoBridges()
	d := desired(t, program(plugged("tapabc")))
	rows := reconcile.Diff(db.snapshot(), d, self, reconcile.Open, reconcile.Open)
	assert.True(t, rows.Outstanding["s1"], "somebody has to plug it")
	db.commit(rows.Txn)
	rows = reconcile.Diff(db.snapshot(), d, self, reconcile.Open, reconcile.Open)
	assert.True(t, rows.Txn.Empty() && rows.Outstanding["s1"])

	db.vsctl("add-port br1 tapabc -- set Port tapabc tag=5 -- set Interface tapabc " +
		"external_ids:vm-id=g1")

	row, _ := db.snapshot().PortByName("tapabc")
	rows = reconcile.Diff(db.snapshot(), d, self, reconcile.Open, reconcile.Open)
	assert.Equal(t, []string{"mutate brtap: external_ids", "update port brtap: tag",
		"update interface tapabc: ofport", "mutate br1: ports", "mutate brtap: ports",
		"mutate system: next_cfg"},
		writes(t, db.snapshot(), rows.Txn))

	db.settle(d)
	moved, on := db.snapshot().PortOnBridge(tapBridge, "tapabc")
	require.True(t, on)
	assert.Equal(t, row, moved, "the guest's row is as it was")

	held := desired(t, program(held("s1")))
	assert.True(t, reconcile.Diff(db.snapshot(), held, self, reconcile.Open,
		reconcile.Open).Txn.Empty(), "it is not known whether the NIC is needed")

	d = desired(t, program())
	db.settle(d)
	back, on := db.snapshot().PortOnBridge("br1", "tapabc")
	require.True(t, on, "it goes back to where it stood")
	assert.Equal(t, row, back)
	bridge, _ := db.snapshot().Bridge(tapBridge)
	assert.NotContains(t, bridge.ExternalIDs.String(), "tapabc", "nothing is noted any more")
}

// TestPluggedOnTapBridge: a NIC that its hypervisor plugged into the tap bridge stays there.
func TestPluggedOnTapBridge(t *testing.T) {
	db := newDatabase(t)
	db.twoBridges()
	db.settle(desired(t, program()))
	db.vsctl("add-port brtap tapabc")
	db.settle(desired(t, program(plugged("tapabc"))))
	assert.True(t, reconcile.Diff(db.snapshot(), desired(t, program()), self, reconcile.Open,
		reconcile.Open).Txn.Empty())
}

// TestMovedNICs: NICs that were moved go back wherever the tap bridge goes, and with whatever
// change it came; where their own bridge has gone they stay.
func TestMovedNICs(t *testing.T) {
	for name, leave := range map[string]func(db *database){
		"not needed": func(db *database) { db.settle(desired(t, program())) },
		"stripped": func(db *database) {
			db.commit(reconcile.Strip(db.snapshot(), self, tapBridge))
		},
		"renamed tap bridge": func(db *database) {
			renamed := program(plugged("tapabc"))
			renamed.Bridge.Name = "brtap2"
			for i := range renamed.Ports {
				if renamed.Ports[i].Bridge == tapBridge {
					renamed.Ports[i].Bridge = "brtap2"
				}
			}

			d, err := reconcile.NewDesired(renamed, "brtap2")
			require.NoError(t, err)
			db.settle(d)
			db.commit(reconcile.Strip(db.snapshot(), self, "brtap2"))
		},
	} {
		db := newDatabase(t)
		db.twoBridges()
		db.vsctl("add-port br1 tapabc -- set Port tapabc tag=5")
		row, _ := db.snapshot().PortByName("tapabc")
		// In the transaction that makes the bridge.
		db.settle(desired(t, program(plugged("tapabc"))))
		_, moved := db.snapshot().PortOnBridge(tapBridge, "tapabc")
		require.True(t, moved, name)

		leave(db)
		back, on := db.snapshot().PortOnBridge("br1", "tapabc")
		if assert.True(t, on, name) {
			assert.Equal(t, row, back, name)
		}
	}

	db := newDatabase(t)
	db.twoBridges()
	db.vsctl("add-port br1 tapabc")
	db.settle(desired(t, program(plugged("tapabc"))))
	db.vsctl("del-br br1")
	db.settle(desired(t, program()))
	_, stays := db.snapshot().PortOnBridge(tapBridge, "tapabc")
	assert.True(t, stays)
}

func TestNICJoinsAndLeaves(t *testing.T) {
	db := newDatabase(t)
	db.twoBridges()
	db.settle(desired(t, program()))
	d := desired(t, program(nic("eth9")))
	rows := reconcile.Diff(db.snapshot(), d, self, reconcile.Shut, reconcile.Open)
	assert.Equal(t, []string{"insert Port eth9", "insert Interface eth9", "mutate brtap: ports",
		"mutate system: next_cfg"}, writes(t, db.snapshot(), rows.Txn))

	db.settle(d)
	rows = reconcile.Diff(db.snapshot(), desired(t, program()), self, reconcile.Open,
		reconcile.Open)

	assert.Equal(t, map[string]bool{"s2": true}, rows.Outstanding)
	db.settle(desired(t, program()))
	_, still := db.snapshot().PortByName("eth9")
	assert.False(t, still)
}

// TestHeld: of an owner that not everything is known of, nothing is changed or taken away.
func TestHeld(t *testing.T) {
	db := newDatabase(t)
	db.twoBridges()
	db.settle(desired(t, program(capture("cap2", "2", "br1"))))
	gone := desired(t, program(held("cap2")))
	assert.Empty(t, writes(t, db.snapshot(),
		reconcile.Diff(db.snapshot(), gone, self, reconcile.Open, reconcile.Open).Txn))

	db.vsctl("set Mirror tl-2 select_all=false -- set Port tlm-2 trunks=4095,7")
	assert.Empty(t, writes(t, db.snapshot(),
		reconcile.Diff(db.snapshot(), gone, self, reconcile.Open, reconcile.Open).Txn))

	still := desired(t, program(capture("cap2", "2", "br1", "vnet3"), held("cap2")))
	assert.Empty(t, writes(t, db.snapshot(),
		reconcile.Diff(db.snapshot(), still, self, reconcile.Open, reconcile.Open).Txn))

	db.settle(desired(t, program()))
	_, stands := db.snapshot().PortByName("tlm-2")
	assert.False(t, stands, "no longer held")
}

// stamp is the tag of the tap bridge's own port; 0 if it has none.
func (db *database) stamp() int {
	if own, stands := db.snapshot().PortOnBridge(tapBridge, tapBridge); stands && own.Tag != nil {
		return *own.Tag
	}
	return 0
}

// TestStamp: the tag of the tap bridge's own port counts the transactions that touch mirrors,
// whatever was written there by hand, and whoever has marked the port.
func TestStamp(t *testing.T) {
	db := newDatabase(t)
	db.twoBridges()
	two := program(nic("eth9"), capture("cap2", "2", "br0"))
	for i, step := range []struct {
		behind string
		p      *tap.Program
		want   int
	}{
		{"", program(), 0}, // The bridge and its ports are new.
		{"", program(nic("eth9")), 0},
		{"", program(nic("eth9"), func(p *tap.Program) { p.Flows = p.Flows[:1] }), 0},
		{"", two, 1},
		{"", program(nic("eth9"), capture("cap2", "2", "br0", "vnet2")), 2},
		{"", program(nic("eth9")), 3},
		{"set Port brtap tag=4094", program(nic("eth9")), 4094},
		{"", two, 1},
		{"set Port brtap tag=4095", program(nic("eth9")), 2},
		{"set Port brtap tag=0", two, 1},
		{"set Port brtap external_ids:tapline=other", program(nic("eth9")), 2},
	} {
		if step.behind != "" {
			db.vsctl(step.behind)
		}
		db.settle(desired(t, step.p))
		assert.Equal(t, step.want, db.stamp(), "step %d", i)
	}
}

// TestUnsortedProgram: a plugin need not sort what a switch sorts.
func TestUnsortedProgram(t *testing.T) {
	db := newDatabase(t)
	db.twoBridges()
	db.settle(desired(t, program(func(p *tap.Program) {
		p.Bridge.Protocols = []string{"OpenFlow15", "OpenFlow13", "OpenFlow15"}
		p.Mirrors[0].SelectVLAN = []uint16{9, 3, 9}
		p.Mirrors[0].SelectSrc = []string{"vnet2", "vnet1", "vnet2"}
		p.Ports[2].Trunks = []uint16{7, 5}
	})))
}

// TestBridgeRenamed: the tap bridge of another name, from before the setting was changed, goes, and
// what was on it moves.
func TestBridgeRenamed(t *testing.T) {
	db := newDatabase(t)
	db.twoBridges()
	db.vsctl("add-port br1 tapabc")
	db.settle(desired(t, program(nic("eth9"), plugged("tapabc"))))
	p := program(nic("eth9"), plugged("tapabc"))
	p.Bridge.Name = "brtap2"
	for i := range p.Ports {
		if p.Ports[i].Bridge == tapBridge {
			p.Ports[i].Bridge = "brtap2"
		}
	}

	d, err := reconcile.NewDesired(p, "brtap2")
	require.NoError(t, err)
	db.settle(d)
	_, still := db.snapshot().Bridge(tapBridge)
	assert.False(t, still)
	_, moved := db.snapshot().PortOnBridge("brtap2", "tapabc")
	assert.True(t, moved)
}

func TestStrip(t *testing.T) {
	db := newDatabase(t)
	db.twoBridges()
	db.vsctl("-- --id=@m create Mirror name=theirs select_all=true -- add Bridge br0 mirrors @m")
	clean := db.snapshot()
	db.settle(desired(t, program(nic("eth9"), capture("cap2", "2", "br1"))))
	db.commit(reconcile.Strip(db.snapshot(), self, tapBridge))
	assert.True(t, reconcile.Strip(db.snapshot(), self, tapBridge).Empty())
	for _, change := range db.snapshot().Since(clean) {
		assert.Equal(t, vswitch.TableOpenVSwitch, change.Table, "%v %v", change.Kind, change.UUID)
	}

	other := self
	other.Cluster = "c2"
	db.settle(desired(t, program()))
	assert.True(t, reconcile.Strip(db.snapshot(), other, tapBridge).Empty(), "another cluster's")
}
