package inventory

import (
	"maps"
	"net/netip"
	"slices"
	"strings"

	"github.com/tapline-sdn/tapline/controller/sets"
	"github.com/tapline-sdn/tapline/controller/store"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// portLists holds ports under a key, sorted; each is one record, however many lists it is in, that of the host's observation.
type portLists[K comparable] map[K][]*Port

// place is where a port stands in a list, or belongs.
func (m portLists[K]) place(k K, p *Port) (at int, stands bool) {
	return slices.BinarySearchFunc(m[k], p, ComparePorts)
}

func (m portLists[K]) add(k K, p *Port) {
	if at, stands := m.place(k, p); stands {
		m[k][at] = p
	} else {
		m[k] = slices.Insert(m[k], at, p)
	}
}

func (m portLists[K]) remove(k K, p *Port) {
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
type Places struct {
	byMAC   portLists[tap.MAC] // by what external_ids tell, else by mac_in_use
	byInUse portLists[tap.MAC]
	byName  portLists[string]
	byGuest portLists[string]

	guestsByMAC    sets.Multimap[tap.MAC, string] // declared guests
	guestsByName   sets.Multimap[string, string]
	servicesByMAC  sets.Multimap[tap.MAC, string] // services of type guest
	servicesByName sets.Multimap[string, string]

	domains domains
}

func NewPlaces() *Places {
	return &Places{
		byMAC: portLists[tap.MAC]{}, byInUse: portLists[tap.MAC]{},
		byName: portLists[string]{}, byGuest: portLists[string]{},
		guestsByMAC: sets.Multimap[tap.MAC, string]{}, guestsByName: sets.Multimap[string, string]{},
		servicesByMAC: sets.Multimap[tap.MAC, string]{}, servicesByName: sets.Multimap[string, string]{},
		domains: newDomains(),
	}
}

// effective is the address of the guest's NIC: where the port does not tell it, that of the device itself.
func (p Port) EffectiveMAC() tap.MAC {
	if !p.MAC.IsZero() {
		return p.MAC
	}
	return p.InUse
}

// addrs are the IP addresses that the port tells.
func (p Port) addrs() []netip.Addr {
	var out []netip.Addr
	for _, s := range strings.Fields(p.IPs) {
		out = append(out, netip.MustParseAddr(s)) // As observed.
	}
	return out
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

// replace takes the ports of a host from one observation to the next, both sorted, and tells each port that came or went. The next gets the
// records of ports that are as they were.
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

func (x *Places) ClaimGuest(g *store.Guest, claim bool) {
	for _, n := range g.NICs {
		setMember(x.guestsByMAC, n.MAC, g.ID, claim && !n.MAC.IsZero())
		setMember(x.guestsByName, n.IfName, g.ID, claim && n.IfName != "")
	}
}

func (x *Places) ClaimService(s *tap.Service, claim bool) {
	if s.Type == tap.ServiceGuest {
		setMember(x.servicesByMAC, s.MAC, s.ID, claim)
		setMember(x.servicesByName, s.IfName, s.ID, claim)
	}
}

func setMember[K, V comparable](m sets.Multimap[K, V], k K, v V, add bool) {
	if add {
		m.Add(k, v)
	} else {
		m.Remove(k, v)
	}
}

// known reports whether a device is claimed by a declared guest or a service, so that it is no uplink.
func (x *Places) Claimed(name string, mac tap.MAC) bool {
	return len(x.guestsByName[name])+len(x.servicesByName[name])+len(x.guestsByMAC[mac])+len(x.servicesByMAC[mac]) > 0
}

// isTapNIC reports whether a port is the tap NIC of some service, and thus no NIC of its guest.
func (x *Places) isTapNIC(p Port) bool {
	return len(x.servicesByName[p.Name])+len(x.servicesByMAC[p.EffectiveMAC()])+len(x.servicesByMAC[p.InUse]) > 0
}

// whose tells the guests and services that a port concerns.
func (x *Places) Concerned(p Port, guest, service func(id string)) {
	if p.Guest != "" {
		guest(p.Guest)
	}
	for id := range x.domains.byDevice[netdev{p.Host, p.Name}] {
		guest(id)
	}
	for _, owners := range []map[string]struct{}{x.guestsByMAC[p.EffectiveMAC()], x.guestsByMAC[p.InUse], x.guestsByName[p.Name]} {
		for id := range owners {
			guest(id)
		}
	}
	for _, owners := range []map[string]struct{}{x.servicesByMAC[p.EffectiveMAC()], x.servicesByMAC[p.InUse], x.servicesByName[p.Name]} {
		for id := range owners {
			service(id)
		}
	}
}

// portsOf finds the ports of a NIC by its address or name, whichever is given.
func (x *Places) PortsOf(mac tap.MAC, name string) []Port {
	found := map[Port]struct{}{}
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
	out := make([]Port, 0, len(found))
	for p := range found {
		out = append(out, p)
	}
	slices.SortFunc(out, func(a, b Port) int { return ComparePorts(&a, &b) })
	return out
}

// attachment tells where the tap NIC of a service is.
func (x *Places) Attachment(s *tap.Service) tap.Attachment {
	a := tap.Attachment{ServiceID: s.ID}
	if s.Type == tap.ServiceGuest {
		for _, p := range x.PortsOf(s.MAC, s.IfName) {
			a.Locations = append(a.Locations, p.Location())
		}
	}
	return a
}

// guest assembles a guest of what was declared (record, or nil) and what is seen. It is false where there is neither.
func (x *Places) Guest(id string, record *store.Guest) (tap.Guest, bool) {
	g := tap.Guest{ID: id, Name: id}
	byMAC := map[tap.MAC]int{}
	if record != nil {
		g.Name = record.Name
		for _, n := range record.NICs {
			nic := tap.NIC{MAC: n.MAC, IfName: n.IfName}
			if n.IP.IsValid() {
				nic.IPs = append(nic.IPs, n.IP)
			}
			for _, p := range x.PortsOf(n.MAC, n.IfName) {
				if !x.isTapNIC(p) {
					nic.Locations = append(nic.Locations, p.Location())
					if nic.MAC.IsZero() {
						nic.MAC = p.EffectiveMAC()
					}
				}
			}
			byMAC[nic.MAC] = len(g.NICs)
			g.NICs = append(g.NICs, nic)
		}
	}
	for _, p := range x.byGuest[id] {
		if x.isTapNIC(*p) || p.EffectiveMAC().IsZero() {
			continue
		}
		at, have := byMAC[p.EffectiveMAC()]
		if !have {
			at = len(g.NICs)
			byMAC[p.EffectiveMAC()] = at
			g.NICs = append(g.NICs, tap.NIC{MAC: p.EffectiveMAC(), IfName: p.Name})
		}
		nic := &g.NICs[at]
		for _, ip := range p.addrs() {
			if !slices.Contains(nic.IPs, ip) {
				nic.IPs = append(nic.IPs, ip)
			}
		}
		if l := p.Location(); !slices.Contains(nic.Locations, l) {
			nic.Locations = append(nic.Locations, l)
		}
	}
	managed := x.merge(&g, id, record)
	if record == nil { // What was declared keeps its order; what was seen has none.
		slices.SortFunc(g.NICs, func(a, b tap.NIC) int { return slices.Compare(a.MAC[:], b.MAC[:]) })
	}
	return g, record != nil || len(x.byGuest[id]) > 0 || managed
}

// guestsClaiming returns the ids of the declared guests that claim a NIC by its address or its interface name.
func (x *Places) GuestsClaiming(mac tap.MAC, name string) sets.Set {
	claimants := sets.Set{}
	for _, owners := range []map[string]struct{}{x.guestsByMAC[mac], x.guestsByName[name]} {
		maps.Copy(claimants, owners)
	}
	return claimants
}

// nameTaken reports whether a port has an interface name, or a tap service claims it.
func (x *Places) NameTaken(name string) bool {
	return len(x.servicesByName[name])+len(x.byName[name]) > 0
}

// seenGuests returns the ids of all guests that ports or hypervisors show.
func (x *Places) SeenGuests() sets.Set {
	ids := sets.Set{}
	for id := range x.byGuest {
		ids.Add(id)
	}
	for id := range x.domains.byID {
		ids.Add(id)
	}
	return ids
}

// seesGuest reports whether a port or a hypervisor shows the guest of an id.
func (x *Places) SeesGuest(id string) bool {
	return len(x.byGuest[id]) > 0 || len(x.domains.byID[id]) > 0
}
