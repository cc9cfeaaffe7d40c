package inventory

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/tapline-sdn/tapline/controller/sets"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// PortsOf returns the ports that are a NIC, sorted, by the strongest evidence that there is. An
// address is stronger than an interface name, because a name is used again for other guests. The
// name counts only where no port shows the address. The port must show no other address then, and
// the name must stand on one host alone.
//
// PortsOf returns no port where it is uncertain which one is meant.
func (x *Places) PortsOf(mac tap.MAC, name string) []Port {
	ports, _ := x.weigh(mac, name)
	return ports
}

// weigh does what [Places.PortsOf] does, and says why it is uncertain which port is meant; "" where
// it is certain.
func (x *Places) weigh(mac tap.MAC, name string) (ports []Port, disputed string) {
	if ports = x.portsByMAC(mac); len(ports) > 0 || name == "" {
		return ports, ""
	}

	hosts := sets.Set{}
	for _, p := range x.byName[name] {
		if !p.contradicts(mac) && !x.domainContradicts(p, mac) {
			ports = append(ports, *p)
			hosts.Add(p.Host)
		}
	}

	if len(hosts) > 1 {
		return nil, fmt.Sprintf("interface name %s stands on hosts %s, and no port shows the "+
			"address %s "+
			"that would tell which is meant", name, x.hostNames(hosts), mac)
	}

	return ports, ""
}

// portsByMAC returns the ports that show an address, as the guest's or as the device's own.
func (x *Places) portsByMAC(mac tap.MAC) []Port {
	if mac.IsZero() {
		return nil
	}

	found := map[Port]struct{}{}
	for _, p := range x.byMAC[mac] {
		found[*p] = struct{}{}
	}

	for _, p := range x.byInUse[mac] {
		if !p.contradicts(mac) {
			found[*p] = struct{}{}
		}
	}

	return slices.SortedFunc(maps.Keys(found), func(a, b Port) int { return ComparePorts(&a, &b) })
}

// domainContradicts reports whether the host's hypervisor says that a device belongs to a NIC with
// another address.
func (x *Places) domainContradicts(p *Port, mac tap.MAC) bool {
	if mac.IsZero() {
		return false
	}

	for id := range x.domains.byDevice[netdev{p.Host, p.Name}] {
		for _, n := range x.domains.at[DomainAt{p.Host, id}].NICs {
			if n.IfName == p.Name && !n.MAC.IsZero() && n.MAC != mac {
				return true
			}
		}
	}

	return false
}

// disputeOf says why the ports of one address cannot be one NIC, or "". A guest that migrates has
// the same id on both hosts. Ports of hosts that cannot be reached do not count beside those of
// hosts that can: the guest may run elsewhere by now.
func (x *Places) disputeOf(mac tap.MAC, ports []Port) string {
	live := slices.DeleteFunc(slices.Clone(ports),
		func(p Port) bool { return !x.hosts.Connected(p.Host) })
	if len(live) < 2 {
		return ""
	}

	oneGuest := !slices.ContainsFunc(live, func(p Port) bool {
		return p.Guest == "" || p.Guest != live[0].Guest
	})
	if oneGuest {
		return ""
	}

	var places []string
	for _, p := range live {
		places = append(places, fmt.Sprintf("port %s of host %s", p.Name, x.hosts.HostName(p.Host)))
	}

	return fmt.Sprintf("address %s stands at %s, which are not known to be one guest",
		mac, strings.Join(places, " and at "))
}

// hostNames lists names of hosts for a sentence.
func (x *Places) hostNames(ids sets.Set) string {
	var names []string
	for id := range ids {
		names = append(names, x.hosts.HostName(id))
	}
	slices.Sort(names)
	return strings.Join(names, " and ")
}
