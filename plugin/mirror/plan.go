package mirror

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"

	"github.com/tapline-sdn/tapline/plugin/tap"
)

// plan computes the program of a host, and why flows that have their source there cannot run. There
// is no program for a host that was not seen yet, or on which nothing may be programmed.
func (p *Planner) plan(hostID string) (program *tap.Program, refused map[string]reason) {
	h := p.world.hosts[hostID]
	if h == nil || !h.Observed || h.Refused != "" {
		delete(p.guarded, hostID)
		return nil, nil
	}

	datapath := p.tapDatapath(h)
	captures := p.planCaptures(h, datapath)
	b := p.newProgram(h, datapath, captures)
	b.addTunnel()
	b.addGuard()
	for _, c := range captures.captures {
		b.addCapture(c)
	}
	for _, id := range p.servicesAt[h.ID] {
		b.addService(p.world.services[id])
	}
	return b.finish(), captures.refused
}

// programBuilder puts the program of one host together.
type programBuilder struct {
	planner  *Planner
	host     *tap.Host
	program  *tap.Program
	captures []*capture
	flows    flowTables
	numbers  *portNumbers
	tunnel   uint32 // number of the tunnel port, 0 if there is none
	peers    map[netip.Addr][]string
	senders  map[tap.Sender]struct{}
	held     set // owners
}

func (p *Planner) newProgram(h *tap.Host, datapath string, plan capturePlan) *programBuilder {
	count := len(plan.captures)
	program := &tap.Program{
		Host: h.ID, Bridge: p.world.bridge,
		Ports:   make([]tap.Port, 0, 1+2*count+len(p.servicesAt[h.ID])),
		Mirrors: make([]tap.Mirror, 0, count),
	}
	program.Bridge.DatapathType = datapath
	return &programBuilder{
		planner: p, host: h, program: program, captures: plan.captures,
		flows:   flowTables{entries: make([]tap.FlowEntry, 0, 3*(1+count))},
		numbers: newPortNumbers(h),
		peers:   map[netip.Addr][]string{},
		senders: map[tap.Sender]struct{}{},
		held:    plan.held,
	}
}

// addTunnel adds the port for tunnels to all other hosts.
func (b *programBuilder) addTunnel() {
	if !b.host.TunnelIP.IsValid() {
		return
	}

	b.tunnel = b.numbers.current(tunnelPort)
	b.program.Tunnel.Port = tunnelPort
	b.program.Tunnel.Ports = []string{tunnelPort}
	b.program.Ports = append(b.program.Ports, tap.Port{
		Owner: ownerTunnel, Bridge: b.program.Bridge.Name, Name: tunnelPort, Type: "gre",
		Options: map[string]string{
			"remote_ip": "flow", "key": "flow", "local_ip": b.host.TunnelIP.String(),
			// The encapsulation takes 42 octets. Where the underlay has no room for them, a
			// fragment arrives and a dropped packet does not.
			"df_default": "false",
		},
		OFPortRequest: b.numbers.request(tunnelPort),
	})
}

// addGuard adds the flows that keep packets of our tunnels out of captures.
func (b *programBuilder) addGuard() {
	p := b.planner
	b.flows.addGuard(b.host.TunnelIP)

	guarded := slices.ContainsFunc(b.captures, func(c *capture) bool { return c.guarded })
	if guarded {
		p.guarded.add(b.host.ID)
		b.flows.addGuardOthers(p.world.otherTunnels(b.host))
	} else {
		delete(p.guarded, b.host.ID)
	}

	// A held capture may need the guard, and hosts that were not seen yet may have tunnel addresses
	// that are not known.
	if len(b.held) > 0 || guarded && len(p.world.unseen) > 0 {
		b.held.add(ownerBridge)
	}
}

func (b *programBuilder) addCapture(c *capture) {
	local := c.to.host == b.host.ID
	objects := b.planner.objects(c, objectInputs{
		to: c.to, guarded: c.guarded, local: local,
		key:         b.planner.world.wireKey(b.host.ID, greKeyWidth, c.service.Key),
		port:        b.numbers.current(tapPort(c.id)),
		portRequest: b.numbers.request(tapPort(c.id)),
		tunnelPort:  b.tunnel,
	})
	b.program.Ports = append(b.program.Ports, objects.ports[:]...)
	b.program.Mirrors = append(b.program.Mirrors, objects.mirrors...)
	b.flows.entries = append(b.flows.entries, objects.flows...)
	if !local {
		b.peers[c.to.tunnelIP] = append(b.peers[c.to.tunnelIP], c.id)
	}
}

// addService adds what a service needs on the host of its tap NIC.
func (b *programBuilder) addService(s *tap.Service) {
	to := b.planner.destinations[s.ID]
	if to.onBridge {
		port := tap.Port{
			Owner: s.ID, Bridge: b.program.Bridge.Name, Name: to.port, Plugged: to.plugged,
		}
		if !to.plugged {
			port.OFPortRequest = b.numbers.request(to.port)
		}
		b.program.Ports = append(b.program.Ports, port)
	}
	if to.uncertain {
		b.held.add(s.ID)
	}

	var senders []sender
	if b.tunnel != 0 && (to.ok() || to.joining) {
		senders = b.planner.sendersTo(s.ID, b.host)
		b.addSenders(senders)
	}
	if !to.ok() {
		return
	}

	if t := b.planner.senderTallies[s.ID]; t != nil && t.uncertain > 0 {
		b.held.add(s.ID)
	}
	if received := b.received(s, senders); len(received) > 0 {
		b.flows.addReceive(s, to, received)
	}
}

// received says how a service's copies arrive from other hosts.
func (b *programBuilder) received(s *tap.Service, senders []sender) (from []tunnelSender) {
	world := b.planner.world
	for _, one := range senders {
		from = append(from, tunnelSender{
			addr: one.tunnelIP, port: b.tunnel, key: world.wireKey(one.host, greKeyWidth, s.Key),
		})
	}
	// Two hosts may have the same address, and without a secret the same keys.
	return slices.Compact(from)
}

// addSenders notes the hosts that send to this one, whose probes are to be answered.
func (b *programBuilder) addSenders(senders []sender) {
	for _, one := range senders {
		b.senders[tap.Sender{
			Addr: one.tunnelIP, Port: tunnelPort,
			ProbeKey: b.planner.world.wireKey(one.host, greKeyWidth, probeIndex),
		}] = struct{}{}
	}
}

// finish sorts the program and adds what depends on all of it.
func (b *programBuilder) finish() *tap.Program {
	program := b.program
	program.Flows = b.flows.entries

	probeKey := b.planner.world.wireKey(b.host.ID, greKeyWidth, probeIndex)
	for addr, owners := range b.peers {
		program.Tunnel.Peers = append(program.Tunnel.Peers, tap.Peer{
			Addr: addr, Port: tunnelPort, ProbeKey: probeKey, Owners: owners,
		})
	}
	slices.SortFunc(program.Tunnel.Peers, func(a, b tap.Peer) int { return a.Addr.Compare(b.Addr) })

	program.Tunnel.Senders = slices.SortedFunc(maps.Keys(b.senders), func(a, b tap.Sender) int {
		return cmp.Or(a.Addr.Compare(b.Addr), cmp.Compare(a.Port, b.Port),
			cmp.Compare(a.ProbeKey, b.ProbeKey))
	})

	for _, owner := range sortedKeys(b.held) {
		program.Held = append(program.Held, tap.Hold{
			Owner: owner, Cookie: cookie(tag(b.planner.kindOf(owner), owner)),
		})
	}

	slices.SortFunc(program.Ports, func(a, b tap.Port) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortFunc(program.Mirrors, func(a, b tap.Mirror) int {
		return cmp.Compare(a.Name, b.Name)
	})
	return program
}

// kindOf is the kind of a held owner, as in its tag.
func (p *Planner) kindOf(owner string) uint64 {
	switch {
	case owner == ownerBridge:
		return kindBridge
	case p.world.services[owner] != nil:
		return kindService
	}
	return kindCapture
}

// tapDatapath chooses the datapath type of the tap bridge: patch ports join bridges of one type
// only. It is the type with the most sources of enabled flows, and of those with equally many the
// type of most bridges. It is "" on a host without bridges.
func (p *Planner) tapDatapath(h *tap.Host) string {
	type weight struct{ sources, bridges int }
	weights := map[string]weight{}
	for _, b := range h.Bridges {
		w := weights[b.DatapathType]
		w.bridges++
		weights[b.DatapathType] = w
	}
	for _, t := range p.tallies[h.ID] {
		if b := bridgeByName(h, t.bridge); b != nil {
			w := weights[b.DatapathType]
			w.sources += t.enabled
			weights[b.DatapathType] = w
		}
	}

	best := ""
	for _, t := range sortedKeys(weights) {
		w, top := weights[t], weights[best]
		more := cmp.Or(cmp.Compare(w.sources, top.sources), cmp.Compare(w.bridges, top.bridges))
		if best == "" || more > 0 {
			best = t
		}
	}
	return best
}
