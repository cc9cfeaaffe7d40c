package engine

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/tapline-sdn/tapline/controller/store"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// set is a set of ids.
type set map[string]struct{}

func (s set) add(id string) { s[id] = struct{}{} }

// multimap holds several values under a key.
type multimap[K, V comparable] map[K]map[V]struct{}

func (m multimap[K, V]) add(k K, v V) {
	if m[k] == nil {
		m[k] = map[V]struct{}{}
	}
	m[k][v] = struct{}{}
}

func (m multimap[K, V]) remove(k K, v V) {
	delete(m[k], v)
	if len(m[k]) == 0 {
		delete(m, k)
	}
}

// portLists holds ports under a key, sorted; each is one record, however many lists it is in, that of the host's observation.
type portLists[K comparable] map[K][]*seenPort

// place is where a port stands in a list, or belongs.
func (m portLists[K]) place(k K, p *seenPort) (at int, stands bool) {
	return slices.BinarySearchFunc(m[k], p, comparePorts)
}

func (m portLists[K]) add(k K, p *seenPort) {
	if at, stands := m.place(k, p); stands {
		m[k][at] = p
	} else {
		m[k] = slices.Insert(m[k], at, p)
	}
}

func (m portLists[K]) remove(k K, p *seenPort) {
	ports := m[k]
	switch at, stands := m.place(k, p); {
	case !stands || *ports[at] != *p:
	case len(ports) == 1:
		delete(m, k)
	case at == 0: // As where all go, one after the other.
		ports[0], m[k] = nil, ports[1:]
	default:
		m[k] = slices.Delete(ports, at, at+1)
	}
}

// places says where NICs are plugged: the ports of all switches, and who claims which NIC by declaration.
type places struct {
	byMAC   portLists[tap.MAC] // by what external_ids tell, else by mac_in_use
	byInUse portLists[tap.MAC]
	byName  portLists[string]
	byGuest portLists[string]

	guestsByMAC    multimap[tap.MAC, string] // declared guests
	guestsByName   multimap[string, string]
	servicesByMAC  multimap[tap.MAC, string] // services of type guest
	servicesByName multimap[string, string]

	domains domains
}

func newPlaces() *places {
	return &places{
		byMAC: portLists[tap.MAC]{}, byInUse: portLists[tap.MAC]{},
		byName: portLists[string]{}, byGuest: portLists[string]{},
		guestsByMAC: multimap[tap.MAC, string]{}, guestsByName: multimap[string, string]{},
		servicesByMAC: multimap[tap.MAC, string]{}, servicesByName: multimap[string, string]{},
		domains: newDomains(),
	}
}

// effective is the address of the guest's NIC: where the port does not tell it, that of the device itself.
func (p seenPort) effective() tap.MAC {
	if !p.mac.IsZero() {
		return p.mac
	}
	return p.inUse
}

// addrs are the IP addresses that the port tells.
func (p seenPort) addrs() []netip.Addr {
	var out []netip.Addr
	for _, s := range strings.Fields(p.ips) {
		out = append(out, netip.MustParseAddr(s)) // As observed.
	}
	return out
}

func (x *places) addPort(p *seenPort) {
	if m := p.effective(); !m.IsZero() {
		x.byMAC.add(m, p)
	}
	if !p.inUse.IsZero() {
		x.byInUse.add(p.inUse, p)
	}
	x.byName.add(p.name, p)
	if p.guest != "" {
		x.byGuest.add(p.guest, p)
	}
}

func (x *places) removePort(p *seenPort) {
	x.byMAC.remove(p.effective(), p)
	x.byInUse.remove(p.inUse, p)
	x.byName.remove(p.name, p)
	x.byGuest.remove(p.guest, p)
}

// replace takes the ports of a host from one observation to the next, both sorted, and tells each port that came or went. The next gets the
// records of ports that are as they were.
func (x *places) replace(before, now []*seenPort, changed func(seenPort)) {
	for len(before) > 0 || len(now) > 0 {
		switch {
		case len(before) > 0 && len(now) > 0 && *before[0] == *now[0]:
			now[0] = before[0]
			before, now = before[1:], now[1:]
		case len(now) == 0 || len(before) > 0 && comparePorts(before[0], now[0]) <= 0:
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

func (x *places) claimGuest(g *store.Guest, claim bool) {
	for _, n := range g.NICs {
		change(x.guestsByMAC, n.MAC, g.ID, claim && !n.MAC.IsZero())
		change(x.guestsByName, n.IfName, g.ID, claim && n.IfName != "")
	}
}

func (x *places) claimService(s *tap.Service, claim bool) {
	if s.Type == tap.ServiceGuest {
		change(x.servicesByMAC, s.MAC, s.ID, claim)
		change(x.servicesByName, s.IfName, s.ID, claim)
	}
}

func change[K, V comparable](m multimap[K, V], k K, v V, add bool) {
	if add {
		m.add(k, v)
	} else {
		m.remove(k, v)
	}
}

// known reports whether a device is claimed by a declared guest or a service, so that it is no uplink.
func (x *places) known(name string, mac tap.MAC) bool {
	return len(x.guestsByName[name])+len(x.servicesByName[name])+len(x.guestsByMAC[mac])+len(x.servicesByMAC[mac]) > 0
}

// isTapNIC reports whether a port is the tap NIC of some service, and thus no NIC of its guest.
func (x *places) isTapNIC(p seenPort) bool {
	return len(x.servicesByName[p.name])+len(x.servicesByMAC[p.effective()])+len(x.servicesByMAC[p.inUse]) > 0
}

// whose tells the guests and services that a port concerns.
func (x *places) whose(p seenPort, guest, service func(id string)) {
	if p.guest != "" {
		guest(p.guest)
	}
	for id := range x.domains.byDevice[netdev{p.host, p.name}] {
		guest(id)
	}
	for _, owners := range []map[string]struct{}{x.guestsByMAC[p.effective()], x.guestsByMAC[p.inUse], x.guestsByName[p.name]} {
		for id := range owners {
			guest(id)
		}
	}
	for _, owners := range []map[string]struct{}{x.servicesByMAC[p.effective()], x.servicesByMAC[p.inUse], x.servicesByName[p.name]} {
		for id := range owners {
			service(id)
		}
	}
}

// portsOf finds the ports of a NIC by its address or name, whichever is given.
func (x *places) portsOf(mac tap.MAC, name string) []seenPort {
	found := map[seenPort]struct{}{}
	if !mac.IsZero() {
		for _, p := range x.byMAC[mac] {
			found[*p] = struct{}{}
		}
		for _, p := range x.byInUse[mac] {
			found[*p] = struct{}{}
		}
	}
	if name != "" {
		for _, p := range x.byName[name] {
			found[*p] = struct{}{}
		}
	}
	out := make([]seenPort, 0, len(found))
	for p := range found {
		out = append(out, p)
	}
	slices.SortFunc(out, func(a, b seenPort) int { return comparePorts(&a, &b) })
	return out
}

// attachment tells where the tap NIC of a service is.
func (x *places) attachment(s *tap.Service) tap.Attachment {
	a := tap.Attachment{ServiceID: s.ID}
	if s.Type == tap.ServiceGuest {
		for _, p := range x.portsOf(s.MAC, s.IfName) {
			a.Locations = append(a.Locations, p.location())
		}
	}
	return a
}

// guest assembles a guest of what was declared (record, or nil) and what is seen. It is false where there is neither.
func (x *places) guest(id string, record *store.Guest) (tap.Guest, bool) {
	g := tap.Guest{ID: id, Name: id}
	byMAC := map[tap.MAC]int{}
	if record != nil {
		g.Name = record.Name
		for _, n := range record.NICs {
			nic := tap.NIC{MAC: n.MAC, IfName: n.IfName}
			if n.IP.IsValid() {
				nic.IPs = append(nic.IPs, n.IP)
			}
			for _, p := range x.portsOf(n.MAC, n.IfName) {
				if !x.isTapNIC(p) {
					nic.Locations = append(nic.Locations, p.location())
					if nic.MAC.IsZero() {
						nic.MAC = p.effective()
					}
				}
			}
			byMAC[nic.MAC] = len(g.NICs)
			g.NICs = append(g.NICs, nic)
		}
	}
	for _, p := range x.byGuest[id] {
		if x.isTapNIC(*p) || p.effective().IsZero() {
			continue
		}
		at, have := byMAC[p.effective()]
		if !have {
			at = len(g.NICs)
			byMAC[p.effective()] = at
			g.NICs = append(g.NICs, tap.NIC{MAC: p.effective(), IfName: p.name})
		}
		nic := &g.NICs[at]
		for _, ip := range p.addrs() {
			if !slices.Contains(nic.IPs, ip) {
				nic.IPs = append(nic.IPs, ip)
			}
		}
		if l := p.location(); !slices.Contains(nic.Locations, l) {
			nic.Locations = append(nic.Locations, l)
		}
	}
	managed := x.merge(&g, id, record)
	if record == nil { // What was declared keeps its order; what was seen has none.
		slices.SortFunc(g.NICs, func(a, b tap.NIC) int { return slices.Compare(a.MAC[:], b.MAC[:]) })
	}
	return g, record != nil || len(x.byGuest[id]) > 0 || managed
}
