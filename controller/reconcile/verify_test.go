package reconcile_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/tapline-sdn/tapline/controller/reconcile"
)

func TestPortTrouble(t *testing.T) {
	for _, tc := range []struct {
		name, behind    string
		failed, waiting map[string]string
	}{
		{"numbers", "", map[string]string{}, map[string]string{}},
		{"not opened yet", "set Interface tl-gre ofport=[]", map[string]string{},
			map[string]string{"tunnel": "the switch has not opened port tl-gre yet"}},
		{"not opened", "set Interface tlt-1 ofport=-1",
			map[string]string{"cap1": "the switch could not open port tlt-1; see its log"},
			map[string]string{}},
		{"error", "set Interface tlm-1 ofport=-1 error=no_such_peer",
			map[string]string{"cap1": "the switch says of port tlm-1: no_such_peer"},
			map[string]string{}},
		{"tunnel of somebody else", "set Interface tl-gre ofport=-1 error=exists " +
			"-- add-port br1 ov0 -- set Interface ov0 type=gre " +
			"-- add-port br1 ov1 -- set Interface ov1 type=vxlan",
			map[string]string{"tunnel": "the switch says of port tl-gre: exists; tunnels of type " +
				"gre that are not ours: ov0 on bridge br1"}, map[string]string{}},
		{"gone", "del-port tl-gre", map[string]string{}, map[string]string{}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			db := newDatabase(t)
			db.twoBridges()
			d := desired(t, program())
			db.settle(d)
			db.vsctl("set Interface tlm-1 ofport=1 -- set Interface tlt-1 ofport=2 -- set " +
				"Interface tl-gre ofport=3")

			if tc.behind != "" {
				db.vsctl(tc.behind)
			}

			failed, waiting := reconcile.PortTrouble(db.snapshot(), d)
			assert.Equal(t, tc.failed, failed)
			assert.Equal(t, tc.waiting, waiting)
		})
	}
}

// TestMirrorWatch: a mirror without statistics is given time to get some, and is then said to be
// not installed.
func TestMirrorWatch(t *testing.T) {
	const notInstalled = "the switch has not installed mirror tl-1; see its log"
	db := newDatabase(t)
	db.twoBridges()
	d := desired(t, program())
	db.settle(d)
	var watch reconcile.MirrorWatch
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	after := func(seconds int) time.Time { return start.Add(time.Duration(seconds) * time.Second) }
	check := func(at int, want map[string]string, again int) {
		t.Helper()
		failed, when := watch.Check(db.snapshot(), d, after(at))
		assert.Equal(t, want, failed)
		if again == 0 {
			assert.True(t, when.IsZero(), when)
		} else {
			assert.Equal(t, after(again), when)
		}
	}

	none := map[string]string{}
	check(0, none, 12)
	check(5, none, 12)
	check(12, map[string]string{"cap1": notInstalled}, 0)
	db.vsctl("set Mirror tl-1 statistics:tx_packets=0")
	check(13, none, 0)
	db.vsctl("clear Mirror tl-1 statistics")
	check(14, none, 26)
	db.vsctl("-- --id=@m get Mirror tl-1 -- remove Bridge br0 mirrors @m")
	check(15, none, 0)
	db.settle(d)
	check(20, none, 32)
	db.vsctl("set Open_vSwitch . other_config:stats-update-interval=60000")
	check(32, none, 142)
	check(142, map[string]string{"cap1": notInstalled}, 0)
	db.vsctl("del-br br0")
	check(143, none, 0)
}
