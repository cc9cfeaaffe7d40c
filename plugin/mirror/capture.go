package mirror

import (
	"cmp"
	"slices"
	"time"

	"github.com/tapline-sdn/tapline/plugin/tap"
)

// capture is all tap flows of one source bridge that go to one service with the same options. It
// has one patch pair, and all its Mirror records output to it, because Open vSwitch copies a packet
// once to an output port.
type capture struct {
	id      string
	bridge  string
	service *tap.Service
	legs    []leg // where copies go: to the service, or to the ready members of the pool that it is
	records []*mirrorRecord
	tally   *captureTally
}

// leg is one way by which copies of a capture go.
type leg struct {
	service *tap.Service // whose copies they are on the way: the capture's, or a member of its pool
	to      destination
	encap   *encapsulation // nil if the destination is on the same host
}

// capturePlan is the result of planning the captures of a host.
type capturePlan struct {
	captures []*capture
	refused  map[string]reason // by flow: why it cannot run on this host
	held     set               // captures whose destination is uncertain
}

// planCaptures finds the captures of a host that can run.
func (p *Planner) planCaptures(h *tap.Host, datapath string) capturePlan {
	plan := capturePlan{refused: map[string]reason{}, held: set{}}
	for _, id := range sortedKeys(p.tallies[h.ID]) {
		tally := p.tallies[h.ID][id]
		if tally.active == 0 {
			continue
		}

		to := p.destinations[tally.service]
		if to.uncertain {
			plan.held.add(id)
		}
		if !to.ok() && !to.joining {
			continue
		}

		legs, why := p.legs(h, tally.bridge, datapath, p.world.services[tally.service])
		if tally.invalid != nil {
			why = because(tap.CodeFilterInvalid, "the filter cannot be compiled: %v", tally.invalid)
		}
		if why != (reason{}) {
			tally.refuse(plan.refused, why, func(*tap.Flow) bool { return true })
			continue
		}

		plan.captures = append(plan.captures, &capture{
			id: id, bridge: tally.bridge, service: p.world.services[tally.service], legs: legs,
			records: tally.neededRecords(), tally: tally,
		})
	}

	plan.limitRecords(h)
	return plan
}

// legs finds how copies get from a bridge to a service, or why they cannot. Of a pool it leaves out
// the members that are not ready.
func (p *Planner) legs(h *tap.Host, bridge, datapath string, s *tap.Service) ([]leg, reason) {
	members := []*tap.Service{s}
	if s.Type == tap.ServicePool {
		members = p.readyMembers(s)
	}

	var legs []leg
	var first reason
	for _, member := range members {
		to := p.destinations[member.ID]
		encap, why := p.path(h, bridge, datapath, to)
		if why != (reason{}) {
			first = cmp.Or(first, why)
			continue
		}
		legs = append(legs, leg{member, to, encap})
	}

	if len(legs) == 0 {
		return nil, first
	}
	return legs, reason{}
}

// path finds how a copy gets from a bridge to its destination, or why it cannot. The encapsulation
// is nil on one host.
func (p *Planner) path(
	h *tap.Host, name, datapath string, to destination,
) (*encapsulation, reason) {
	here := p.world.ends[h.ID]
	switch bridge := h.Bridge(name); {
	case bridge == nil:
		return nil, because(tap.CodeBridgeAbsent, "host %s has no bridge %s", h.Name, name)
	case bridge.DatapathType != datapath:
		return nil, because(tap.CodeDatapathOther,
			"bridge %s of host %s has datapath_type %s and the tap bridge has %s: "+
				"no patch port can join them", bridge.Name, h.Name, bridge.DatapathType, datapath)
	case to.collector.addr.IsValid():
		return p.world.remotePath(h, datapath, to.collector)
	case to.isAt(h.ID):
		return nil, reason{}
	case !here.addr.IsValid():
		return nil, because(tap.CodeTunnelIPAbsent, "host %s has no tunnel_ip", h.Name)
	case !to.tunnel.addr.IsValid():
		return nil, because(tap.CodePeerIPAbsent, "the host of NIC %s has no tunnel_ip", to.port)
	case here.addr.Is4() != to.tunnel.addr.Is4():
		return nil, because(tap.CodeTunnelIPFamily,
			"tunnel addresses %s and %s are of different families", here.addr, to.tunnel.addr)
	}

	return p.world.encapsulate(here, to.tunnel)
}

// recordCandidate is a record that competes for room on its bridge.
type recordCandidate struct {
	capture *capture
	record  *mirrorRecord
	stands  bool      // the bridge has it already
	since   time.Time // creation of its earliest flow; set only where room is short
}

// limitRecords keeps the records for which their bridges have room.
func (plan *capturePlan) limitRecords(h *tap.Host) {
	byBridge := map[string][]recordCandidate{}
	for _, c := range plan.captures {
		bridge := h.Bridge(c.bridge)
		for _, r := range c.records {
			byBridge[c.bridge] = append(byBridge[c.bridge], recordCandidate{
				capture: c, record: r,
				stands: slices.Contains(bridge.OurMirrors, mirrorName(c.id, r.group)),
			})
		}
		c.records = nil
	}

	for _, name := range sortedKeys(byBridge) {
		plan.limitBridge(h, h.Bridge(name), byBridge[name])
	}

	plan.captures = slices.DeleteFunc(plan.captures, func(c *capture) bool {
		return len(c.records) == 0
	})

	for _, c := range plan.captures {
		slices.SortFunc(c.records, func(a, b *mirrorRecord) int {
			return cmp.Compare(a.group, b.group)
		})
	}
}

// limitBridge gives the room of one bridge to records, and refuses the flows of those that get
// none. Mirrors of held captures stay on the switch and take room too.
func (plan *capturePlan) limitBridge(
	h *tap.Host, bridge *tap.Bridge, candidates []recordCandidate,
) {
	taken := bridge.OtherMirrors
	for _, name := range bridge.OurMirrors {
		if _, held := plan.held[captureOfMirror(name)]; held {
			taken++
		}
	}

	room := max(0, tap.MaxMirrors-taken)
	if len(candidates) > room {
		rankCandidates(candidates)
	}

	for i, one := range candidates {
		if i < room {
			one.capture.records = append(one.capture.records, one.record)
			continue
		}
		one.capture.tally.refuse(plan.refused, because(tap.CodeMirrorsFull,
			"bridge %s of host %s has no room: Open vSwitch takes %d mirrors a bridge, "+
				"%d are in use and %d of them are not ours",
			bridge.Name, h.Name, tap.MaxMirrors, taken+min(room, len(candidates)),
			bridge.OtherMirrors), one.record.serves)
	}
}

// rankCandidates puts records that stand first, then those with the earliest flow.
func rankCandidates(candidates []recordCandidate) {
	for i := range candidates {
		c := &candidates[i]
		c.since = c.capture.tally.since(c.record)
	}
	slices.SortStableFunc(candidates, func(a, b recordCandidate) int {
		switch {
		case a.stands && !b.stands:
			return -1
		case b.stands && !a.stands:
			return 1
		}
		return cmp.Or(a.since.Compare(b.since), cmp.Compare(a.capture.id, b.capture.id),
			cmp.Compare(a.record.group, b.record.group))
	})
}
