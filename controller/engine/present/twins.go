package present

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/tapline-sdn/tapline/controller/engine/explain"
	"github.com/tapline-sdn/tapline/controller/sets"
	"github.com/tapline-sdn/tapline/controller/store"
	"github.com/tapline-sdn/tapline/ovsdb/vswitch"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// twins finds the other tap flows of a flow's service that may deliver the same packet once more:
// those of another bridge that packets of this one's bridge pass too. Flows of one bridge share a
// capture, which delivers a packet once.
func (p *Presenter) twins(f *store.Flow) (all []explain.Twin) {
	reach := map[string]joints{}
	own := p.sources(f)
	for id := range p.intent.FlowsOfService[f.TapID] {
		other := p.intent.Flows.ByID[id]
		if id == f.ID || !p.intent.Runs(f) || !p.intent.Runs(other) || other.Deleting ||
			neverMeet(f, other) {
			continue
		}
		if why := p.joined(own, p.sources(other), reach); why != "" {
			all = append(all, explain.Twin{Flow: other.Name, Why: why})
		}
	}
	slices.SortFunc(all, func(a, b explain.Twin) int { return strings.Compare(a.Flow, b.Flow) })
	return all
}

// joints tell which bridges of a host are joined by patch ports.
type joints map[string]map[string]bool

// neverMeet reports whether no packet is one of two flows: what leaves one NIC does not leave
// another.
func neverMeet(a, b *store.Flow) bool {
	return a.Type == tap.FlowVNIC && b.Type == tap.FlowVNIC && a.Direction == tap.Out &&
		b.Direction == tap.Out
}

// joined says how a packet passes places of both lists, which are on different bridges; "" if no
// way is known. Reach keeps what was found of hosts.
func (p *Presenter) joined(some, others []tap.Location, reach map[string]joints) string {
	for _, a := range some {
		for _, b := range others {
			switch {
			case a.Host == b.Host && a.Bridge == b.Bridge:
			case a.Host == b.Host:
				if reach[a.Host] == nil {
					reach[a.Host] = p.patched(a.Host)
				}
				if reach[a.Host][a.Bridge][b.Bridge] {
					return fmt.Sprintf("patch ports join bridges %s and %s of host %s",
						a.Bridge, b.Bridge, p.intent.HostName(a.Host))
				}
			default:
				if wire := p.commonWire(a, b); wire != "" {
					return fmt.Sprintf("wire %s joins hosts %s and %s", wire,
						p.intent.HostName(a.Host), p.intent.HostName(b.Host))
				}
			}
		}
	}
	return ""
}

// patched tells which bridges of a host, the tap bridge aside, are joined by patch ports of others,
// however many are between.
func (p *Presenter) patched(host string) joints {
	reach := joints{}
	h := p.fleet.Running[host]
	if h == nil || h.Report.Snapshot == nil {
		return reach
	}

	snap := h.Report.Snapshot
	home := map[string]string{} // bridge of each patch port
	peer := map[string]string{}
	for _, b := range snap.Bridges() {
		for _, port := range snap.BridgePorts(b) {
			device := snap.OnlyInterface(port)
			if device != nil && device.Type == "patch" && p.isOthers(b, port) {
				home[device.Name], peer[device.Name] = b.Name, device.Options.Get("peer")
			}
		}
	}

	for name, other := range peer {
		if peer[other] == name {
			join(reach, home[name], home[other])
		}
	}
	return reach
}

// isOthers reports whether neither a port nor its bridge is the tap bridge's.
func (p *Presenter) isOthers(b *vswitch.Bridge, port *vswitch.Port) bool {
	return b.Name != p.fleet.Observer.TapBridge && !p.fleet.Observer.Owns(port.ExternalIDs)
}

// join notes that two bridges are joined, and with them all that are joined with either.
func join(reach joints, a, b string) {
	group := map[string]bool{a: true, b: true}
	maps.Copy(group, reach[a])
	maps.Copy(group, reach[b])
	for member := range group {
		reach[member] = group
	}
}

// commonWire names a wire that both bridges carry; "" if there is none.
func (p *Presenter) commonWire(a, b tap.Location) string {
	both := ""
	for wire := range p.wiresOf(a) {
		if _, there := p.wiresOf(b)[wire]; there && (both == "" || wire < both) {
			both = wire
		}
	}
	return both
}

// wiresOf are the wires that a place's bridge carries to other hosts: none without an uplink.
func (p *Presenter) wiresOf(at tap.Location) sets.Set {
	wires := sets.Set{}
	h := p.fleet.Running[at.Host]
	if h == nil {
		return wires
	}

	bridge := h.Observed.Host.Bridge(at.Bridge)
	if bridge == nil || len(bridge.Uplinks) == 0 {
		return wires
	}
	wires.Add(at.Bridge)
	for wire, on := range h.Observed.Host.Wires {
		if on == at.Bridge {
			wires.Add(wire)
		}
	}
	return wires
}
