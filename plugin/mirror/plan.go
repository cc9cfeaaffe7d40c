package mirror

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"
	"strconv"

	"github.com/tapline-sdn/tapline/plugin/mirror/guard"
	"github.com/tapline-sdn/tapline/plugin/mirror/wirekey"
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
	b.addTunnels()
	b.addGuard()
	b.addMeters()
	b.addRenewal()
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
	world      *world
	planner    *Planner
	host       *tap.Host
	end        *tunnelEnd // of host
	program    *tap.Program
	captures   []*capture
	flows      flowTables
	numbers    *portNumbers
	tunnels    map[string]uint32 // by tunnel port: its number
	peers      map[peerKey]*tap.Peer
	senders    map[tap.Sender]struct{}
	collectors map[peerKey]*tap.Collector
	held       set               // owners
	rates      map[string]uint32 // by service with a rate limit: id of its meter
}

type peerKey struct {
	addr netip.Addr
	port string
}

func (p *Planner) newProgram(h *tap.Host, datapath string, plan capturePlan) *programBuilder {
	count := len(plan.captures)
	program := &tap.Program{
		Host: h.ID, Bridge: p.world.bridge,
		Ports:   make([]tap.Port, 0, 1+2*count+len(p.servicesAt[h.ID])),
		Mirrors: make([]tap.Mirror, 0, count),
	}

	program.Bridge.DatapathType = datapath
	program.Bridge.MatchFragments = p.matchesFragments(h)
	return &programBuilder{
		world: p.world, planner: p, host: h, end: p.world.ends[h.ID],
		program: program, captures: plan.captures,
		flows:      flowTables{entries: make([]tap.FlowEntry, 0, 15+3*count)},
		numbers:    newPortNumbers(h),
		tunnels:    map[string]uint32{},
		collectors: map[peerKey]*tap.Collector{},
		peers:      map[peerKey]*tap.Peer{},
		senders:    map[tap.Sender]struct{}{},
		held:       plan.held,
	}
}

// addTunnels adds the tunnel port that most copies will use, before there are any. So the first
// copy need not wait for it.
func (b *programBuilder) addTunnels() {
	if !b.end.addr.IsValid() {
		return
	}
	if encap, _ := b.world.encapsulate(b.end, b.end); encap != nil {
		b.tunnel(encap)
	}

	// A VXLAN port that stands is kept, used or not: after a controller's start its users may be on
	// hosts that were not seen yet.
	possible := b.world.config.Tunnel != TunnelGRE && b.end.noVXLAN == reason{}
	if possible && tapPortByName(b.host, encapVXLAN.port) != nil {
		b.tunnel(encapVXLAN)
	}
}

// tunnel returns the number of a tunnel port, and adds the port if need be.
func (b *programBuilder) tunnel(encap *encapsulation) uint32 {
	if number, exists := b.tunnels[encap.port]; exists {
		return number
	}

	port := tap.Port{
		Owner: encap.owner, Bridge: b.program.Bridge.Name, Name: encap.port, Type: encap.kind,
		Options: map[string]string{
			"remote_ip": "flow", "key": "flow", "local_ip": b.end.addr.String(),
			// Where the underlay has no room for the encapsulation, a fragment arrives and a
			// dropped packet does not.
			"df_default": "false",
		},
		OFPortRequest: b.numbers.request(encap.port),
	}

	switch {
	case encap == encapVXLAN:
		port.Options["dst_port"] = strconv.Itoa(int(b.world.config.VXLANPort))
	case encap.udpPort != 0:
		port.Options["dst_port"] = strconv.Itoa(int(encap.udpPort))
	case encap.kind == erspanType:
		port.Options["erspan_ver"] = "flow"
	}

	b.program.Ports = append(b.program.Ports, port)
	b.program.Tunnel.Ports = append(b.program.Tunnel.Ports, encap.port)
	b.tunnels[encap.port] = b.numbers.current(encap.port)
	return b.tunnels[encap.port]
}

// addGuard adds the flows that keep ordinary traffic and packets of tunnels out of captures. What
// other hosts send through our tunnels can only be seen by a capture of a whole switch.
func (b *programBuilder) addGuard() {
	p := b.planner
	var others []netip.Addr
	vswitch := slices.ContainsFunc(b.captures, func(c *capture) bool { return c.tally.vswitch > 0 })
	if vswitch {
		p.guarded.add(b.host.ID)
		others = b.world.otherTunnels(b.host)
	} else {
		delete(p.guarded, b.host.ID)
	}

	b.flows.addClosed()
	b.flows.addGuard(guard.List(b.host, b.world.copyPorts(), others))

	// A held capture may need the guard, and hosts that were not seen yet may have tunnel addresses
	// that are not known.
	if len(b.held) > 0 || vswitch && len(b.world.unseen) > 0 {
		b.held.add(ownerBridge)
	}
}

func (b *programBuilder) addCapture(c *capture) {
	inputs := objectInputs{
		port:        b.numbers.current(tapPort(c.id)),
		portRequest: b.numbers.request(tapPort(c.id)),
		frame:       c.tally.largestFrame(),
		rateMeter:   b.rates[c.service.ID],
		entering:    c.entering(b.host.Bridge(c.bridge)),
		leaving:     leaving(b.host, b.host.Bridge(c.bridge)),
		pool:        c.service.Type == tap.ServicePool,
		hashed:      c.tally.options.Sample > 1 || len(b.world.kernels) > 0,
	}

	for i := range c.legs {
		inputs.legs = append(inputs.legs, b.legInputs(c, &c.legs[i], inputs.frame))
	}
	b.addLostPeers(c)

	objects := b.planner.objects(c, inputs)
	b.program.Ports = append(b.program.Ports, objects.ports[:]...)
	b.program.Mirrors = append(b.program.Mirrors, objects.mirrors...)
	b.flows.entries = append(b.flows.entries, objects.flows...)
	b.flows.entries = append(b.flows.entries, objects.accounts...)
	if !inputs.joining() {
		b.flows.addDuplicates(c, b.planner.duplicates(b.host.ID, c))
	}
	if c.service.Dedup && len(b.world.unseen) > 0 {
		b.held.add(c.id) // What it drops may depend on hosts that were not seen yet.
	}
	b.program.Groups = append(b.program.Groups, objects.groups...)
}

// legInputs are those of one leg of a capture, which sees frames of a size.
func (b *programBuilder) legInputs(c *capture, l *leg, frame uint32) legInputs {
	in := legInputs{to: l.to}
	if c.service.Type == tap.ServicePool {
		in.member = memberMark(l.service.ID)
	}
	if l.encap == nil {
		return in
	}

	in.tunnelPort = b.tunnel(l.encap)
	if l.to.collector.addr.IsValid() {
		in.pathLimit = collectorLimit(b.host, l.encap, l.to.collector.addr)
		b.addCollector(c.id, l)
		return in
	}

	in.key = b.world.key(b.host.ID, l.encap, l.service.Key)
	in.pathLimit = pathLimit(b.host, l.to.tunnel.addr)
	peer := b.peer(l.to.tunnel.addr, l.encap)
	peer.Owners = append(peer.Owners, c.id)
	peer.FrameSize = max(peer.FrameSize, assumedFrame(copySize(frame, c.tally.options)))
	return in
}

// peer returns the other host at a tunnel address, and notes that its path is to be probed.
func (b *programBuilder) peer(addr netip.Addr, encap *encapsulation) *tap.Peer {
	key := peerKey{addr, encap.port}
	if b.peers[key] == nil {
		b.peers[key] = &tap.Peer{
			Addr: key.addr, Port: key.port,
			ProbeKey: b.world.key(b.host.ID, encap, wirekey.Probe),
		}
	}
	return b.peers[key]
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

	var received []tunnelSender
	var frame uint32
	if b.end.addr.IsValid() && (to.ok() || to.joining) {
		received, frame = b.receive(s)
	}
	if !to.ok() {
		return
	}

	for _, t := range b.planner.feeding(s.ID) {
		if t.uncertain > 0 {
			b.held.add(s.ID)
		}
	}
	if len(received) > 0 {
		b.flows.addReceive(s, to, frame, received)
	}
}

// receive finds how a service's copies arrive from other hosts, and the size of the largest one, 0
// if there is none. It notes the hosts, whose probes are to be answered.
func (b *programBuilder) receive(s *tap.Service) (received []tunnelSender, largest uint32) {
	for _, from := range b.planner.sendersTo(s.ID, b.host) {
		encap, _ := b.world.encapsulate(b.end, from.tunnel)
		if encap == nil {
			continue
		}

		received = append(received, tunnelSender{
			addr: from.tunnel.addr, port: b.tunnel(encap),
			key: b.world.key(from.host, encap, s.Key),
		})

		b.senders[tap.Sender{
			Addr: from.tunnel.addr, Port: encap.port,
			ProbeKey: b.world.key(from.host, encap, wirekey.Probe),
		}] = struct{}{}

		largest = max(largest, assumedFrame(from.frame))
	}

	// A host may send frames of several sizes. Two hosts may have the same address and, without a
	// secret, the same keys.
	return slices.Compact(received), largest
}

// finish sorts the program and adds what depends on all of it.
func (b *programBuilder) finish() *tap.Program {
	program := b.program
	program.Flows = b.flows.entries
	b.finishTunnel(&program.Tunnel)

	for _, owner := range sortedKeys(b.held) {
		program.Held = append(program.Held, tap.Hold{
			Owner: owner, Cookie: cookie(tag(b.planner.kindOf(owner), owner)),
		})
	}

	slices.SortFunc(program.Ports, func(a, b tap.Port) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortFunc(program.Groups, func(a, b tap.GroupEntry) int {
		return cmp.Compare(a.Mod.ID, b.Mod.ID)
	})
	slices.SortFunc(program.Mirrors, func(a, b tap.Mirror) int {
		return cmp.Compare(a.Name, b.Name)
	})

	return program
}

func (b *programBuilder) finishTunnel(t *tap.Tunnel) {
	slices.Sort(t.Ports)
	if len(t.Ports) > 0 {
		t.Port = t.Ports[0]
	}

	for _, peer := range b.peers {
		t.Peers = append(t.Peers, *peer)
	}

	t.Collectors = b.sortedCollectors()
	slices.SortFunc(t.Peers, func(a, b tap.Peer) int {
		return cmp.Or(a.Addr.Compare(b.Addr), cmp.Compare(a.Port, b.Port))
	})

	t.Senders = slices.SortedFunc(maps.Keys(b.senders), func(a, b tap.Sender) int {
		return cmp.Or(a.Addr.Compare(b.Addr), cmp.Compare(a.Port, b.Port),
			cmp.Compare(a.ProbeKey, b.ProbeKey))
	})
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
// only. To change the type means to make the bridge anew, so the present type stays while it serves
// an enabled flow, or no other type would. Otherwise the underlay's wins where it has a source of
// an enabled flow, since a userspace tap bridge must share the underlay's bridge to send through
// it. Then come the type with the most sources, the underlay's, and that of most bridges. It is ""
// on a host without bridges.
func (p *Planner) tapDatapath(h *tap.Host) string {
	type weight struct{ present, sends, sources, underlay, bridges int }
	weights := map[string]weight{}
	for _, b := range h.Bridges {
		w := weights[b.DatapathType]
		w.bridges++
		weights[b.DatapathType] = w
	}

	flows := 0
	for _, t := range p.tallies[h.ID] {
		if b := h.Bridge(t.bridge); b != nil {
			w := weights[b.DatapathType]
			w.sources += t.enabled
			weights[b.DatapathType] = w
			flows += t.enabled
		}
	}

	if w, known := weights[h.TapDatapath]; known && (w.sources > 0 || flows == 0) {
		w.present = 1
		weights[h.TapDatapath] = w
	}

	if w, known := weights[h.UnderlayDatapath]; known {
		w.underlay, w.sends = 1, min(w.sources, 1)
		weights[h.UnderlayDatapath] = w
	}

	best := ""
	for _, t := range sortedKeys(weights) {
		w, top := weights[t], weights[best]
		more := cmp.Or(cmp.Compare(w.present, top.present), cmp.Compare(w.sends, top.sends),
			cmp.Compare(w.sources, top.sources),
			cmp.Compare(w.underlay, top.underlay), cmp.Compare(w.bridges, top.bridges))
		if best == "" || more > 0 {
			best = t
		}
	}

	return best
}
