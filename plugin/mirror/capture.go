package mirror

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/tapline-sdn/tapline/plugin/tap"
)

// maxMirrors is the number of mirrors that a bridge of Open vSwitch takes (MAX_MIRRORS in ofproto/ofproto-dpif-mirror.c). It
// logs and ignores the others.
const maxMirrors = 32

// capture is all flows of one source bridge that go to one service: one patch pair, and all Mirror records output to it,
// because Open vSwitch mirrors a packet at most once to an output port.
type capture struct {
	id      string
	bridge  string
	service *tap.Service
	to      destination
	guard   bool // it may see the underlay, so our tunnel's own packets must not be mirrored
	groups  []*mirrorRecord
	from    *gathered
}

// mirrorGroup numbers the Mirror records of a capture. A record selects (source or destination port) and VLAN, so flows
// that select a VLAN need records apart from those that do not; within a group, ports and VLANs are entries of one record.
type mirrorGroup int

const (
	groupPorts   mirrorGroup = iota // all VLANs, or whole NICs
	groupAllVLAN                    // everything on some VLANs
	groupInVLAN                     // what arrives at the uplinks on some VLANs
	groupOutVLAN                    // what leaves by the uplinks on some VLANs

	mirrorGroups = iota
)

// mirrorRecord is a Mirror record in the making: how many flows, at how many places, want what.
type mirrorRecord struct {
	group mirrorGroup
	flows int
	all   int // those that want all traffic
	vlans map[uint16]int
	ports map[string]sides
}

// sides is how many flows want what enters by a port, and what leaves by it.
type sides struct{ source, destination int }

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

// count adds a flow's selection at a place that has these ports, or takes it out.
func (r *mirrorRecord) count(f *tap.Flow, ports []string, by int) {
	r.flows += by
	if f.VLAN != 0 {
		if r.vlans[f.VLAN] += by; r.vlans[f.VLAN] == 0 {
			delete(r.vlans, f.VLAN)
		}
	}
	selects := sides{source: by, destination: by}
	if f.Direction == tap.In {
		selects.source = 0
	}
	if f.Direction == tap.Out {
		selects.destination = 0
	}
	if f.Type == tap.FlowVSwitch {
		if f.Direction == tap.Both {
			r.all += by
			return
		}
		// What arrives from the physical network enters the switch by an uplink; a guest's IN leaves it towards the guest.
		selects.source, selects.destination = selects.destination, selects.source
	}
	for _, port := range ports {
		now := r.ports[port]
		now.source += selects.source
		now.destination += selects.destination
		if r.ports[port] = now; now == (sides{}) {
			delete(r.ports, port)
		}
	}
}

// serves reports whether a flow of the capture depends on the record: one of all traffic stands for every other.
func (r *mirrorRecord) serves(f *tap.Flow) bool {
	return r.group == groupOf(f) || r.group == groupPorts && r.all > 0
}

func (c *capture) mirror(r *mirrorRecord) tap.Mirror {
	m := tap.Mirror{
		Owner: c.id, Bridge: c.bridge, Name: mirrorName(c.id, r.group), Output: sourcePort(c.id),
		SelectAll: r.all > 0, SelectVLAN: slices.Sorted(maps.Keys(r.vlans)),
	}
	if m.SelectAll {
		return m
	}
	ports := sorted(r.ports)
	m.SelectSrc = slices.DeleteFunc(slices.Clone(ports), func(port string) bool { return r.ports[port].source == 0 })
	m.SelectDst = slices.DeleteFunc(ports, func(port string) bool { return r.ports[port].destination == 0 })
	return m
}

// captures groups the running flows of a host. Refused flows are told with the reason; held names the captures of which
// the destination is not known yet.
func (p *Planner) captures(h *tap.Host, datapath string) (run []*capture, refused map[string]refusal, held set) {
	refused, held = map[string]refusal{}, set{}
	for _, id := range sorted(p.captureAt[h.ID]) {
		g := p.captureAt[h.ID][id]
		to := p.destinations[g.service]
		if g.running == 0 {
			continue
		}
		if to.unknown {
			held.add(id)
		}
		if !to.ok() && !to.coming {
			continue
		}
		if no := unreachable(h, g.bridge, datapath, to); no.why != "" {
			g.refuse(refused, no, func(*tap.Flow) bool { return true })
			continue
		}
		run = append(run, &capture{
			id: id, bridge: g.bridge, service: p.world.services[g.service], to: to, guard: g.guard > 0, groups: g.mirrors(), from: g,
		})
	}
	return fit(h, run, held, refused), refused, held
}

// refusal says why a running flow cannot run on a host.
type refusal struct {
	code tap.Code
	why  string
}

// unreachable says why a copy cannot get from a bridge to its destination; the zero refusal if it can.
func unreachable(h *tap.Host, name, datapath string, to destination) refusal {
	switch bridge := bridgeNamed(h, name); {
	case bridge == nil:
		return refusal{tap.CodeBridgeAbsent, fmt.Sprintf("host %s has no bridge %s", h.Name, name)}
	case bridge.DatapathType != datapath:
		return refusal{tap.CodeDatapathOther, fmt.Sprintf("bridge %s of host %s has datapath_type %s and the tap bridge has %s: no patch port can join them",
			bridge.Name, h.Name, bridge.DatapathType, datapath)}
	case to.host == h.ID:
		return refusal{}
	case !h.TunnelIP.IsValid():
		return refusal{tap.CodeTunnelIPAbsent, fmt.Sprintf("host %s has no tunnel_ip", h.Name)}
	case !to.tunnelIP.IsValid():
		return refusal{tap.CodeTunnelIPAbsent, fmt.Sprintf("the host of NIC %s has no tunnel_ip", to.port)}
	case h.TunnelIP.Is4() != to.tunnelIP.Is4():
		return refusal{tap.CodeTunnelIPFamily, fmt.Sprintf("tunnel addresses %s and %s are of different families", h.TunnelIP, to.tunnelIP)}
	}
	return refusal{}
}

// fit keeps the records for which the bridge has room: first those that stand already, then the earliest. Mirrors of held
// captures stay on the switch and take room too.
func fit(h *tap.Host, captures []*capture, held set, refused map[string]refusal) []*capture {
	type candidate struct {
		c     *capture
		r     *mirrorRecord
		stand bool
		since time.Time // of its earliest flow
	}
	byBridge := map[string][]candidate{}
	for _, c := range captures {
		bridge := bridgeNamed(h, c.bridge)
		for _, r := range c.groups {
			stands := slices.Contains(bridge.OurMirrors, mirrorName(c.id, r.group))
			byBridge[c.bridge] = append(byBridge[c.bridge], candidate{c: c, r: r, stand: stands})
		}
		c.groups = nil
	}
	for _, name := range sorted(byBridge) {
		all := byBridge[name]
		bridge := bridgeNamed(h, name)
		others := bridge.OtherMirrors
		taken := others
		for _, m := range bridge.OurMirrors {
			if _, kept := held[captureOf(m)]; kept {
				taken++
			}
		}
		room := max(0, maxMirrors-taken)
		if len(all) > room {
			for i := range all {
				all[i].since = all[i].c.from.since(all[i].r)
			}
			slices.SortStableFunc(all, func(a, b candidate) int {
				switch {
				case a.stand && !b.stand:
					return -1
				case b.stand && !a.stand:
					return 1
				}
				return cmp.Or(a.since.Compare(b.since), cmp.Compare(a.c.id, b.c.id), cmp.Compare(a.r.group, b.r.group))
			})
		}
		for i, one := range all {
			if i < room {
				one.c.groups = append(one.c.groups, one.r)
				continue
			}
			one.c.from.refuse(refused, refusal{tap.CodeMirrorsFull, fmt.Sprintf(
				"bridge %s of host %s has no room: Open vSwitch takes %d mirrors a bridge, %d are in use and %d of them are not ours",
				name, h.Name, maxMirrors, taken+min(room, len(all)), others)}, one.r.serves)
		}
	}
	captures = slices.DeleteFunc(captures, func(c *capture) bool { return len(c.groups) == 0 })
	for _, c := range captures {
		slices.SortFunc(c.groups, func(a, b *mirrorRecord) int { return cmp.Compare(a.group, b.group) })
	}
	return captures
}

// selfTap reports whether a guest would mirror itself to itself.
func selfTap(f *tap.Flow, s *tap.Service) bool {
	return f.Type == tap.FlowVNIC && s.Type == tap.ServiceGuest && f.GuestID == s.TargetID
}
