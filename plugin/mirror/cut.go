package mirror

import (
	"cmp"
	"net/netip"

	"github.com/tapline-sdn/tapline/openflow"
	"github.com/tapline-sdn/tapline/openflow/action"
	"github.com/tapline-sdn/tapline/openflow/oxm"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// A copy that is too large for its path would be lost. It is cut to the largest size that passes.

const (
	ethernetHeader = 14 // octets without a VLAN tag
	vlanTag        = 4  // octets of one tag

	// fullFrame is the size of the largest frame of an ordinary network, with one VLAN tag.
	fullFrame = 1500 + ethernetHeader + vlanTag
)

// frameSize is the size of the largest frame that a port of an MTU sends or receives. It is 0 while
// the MTU is unknown.
func frameSize(mtu uint32) uint32 {
	if mtu == 0 {
		return 0
	}
	return mtu + ethernetHeader + vlanTag
}

// mayExceed reports whether frames may be larger than a limit; a limit of 0 is none. Frames of unknown
// size, 0, are taken for those of an ordinary network. So a program is the same while the hosts of
// some sources have not been seen yet.
func mayExceed(frame, limit uint32) bool {
	return limit != 0 && cmp.Or(frame, fullFrame) > limit
}

// pathLimit is the largest copy that passes from a host to a tunnel address; 0 if every copy does.
func pathLimit(h *tap.Host, to netip.Addr) uint32 {
	for _, p := range h.Paths {
		if p.Addr == to {
			return p.Frame
		}
	}
	return 0
}

// output sends a packet to a port.
func output(port uint32) action.Action {
	return action.Output{Port: openflow.PortNo(port)}
}

// cutOutput runs actions and sends at most limit octets of the packet to a port; a limit of 0 cuts
// nothing. A cut output is always inside a clone: where it cannot be sent, Open vSwitch would cut
// the next output instead, which may be the guest's own frame.
func cutOutput(port, limit uint32, before ...action.Action) []action.Action {
	if limit == 0 {
		return append(before, output(port))
	}
	return []action.Action{action.Clone{Actions: append(before,
		action.OutputTrunc{Port: openflow.PortNo(port), MaxLen: limit})}}
}

// addToNIC adds the flows that deliver packets of a tag to a tap NIC, where frames may be as large
// as given. A NIC takes frames with a VLAN tag that are four octets longer than others.
func (t *flowTables) addToNIC(owner string, tag uint64, to destination, frame uint32) {
	match := oxm.Match{oxm.Metadata(tag)}
	limit := frameSize(to.mtu)
	if !mayExceed(frame, limit) {
		t.add(owner, tag, tableDeliver, prioritySpecific, match,
			action.ApplyActions{output(to.ofport)})
		return
	}

	t.add(owner, tag, tableDeliver, prioritySpecific, match,
		action.ApplyActions(cutOutput(to.ofport, limit-vlanTag)))
	t.add(owner, tag, tableDeliver, priorityTagged, append(match, oxm.VLANAny()),
		action.ApplyActions(cutOutput(to.ofport, limit)))
}
