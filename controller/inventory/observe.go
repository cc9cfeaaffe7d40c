package inventory

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"github.com/tapline-sdn/tapline/controller/reconcile"
	"github.com/tapline-sdn/tapline/controller/store"
	"github.com/tapline-sdn/tapline/ovsdb/vswitch"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// Keys are the external_ids of Interface rows that tell whose a port is. The first key that is set counts.
// The defaults are what libvirt, Neutron, OVN, ovn-kubernetes and Kube-OVN write (ovs-vswitchd.conf.db(5), Interface:external_ids).
type Keys struct {
	MAC   []string // attached-mac, attached_mac
	Guest []string // vm-id, vm-uuid
	Iface []string // iface-id: the guest's id where no key of Guest is set
	IP    []string // ip_addresses (ovn-kubernetes), ip (Kube-OVN): a list of addresses, with or without prefix lengths
}

// DefaultKeys are the keys of the systems named at [Keys].
func DefaultKeys() Keys {
	return Keys{
		MAC: []string{"attached-mac", "attached_mac"}, Guest: []string{"vm-id", "vm-uuid"}, Iface: []string{"iface-id"},
		IP: []string{"ip_addresses", "ip"},
	}
}

func firstOf(ids vswitch.Pairs, keys []string) string {
	for _, key := range keys {
		if v := ids.Get(key); v != "" {
			return v
		}
	}
	return ""
}

// seenPort is a port of some bridge that may be a guest's. It is comparable.
type Port struct {
	Host   string
	Bridge string
	Name   string
	OFPort uint32
	MAC    tap.MAC // of the guest, as its external_ids tell
	InUse  tap.MAC // mac_in_use
	Guest  string  // id, "" if the port does not tell
	IPs    string  // of the guest, as its external_ids tell, separated by spaces
}

func (p Port) Location() tap.Location {
	return tap.Location{Host: p.Host, Bridge: p.Bridge, Port: p.Name, OFPort: p.OFPort}
}

func ComparePorts(a, b *Port) int {
	return cmp.Or(cmp.Compare(a.Host, b.Host), cmp.Compare(a.Bridge, b.Bridge), cmp.Compare(a.Name, b.Name))
}

// observation is what a snapshot of one switch says, in our words.
type Observation struct {
	Host  tap.Host // as the plugin gets it, but for what only the engine knows
	Ports []*Port  // sorted
}

// observer turns snapshots into observations. It is pure.
type Observer struct {
	Cluster   string
	TapBridge string
	Keys      Keys
}

// ours reports whether external_ids carry our cluster id.
func (o Observer) Owns(ids vswitch.Pairs) bool { return ids.Get(reconcile.OwnerKey) == o.Cluster }

// observe reads a snapshot. known tells of an interface name or MAC that it is a guest's or a tap NIC's by declaration, so
// that the port is no uplink.
func (o Observer) Observe(record *store.Host, snap *vswitch.Snapshot, known func(name string, mac tap.MAC) bool) Observation {
	h := tap.Host{ID: record.ID, Name: record.Name, TunnelIP: record.TunnelIP, Wires: maps.Clone(record.Wires)}
	if h.Wires == nil {
		h.Wires = map[string]string{}
	}
	for _, n := range record.NICs {
		h.NICs = append(h.NICs, tap.HostNIC{Name: n.Name, MAC: n.MAC, UsedBy: n.UsedBy})
	}
	slices.SortFunc(h.NICs, func(a, b tap.HostNIC) int { return cmp.Compare(a.Name, b.Name) })
	if snap == nil || snap.System() == nil { // Never seen, or a database that is not initialized yet (ovs-vsctl init).
		return Observation{Host: h}
	}
	h.Observed = true
	system := snap.System()
	for wire, bridge := range bridgeMappings(system.ExternalIDs.Get("ovn-bridge-mappings")) {
		if _, told := h.Wires[wire]; !told {
			h.Wires[wire] = bridge
		}
	}
	if !h.TunnelIP.IsValid() {
		h.TunnelIP = firstAddr(system.ExternalIDs.Get("ovn-encap-ip"))
	}
	var ports []*Port
	for _, b := range snap.Bridges() {
		devices := map[string]bool{} // members of bonds too
		for _, p := range snap.BridgePorts(b) {
			ports = o.seen(ports, record.ID, b, p, snap)
			for _, i := range snap.PortInterfaces(p) {
				devices[i.Name] = true
			}
		}
		if b.Name == o.TapBridge {
			if !o.Owns(b.ExternalIDs) {
				h.Refused = foreignBridge(b)
			}
			h.TapPorts = tapPorts(b, snap)
			for i := range h.NICs {
				if devices[h.NICs[i].Name] {
					h.NICs[i].UsedBy = "" // By us, which the facts cannot know.
				}
			}
			continue
		}
		h.Bridges = append(h.Bridges, o.bridge(b, snap, record.Uplinks[b.Name], known))
		for i := range h.NICs {
			if devices[h.NICs[i].Name] {
				h.NICs[i].UsedBy = "bridge " + b.Name
			}
		}
	}
	slices.SortFunc(ports, ComparePorts)
	return Observation{Host: h, Ports: ports}
}

// shows reports whether a snapshot may show something else than an earlier one to [observer.observe]. What a change of ours writes
// on its way, such as a mirror's ports and the numbers of configurations, is not looked at there.
func (o Observer) MayDiffer(before, now *vswitch.Snapshot) bool {
	if before == nil || now == nil {
		return true
	}
	for _, c := range now.Since(before) {
		same := false
		switch {
		case c.Table == vswitch.TableController, c.Table == vswitch.TableManager:
			same = true
		case c.Kind != vswitch.Modified:
		case c.Table == vswitch.TableOpenVSwitch:
			same = before.System() != nil && now.System() != nil && before.System().ExternalIDs == now.System().ExternalIDs
		case c.Table == vswitch.TableBridge:
			a, _ := before.BridgeByUUID(c.UUID)
			b, _ := now.BridgeByUUID(c.UUID)
			same = a.Name == b.Name && a.DatapathType == b.DatapathType && slices.Equal(a.Ports, b.Ports) && slices.Equal(a.Mirrors, b.Mirrors) &&
				a.ExternalIDs.Get(reconcile.OwnerKey) == b.ExternalIDs.Get(reconcile.OwnerKey)
		case c.Table == vswitch.TablePort: // The stamp is a tag.
			a, _ := before.Port(c.UUID)
			b, _ := now.Port(c.UUID)
			same = a.Name == b.Name && slices.Equal(a.Interfaces, b.Interfaces) && a.ExternalIDs.Get(reconcile.OwnerKey) == b.ExternalIDs.Get(reconcile.OwnerKey)
		case c.Table == vswitch.TableMirror:
			a, _ := before.Mirror(c.UUID)
			b, _ := now.Mirror(c.UUID)
			same = a.Name == b.Name && a.ExternalIDs.Get(reconcile.OwnerKey) == b.ExternalIDs.Get(reconcile.OwnerKey)
		}
		if !same {
			return true
		}
	}
	return false
}

func foreignBridge(b *vswitch.Bridge) string {
	if other := b.ExternalIDs.Get(reconcile.OwnerKey); other != "" {
		return fmt.Sprintf("bridge %s belongs to another Tapline cluster, %s", b.Name, other)
	}
	return fmt.Sprintf("bridge %s exists and is not Tapline's; delete it, or choose another name by the setting bridge of the mirror plugin", b.Name)
}

func (o Observer) bridge(b *vswitch.Bridge, snap *vswitch.Snapshot, uplinks []string, known func(string, tap.MAC) bool) tap.Bridge {
	out := tap.Bridge{Name: b.Name, DatapathType: cmp.Or(b.DatapathType, "system"), Uplinks: slices.Sorted(slices.Values(uplinks))}
	for _, m := range snap.BridgeMirrors(b) {
		if o.Owns(m.ExternalIDs) {
			out.OurMirrors = append(out.OurMirrors, m.Name)
		} else {
			out.OtherMirrors++
		}
	}
	slices.Sort(out.OurMirrors)
	if len(uplinks) == 0 {
		out.Uplinks = o.physical(b, snap, known)
	}
	return out
}

// physical finds the uplinks of a bridge: ports of the system, or bonds of them, that are nobody's NIC. Where some of them are
// driven by real drivers, veth devices among them are containers.
func (o Observer) physical(b *vswitch.Bridge, snap *vswitch.Snapshot, known func(string, tap.MAC) bool) []string {
	var real, virtual []string
	for _, p := range snap.BridgePorts(b) {
		if p.Name == b.Name || o.Owns(p.ExternalIDs) {
			continue
		}
		candidate, driver := true, ""
		for _, i := range snap.PortInterfaces(p) {
			driver = i.Status.Get("driver_name")
			switch i.Type {
			case "", "system", "dpdk", "afxdp", "afxdp-nonpmd":
			default:
				candidate = false
			}
			told := firstOf(i.ExternalIDs, o.Keys.MAC) + firstOf(i.ExternalIDs, o.Keys.Guest) + firstOf(i.ExternalIDs, o.Keys.Iface)
			inUse, _ := tap.ParseMAC(i.MACInUse)
			if told != "" || driver == "tun" || known(i.Name, inUse) {
				candidate = false
			}
		}
		switch {
		case !candidate:
		case driver == "veth":
			virtual = append(virtual, p.Name)
		default:
			real = append(real, p.Name)
		}
	}
	if real == nil {
		real = virtual
	}
	slices.Sort(real)
	return real
}

// seen adds the ports that can be a guest's.
func (o Observer) seen(to []*Port, host string, b *vswitch.Bridge, p *vswitch.Port, snap *vswitch.Snapshot) []*Port {
	interfaces := snap.PortInterfaces(p)
	if len(interfaces) != 1 || p.Name == b.Name || interfaces[0].Type == "patch" {
		return to
	}
	i := interfaces[0]
	mac, _ := tap.ParseMAC(firstOf(i.ExternalIDs, o.Keys.MAC))
	inUse, _ := tap.ParseMAC(i.MACInUse)
	return append(to, &Port{
		Host: host, Bridge: b.Name, Name: p.Name, OFPort: uint32(max(0, i.OFPort)), MAC: mac, InUse: inUse,
		Guest: cmp.Or(firstOf(i.ExternalIDs, o.Keys.Guest), firstOf(i.ExternalIDs, o.Keys.Iface)),
		IPs:   addresses(firstOf(i.ExternalIDs, o.Keys.IP)),
	})
}

// addresses reads a list of IP addresses, each with or without a prefix length, and leaves out what is none.
func addresses(list string) string {
	var out []string
	for _, s := range strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' || r == ';' }) {
		s, _, _ = strings.Cut(s, "/")
		if addr, err := netip.ParseAddr(s); err == nil {
			out = append(out, addr.Unmap().WithZone("").String())
		}
	}
	return strings.Join(out, " ")
}

func tapPorts(b *vswitch.Bridge, snap *vswitch.Snapshot) []tap.TapPort {
	var out []tap.TapPort
	for _, p := range snap.BridgePorts(b) {
		for _, i := range snap.PortInterfaces(p) {
			port := tap.TapPort{Name: p.Name, OFPort: uint32(max(0, i.OFPort)), Error: i.Error}
			port.MAC, _ = tap.ParseMAC(i.MACInUse)
			if port.Error == "" && i.OFPort < 0 {
				port.Error = "it could not be opened"
			}
			switch {
			case i.AdminState == "down":
				port.Down = "admin_state is down"
			case i.LinkState == "down":
				port.Down = "link_state is down"
			}
			out = append(out, port)
		}
	}
	slices.SortFunc(out, func(a, b tap.TapPort) int { return cmp.Compare(a.Name, b.Name) })
	return out
}

// bridgeMappings reads external_ids:ovn-bridge-mappings, a list of network:bridge (ovn-controller(8)).
func bridgeMappings(s string) map[string]string {
	out := map[string]string{}
	for pair := range strings.SplitSeq(s, ",") {
		if wire, bridge, ok := strings.Cut(strings.TrimSpace(pair), ":"); ok && wire != "" && bridge != "" {
			out[wire] = bridge
		}
	}
	return out
}

// firstAddr reads external_ids:ovn-encap-ip, which may hold several addresses.
func firstAddr(s string) netip.Addr {
	first, _, _ := strings.Cut(s, ",")
	addr, err := netip.ParseAddr(strings.TrimSpace(first))
	if err != nil {
		return netip.Addr{}
	}
	return addr.Unmap()
}
