package reconcile_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/controller/reconcile"
	"github.com/tapline-sdn/tapline/ovsdb/vswitch"
)

// controllers are the targets of the tap bridge, and whether each row is ours.
func controllers(t *testing.T, snap *vswitch.Snapshot) map[string]bool {
	t.Helper()
	bridge, stands := snap.Bridge(tapBridge)
	require.True(t, stands)
	out := map[string]bool{}
	for _, c := range snap.Controllers(bridge) {
		out[c.Target] = c.ExternalIDs.Get("tapline") == self.Cluster
	}
	return out
}

// TestNudge: our controller's target is written otherwise and nothing else is changed, which is as
// good as it was before.
func TestNudge(t *testing.T) {
	const respelled = "tcp:192.0.2.10:06653"
	for _, tc := range []struct {
		name, behind string
		before       []string // targets that are ours
		after        []string
	}{
		{"not connected", "", []string{self.Target}, []string{respelled}},
		{"nudged before", "set Controller @C target=" + strings.ReplaceAll(respelled, ":", `\:`),
			[]string{respelled}, []string{self.Target}},
		{"connected", "set Controller @C is_connected=true", []string{self.Target},
			[]string{self.Target}},
		{"no row", "clear Bridge brtap controller", nil, nil},
		{"another's bridge", "set Bridge brtap external_ids:tapline=c2", []string{self.Target},
			[]string{self.Target}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			db := newDatabase(t)
			db.twoBridges()
			d := desired(t, program())
			db.settle(d)
			bridge, _ := db.snapshot().Bridge(tapBridge)
			ours := db.snapshot().Controllers(bridge)[0].UUID.String()
			if tc.behind != "" {
				db.vsctl(strings.ReplaceAll(tc.behind, "@C", ours))
			}

			db.vsctl("-- --id=@other create Controller target=tcp\\:192.0.2.99\\:6653 -- add " +
				"Bridge brtap controller @other")

			want := func(targets []string) map[string]bool {
				all := map[string]bool{"tcp:192.0.2.99:6653": false}
				for _, target := range targets {
					all[target] = true
				}
				return all
			}

			assert.Equal(t, want(tc.before), controllers(t, db.snapshot()))
			db.commit(reconcile.Nudge(db.snapshot(), self, tapBridge))
			assert.Equal(t, want(tc.after), controllers(t, db.snapshot()))
			if tc.name == "not connected" {
				db.idle(d) // It is no drift.
				db.vsctl("clear Controller " + ours + " external_ids")
				assert.Equal(t, []string{"controller " + respelled + " of brtap: external_ids"},
					db.restore(&reconcile.Memory{}, d),
					"the row is known by its place, as after a restart")
			}
		})
	}
}

func TestNeverConnected(t *testing.T) {
	for _, tc := range []struct {
		name, status string
		want         bool
	}{
		{"the switch has not told anything", "", false},
		{"it waits", "status:state=BACKOFF status:last_error=refused", true},
		{"it was connected once", "status:state=BACKOFF status:sec_since_connect=7", false},
		{"it is connected", "is_connected=true status:state=ACTIVE", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			db := newDatabase(t)
			db.twoBridges()
			db.settle(desired(t, program()))
			bridge, _ := db.snapshot().Bridge(tapBridge)
			if tc.status != "" {
				db.vsctl("set Controller " + db.snapshot().Controllers(bridge)[0].UUID.String() +
					" " + tc.status)
			}
			assert.Equal(t, tc.want, reconcile.NeverConnected(db.snapshot(), self, tapBridge))
		})
	}
}
