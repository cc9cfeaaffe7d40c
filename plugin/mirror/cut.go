package mirror

import (
	"cmp"
	"fmt"
	"net/netip"
	"strings"

	"github.com/tapline-sdn/tapline/openflow"
	"github.com/tapline-sdn/tapline/openflow/action"
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

// assumedFrame is the size that is assumed of the largest frame: where it is unknown, 0, that of an
// ordinary network. So a program is the same while the hosts of some sources have not been seen
// yet.
func assumedFrame(frame uint32) uint32 { return cmp.Or(frame, fullFrame) }

// mayExceed reports whether frames may be larger than a limit; a limit of 0 is none.
func mayExceed(frame, limit uint32) bool {
	return limit != 0 && assumedFrame(frame) > limit
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

// copySize is the size of the largest copy of frames up to a size, by the options of a tap flow. It
// is 0 while the size is unknown.
func copySize(frame uint32, options tap.Options) uint32 {
	if frame == 0 && options.Snaplen == 0 {
		return 0
	}

	size := assumedFrame(frame)
	if options.Snaplen != 0 {
		size = min(size, options.Snaplen)
	}
	if _, push := options.Tag.Push(); push {
		size += vlanTag
	}
	return size
}

// flowCut says how copies are cut on their way from a flow's places to a destination, where they
// are cut most. It is nil if whole copies fit everywhere.
func (p *Planner) flowCut(
	places []place, to destination, options tap.Options,
) (least *tap.Cut) {
	for _, id := range to.memberIDs() {
		cut := p.flowCut(places, p.destinations[id], options)
		if cut != nil && (least == nil || cut.Size < least.Size) {
			least = cut
		}
	}

	for i := range places {
		at := &places[i]
		for _, cut := range []*tap.Cut{p.pathCut(at, to, options), nicCut(at, to, options)} {
			if cut != nil && (least == nil || cut.Size < least.Size) {
				least = cut
			}
		}
	}
	return least
}

// pathCut says how copies are cut to fit the path between two hosts.
func (p *Planner) pathCut(at *place, to destination, options tap.Options) *tap.Cut {
	if to.collector.addr.IsValid() {
		return p.collectorCut(at, to.collector, options)
	}
	if to.isAt(at.host) || to.members != "" {
		return nil
	}

	limit := pathLimit(p.world.hosts[at.host], to.tunnel.addr)
	encap, _ := p.world.encapsulate(at.tunnel, to.tunnel)
	if encap == nil || !mayExceed(copySize(frameSize(at.mtu), options), limit) {
		return nil
	}

	overhead := encap.overhead(to.tunnel.addr)
	cut := &tap.Cut{Size: limit, SourceMTU: at.mtu, MTU: limit + overhead}
	cut.Text = fmt.Sprintf("copies of more than %d octets are cut: %s, and the path to %s has "+
		"MTU %d, "+
		"of which %s takes %d", cut.Size, sourceWords(at), to.tunnel.addr, cut.MTU,
		strings.ToUpper(encap.kind), overhead)

	return cut
}

// nicCut says how copies are cut to fit the tap NIC.
func nicCut(at *place, to destination, options tap.Options) *tap.Cut {
	limit := frameSize(to.mtu)
	if !mayExceed(copySize(frameSize(at.mtu), options), limit) {
		return nil
	}

	cut := &tap.Cut{Size: limit - vlanTag, SourceMTU: at.mtu, MTU: to.mtu}
	cut.Text = fmt.Sprintf("copies of more than %d octets are cut: %s, and NIC %s has MTU %d",
		cut.Size, sourceWords(at), to.port, cut.MTU)
	return cut
}

// sourceWords says how large the frames of a place may be.
func sourceWords(at *place) string {
	if at.mtu == 0 {
		return fmt.Sprintf("the source's MTU is unknown, %d is assumed",
			fullFrame-ethernetHeader-vlanTag)
	}
	return fmt.Sprintf("the source has MTU %d", at.mtu)
}
