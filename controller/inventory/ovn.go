package inventory

import (
	"maps"
	"net/netip"
	"slices"
	"strings"

	"github.com/tapline-sdn/tapline/controller/store"
	"github.com/tapline-sdn/tapline/ovsdb/vswitch"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// Keys of Open_vSwitch:external_ids that configure ovn-controller(8). Several instances of it may
// run on one host; the key of each ends in a dash and its system-id.
const (
	ovnRemote         = "ovn-remote"
	ovnBridgeMappings = "ovn-bridge-mappings"
	ovnEncapIP        = "ovn-encap-ip"
)

// plainKeys look like those of an instance, and are none.
var plainKeys = []string{"ovn-encap-ip-default", "ovn-remote-probe-interval"}

// RunsOVN reports whether external_ids of table Open_vSwitch configure an ovn-controller.
func RunsOVN(ids vswitch.Pairs) bool {
	return ids.Get(ovnRemote) != "" || len(otherInstances(ids, ovnRemote, "")) > 0
}

// ownInstance is the setting of the host's own instance: the key that ends in its system-id comes
// before the plain one.
func ownInstance(ids vswitch.Pairs, key string) string {
	if id := ids.Get("system-id"); id != "" {
		if value := ids.Get(key + "-" + id); value != "" {
			return value
		}
	}
	return ids.Get(key)
}

// otherInstances are the settings of all instances but the one with a system-id, in the order of
// their keys.
func otherInstances(ids vswitch.Pairs, key, except string) (values []string) {
	for k, v := range ids.All() {
		id, is := strings.CutPrefix(k, key+"-")
		if is && id != "" && id != except && v != "" && !slices.Contains(plainKeys, k) {
			values = append(values, v)
		}
	}
	return values
}

// learnFromOVN adds wires and the tunnel address that ovn-controller(8) is configured with, where
// nobody declared them.
func (o Observer) learnFromOVN(
	h *tap.Host, seen *Observation, record *store.Host, learned store.Learned,
	system *vswitch.OpenVSwitch,
) {
	for wire, bridge := range ovnWires(system.ExternalIDs) {
		if _, declared := h.Wires[wire]; !declared {
			h.Wires[wire] = bridge
		}
	}

	if record.TunnelIP.IsValid() {
		return // Declared.
	}

	shown := ovnTunnelIP(system.ExternalIDs)
	switch {
	case !shown.IsValid(), shown == learned.TunnelIP:
		h.TunnelIP = learned.TunnelIP
	case !learned.TunnelIP.IsValid(), o.mayMoveTo(shown):
		h.TunnelIP, seen.ShownTunnelIP = shown, shown
	default:
		h.TunnelIP, seen.RejectedTunnelIP = learned.TunnelIP, shown
	}
}

// ovnWires maps wires to bridges as all instances do. What the host's own instance says comes
// first. A wire on which only other instances disagree is none.
func ovnWires(ids vswitch.Pairs) map[string]string {
	wires := bridgeMappings(ownInstance(ids, ovnBridgeMappings))

	others := map[string]string{}
	for _, list := range otherInstances(ids, ovnBridgeMappings, ids.Get("system-id")) {
		for wire, bridge := range bridgeMappings(list) {
			if known, is := others[wire]; is && known != bridge {
				bridge = ""
			}
			others[wire] = bridge
		}
	}

	for wire, bridge := range others {
		if _, own := wires[wire]; !own && bridge != "" {
			wires[wire] = bridge
		}
	}
	return wires
}

// ovnTunnelIP is the tunnel address of the host's own instance, or the one on which the others
// agree; zero where there is none.
func ovnTunnelIP(ids vswitch.Pairs) netip.Addr {
	if own := encapAddr(ownInstance(ids, ovnEncapIP)); own.IsValid() {
		return own
	}

	shown := map[netip.Addr]struct{}{}
	for _, list := range otherInstances(ids, ovnEncapIP, ids.Get("system-id")) {
		if addr := encapAddr(list); addr.IsValid() {
			shown[addr] = struct{}{}
		}
	}

	if agreed := slices.Collect(maps.Keys(shown)); len(agreed) == 1 {
		return agreed[0]
	}
	return netip.Addr{}
}

// bridgeMappings reads external_ids:ovn-bridge-mappings, a list of network:bridge
// (ovn-controller(8)).
func bridgeMappings(list string) map[string]string {
	all := map[string]string{}
	for pair := range strings.SplitSeq(list, ",") {
		wire, bridge, ok := strings.Cut(strings.TrimSpace(pair), ":")
		if ok && wire != "" && bridge != "" {
			all[wire] = bridge
		}
	}
	return all
}

// encapAddr reads external_ids:ovn-encap-ip, which may hold several addresses. Of several the first
// IPv4 address counts, so that hosts that list two families in different orders agree.
func encapAddr(list string) netip.Addr {
	var first netip.Addr
	for s := range strings.SplitSeq(list, ",") {
		addr, err := netip.ParseAddr(strings.TrimSpace(s))
		if err != nil {
			continue
		}

		if addr = addr.Unmap(); addr.Is4() {
			return addr
		}
		if !first.IsValid() {
			first = addr
		}
	}

	return first
}
