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

// DomainAt names a guest of a host's hypervisor.
type DomainAt struct{ Host, ID string }

// netdev names an interface of a host.
type netdev struct{ host, name string }

// domains are the guests that the hypervisors of hosts know. A guest may be on several hosts: it
// runs on one, and another may still have the definition that it left there.
type domains struct {
	at       map[DomainAt]*hypervisor.Guest
	byID     sets.Multimap[string, string] // hosts
	byName   sets.Multimap[string, string] // ids
	byMAC    sets.Multimap[tap.MAC, string]
	byDevice sets.Multimap[netdev, string]
}

func newDomains() domains {
	return domains{
		at:       map[DomainAt]*hypervisor.Guest{},
		byID:     sets.Multimap[string, string]{},
		byName:   sets.Multimap[string, string]{},
		byMAC:    sets.Multimap[tap.MAC, string]{},
		byDevice: sets.Multimap[netdev, string]{},
	}
}

// replace puts the guests that a host reports now in the place of those that it reported before.
func (x *domains) replace(host string, before, now []hypervisor.Guest) {
	for i := range before {
		delete(x.at, DomainAt{host, before[i].ID})
		x.index(host, &before[i], false)
	}

	for i := range now {
		x.at[DomainAt{host, now[i].ID}] = &now[i]
		x.index(host, &now[i], true)
	}

	// Other hosts may report the same guests: what they say is indexed again.
	for i := range before {
		for other := range x.byID[before[i].ID] {
			x.index(other, x.at[DomainAt{other, before[i].ID}], true)
		}
	}
}

func (x *domains) index(host string, g *hypervisor.Guest, add bool) {
	setMember(x.byID, g.ID, host, add)
	setMember(x.byName, g.Name, g.ID, add)

	for _, n := range g.NICs {
		ofGuest := add && !n.Ours
		setMember(x.byMAC, n.MAC, g.ID, ofGuest)
		setMember(x.byDevice, netdev{host, n.IfName}, g.ID, ofGuest && n.IfName != "" && g.Running)
	}
}

// ids returns the ids by which hypervisors know a guest: its own, else those of guests with the
// declared name or with one of the declared NICs. The record is nil if nothing was declared.
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

// of returns where hypervisors know a guest, the running one first.
func (x *domains) of(id string, record *store.Guest) []DomainAt {
	var all []DomainAt
	for _, id := range x.ids(id, record) {
		for host := range x.byID[id] {
			all = append(all, DomainAt{host, id})
		}
	}

	rank := func(d DomainAt) int {
		if x.at[d].Running {
			return 0
		}
		return 1
	}

	slices.SortFunc(all, func(a, b DomainAt) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a.Host, b.Host),
			cmp.Compare(a.ID, b.ID))
	})

	return all
}

// named returns the one guest of a name; of several the one that runs. It is false where no one
// guest fits.
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

// runs reports whether a guest runs on some host.
func (x *domains) runs(id string) bool {
	for host := range x.byID[id] {
		if x.at[DomainAt{host, id}].Running {
			return true
		}
	}
	return false
}

// ReplaceDomains puts the guests that a host's hypervisor reports now in the place of those that it
// reported before.
func (x *Places) ReplaceDomains(host string, before, now []hypervisor.Guest) {
	x.domains.replace(host, before, now)
}

// DomainNamed returns the one guest of a name that hypervisors know; of several the one that runs.
// It is false where none fits, or several do.
func (x *Places) DomainNamed(name string) (id string, one bool) { return x.domains.named(name) }

// DomainsOf returns where hypervisors know a guest, the running one first.
func (x *Places) DomainsOf(id string, record *store.Guest) []DomainAt {
	return x.domains.of(id, record)
}

// Domain returns the guest at a place that [Places.DomainsOf] has named.
func (x *Places) Domain(at DomainAt) *hypervisor.Guest { return x.domains.at[at] }

// merge adds to a guest what hypervisors know of it: its name where nobody declared one, addresses,
// NICs that no port shows, and the ports that have the names of its NICs. Tap NICs are left out. It
// reports whether some hypervisor knows the guest.
func (x *Places) merge(g *tap.Guest, id string, record *store.Guest) (known bool) {
	for i, at := range x.domains.of(id, record) {
		known = true
		domain := x.domains.at[at]
		if record == nil && i == 0 {
			g.Name = domain.Name
		}
		for _, n := range domain.NICs {
			x.mergeNIC(g, at.Host, domain, &n)
		}
	}
	return known
}

// mergeNIC adds what a hypervisor knows of one NIC.
func (x *Places) mergeNIC(
	g *tap.Guest, host string, domain *hypervisor.Guest, n *hypervisor.GuestNIC,
) {
	at := slices.IndexFunc(g.NICs, func(nic tap.NIC) bool { return nic.MAC == n.MAC })
	if n.Ours || len(x.servicesByMAC[n.MAC]) > 0 {
		if at >= 0 {
			g.NICs = slices.Delete(g.NICs, at, at+1)
		}
		return
	}

	if at < 0 {
		at = len(g.NICs)
		g.NICs = append(g.NICs, tap.NIC{MAC: n.MAC, IfName: n.IfName})
	}

	nic := &g.NICs[at]
	for _, ip := range n.IPs {
		if !slices.Contains(nic.IPs, ip) {
			nic.IPs = append(nic.IPs, ip)
		}
	}

	if !domain.Running {
		return
	}

	for _, p := range x.byName[n.IfName] {
		if p.Host != host || p.contradicts(n.MAC) {
			continue
		}
		if l := p.Location(); !slices.Contains(nic.Locations, l) {
			nic.Locations = append(nic.Locations, l)
		}
	}
}
