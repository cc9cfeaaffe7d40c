package reconcile

import (
	"fmt"

	"github.com/tapline-sdn/tapline/ovsdb/vswitch"
)

// Intruders finds mirrors of others that output to ports of ours, so that a collector gets what
// nobody asked us to show it. They are not ours to change: the owners of those ports are returned,
// each with what is wrong.
func Intruders(snap *vswitch.Snapshot, d *Desired, self Self) map[string]string {
	out := map[string]string{}
	for _, b := range snap.Bridges() {
		for m := range snap.EachMirror(b) {
			if self.owns(m.ExternalIDs) || m.OutputPort == nil {
				continue
			}

			p, stands := snap.Port(*m.OutputPort)
			if !stands {
				continue
			}
			if want := d.ports[p.Name]; want != nil && want.Bridge == b.Name {
				out[want.Owner] = fmt.Sprintf("mirror %q on bridge %s is not ours and copies to "+
					"port %s: remove it or give it another output",
					m.Name, b.Name, p.Name)
			}
		}
	}

	return out
}
