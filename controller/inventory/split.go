package inventory

import (
	"fmt"
	"strings"

	"github.com/tapline-sdn/tapline/controller/sets"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// Split finds the NICs of a guest that show it on several connected hosts at once, by their place
// in g.NICs, and says so in words. A guest that migrates is split for a while. One that is split
// for good was copied, or a host lies.
//
// A guest that was learned runs on one host, and so all its NICs are there. What an operator
// declared to be one guest may have its NICs on several hosts.
func (x *Places) Split(g *tap.Guest, declared bool) (nics []int, why string) {
	all := sets.Set{}
	for i := range g.NICs {
		hosts := x.liveHosts(&g.NICs[i])
		if len(hosts) > 1 || !declared && len(hosts) > 0 {
			nics = append(nics, i)
			for id := range hosts {
				all.Add(id)
			}
		}
	}

	if len(all) < 2 {
		return nil, ""
	}

	var places []string
	for _, i := range nics {
		for _, l := range g.NICs[i].Locations {
			if _, live := all[l.Host]; live {
				places = append(places, fmt.Sprintf("port %s of host %s", l.Port,
					x.hosts.HostName(l.Host)))
			}
		}
	}

	return nics, fmt.Sprintf("guest %s stands at %s at once, for longer than a migration takes",
		g.Name, strings.Join(places, " and "))
}

// liveHosts are the ids of the connected hosts where a NIC is plugged.
func (x *Places) liveHosts(nic *tap.NIC) sets.Set {
	hosts := sets.Set{}
	for _, l := range nic.Locations {
		if x.hosts.Connected(l.Host) {
			hosts.Add(l.Host)
		}
	}
	return hosts
}
