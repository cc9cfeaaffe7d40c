package mirror

import (
	"net/netip"
	"slices"

	"github.com/tapline-sdn/tapline/plugin/tap"
)

// world is everything that the planner knows. The indexes find the flows and services that a change
// touches.
type world struct {
	config   Config
	secret   []byte        // see [tap.Change].Secret
	bridge   tap.TapBridge // the tap bridge of each host, but for its datapath type
	hosts    map[string]*tap.Host
	guests   map[string]*tap.Guest
	services map[string]*tap.Service
	flows    map[string]*tap.Flow
	attached map[string]tap.Attachment // by service
	ends     map[string]*tunnelEnd     // by host; replaced only when it changes

	unseen set // hosts that were not seen yet

	// Hosts in these indexes need not be registered.
	flowsOfService  largeIndex
	flowsOfSource   smallIndex // by guest or host
	servicesAtHost  smallIndex // services of type host
	servicesOfGuest smallIndex
	guestsSeenAt    largeIndex // by host: guests with a NIC there
	servicesSeenAt  smallIndex // by host: services with their tap NIC or a claim to it there

	kernels        set                            // hosts with a bridge on the kernel's datapath
	poolsOf        smallIndex                     // by service: pools of which it is a member
	remoteEncaps   map[encapKey]*encapsulation    // those used so far
	collectorPorts map[uint16]int                 // UDP port: how many remote collectors have it
	collectorsAt   map[netip.Addr]map[string]bool // by address: remote collectors there
	cuts           addrIndex                      // by address: hosts from which nothing arrives
}

func newWorld(config Config) *world {
	return &world{
		config: config,
		bridge: tap.TapBridge{
			Name: config.Bridge, FailMode: "secure", Protocols: []string{"OpenFlow13"},
			OtherConfig: map[string]string{"disable-in-band": "true"},
		},
		hosts: map[string]*tap.Host{}, guests: map[string]*tap.Guest{},
		services: map[string]*tap.Service{}, flows: map[string]*tap.Flow{},
		attached:       map[string]tap.Attachment{},
		ends:           map[string]*tunnelEnd{},
		unseen:         set{},
		flowsOfService: largeIndex{}, flowsOfSource: smallIndex{},
		servicesAtHost: smallIndex{}, servicesOfGuest: smallIndex{},
		guestsSeenAt: largeIndex{}, servicesSeenAt: smallIndex{},
		kernels: set{}, poolsOf: smallIndex{}, remoteEncaps: map[encapKey]*encapsulation{},
		collectorPorts: map[uint16]int{}, collectorsAt: map[netip.Addr]map[string]bool{},
		cuts: addrIndex{},
	}
}

// touched collects what a change may affect.
type touched struct {
	hosts, services, flows set
}

// worldChange says what a change affects beyond the objects that it touches.
type worldChange struct {
	tunnels bool // tunnel addresses changed
	allSeen bool // the last unseen host was seen, or there is an unseen host again

	// everywhere: each host guards other UDP ports, or spreads packets over pools in another way.
	everywhere bool
}

// apply takes a change in, and adds what it touches directly to t.
func (w *world) apply(c *tap.Change, t touched) (effect worldChange) {
	if c.Reset {
		w.secret = c.Secret
	}

	anyUnseen, anyKernel, ports := len(w.unseen) > 0, len(w.kernels) > 0, w.copyPorts()
	effect.tunnels = w.applyHosts(c, t)
	effect.allSeen = anyUnseen != (len(w.unseen) > 0)

	w.applyGuests(c, t)
	w.applyServices(c, t)
	w.applyFlows(c, t)
	effect.everywhere = anyKernel != (len(w.kernels) > 0) || !slices.Equal(ports, w.copyPorts())
	return effect
}

// applyHosts reports whether tunnel addresses changed.
func (w *world) applyHosts(c *tap.Change, t touched) (tunnelsChanged bool) {
	for i := range c.Hosts {
		h := &c.Hosts[i]
		w.touchHost(h.ID, t)

		var lastIP netip.Addr
		if last := w.hosts[h.ID]; last != nil {
			lastIP = last.TunnelIP
		}

		tunnelsChanged = tunnelsChanged || lastIP != h.TunnelIP

		w.hosts[h.ID] = h
		if end := w.newTunnelEnd(h); w.ends[h.ID] == nil || *w.ends[h.ID] != *end {
			w.ends[h.ID] = end
		}

		delete(w.unseen, h.ID)
		if !h.Observed {
			w.unseen.add(h.ID)
		}
		w.noteKernel(h)
		for _, service := range w.noteCuts(h) {
			t.services.add(service)
		}
	}

	for _, id := range c.Gone.Hosts {
		w.touchHost(id, t)
		tunnelsChanged = tunnelsChanged || w.hosts[id] != nil
		delete(w.hosts, id)
		delete(w.ends, id)
		delete(w.unseen, id)
		delete(w.kernels, id)
		for _, service := range w.noteCuts(&tap.Host{ID: id}) {
			t.services.add(service)
		}
	}

	return tunnelsChanged
}

func (w *world) applyGuests(c *tap.Change, t touched) {
	for i := range c.Guests {
		g := &c.Guests[i]
		w.forgetGuest(g.ID)
		w.addGuest(g)
		w.touchGuest(g.ID, t)
	}
	for _, id := range c.Gone.Guests {
		w.forgetGuest(id)
		w.touchGuest(id, t)
	}
}

func (w *world) applyServices(c *tap.Change, t touched) {
	for _, a := range c.Attachments {
		w.attach(a)
		t.services.add(a.ServiceID)
	}

	for i := range c.Services {
		s := &c.Services[i]
		w.forgetService(s.ID)
		w.addService(s)
		w.touchService(s.ID, t)
	}

	for _, id := range c.Gone.Services {
		w.touchService(id, t)
		w.forgetService(id)
		delete(w.services, id)
		w.attach(tap.Attachment{ServiceID: id})
	}
}

// applyFlows touches each flow before it changes too: the service that it fed loses a sender.
func (w *world) applyFlows(c *tap.Change, t touched) {
	for i := range c.Flows {
		f := &c.Flows[i]
		w.touchFlow(f.ID, t)
		w.forgetFlow(f.ID)
		w.addFlow(f)
	}
	for _, id := range c.Gone.Flows {
		w.touchFlow(id, t)
		w.forgetFlow(id)
	}
}

// otherTunnels are the tunnel addresses of all hosts but one, sorted.
func (w *world) otherTunnels(h *tap.Host) []netip.Addr {
	var addrs []netip.Addr
	for id, o := range w.hosts {
		if id != h.ID && o.TunnelIP.IsValid() && o.TunnelIP != h.TunnelIP {
			addrs = append(addrs, o.TunnelIP)
		}
	}
	slices.SortFunc(addrs, netip.Addr.Compare)
	return slices.Compact(addrs)
}

func (w *world) addGuest(g *tap.Guest) {
	w.guests[g.ID] = g
	for _, n := range g.NICs {
		for _, l := range n.Locations {
			w.guestsSeenAt.add(l.Host, g.ID)
		}
	}
}

func (w *world) forgetGuest(id string) {
	g := w.guests[id]
	if g == nil {
		return
	}

	for _, n := range g.NICs {
		for _, l := range n.Locations {
			w.guestsSeenAt.remove(l.Host, id)
		}
	}

	delete(w.guests, id)
}

// attach sets where the tap NIC of a service was seen.
func (w *world) attach(a tap.Attachment) {
	service := a.ServiceID
	last := w.attached[service]
	for _, l := range slices.Concat(last.Locations, last.Claims) {
		w.servicesSeenAt.remove(l.Host, service)
	}

	w.attached[service] = a
	if len(a.Locations)+len(a.Claims) == 0 {
		delete(w.attached, service)
	}

	for _, l := range slices.Concat(a.Locations, a.Claims) {
		w.servicesSeenAt.add(l.Host, service)
	}
}

func (w *world) addService(s *tap.Service) {
	w.services[s.ID] = s
	switch s.Type {
	case tap.ServiceHost:
		w.servicesAtHost.add(s.TargetID, s.ID)
	case tap.ServiceGuest:
		w.servicesOfGuest.add(s.TargetID, s.ID)
	case tap.ServiceRemote:
		w.addCollector(s)
	}
	for _, member := range s.Members {
		w.poolsOf.add(member, s.ID)
	}
}

// forgetService removes a service from the indexes.
func (w *world) forgetService(id string) {
	if s := w.services[id]; s != nil {
		w.servicesAtHost.remove(s.TargetID, id)
		w.servicesOfGuest.remove(s.TargetID, id)
		w.removeCollector(s)
		for _, member := range s.Members {
			w.poolsOf.remove(member, id)
		}
	}
}

// sourceID is the id of the guest or host that a flow mirrors. No guest has the id of a host.
func sourceID(f *tap.Flow) string {
	if f.Type == tap.FlowVSwitch {
		return f.HostID
	}
	return f.GuestID
}

func (w *world) addFlow(f *tap.Flow) {
	w.flows[f.ID] = f
	w.flowsOfService.add(f.TapID, f.ID)
	w.flowsOfSource.add(sourceID(f), f.ID)
}

func (w *world) forgetFlow(id string) {
	if f := w.flows[id]; f != nil {
		w.flowsOfService.remove(f.TapID, id)
		w.flowsOfSource.remove(sourceID(f), id)
		delete(w.flows, id)
	}
}

func (w *world) touchHost(id string, t touched) {
	t.hosts.add(id)
	for _, f := range w.flowsOfSource[id] {
		t.flows.add(f)
	}

	for _, s := range w.servicesAtHost[id] {
		t.services.add(s)
	}

	for g := range w.guestsSeenAt[id] {
		w.touchGuest(g, t)
	}

	for _, s := range w.servicesSeenAt[id] {
		t.services.add(s)
	}
}

func (w *world) touchGuest(id string, t touched) {
	for _, f := range w.flowsOfSource[id] {
		t.flows.add(f)
	}
	for _, s := range w.servicesOfGuest[id] {
		t.services.add(s)
	}
}

// serviceOf is the id of the service that a flow feeds; "" if there is no such flow.
func (w *world) serviceOf(flow string) string {
	if f := w.flows[flow]; f != nil {
		return f.TapID
	}
	return ""
}

// touchFlow touches a flow, and the service that it feeds so far.
func (w *world) touchFlow(id string, t touched) {
	t.flows.add(id)
	if f := w.flows[id]; f != nil {
		t.services.add(f.TapID)
	}
}

func (w *world) touchService(id string, t touched) {
	t.services.add(id)
	for f := range w.flowsOfService[id] {
		t.flows.add(f)
	}
}
