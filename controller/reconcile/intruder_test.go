package reconcile_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/tapline-sdn/tapline/controller/reconcile"
)

// TestIntruders: a mirror of others that copies to a port of ours is found; any other is nobody's
// business.
func TestIntruders(t *testing.T) {
	for _, tc := range []struct {
		name, behind string
		want         map[string]string
	}{
		{"none", "", map[string]string{}},
		{"to a patch port",
			"-- --id=@p get Port tlm-1 -- --id=@m create Mirror name=theirs output_port=@p -- " +
				"add Bridge br0 mirrors @m",
			map[string]string{"cap1": `mirror "theirs" on bridge br0 is not ours and copies to ` +
				`port tlm-1: remove it or give it another output`}},
		{"of another cluster",
			"-- --id=@p get Port tlm-1 -- --id=@m create Mirror name=theirs output_port=@p " +
				"external_ids:tapline=c2 -- add Bridge br0 mirrors @m",
			map[string]string{"cap1": `mirror "theirs" on bridge br0 is not ours and copies to ` +
				`port tlm-1: remove it or give it another output`}},
		{"to the tunnel",
			"-- --id=@p get Port tl-gre -- --id=@m create Mirror name=theirs output_port=@p -- " +
				"add Bridge brtap mirrors @m",
			map[string]string{"tunnel": `mirror "theirs" on bridge brtap is not ours and copies ` +
				`to port tl-gre: remove it or give it another output`}},
		{"to a port of theirs",
			"-- --id=@p get Port vnet2 -- --id=@m create Mirror name=theirs output_port=@p -- " +
				"add Bridge br0 mirrors @m", map[string]string{}},
		{"on a bridge that the port is not on",
			"-- --id=@p get Port tlm-1 -- --id=@m create Mirror name=theirs output_port=@p -- " +
				"add Bridge br1 mirrors @m", map[string]string{}},
		{"to a VLAN", "-- --id=@m create Mirror name=theirs output_vlan=9 -- add Bridge br0 " +
			"mirrors @m", map[string]string{}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			db := newDatabase(t)
			db.twoBridges()
			d := desired(t, program())
			db.settle(d)
			if tc.behind != "" {
				db.vsctl(tc.behind)
			}
			assert.Equal(t, tc.want, reconcile.Intruders(db.snapshot(), d, self))
		})
	}
}
