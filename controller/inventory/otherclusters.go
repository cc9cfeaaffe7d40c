package inventory

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/tapline-sdn/tapline/controller/reconcile"
	"github.com/tapline-sdn/tapline/ovsdb/vswitch"
)

// leftovers says what other Tapline clusters have on the bridges of a switch, and the command that
// removes it; "" if they have nothing. A cluster whose controller was lost takes room there for
// ever: a bridge has 32 mirrors.
func (o Observer) leftovers(target string, snap *vswitch.Snapshot) string {
	objects := map[string]int{} // by cluster
	count := func(ids vswitch.Pairs) {
		if other := ids.Get(reconcile.OwnerKey); other != "" && other != o.Cluster {
			objects[other]++
		}
	}

	for _, b := range snap.Bridges() {
		count(b.ExternalIDs)
		for p := range snap.EachPort(b) {
			count(p.ExternalIDs)
		}
		for m := range snap.EachMirror(b) {
			count(m.ExternalIDs)
		}
	}

	var all []string
	for _, cluster := range slices.Sorted(maps.Keys(objects)) {
		all = append(all, fmt.Sprintf("its switch has %d objects of another Tapline cluster, %s; "+
			"%s removes them", objects[cluster], cluster, cleanupCommand(target, cluster)))
	}

	return strings.Join(all, "; ")
}

// cleanupCommand is what takes the objects of a cluster off a switch whose controller is gone.
func cleanupCommand(target, cluster string) string {
	return fmt.Sprintf("if that runs no more, tapline cleanup --ovsdb %s --cluster %s", target,
		cluster)
}
