package main

import (
	"fmt"

	"github.com/tapline-sdn/tapline/api"
)

// parts returns the state of the controller's parts, for /readyz. The ports are always open: the
// controller exits when one of them fails. Hosts that are not connected degrade the controller, but
// do not make it unready, since it works for the others. The same goes for OpenFlow that is plain
// without being said to be.
func parts(storeErr error, ring state, listening, ovsdb string, plain bool) []api.Part {
	store := api.Part{Name: "store", Status: api.PartOK}
	if storeErr != nil {
		store.Status, store.Detail = api.PartFailed, storeErr.Error()
	}

	if ovsdb != "" {
		listening += ", ovsdb " + ovsdb
	}

	ports := api.Part{Name: "listeners", Status: api.PartOK, Detail: listening}
	if plain {
		ports.Status = api.PartDegraded
		ports.Detail += "; " + plainOpenFlow
	}

	registered, byOVSDB, byOpenFlow := ring.Connections()
	connected := min(byOVSDB, byOpenFlow)
	hosts := api.Part{
		Name: "hosts", Status: api.PartOK,
		Detail: fmt.Sprintf("%d of %d connected", connected, registered),
	}

	if connected < registered {
		hosts.Status = api.PartDegraded
		hosts.Detail += fmt.Sprintf(" (OVSDB %d, OpenFlow %d)", byOVSDB, byOpenFlow)
	}

	return []api.Part{store, ports, hosts}
}
