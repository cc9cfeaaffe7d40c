package reconcile_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/controller/reconcile"
	"github.com/tapline-sdn/tapline/openflow"
	"github.com/tapline-sdn/tapline/ovsdb/vswitch"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// named is a program whose capture has a name as the mirror plugin gives them.
func named(adjust ...func(*tap.Program)) *tap.Program {
	return program(append([]func(*tap.Program){without("cap1"),
		capture("cap1", "0badcafe", "br0", "vnet1"), nic("eth9")}, adjust...)...)
}

// marked are the marks of all rows of ours, by table and name.
func marked(snap *vswitch.Snapshot) map[string]string {
	out := map[string]string{}
	note := func(table, name string, ids vswitch.Pairs) {
		if owner, id := ids.Get("tapline"), ids.Get("tapline-id"); owner != "" || id != "" {
			out[table+" "+name] = owner + "/" + id
		}
	}

	for _, b := range snap.Bridges() {
		note("Bridge", b.Name, b.ExternalIDs)
		for _, c := range snap.Controllers(b) {
			note("Controller", b.Name, c.ExternalIDs)
		}

		for _, m := range snap.BridgeMirrors(b) {
			note("Mirror", m.Name, m.ExternalIDs)
		}

		for _, p := range snap.BridgePorts(b) {
			note("Port", p.Name, p.ExternalIDs)
			for _, i := range snap.PortInterfaces(p) {
				note("Interface", i.Name, i.ExternalIDs)
			}
		}
	}

	return out
}

// restore claims until nothing is left to claim, and then applies the program.
func (db *database) restore(m *reconcile.Memory, d *reconcile.Desired) (found []string) {
	db.t.Helper()
	for range 3 {
		rows := m.Claim(db.snapshot(), d, self, tapBridge, reconcile.Open)
		if rows.Txn.Empty() {
			break
		}
		for _, c := range rows.Changes {
			found = append(found, c.Key())
		}
		db.commit(rows.Txn)
	}

	assert.True(db.t, m.Claim(db.snapshot(), d, self, tapBridge, reconcile.Open).Txn.Empty(),
		"claiming twice is not claiming once")

	db.settle(d)
	return found
}

// TestLostMarks takes our marks off each row, with a memory of what was ours and with none, as
// after a restart.
func TestLostMarks(t *testing.T) {
	db := newDatabase(t)
	db.twoBridges()
	d := desired(t, named())
	db.settle(d)
	want := marked(db.snapshot())
	// bridge, controller, its port, patch pair, tunnel, NIC, mirror
	require.Len(t, want, 2+2+2*2+2+2+1, "%v", want)
	for row := range want {
		for _, c := range []struct {
			name, command string
			remembered    bool // found only if it was seen before
		}{
			{"cleared", "clear %s external_ids", strings.Contains(row, "none")},
			{"cluster removed", "remove %s external_ids tapline", false},
			{"another cluster's", "set %s external_ids:tapline=c2", true},
			{"both changed", "set %s external_ids:tapline=c2 external_ids:tapline-id=nobody", true},
		} {
			for _, restarted := range []bool{false, true} {
				if restarted && c.remembered {
					continue
				}
				t.Run(fmt.Sprintf("%s %s restarted=%v", row, c.name, restarted),
					func(t *testing.T) {
						db := *db
						db.t = t
						var memory reconcile.Memory
						if !restarted {
							require.True(t, memory.Claim(db.snapshot(), d, self, tapBridge,
								reconcile.Open).Txn.Empty())
						}

						before := db.snapshot()
						db.vsctl(fmt.Sprintf(c.command, row))
						found := db.restore(&memory, d)
						assert.Len(t, found, 1)
						assert.Contains(t, found[0], "external_ids")
						assert.Equal(t, want, marked(db.snapshot()))
						sameForeign(t, before, db.snapshot())
					})
			}
		}
	}

	t.Run("all at once", func(t *testing.T) {
		db := *db
		db.t = t
		lines := []string{}
		for row := range want {
			lines = append(lines, "clear "+row+" external_ids")
		}

		for _, restarted := range []bool{false, true} {
			var memory reconcile.Memory
			if !restarted {
				memory.Claim(db.snapshot(), d, self, tapBridge, reconcile.Open)
			}
			db.vsctl(strings.Join(lines, " -- "))
			found := db.restore(&memory, d)
			assert.Len(t, found, len(want))
			assert.Equal(t, want, marked(db.snapshot()))
		}
	})

	t.Run("without a program, what may be held is left", func(t *testing.T) {
		db := *db
		db.t = t
		db.vsctl("clear Port tlm-0badcafe external_ids -- clear Interface tlm-0badcafe " +
			"external_ids -- clear Port tlt-0badcafe external_ids" +
			" -- clear Interface tlt-0badcafe external_ids -- clear Bridge brtap external_ids")

		var memory reconcile.Memory
		rows := memory.Claim(db.snapshot(), nil, self, tapBridge, reconcile.Open)
		require.Len(t, rows.Changes, 1)
		assert.Equal(t, "bridge brtap: external_ids", rows.Changes[0].Key())
		db.commit(rows.Txn)
		db.restore(&memory, d)
		assert.Equal(t, want, marked(db.snapshot()))
	})

	t.Run("nobody wants it any more", func(t *testing.T) {
		db := *db
		db.t = t
		db.vsctl("clear Port tlm-0badcafe external_ids -- clear Interface tlm-0badcafe " +
			"external_ids -- clear Mirror tl-0badcafe external_ids")
		db.restore(new(reconcile.Memory), desired(t, program(without("cap1"))))
		_, stands := db.snapshot().PortByName("tlm-0badcafe")
		assert.False(t, stands)
		b, _ := db.snapshot().Bridge("br0")
		assert.Empty(t, b.Mirrors)
	})
}

// TestNotClaimed: what only looks like ours is left alone.
func TestNotClaimed(t *testing.T) {
	const pair = "add-port br0 tlm-0badcafe -- set Interface tlm-0badcafe type=patch " +
		"options:peer=tlt-0badcafe -- set Port tlm-0badcafe trunks=4095 vlan_mode=trunk"
	for name, behind := range map[string]string{
		"bridge": "add-br brtap",
		"bridge of another cluster": "add-br brtap -- set Bridge brtap " +
			"external_ids:tapline=c2 other_config:datapath-id=0000000000001234",
		"pair between others": pair +
			" -- add-port br1 tlt-0badcafe -- set Interface tlt-0badcafe type=patch " +
			"options:peer=tlm-0badcafe",
		"patch port without a peer": pair,
		"mirror of that name": "-- --id=@m create Mirror name=tl-0badcafe " +
			"select_all=true -- add Bridge br0 mirrors @m",
		"mirror to a port that is foreign": pair +
			" -- --id=@p get Port tlm-0badcafe -- --id=@m create Mirror name=tl-0badcafe " +
			"output_port=@p -- add Bridge br0 mirrors @m",
		"tunnel": "add-port br0 tl-gre -- set Interface tl-gre type=gre options:remote_ip=flow " +
			"options:key=flow",
		"NIC": "add-port br0 eth9 -- set Interface eth9 ofport_request=200",
	} {
		t.Run(name, func(t *testing.T) {
			db := newDatabase(t)
			db.twoBridges()
			if !strings.HasPrefix(name, "bridge") {
				db.settle(desired(t, program(without("cap1"), without("tunnel"),
					func(p *tap.Program) {
						p.Tunnel = tap.Tunnel{}
					})))
			}

			db.vsctl(behind)
			d := desired(t, named())
			var memory reconcile.Memory
			for range 2 {
				assert.True(t, memory.Claim(db.snapshot(), d, self, tapBridge,
					reconcile.Open).Txn.Empty())
			}
		})
	}

	t.Run("a bridge that was marked by mistake", func(t *testing.T) {
		db := newDatabase(t)
		db.twoBridges()
		d := desired(t, named())
		db.settle(d)
		var memory reconcile.Memory
		db.vsctl("set Bridge br1 external_ids:tapline=c1 -- set Port br1 external_ids:tapline=c1")
		assert.True(t, memory.Claim(db.snapshot(), d, self, tapBridge, reconcile.Open).Txn.Empty())
		db.vsctl("clear Bridge br1 external_ids -- clear Port br1 external_ids")
		assert.True(t, memory.Claim(db.snapshot(), d, self, tapBridge, reconcile.Open).Txn.Empty())
	})
}

// TestRepairGate: what is in dispute stays as it is, and all else is repaired.
func TestRepairGate(t *testing.T) {
	db := newDatabase(t)
	db.twoBridges()
	d := desired(t, named(capture("cap2", "2", "br1")))
	db.settle(d)
	for owner, behind := range map[string]string{
		"cap1": "set Mirror tl-0badcafe select_all=true -- del-port tlt-0badcafe -- clear Port " +
			"tlm-0badcafe external_ids",
		"bridge": "set Bridge brtap fail_mode=standalone -- set Controller brtap " +
			"inactivity_probe=1 -- remove Bridge brtap external_ids tapline-id",
		"tunnel": "del-port tl-gre",
		"s2":     "set Interface eth9 ofport_request=7",
	} {
		t.Run(owner, func(t *testing.T) {
			var memory reconcile.Memory
			memory.Claim(db.snapshot(), d, self, tapBridge, reconcile.Open)
			db.vsctl(behind)
			db.vsctl("clear Mirror tl-2 output_port")
			disputed := func(o string) bool { return o != owner }
			assert.Empty(t, memory.Claim(db.snapshot(), d, self, tapBridge, disputed).Changes)
			rows := reconcile.Diff(db.snapshot(), d, self, reconcile.Open, disputed)
			require.Len(t, rows.Changes, 1, "%v", rows.Changes)
			assert.Equal(t, "mirror tl-2 on br1: output_port", rows.Changes[0].Key())
			db.commit(rows.Txn)
			rows = reconcile.Diff(db.snapshot(), d, self, reconcile.Open, disputed)
			assert.True(t, rows.Txn.Empty())
			db.restore(&memory, d)
		})
	}

	have := installed(d, 100)[1:]
	number := func(string) openflow.PortNo { return 100 }
	probes := reconcile.NewProbes(d.Program.Tunnel.Senders, number, nil)
	flows := reconcile.DiffFlows(have, d, probes, true, reconcile.Shut)
	for i := range flows.Mods {
		assert.Contains(t, flows.Mods[i].String(), "cookie=0x747",
			"only the controller's own flows go on")
	}

	assert.NotEmpty(t, flows.Outstanding)
}

// TestChanges says what is wrong in words.
func TestChanges(t *testing.T) {
	db := newDatabase(t)
	db.twoBridges()
	d := desired(t, program())
	db.settle(d)
	for _, tc := range []struct{ behind, want string }{
		{"set Mirror tl-1 select_all=true select_vlan=7",
			"mirror tl-1 on br0: select_all is true, want false, select_vlan is [7], want []"},
		{"set Port tlm-1 tag=3", "port tlm-1 on br0: tag is 3, want []"},
		{"set Interface tlm-1 options:peer=x",
			`interface tlm-1 on br0: options is map["peer":"x"], want map["peer":"tlt-1"]`},
		{"del-port tl-gre", "port tl-gre on brtap: missing"},
		{"set Bridge brtap fail_mode=standalone",
			`bridge brtap: fail_mode is "standalone", want "secure"`},
		{"set Controller brtap inactivity_probe=1",
			"controller tcp:192.0.2.10:6653 of brtap: inactivity_probe is 1, want 5000"},
		{"set Port tlm-1 other_config:x=y protected=true",
			`port tlm-1 on br0: protected is true, want false, other_config is map["x":"y"], ` +
				`want map[]`},
		{"-- --id=@i create Interface name=eth8 -- set Port tlm-1 interfaces=@i",
			"port tlm-1 on br0: interfaces"},
	} {
		t.Run(tc.behind, func(t *testing.T) {
			db := *db
			db.t = t
			db.vsctl(tc.behind)
			rows := reconcile.Diff(db.snapshot(), d, self, reconcile.Open, reconcile.Open)
			require.NotEmpty(t, rows.Changes)
			assert.Equal(t, tc.want, rows.Changes[0].String())
			db.restore(new(reconcile.Memory), d)
		})
	}

	have := installed(d, 100)
	for i := range have {
		if have[i].Table == 1 {
			have[i].Instructions = nil
		}
	}

	flows := diffFlows(have, d, 100, true)
	require.Len(t, flows.Changes, 1)
	assert.Contains(t, flows.Changes[0].String(), "actions=drop")
	assert.Contains(t, flows.Changes[0].Key(), "altered")
}
