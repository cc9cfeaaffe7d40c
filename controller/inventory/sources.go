package inventory

import (
	"net/netip"
	"slices"

	"github.com/tapline-sdn/tapline/controller/store"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// Source is where a fact comes from.
type Source string

// The sources.
const (
	FromDeclared Source = "declared"
	FromOVSDB    Source = "ovsdb"
	FromLibvirt  Source = "libvirt"
)

// Sources says where facts come from: a bit for each pair of a field and a source, since views and
// their history hold many of them.
type Sources uint32

// The facts by the JSON names of their fields, and the order in which sources are listed.
var (
	sourcedFields = [...]string{"name", "state", "host", "mac", "ifname", "ip_addrs", "port"}
	sources       = [...]Source{FromDeclared, FromOVSDB, FromLibvirt}
)

func sourceBit(field, source int) Sources { return 1 << (field*len(sources) + source) }

// Fields returns the sources of each field that has any.
func (s Sources) Fields() map[string][]Source {
	fields := map[string][]Source{}

	for i, field := range sourcedFields {
		for j, source := range sources {
			if s&sourceBit(i, j) != 0 {
				fields[field] = append(fields[field], source)
			}
		}
	}

	return fields
}

// Add notes that a fact comes from a source.
func (s *Sources) Add(field string, from Source) {
	*s |= sourceBit(slices.Index(sourcedFields[:], field), slices.Index(sources[:], from))
}

// GuestSources says where a guest's own facts come from.
func GuestSources(record *store.Guest, known []DomainAt) (s Sources) {
	switch {
	case record != nil:
		s.Add("name", FromDeclared)
	case len(known) > 0:
		s.Add("name", FromLibvirt)
	default:
		s.Add("name", FromOVSDB)
	}

	if len(known) > 0 {
		s.Add("state", FromLibvirt)
		s.Add("host", FromLibvirt)
	}
	return s
}

// NICSources says where the facts of a guest's NIC come from. A fact that several sources agree on
// has all of them.
func (x *Places) NICSources(n *tap.NIC, record *store.Guest, known []DomainAt) (s Sources) {
	agrees := func(from Source, mac tap.MAC, name string, ips ...netip.Addr) {
		if mac == n.MAC && !mac.IsZero() {
			s.Add("mac", from)
		}
		if name == n.IfName && name != "" {
			s.Add("ifname", from)
		}
		if slices.ContainsFunc(ips, func(ip netip.Addr) bool {
			return slices.Contains(n.IPs, ip)
		}) {
			s.Add("ip_addrs", from)
		}
	}

	if record != nil {
		for _, d := range record.NICs {
			if d.MAC == n.MAC || d.MAC.IsZero() && d.IfName == n.IfName {
				agrees(FromDeclared, d.MAC, d.IfName, d.IP)
			}
		}
	}

	for _, l := range n.Locations {
		s.Add("port", FromOVSDB)
		if p := x.portAt(l); p != nil {
			agrees(FromOVSDB, p.EffectiveMAC(), p.Name, p.addrs()...)
		}
	}

	for _, at := range known {
		for _, d := range x.domains.at[at].NICs {
			if d.MAC == n.MAC {
				agrees(FromLibvirt, d.MAC, d.IfName, d.IPs...)
			}
		}
	}

	return s
}
