package main

import (
	"fmt"

	"github.com/tapline-sdn/tapline/api"
)

// parts is how the parts of the controller are, for /readyz. Ports that cannot be served any more end the process, so those of one
// that answers are open. Hosts that are away make nothing unready: the controller works for the others.
func parts(stored error, ring state, listening, ovsdb string) []api.Part {
	store := api.Part{Name: "store", Status: api.PartOK}
	if stored != nil {
		store.Status, store.Detail = api.PartFailed, stored.Error()
	}
	if ovsdb != "" {
		listening += ", ovsdb " + ovsdb
	}
	registered, byOVSDB, byOpenFlow := ring.Connections()
	hosts := api.Part{Name: "hosts", Status: api.PartOK, Detail: fmt.Sprintf("%d of %d connected", min(byOVSDB, byOpenFlow), registered)}
	if min(byOVSDB, byOpenFlow) < registered {
		hosts.Status = api.PartDegraded
		hosts.Detail += fmt.Sprintf(" (OVSDB %d, OpenFlow %d)", byOVSDB, byOpenFlow)
	}
	return []api.Part{store, {Name: "listeners", Status: api.PartOK, Detail: listening}, hosts}
}
