package inventory

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"

	"github.com/tapline-sdn/tapline/controller/reconcile"
	"github.com/tapline-sdn/tapline/controller/reconcile/epoch"
	"github.com/tapline-sdn/tapline/controller/store"
	"github.com/tapline-sdn/tapline/ovsdb/vswitch"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// Claimed reports whether a declared guest or a tap service claims a device by its name or address,
// so that the device is no uplink.
type Claimed func(name string, mac tap.MAC) bool

// Observation is what a snapshot of one switch shows, in the words of the plugin and of [Places].
type Observation struct {
	Host  tap.Host // without what only the engine knows
	Ports []*Port  // sorted
	// Identity is that of the switch; it is zero before the first snapshot.
	Identity Identity
	// GuessedUplinks are the bridges, sorted, whose uplinks are a guess: veth devices that nobody
	// has declared.
	GuessedUplinks []string
	// ShownTunnelIP is the tunnel address that the switch shows and that is to be stored as
	// learned; zero where there is none, or where it is stored already. RejectedTunnelIP is one
	// that it shows and that does not count, since another was learned first.
	ShownTunnelIP, RejectedTunnelIP netip.Addr
	// Leftovers says what other Tapline clusters have on the switch; "" if nothing.
	Leftovers string
}

// Identity distinguishes switches, whatever address each is reached by.
type Identity struct {
	SystemID string // Open_vSwitch:external_ids:system-id, "" if it has none
	Root     string // UUID of its row of table Open_vSwitch
}

// IdentityOf returns the identity that a snapshot shows. It is false for a database that is not
// initialized.
func IdentityOf(snap *vswitch.Snapshot) (Identity, bool) {
	system := snap.System()
	if system == nil {
		return Identity{}, false
	}
	return Identity{
		SystemID: system.ExternalIDs.Get("system-id"), Root: system.UUID.String(),
	}, true
}

// Observer turns snapshots into observations. It is pure.
type Observer struct {
	Cluster   string
	TapBridge string
	Keys      Keys
	// TunnelNetworks are where a host may move its tunnel address by itself. Elsewhere the address
	// that was learned first is kept.
	TunnelNetworks []netip.Prefix
}

// Owns reports whether external_ids carry our cluster id.
func (o Observer) Owns(ids vswitch.Pairs) bool { return ids.Get(reconcile.OwnerKey) == o.Cluster }

// Observe reads a snapshot; nil is a switch that was never seen.
func (o Observer) Observe(
	record *store.Host, learned store.Learned, snap *vswitch.Snapshot, claimed Claimed,
) Observation {
	seen := Observation{Host: declaredHost(record, learned)}
	// Its database may not be initialized (ovs-vsctl init).
	if snap == nil || snap.System() == nil {
		return seen
	}

	h := &seen.Host
	h.Observed = true
	system := snap.System()
	seen.Identity, _ = IdentityOf(snap)
	h.UserspaceTSO = system.OtherConfig.Get(userspaceTSO) == "true"
	seen.Leftovers = o.leftovers(record.OVSDB, snap)
	h.Lacking = Lacks(FactsOf(h, snap))
	o.learnFromOVN(h, &seen, record, learned, system)
	h.UnderlayDatapath = underlayDatapath(h.TunnelIP, snap)
	h.UnderlayMTU = underlayMTU(h.TunnelIP, snap)

	for _, b := range snap.Bridges() {
		for _, p := range snap.BridgePorts(b) {
			if port, is := o.guestPort(record.ID, b, p, snap); is {
				seen.Ports = append(seen.Ports, port)
			}
		}

		if b.Name == o.TapBridge {
			o.tapBridge(h, record.OVSDB, b, snap)
		} else {
			o.otherBridge(&seen, record, b, snap, claimed)
		}
	}

	seen.sort()
	return seen
}

// otherBridge adds a bridge that is not the tap bridge.
func (o Observer) otherBridge(
	seen *Observation, record *store.Host, b *vswitch.Bridge, snap *vswitch.Snapshot,
	claimed Claimed,
) {
	h := &seen.Host
	// A tunnel port of the tap bridge is ours, also while its marks are missing.
	h.ForeignTunnels = append(h.ForeignTunnels, o.foreignTunnels(b, snap)...)
	h.FakeBridges = append(h.FakeBridges, fakeBridges(b, snap)...)

	bridge, guessed := o.bridge(b, snap, record.Uplinks[b.Name], claimed)
	h.Bridges = append(h.Bridges, bridge)
	if guessed {
		seen.GuessedUplinks = append(seen.GuessedUplinks, b.Name)
	}

	useNICs(h, b, snap, "bridge "+b.Name)
}

// sort sorts what was collected bridge by bridge.
func (s *Observation) sort() {
	slices.SortFunc(s.Host.ForeignTunnels, func(a, b tap.ForeignTunnel) int {
		return cmp.Or(cmp.Compare(a.Bridge, b.Bridge), cmp.Compare(a.Name, b.Name))
	})
	slices.SortFunc(s.Host.FakeBridges, func(a, b tap.FakeBridge) int {
		return cmp.Compare(a.Name, b.Name)
	})

	slices.SortFunc(s.Ports, ComparePorts)
	slices.Sort(s.GuessedUplinks)
}

// userspaceTSO is the key in Open_vSwitch:other_config that has the userspace datapath take large
// TCP segments from guests.
const userspaceTSO = "userspace-tso-enable"

// declaredHost is a host as its record and what was learned earlier have it.
func declaredHost(record *store.Host, learned store.Learned) tap.Host {
	h := tap.Host{
		ID: record.ID, Name: record.Name, TunnelIP: record.TunnelIP,
		Wires: maps.Clone(record.Wires), NoGRE: learned.NoGRE,
	}
	if h.Wires == nil {
		h.Wires = map[string]string{}
	}
	if !h.TunnelIP.IsValid() {
		h.TunnelIP = learned.TunnelIP
	}

	for _, n := range record.NICs {
		h.NICs = append(h.NICs, tap.HostNIC{Name: n.Name, MAC: n.MAC, UsedBy: n.UsedBy})
	}

	slices.SortFunc(h.NICs, func(a, b tap.HostNIC) int { return cmp.Compare(a.Name, b.Name) })
	return h
}

// mayMoveTo reports whether a host may move its tunnel address to addr without an operator's word.
func (o Observer) mayMoveTo(addr netip.Addr) bool {
	return slices.ContainsFunc(o.TunnelNetworks,
		func(p netip.Prefix) bool { return p.Contains(addr) })
}

// tapBridge reads the tap bridge, or why it cannot be used.
func (o Observer) tapBridge(
	h *tap.Host, target string, b *vswitch.Bridge, snap *vswitch.Snapshot,
) {
	if !o.Owns(b.ExternalIDs) {
		h.Refused = foreignBridge(target, b)
	}
	h.TapDatapath = cmp.Or(b.DatapathType, "system")
	h.TapPorts = tapPorts(b, snap)
	useNICs(h, b, snap, "") // By us, whatever the host's facts say.
}

// useNICs marks the host's NICs that are devices of a bridge, or members of its bonds, as used.
func useNICs(h *tap.Host, b *vswitch.Bridge, snap *vswitch.Snapshot, by string) {
	for _, p := range snap.BridgePorts(b) {
		for _, device := range snap.PortInterfaces(p) {
			for i := range h.NICs {
				if h.NICs[i].Name == device.Name {
					h.NICs[i].UsedBy = by
				}
			}
		}
	}
}

// MayDiffer reports whether [Observer.Observe] may return something else for a snapshot than for an
// earlier one. It ignores what our own changes write and Observe does not read, such as the ports
// of a mirror and the numbers of configurations.
func (o Observer) MayDiffer(before, now *vswitch.Snapshot) bool {
	if before == nil || now == nil {
		return true
	}
	for _, c := range now.Since(before) {
		if !looksAlike(c, before, now) {
			return true
		}
	}
	return false
}

// looksAlike reports whether a changed row is the same to [Observer.Observe].
func looksAlike(c vswitch.Change, before, now *vswitch.Snapshot) bool {
	sameMark := func(a, b vswitch.Pairs) bool {
		return a.Get(reconcile.OwnerKey) == b.Get(reconcile.OwnerKey)
	}

	switch {
	case c.Table == vswitch.TableController, c.Table == vswitch.TableManager:
		return true
	case c.Kind != vswitch.Modified:
		return false
	}

	switch c.Table {
	case vswitch.TableOpenVSwitch:
		a, b := before.System(), now.System()
		return a != nil && b != nil && epoch.SameBeside(a.ExternalIDs, b.ExternalIDs) &&
			a.OVSVersion == b.OVSVersion && maps.Equal(a.Datapaths, b.Datapaths) &&
			a.OtherConfig.Get(userspaceTSO) == b.OtherConfig.Get(userspaceTSO)
	case vswitch.TableBridge:
		a, _ := before.BridgeByUUID(c.UUID)
		b, _ := now.BridgeByUUID(c.UUID)
		return a.Name == b.Name && a.DatapathType == b.DatapathType &&
			slices.Equal(a.Ports, b.Ports) && slices.Equal(a.Mirrors, b.Mirrors) &&
			sameMark(a.ExternalIDs, b.ExternalIDs)
	case vswitch.TablePort: // The stamp is a tag.
		a, _ := before.Port(c.UUID)
		b, _ := now.Port(c.UUID)
		return a.Name == b.Name && slices.Equal(a.Interfaces, b.Interfaces) &&
			fakeVLAN(a) == fakeVLAN(b) && sameMark(a.ExternalIDs, b.ExternalIDs)
	case vswitch.TableMirror:
		a, _ := before.Mirror(c.UUID)
		b, _ := now.Mirror(c.UUID)
		return a.Name == b.Name && sameMark(a.ExternalIDs, b.ExternalIDs)
	}

	return false
}
