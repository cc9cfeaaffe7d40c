package inventory

import (
	"cmp"
	"maps"
	"slices"

	"github.com/tapline-sdn/tapline/controller/sets"
	"github.com/tapline-sdn/tapline/controller/store"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// Attachment says where the tap NIC of a service is.
func (x *Places) Attachment(s *tap.Service) tap.Attachment {
	a := tap.Attachment{ServiceID: s.ID}
	if s.Type != tap.ServiceGuest {
		return a
	}
	for _, p := range x.PortsOf(s.MAC, s.IfName) {
		a.Locations = append(a.Locations, p.Location())
	}
	return a
}

// Guest assembles a guest of what was declared (record, or nil), of what ports show, and of what
// the hypervisors know. It is false where there is none of these.
func (x *Places) Guest(id string, record *store.Guest) (tap.Guest, bool) {
	g := tap.Guest{ID: id, Name: id}
	if record != nil {
		g.Name = record.Name
		for _, n := range record.NICs {
			g.NICs = append(g.NICs, x.declaredNIC(n))
		}
	}

	x.addSeenNICs(&g)
	managed := x.merge(&g, id, record)

	if record == nil { // What was declared keeps its order; what was seen has none.
		slices.SortFunc(g.NICs, func(a, b tap.NIC) int {
			return cmp.Or(slices.Compare(a.MAC[:], b.MAC[:]), cmp.Compare(a.IfName, b.IfName))
		})
	}

	return g, record != nil || len(x.byGuest[id]) > 0 || managed
}

// declaredNIC finds the places of a NIC that a user declared.
func (x *Places) declaredNIC(n store.GuestNIC) tap.NIC {
	nic := tap.NIC{MAC: n.MAC, IfName: n.IfName}
	if n.IP.IsValid() {
		nic.IPs = append(nic.IPs, n.IP)
	}

	ports, disputed := x.weigh(n.MAC, n.IfName)
	ports = slices.DeleteFunc(ports, x.isTapNIC)
	if disputed == "" {
		disputed = x.disputeOf(n.MAC, ports)
	}

	nic.Disputed = disputed

	for _, p := range ports {
		nic.Locations = append(nic.Locations, p.Location())
		if nic.MAC.IsZero() {
			nic.MAC = p.EffectiveMAC()
		}
	}

	return nic
}

// addSeenNICs adds what ports that name the guest show: NICs, and addresses and places of NICs. A
// port that hides its guest's address is a NIC of unknown address, unless it is the place of one
// that was declared.
func (x *Places) addSeenNICs(g *tap.Guest) {
	for _, p := range x.byGuest[g.ID] {
		mac := p.EffectiveMAC()
		if x.isTapNIC(*p) || mac.IsZero() && !p.hidesMAC() {
			continue
		}

		at := slices.IndexFunc(g.NICs, func(n tap.NIC) bool {
			if mac.IsZero() {
				return slices.Contains(n.Locations, p.Location()) ||
					n.MAC.IsZero() && n.IfName == p.Name
			}
			return n.MAC == mac
		})
		if at < 0 {
			at = len(g.NICs)
			g.NICs = append(g.NICs, tap.NIC{MAC: mac, IfName: p.Name})
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
}

// OtherGuest returns the id of the guest that a port is a NIC of, where that is another one than a
// service's target, declared by record or not; "" where the port may be the target's. A port names
// its guest by an id of the hypervisor's, which the target's other NICs show as well.
func (x *Places) OtherGuest(p *Port, target string, record *store.Guest) string {
	for id := range x.GuestsClaiming(p.EffectiveMAC(), p.Name) {
		if id != target {
			return id
		}
	}

	if p.Guest == "" || p.Guest == target ||
		slices.Contains(x.domains.ids(target, record), p.Guest) {
		return ""
	}

	g, _ := x.Guest(target, record)
	for _, nic := range g.NICs {
		for _, at := range nic.Locations {
			if x.guestAt(at) == p.Guest {
				return ""
			}
		}
	}

	// One NIC alone may be known by an id of its own, as where iface-id is a Neutron port.
	if len(x.byGuest[p.Guest]) > 1 || len(x.domains.byID[p.Guest]) > 0 {
		return p.Guest
	}

	return ""
}

// guestAt is the guest that a port names; "" if it names none.
func (x *Places) guestAt(at tap.Location) string {
	for _, p := range x.byName[at.Port] {
		if p.Host == at.Host && p.Bridge == at.Bridge {
			return p.Guest
		}
	}
	return ""
}

// GuestsClaiming returns the ids of the declared guests that claim a NIC by its address or its
// interface name.
func (x *Places) GuestsClaiming(mac tap.MAC, name string) sets.Set {
	claimants := sets.Set{}
	maps.Copy(claimants, x.guestsByMAC[mac])
	maps.Copy(claimants, x.guestsByName[name])
	return claimants
}

// SeenGuests returns the ids of all guests that ports or hypervisors show.
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

// SeesGuest reports whether a port or a hypervisor shows the guest of an id.
func (x *Places) SeesGuest(id string) bool {
	return len(x.byGuest[id]) > 0 || len(x.domains.byID[id]) > 0
}
