package mirror

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/tapline-sdn/tapline/plugin/tap"
)

// typeField is a field that only tap services of some types have.
type typeField struct {
	name  string
	given bool
	types []tap.ServiceType
}

// checkShape refuses a service with a field of another type, or without one that its type needs.
func checkShape(s *tap.Service) *tap.Rejection {
	all := []tap.ServiceType{
		tap.ServiceGuest, tap.ServiceHost, tap.ServiceRemote, tap.ServicePool,
	}
	if !slices.Contains(all, s.Type) {
		return invalid("type", "%q is not a type of tap service: want guest, host, remote or pool",
			s.Type)
	}

	onNIC := []tap.ServiceType{tap.ServiceGuest, tap.ServiceHost}
	remote := []tap.ServiceType{tap.ServiceRemote}
	for _, field := range []typeField{
		{"target_id", s.TargetID != "", onNIC},
		{"mac_addr", !s.MAC.IsZero(), onNIC},
		{"address", s.Address.IsValid(), remote},
		{"encap", s.Encap != "", remote},
		{"port", s.Port != 0, remote},
		{"members", len(s.Members) > 0, []tap.ServiceType{tap.ServicePool}},
	} {
		if field.given && !slices.Contains(field.types, s.Type) {
			return invalid(field.name, "a tap service of type %s has none; it is for type %s",
				s.Type, typeNames(field.types))
		}
	}

	switch s.Type {
	case tap.ServiceRemote:
		return checkRemote(s)
	case tap.ServicePool:
		return checkMemberCount(s)
	}
	return nil
}

func typeNames(types []tap.ServiceType) string {
	names := make([]string, len(types))
	for i, t := range types {
		names[i] = string(t)
	}
	return strings.Join(names, " or ")
}

// checkRemote refuses an address at which nobody can collect, and a key or port that the
// encapsulation cannot carry.
func checkRemote(s *tap.Service) *tap.Rejection {
	if err := checkCollectorAddress(s.Address); err != nil {
		return err
	}

	switch {
	case !s.Encap.Known():
		return invalid("encap", "%q is not an encapsulation: want %s", s.Encap, encapNames())
	case s.Key > s.Encap.MaxKey():
		return invalid("key", "%d does not fit %s: want 0 to %d", s.Key, s.Encap, s.Encap.MaxKey())
	case s.Port != 0 && s.Encap.DefaultPort() == 0:
		return invalid("port", "%s is not carried by UDP, so it has no port", s.Encap)
	}
	return nil
}

func encapNames() string {
	names := make([]string, len(tap.Encaps))
	for i, e := range tap.Encaps {
		names[i] = string(e)
	}
	return strings.Join(names, ", ")
}

// checkCollectorAddress refuses an address that is not the one of a machine, or that means another
// machine on each host.
func checkCollectorAddress(addr netip.Addr) *tap.Rejection {
	broadcast := netip.AddrFrom4([4]byte{255, 255, 255, 255})
	switch {
	case !addr.IsValid():
		return invalid("address", "is missing: want the IP address of the collector")
	case addr.Zone() != "" || addr.IsLinkLocalUnicast():
		return invalid("address", "%s is link-local: each host would look for it on another link",
			addr)
	case addr.IsMulticast() || addr == broadcast:
		return invalid("address", "%s is not the address of one machine", addr)
	case addr.IsLoopback() || addr.IsUnspecified():
		return invalid("address", "%s does not lead to another machine", addr)
	case addr.Is4In6():
		return invalid("address", "%s is an IPv4 address in IPv6 form: want %s", addr, addr.Unmap())
	}
	return nil
}

func checkMemberCount(s *tap.Service) *tap.Rejection {
	switch {
	case len(s.Members) == 0:
		return invalid("members", "is missing: want the tap services among which connections are "+
			"spread")
	case len(s.Members) > tap.MaxMembers:
		return invalid("members", "has %d tap services: want up to %d", len(s.Members),
			tap.MaxMembers)
	case len(slices.Compact(slices.Sorted(slices.Values(s.Members)))) < len(s.Members):
		return invalid("members", "has a tap service twice")
	}
	return nil
}

// checkCollector refuses the tunnel address of a host, whose tap bridge takes no copies that no
// host of ours has marked.
func (w *world) checkCollector(s *tap.Service) *tap.Rejection {
	for _, id := range sortedKeys(w.hosts) {
		if h := w.hosts[id]; h.TunnelIP == s.Address {
			return conflict("address", "%s is the tunnel address of host %s: collect there with a "+
				"tap service of type host or guest", s.Address, h.Name)
		}
	}
	return nil
}

// checkMembers refuses members that do not exist, or that are pools.
func (w *world) checkMembers(s *tap.Service) *tap.Rejection {
	for _, id := range s.Members {
		member := w.services[id]
		switch {
		case member == nil:
			return invalid("members", "there is no tap service %s", id)
		case member.Type == tap.ServicePool:
			return invalid("members", "tap service %s is a pool; a pool has no pools as members",
				member.Name)
		}
	}
	return nil
}
