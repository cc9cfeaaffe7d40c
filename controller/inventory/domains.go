package inventory

import (
	"cmp"
	"maps"
	"slices"

	"github.com/tapline-sdn/tapline/controller/hypervisor"
	"github.com/tapline-sdn/tapline/controller/sets"
	"github.com/tapline-sdn/tapline/controller/store"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// domainAt names a guest of a host's hypervisor.
type DomainAt struct{ Host, ID string }

// netdev names an interface of a host.
type netdev struct{ host, name string }

// domains are the guests that the hypervisors of hosts know. A guest may be on several hosts: it runs on one, and the definition
// that it had on another may still be there.
type domains struct {
	at       map[DomainAt]*hypervisor.Guest
	byID     sets.Multimap[string, string] // hosts
	byName   sets.Multimap[string, string] // ids
	byMAC    sets.Multimap[tap.MAC, string]
	byDevice sets.Multimap[netdev, string]
}

func newDomains() domains {
	return domains{
		at: map[DomainAt]*hypervisor.Guest{}, byID: sets.Multimap[string, string]{}, byName: sets.Multimap[string, string]{},
		byMAC: sets.Multimap[tap.MAC, string]{}, byDevice: sets.Multimap[netdev, string]{},
	}
}

// replace takes the guests of a host from one report to the next.
func (x *domains) replace(host string, before, now []hypervisor.Guest) {
	for i := range before {
		delete(x.at, DomainAt{host, before[i].ID})
		x.index(host, &before[i], false)
	}
	for i := range now {
		x.at[DomainAt{host, now[i].ID}] = &now[i]
		x.index(host, &now[i], true)
	}
	for i := range before { // What another host still tells of the same guest stays known.
		for other := range x.byID[before[i].ID] {
			x.index(other, x.at[DomainAt{other, before[i].ID}], true)
		}
	}
}

func (x *domains) index(host string, g *hypervisor.Guest, add bool) {
	setMember(x.byID, g.ID, host, add)
	setMember(x.byName, g.Name, g.ID, add)
	for _, n := range g.NICs {
		setMember(x.byMAC, n.MAC, g.ID, add && !n.Ours)
		setMember(x.byDevice, netdev{host, n.IfName}, g.ID, add && !n.Ours && n.IfName != "" && g.Running)
	}
}

// ids finds the guests that an id and, if it was declared, a record mean: that of the id, else those of its name or with one of
// its NICs.
func (x *domains) ids(id string, record *store.Guest) []string {
	if len(x.byID[id]) > 0 {
		return []string{id}
	}
	if record == nil {
		return nil
	}
	found := sets.Set{}
	maps.Copy(found, x.byName[record.ID])
	maps.Copy(found, x.byName[record.Name])
	for _, n := range record.NICs {
		if !n.MAC.IsZero() {
			maps.Copy(found, x.byMAC[n.MAC])
		}
	}
	return slices.Sorted(maps.Keys(found))
}

// of returns what the hosts know of a guest, the running one first.
func (x *domains) of(id string, record *store.Guest) []DomainAt {
	var out []DomainAt
	for _, id := range x.ids(id, record) {
		for host := range x.byID[id] {
			out = append(out, DomainAt{host, id})
		}
	}
	rank := func(d DomainAt) int {
		if x.at[d].Running {
			return 0
		}
		return 1
	}
	slices.SortFunc(out, func(a, b DomainAt) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a.Host, b.Host), cmp.Compare(a.ID, b.ID))
	})
	return out
}

// named finds the one guest of a name; of several the one that runs. It is false if there is none, or no saying which.
func (x *domains) named(name string) (id string, one bool) {
	ids := slices.Sorted(maps.Keys(x.byName[name]))
	if len(ids) > 1 {
		ids = slices.DeleteFunc(ids, func(id string) bool { return !x.runs(id) })
	}
	if len(ids) != 1 {
		return "", false
	}
	return ids[0], true
}

func (x *domains) runs(id string) bool {
	for host := range x.byID[id] {
		if x.at[DomainAt{host, id}].Running {
			return true
		}
	}
	return false
}

// merge adds to a guest what the hypervisors know of it: its name where nobody declared one, addresses, NICs that no port tells
// of, and the ports that its NICs have by their names. Tap NICs are none of its NICs.
func (x *Places) merge(g *tap.Guest, id string, record *store.Guest) (exists bool) {
	nic := func(m tap.MAC) int { return slices.IndexFunc(g.NICs, func(n tap.NIC) bool { return n.MAC == m }) }
	for i, at := range x.domains.of(id, record) {
		d := x.domains.at[at]
		exists = true
		if record == nil && i == 0 {
			g.Name = d.Name
		}
		for _, n := range d.NICs {
			known := nic(n.MAC)
			switch tapNIC := n.Ours || len(x.servicesByMAC[n.MAC]) > 0; {
			case tapNIC && known >= 0:
				g.NICs = slices.Delete(g.NICs, known, known+1)
				continue
			case tapNIC:
				continue
			case known < 0:
				known = len(g.NICs)
				g.NICs = append(g.NICs, tap.NIC{MAC: n.MAC, IfName: n.IfName})
			}
			to := &g.NICs[known]
			for _, ip := range n.IPs {
				if !slices.Contains(to.IPs, ip) {
					to.IPs = append(to.IPs, ip)
				}
			}
			if d.Running {
				for _, p := range x.byName[n.IfName] {
					if l := p.Location(); p.Host == at.Host && !slices.Contains(to.Locations, l) {
						to.Locations = append(to.Locations, l)
					}
				}
			}
		}
	}
	return exists
}

// replaceDomains takes the guests of a host's hypervisor from one report to the next.
func (x *Places) ReplaceDomains(host string, before, now []hypervisor.Guest) {
	x.domains.replace(host, before, now)
}

// domainNamed finds the one guest of a name that hypervisors know; of several the one that runs. It is false if there is
// none, or no telling which.
func (x *Places) DomainNamed(name string) (id string, one bool) { return x.domains.named(name) }

// domainsOf returns what hypervisors know of a guest, the running domain first.
func (x *Places) DomainsOf(id string, record *store.Guest) []DomainAt {
	return x.domains.of(id, record)
}

// domain returns the domain at a place that domainsOf has named.
func (x *Places) Domain(at DomainAt) *hypervisor.Guest { return x.domains.at[at] }
