package mirror

import (
	"maps"
	"slices"

	"github.com/tapline-sdn/tapline/plugin/tap"
)

// mirrorGroup numbers the Mirror records of a capture. A record selects by port and VLAN together,
// so flows that select a VLAN need a record of their own. Within a group, ports and VLANs are
// entries of one record.
type mirrorGroup int

const (
	groupPorts   mirrorGroup = iota // all VLANs, or whole NICs
	groupAllVLAN                    // everything on some VLANs
	groupInVLAN                     // what arrives at the uplinks on some VLANs
	groupOutVLAN                    // what leaves by the uplinks on some VLANs

	mirrorGroups = iota
)

func groupOf(f *tap.Flow) mirrorGroup {
	switch {
	case f.VLAN == 0:
		return groupPorts
	case f.Direction == tap.In:
		return groupInVLAN
	case f.Direction == tap.Out:
		return groupOutVLAN
	}
	return groupAllVLAN
}

// mirrorRecord counts what the flows of a group select. The Mirror record is made from the counts.
type mirrorRecord struct {
	group   mirrorGroup
	flows   int
	all     int // flows that select all traffic
	vlans   map[uint16]int
	leaving int // flows that select what leaves by a port
	ports   map[string]portCounts
}

// portCounts is how many flows select what enters the bridge by a port (source), and what leaves it
// by the port (destination).
type portCounts struct{ source, destination int }

func newMirrorRecord(group mirrorGroup) *mirrorRecord {
	return &mirrorRecord{
		group: group, vlans: map[uint16]int{}, ports: map[string]portCounts{},
	}
}

// count adds what a flow selects at a place with these ports: once for by 1, and -1 removes it.
func (r *mirrorRecord) count(f *tap.Flow, ports []string, by int) {
	r.flows += by
	if f.VLAN != 0 {
		if r.vlans[f.VLAN] += by; r.vlans[f.VLAN] == 0 {
			delete(r.vlans, f.VLAN)
		}
	}

	if f.Type == tap.FlowVSwitch && f.Direction == tap.Both {
		r.all += by
		return
	}

	selects := selection(f)
	r.leaving += by * selects.destination
	for _, port := range ports {
		counts := r.ports[port]
		counts.source += by * selects.source
		counts.destination += by * selects.destination
		r.ports[port] = counts
		if counts == (portCounts{}) {
			delete(r.ports, port)
		}
	}
}

// selection is what one flow selects of each of its ports.
func selection(f *tap.Flow) portCounts {
	enters, leaves := f.Direction != tap.In, f.Direction != tap.Out
	if f.Type == tap.FlowVSwitch {
		// What arrives from the physical network enters the bridge by an uplink. What arrives at a
		// guest leaves the bridge by the guest's port.
		enters, leaves = leaves, enters
	}

	var selects portCounts
	if enters {
		selects.source = 1
	}
	if leaves {
		selects.destination = 1
	}

	return selects
}

// serves reports whether a flow of the capture depends on the record. A record of all traffic
// serves every flow.
func (r *mirrorRecord) serves(f *tap.Flow) bool {
	return r.group == groupOf(f) || r.group == groupPorts && r.all > 0
}

// entering reports whether all that a capture copies has just entered its bridge, and may be told
// by that. A packet from a bridge that is joined by patch ports may have been taken up again there,
// so where a whole bridge is mirrored nothing tells.
func (c *capture) entering(bridge *tap.Bridge) bool {
	if bridge.Patched && c.tally.vswitch > 0 {
		return false
	}

	return !slices.ContainsFunc(c.records, func(r *mirrorRecord) bool {
		return r.all == 0 && r.leaving > 0
	})
}

// leaving reports whether a record of all traffic has to select what leaves the bridge too, since
// Open vSwitch does not mirror what a patch port brings as it enters. Where packets are mirrored
// again after they were changed, a bridge without uplinks is left out: there, flows change much,
// and all of that would be copied again.
func leaving(h *tap.Host, bridge *tap.Bridge) bool {
	return bridge.Patched && (len(bridge.Uplinks) > 0 ||
		!h.Lacks(tap.LackSingleCopy, bridge.DatapathType))
}

// mirror makes the Mirror record of a capture.
func (c *capture) mirror(r *mirrorRecord, leaving bool) tap.Mirror {
	m := tap.Mirror{
		Owner: c.id, Bridge: c.bridge, Name: mirrorName(c.id, r.group), Output: sourcePort(c.id),
		SelectAll: r.all > 0, SelectVLAN: slices.Sorted(maps.Keys(r.vlans)),
	}
	if m.SelectAll {
		m.Leaving = leaving
		return m
	}

	for _, port := range sortedKeys(r.ports) {
		if r.ports[port].source > 0 {
			m.SelectSrc = append(m.SelectSrc, port)
		}
		if r.ports[port].destination > 0 {
			m.SelectDst = append(m.SelectDst, port)
		}
	}

	return m
}
