package mirror

import (
	"cmp"
	"net/netip"
	"slices"

	"github.com/tapline-sdn/tapline/plugin/tap"
)

// plan computes the program of a host, and why flows that have their source there cannot run. There is no program for a
// host that was never observed, or on which nothing may be programmed.
func (p *Planner) plan(hostID string) (program *tap.Program, refused map[string]refusal) {
	h := p.world.hosts[hostID]
	if h == nil || !h.Observed || h.Refused != "" {
		delete(p.guarded, hostID)
		return nil, nil
	}
	datapath := p.tapDatapath(h)
	captures, refused, held := p.captures(h, datapath)
	program = &tap.Program{Host: h.ID, Bridge: p.world.bridge}
	program.Bridge.DatapathType = datapath
	numbers := newPortNumbers(h)
	program.Ports = make([]tap.Port, 0, 1+2*len(captures)+len(p.servicesAt[h.ID]))
	program.Mirrors = make([]tap.Mirror, 0, len(captures))
	flows := flowTables{entries: make([]tap.FlowEntry, 0, 3*(1+len(captures)))}

	var tunnel uint32
	if h.TunnelIP.IsValid() {
		tunnel = numbers.of(tunnelPort)
		program.Tunnel.Port = tunnelPort
		program.Ports = append(program.Ports, tap.Port{
			Owner: ownerTunnel, Bridge: p.world.config.Bridge, Name: tunnelPort, Type: "gre",
			Options: map[string]string{
				"remote_ip": "flow", "key": "flow", "local_ip": h.TunnelIP.String(),
				// Where the underlay has no room for the 42 octets of encapsulation, fragments arrive and drops do not.
				"df_default": "false",
			},
			OFPortRequest: numbers.request(tunnelPort),
		})
	}
	flows.guard(h.TunnelIP)
	guarded := slices.ContainsFunc(captures, func(c *capture) bool { return c.guard })
	if guarded {
		p.guarded.add(h.ID)
		flows.guardOthers(p.world.otherTunnels(h))
	} else {
		delete(p.guarded, h.ID)
	}
	if len(held) > 0 || guarded && len(p.world.unseen) > 0 {
		// A held capture may need the guard, and tunnel addresses of hosts that were never seen are perhaps not known.
		held.add(ownerBridge)
	}
	peers := map[netip.Addr][]string{}
	for _, c := range captures {
		shown := p.render(c, renderedFor{
			to: c.to, key: c.service.Key, guard: c.guard, local: c.to.host == h.ID,
			in: numbers.of(tapPort(c.id)), request: numbers.request(tapPort(c.id)), tunnel: tunnel,
		})
		program.Ports = append(program.Ports, shown.ports[:]...)
		program.Mirrors = append(program.Mirrors, shown.mirrors...)
		flows.entries = append(flows.entries, shown.flows...)
		if c.to.host != h.ID {
			peers[c.to.tunnelIP] = append(peers[c.to.tunnelIP], c.id)
		}
	}
	for addr, owners := range peers {
		program.Tunnel.Peers = append(program.Tunnel.Peers, tap.Peer{Addr: addr, Owners: owners})
	}
	slices.SortFunc(program.Tunnel.Peers, func(a, b tap.Peer) int { return a.Addr.Compare(b.Addr) })
	for _, id := range p.servicesAt[h.ID] {
		p.deliver(program, &flows, h, p.world.services[id], numbers, tunnel, held)
	}
	program.Flows = flows.entries
	for _, owner := range sorted(held) {
		kind := uint64(kindCapture)
		switch {
		case owner == ownerBridge:
			kind = kindBridge
		case p.world.services[owner] != nil:
			kind = kindService
		}
		program.Held = append(program.Held, tap.Hold{Owner: owner, Cookie: cookie(tag(kind, owner))})
	}
	slices.SortFunc(program.Ports, func(a, b tap.Port) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortFunc(program.Mirrors, func(a, b tap.Mirror) int { return cmp.Compare(a.Name, b.Name) })
	return program, refused
}

// deliver adds what the destination side of a service needs on its host.
func (p *Planner) deliver(program *tap.Program, flows *flowTables, h *tap.Host, s *tap.Service, numbers *portNumbers, tunnel uint32, held set) {
	to := p.destinations[s.ID]
	if to.join {
		port := tap.Port{Owner: s.ID, Bridge: p.world.config.Bridge, Name: to.port, Plugged: to.plugged}
		if !to.plugged {
			port.OFPortRequest = numbers.request(to.port)
		}
		program.Ports = append(program.Ports, port)
	}
	if to.unknown {
		held.add(s.ID)
	}
	if !to.ok() {
		return
	}
	if from := p.feeds[s.ID]; from != nil && from.unknown > 0 {
		held.add(s.ID)
	}
	if senders := p.senders(s.ID, h); tunnel != 0 && len(senders) > 0 {
		flows.receive(s, to, tunnel, senders)
	}
}

// tapDatapath chooses the datapath type of the tap bridge, since patch ports join only bridges of one type: the one with most
// sources of enabled flows, and of those with equally many the one of most bridges. It is "" on a host without bridges.
func (p *Planner) tapDatapath(h *tap.Host) string {
	type weight struct{ sources, bridges int }
	weights := map[string]weight{}
	for _, b := range h.Bridges {
		w := weights[b.DatapathType]
		w.bridges++
		weights[b.DatapathType] = w
	}
	for _, g := range p.captureAt[h.ID] {
		if b := bridgeNamed(h, g.bridge); b != nil {
			w := weights[b.DatapathType]
			w.sources += g.enabled
			weights[b.DatapathType] = w
		}
	}
	best := ""
	for _, t := range sorted(weights) {
		w, top := weights[t], weights[best]
		if best == "" || w.sources > top.sources || w.sources == top.sources && w.bridges > top.bridges {
			best = t
		}
	}
	return best
}

// portNumbers gives out OpenFlow port numbers on the tap bridge. Flows use what the switch has assigned. Ports ask for a number that
// depends on their name, so that flows need not wait for the switch's answer, and go on asking for it where somebody gave them
// another.
type portNumbers struct {
	seen      map[string]uint32
	requested map[string]uint32
	used      map[uint32]bool
}

// Requested numbers lie where the switch does not assign any on its own while it has few ports; OFPP_MAX is 0xff00.
const (
	firstPort = 0x1000
	lastPort  = 0xefff
	// numberReach is how far from its name's own number a port may have had to go because others had the numbers in between. It stays
	// there when those are gone.
	numberReach = 64
)

func newPortNumbers(h *tap.Host) *portNumbers {
	n := &portNumbers{
		seen: make(map[string]uint32, len(h.TapPorts)), used: make(map[uint32]bool, len(h.TapPorts)), requested: map[string]uint32{},
	}
	for _, port := range h.TapPorts {
		if port.OFPort > 0 {
			n.seen[port.Name] = port.OFPort
			n.used[port.OFPort] = true
		}
	}
	return n
}

// of is the number that a port has, or else the one that it asks for.
func (n *portNumbers) of(name string) uint32 {
	if number, ok := n.seen[name]; ok {
		return number
	}
	return n.request(name)
}

// request is the number that a port asks for.
func (n *portNumbers) request(name string) uint32 {
	if number, ok := n.requested[name]; ok {
		return number
	}
	const size = lastPort - firstPort + 1
	at := hash32(name) % size
	number := n.seen[name]
	if number < firstPort || number > lastPort || (number-firstPort+size-at)%size > numberReach {
		for number = firstPort + at; n.used[number]; {
			if number++; number > lastPort {
				number = firstPort
			}
		}
	}
	n.requested[name] = number
	n.used[number] = true
	return number
}
