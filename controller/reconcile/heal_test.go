package reconcile_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/controller/reconcile"
)

// TestHeal: a patch port with an error is made anew if its peer stands, and then has none; any
// other is left alone.
func TestHeal(t *testing.T) {
	for _, tc := range []struct {
		name, behind string
		heals        bool
	}{
		{"nothing is wrong", "", false},
		{"an error though the peer stands", "set Interface tlt-1 error=no_usable_peer", true},
		{"an error of the port that a mirror copies to", "set Interface tlm-1 error=no_usable_peer",
			true},
		{"an error and no peer", "set Interface tlt-1 error=no_usable_peer -- del-port tlm-1",
			false},
		{"an error and a peer that is not open",
			"set Interface tlt-1 error=no_usable_peer -- set Interface tlm-1 ofport=-1", false},
		{"an error of the tunnel port", "set Interface tl-gre error=no_address", true},
		{"an error of a port that is not as it must be",
			"set Interface tl-gre error=no_address options:remote_ip=192.0.2.9", false},
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

			name := "tlt-1"
			owner := "cap1"
			if strings.Contains(tc.behind, "Interface tlm-1 error") {
				name = "tlm-1"
			} else if strings.Contains(tc.behind, "Interface tl-gre error") {
				name, owner = "tl-gre", "tunnel"
			}

			before, _ := db.snapshot().PortByName(name)
			rows, owners := reconcile.Heal(db.snapshot(), d, self, reconcile.Shut, reconcile.Open)
			assert.Equal(t, tc.heals, !rows.Txn.Empty())
			if !tc.heals {
				assert.Empty(t, owners)
				return
			}

			assert.Equal(t, []string{owner}, owners)
			assert.Empty(t, rows.Changes, "nobody else has changed anything")
			stamp := db.stamp()
			db.commit(rows.Txn)
			assert.NotEqual(t, stamp, db.stamp())
			after, stands := db.snapshot().PortByName(name)
			require.True(t, stands)
			assert.NotEqual(t, before.UUID, after.UUID)
			assert.Empty(t, db.snapshot().PortInterfaces(after)[0].Error)
			rows, _ = reconcile.Heal(db.snapshot(), d, self, reconcile.Shut, reconcile.Open)
			assert.True(t, rows.Txn.Empty())
			db.idle(d) // The mirror has followed.
		})
	}
}
