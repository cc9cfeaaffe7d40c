package inventory

import (
	"slices"

	"github.com/tapline-sdn/tapline/controller/sets"
	"github.com/tapline-sdn/tapline/controller/store"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// Hosts is what [Places] asks of its owner about hosts.
type Hosts interface {
	// HostName returns the name of the host with an id.
	HostName(id string) string
	// Connected reports whether the host's switch can be reached now.
	Connected(id string) bool
}

// Places says where NICs are plugged: the ports of all switches, and who claims which NIC by
// declaration.
type Places struct {
	hosts Hosts

	byMAC   portLists[tap.MAC] // by their effective address
	byInUse portLists[tap.MAC] // by mac_in_use
	byName  portLists[string]
	byGuest portLists[string]

	guestsByMAC    sets.Multimap[tap.MAC, string] // declared guests
	guestsByName   sets.Multimap[string, string]
	servicesByMAC  sets.Multimap[tap.MAC, string] // services of type guest
	servicesByName sets.Multimap[string, string]

	domains domains
}

// NewPlaces returns an index without ports, guests and services.
func NewPlaces(hosts Hosts) *Places {
	return &Places{
		hosts:          hosts,
		byMAC:          portLists[tap.MAC]{},
		byInUse:        portLists[tap.MAC]{},
		byName:         portLists[string]{},
		byGuest:        portLists[string]{},
		guestsByMAC:    sets.Multimap[tap.MAC, string]{},
		guestsByName:   sets.Multimap[string, string]{},
		servicesByMAC:  sets.Multimap[tap.MAC, string]{},
		servicesByName: sets.Multimap[string, string]{},
		domains:        newDomains(),
	}
}

// portLists holds ports under a key, sorted. Each port is one record, however many lists it is in:
// that of the host's observation.
type portLists[K comparable] map[K][]*Port

// find returns the place of a port in a list, or where it is to be inserted.
func (m portLists[K]) find(k K, p *Port) (at int, stands bool) {
	return slices.BinarySearchFunc(m[k], p, ComparePorts)
}

func (m portLists[K]) add(k K, p *Port) {
	if at, stands := m.find(k, p); stands {
		m[k][at] = p
	} else {
		m[k] = slices.Insert(m[k], at, p)
	}
}

func (m portLists[K]) remove(k K, p *Port) {
	ports := m[k]
	switch at, stands := m.find(k, p); {
	case !stands || *ports[at] != *p:
	case len(ports) == 1:
		delete(m, k)
	case at == 0: // As where all go, one after the other.
		ports[0], m[k] = nil, ports[1:]
	default:
		m[k] = slices.Delete(ports, at, at+1)
	}
}

func (x *Places) addPort(p *Port) {
	if m := p.EffectiveMAC(); !m.IsZero() {
		x.byMAC.add(m, p)
	}
	if !p.InUse.IsZero() {
		x.byInUse.add(p.InUse, p)
	}

	x.byName.add(p.Name, p)
	if p.Guest != "" {
		x.byGuest.add(p.Guest, p)
	}
}

func (x *Places) removePort(p *Port) {
	x.byMAC.remove(p.EffectiveMAC(), p)
	x.byInUse.remove(p.InUse, p)
	x.byName.remove(p.Name, p)
	x.byGuest.remove(p.Guest, p)
}

// ReplacePorts puts the ports that a host shows now in the place of those that it showed before.
// Both are sorted. It calls changed for each port that came or went. Ports that are as they were
// keep their records: the new observation gets those.
func (x *Places) ReplacePorts(before, now []*Port, changed func(Port)) {
	for len(before) > 0 || len(now) > 0 {
		switch {
		case len(before) > 0 && len(now) > 0 && *before[0] == *now[0]:
			now[0] = before[0]
			before, now = before[1:], now[1:]

		case len(now) == 0 || len(before) > 0 && ComparePorts(before[0], now[0]) <= 0:
			x.removePort(before[0])
			changed(*before[0])
			before = before[1:]

		default:
			x.addPort(now[0])
			changed(*now[0])
			now = now[1:]
		}
	}
}

// EachShared calls f for each of a host's ports whose NIC other hosts show as well, so that it
// depends on which hosts can be reached where the NIC is.
func (x *Places) EachShared(ports []*Port, f func(Port)) {
	elsewhere := func(all []*Port, host string) bool {
		return slices.ContainsFunc(all, func(p *Port) bool { return p.Host != host })
	}
	for _, p := range ports {
		if elsewhere(x.byMAC[p.EffectiveMAC()], p.Host) || elsewhere(x.byInUse[p.InUse], p.Host) ||
			elsewhere(x.byName[p.Name], p.Host) || elsewhere(x.byGuest[p.Guest], p.Host) {
			f(*p)
		}
	}
}

// ClaimGuest notes which NICs a declared guest claims, or that it no longer does.
func (x *Places) ClaimGuest(g *store.Guest, claim bool) {
	for _, n := range g.NICs {
		setMember(x.guestsByMAC, n.MAC, g.ID, claim && !n.MAC.IsZero())
		setMember(x.guestsByName, n.IfName, g.ID, claim && n.IfName != "")
	}
}

// ClaimService notes which NIC a tap service of type guest claims, or that it no longer does.
func (x *Places) ClaimService(s *tap.Service, claim bool) {
	if s.Type == tap.ServiceGuest {
		setMember(x.servicesByMAC, s.MAC, s.ID, claim)
		setMember(x.servicesByName, s.IfName, s.ID, claim)
	}
}

func setMember[K, V comparable](m sets.Multimap[K, V], k K, v V, member bool) {
	if member {
		m.Add(k, v)
	} else {
		m.Remove(k, v)
	}
}

// Claimed reports whether a declared guest or a tap service claims a device, so that it is no
// uplink.
func (x *Places) Claimed(name string, mac tap.MAC) bool {
	return len(x.guestsByName[name]) > 0 || len(x.servicesByName[name]) > 0 ||
		len(x.guestsByMAC[mac]) > 0 || len(x.servicesByMAC[mac]) > 0
}

// isTapNIC reports whether a port is the tap NIC of some service, and thus no NIC of its guest.
func (x *Places) isTapNIC(p Port) bool {
	return len(x.servicesByName[p.Name]) > 0 || len(x.servicesByMAC[p.EffectiveMAC()]) > 0 ||
		len(x.servicesByMAC[p.InUse]) > 0
}

// Concerned calls guest and service with the ids of the guests and the tap services that a port
// concerns.
func (x *Places) Concerned(p Port, guest, service func(id string)) {
	if p.Guest != "" {
		guest(p.Guest)
	}

	for id := range x.domains.byDevice[netdev{p.Host, p.Name}] {
		guest(id)
	}

	each := func(owners map[string]struct{}, f func(string)) {
		for id := range owners {
			f(id)
		}
	}

	each(x.guestsByMAC[p.EffectiveMAC()], guest)
	each(x.guestsByMAC[p.InUse], guest)
	each(x.guestsByName[p.Name], guest)
	each(x.servicesByMAC[p.EffectiveMAC()], service)
	each(x.servicesByMAC[p.InUse], service)
	each(x.servicesByName[p.Name], service)
}

// NameTaken reports whether a port has an interface name, or a tap service claims it.
func (x *Places) NameTaken(name string) bool {
	return len(x.servicesByName[name]) > 0 || len(x.byName[name]) > 0
}

// Reached reports whether a host's switch can be reached now.
func (x *Places) Reached(host string) bool { return x.hosts.Connected(host) }
