package mirror

import (
	"maps"
	"net/netip"
	"slices"

	"github.com/tapline-sdn/tapline/plugin/tap"
)

type set map[string]struct{}

func (s set) add(id string) { s[id] = struct{}{} }

func sorted[V any](m map[string]V) []string {
	keys := slices.AppendSeq(make([]string, 0, len(m)), maps.Keys(m))
	slices.Sort(keys)
	return keys
}

// index maps a key to the ids that refer to it, sorted: most keys have one, for which a set would take ten times as much memory. Where
// there may be thousands, to keep them sorted would take too long: see sets.
type index map[string][]string

func (x index) add(key, id string) {
	if at, stands := slices.BinarySearch(x[key], id); !stands {
		x[key] = slices.Insert(x[key], at, id)
	}
}

func (x index) remove(key, id string) {
	ids := x[key]
	switch at, stands := slices.BinarySearch(ids, id); {
	case !stands:
	case len(ids) == 1:
		delete(x, key)
	default:
		x[key] = slices.Delete(ids, at, at+1)
	}
}

// sets maps a key to the ids that refer to it, however many.
type sets map[string]set

func (x sets) add(key, id string) {
	if x[key] == nil {
		x[key] = set{}
	}
	x[key].add(id)
}

func (x sets) remove(key, id string) {
	delete(x[key], id)
	if len(x[key]) == 0 {
		delete(x, key)
	}
}

// world is everything that the planner knows. The indexes say which flows and services a change of something touches.
type world struct {
	config   Config
	bridge   tap.TapBridge // as it must stand on each host, but for its datapath type
	hosts    map[string]*tap.Host
	guests   map[string]*tap.Guest
	services map[string]*tap.Service
	flows    map[string]*tap.Flow
	attached map[string][]tap.Location // service -> where its tap NIC was seen

	unseen set // hosts that were never observed

	flowsOfService  sets
	flowsOfSource   index // guest or host -> flows
	servicesAtHost  index // host -> services of type host
	servicesOfGuest index
	guestsSeenAt    sets  // host, registered or not -> guests with a NIC there
	servicesSeenAt  index // host, registered or not -> services with their tap NIC there
}

func newWorld(config Config) *world {
	return &world{
		config: config,
		bridge: tap.TapBridge{
			Name: config.Bridge, FailMode: "secure", Protocols: []string{"OpenFlow13"}, OtherConfig: map[string]string{"disable-in-band": "true"},
		},
		hosts: map[string]*tap.Host{}, guests: map[string]*tap.Guest{}, attached: map[string][]tap.Location{},
		services: map[string]*tap.Service{}, flows: map[string]*tap.Flow{},
		unseen:         set{},
		flowsOfService: sets{}, flowsOfSource: index{}, servicesAtHost: index{}, servicesOfGuest: index{},
		guestsSeenAt: sets{}, servicesSeenAt: index{},
	}
}

// touched lists what a change may have an effect on.
type touched struct {
	hosts, services, flows set
}

// apply takes a change in, and adds to t what it touches directly. It reports whether the tunnel addresses that are known changed, and
// whether the last unseen host was seen, or the first one came: "not found so far" is then "not there" for everything at once.
func (w *world) apply(c *tap.Change, t touched) (tunnelsChanged, allSeenChanged bool) {
	hadUnseen := len(w.unseen) > 0
	for i := range c.Hosts {
		h := &c.Hosts[i]
		w.touchHost(h.ID, t)
		if before := w.hosts[h.ID]; before == nil && h.TunnelIP.IsValid() || before != nil && before.TunnelIP != h.TunnelIP {
			tunnelsChanged = true
		}
		w.hosts[h.ID] = h
		delete(w.unseen, h.ID)
		if !h.Observed {
			w.unseen.add(h.ID)
		}
	}
	for _, id := range c.Gone.Hosts {
		w.touchHost(id, t)
		tunnelsChanged = tunnelsChanged || w.hosts[id] != nil
		delete(w.hosts, id)
		delete(w.unseen, id)
	}
	for i := range c.Guests {
		w.forgetGuest(c.Guests[i].ID)
		w.addGuest(&c.Guests[i])
		w.touchGuest(c.Guests[i].ID, t)
	}
	for _, id := range c.Gone.Guests {
		w.forgetGuest(id)
		w.touchGuest(id, t)
	}
	for _, a := range c.Attachments {
		w.attach(a.ServiceID, a.Locations)
		t.services.add(a.ServiceID)
	}
	for i := range c.Services {
		w.forgetService(c.Services[i].ID)
		w.addService(&c.Services[i])
		w.touchService(c.Services[i].ID, t)
	}
	for _, id := range c.Gone.Services {
		w.touchService(id, t)
		w.forgetService(id)
		delete(w.services, id)
		w.attach(id, nil)
	}
	for i := range c.Flows {
		w.touchFlow(c.Flows[i].ID, t)
		w.forgetFlow(c.Flows[i].ID)
		w.addFlow(&c.Flows[i])
	}
	for _, id := range c.Gone.Flows {
		w.touchFlow(id, t)
		w.forgetFlow(id)
	}
	return tunnelsChanged, hadUnseen != (len(w.unseen) > 0)
}

// otherTunnels are the tunnel addresses of all hosts but one, sorted.
func (w *world) otherTunnels(h *tap.Host) []netip.Addr {
	var all []netip.Addr
	for id, o := range w.hosts {
		if id != h.ID && o.TunnelIP.IsValid() && o.TunnelIP != h.TunnelIP {
			all = append(all, o.TunnelIP)
		}
	}
	slices.SortFunc(all, netip.Addr.Compare)
	return slices.Compact(all)
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
	if g := w.guests[id]; g != nil {
		for _, n := range g.NICs {
			for _, l := range n.Locations {
				w.guestsSeenAt.remove(l.Host, id)
			}
		}
		delete(w.guests, id)
	}
}

// attach sets where the tap NIC of a service was seen.
func (w *world) attach(service string, at []tap.Location) {
	for _, l := range w.attached[service] {
		w.servicesSeenAt.remove(l.Host, service)
	}
	for _, l := range at {
		w.servicesSeenAt.add(l.Host, service)
	}
	w.attached[service] = at
	if len(at) == 0 {
		delete(w.attached, service)
	}
}

func (w *world) addService(s *tap.Service) {
	w.services[s.ID] = s
	if s.Type == tap.ServiceHost {
		w.servicesAtHost.add(s.TargetID, s.ID)
	} else {
		w.servicesOfGuest.add(s.TargetID, s.ID)
	}
}

// forgetService takes a service out of the indexes.
func (w *world) forgetService(id string) {
	if s := w.services[id]; s != nil {
		w.servicesAtHost.remove(s.TargetID, id)
		w.servicesOfGuest.remove(s.TargetID, id)
	}
}

// sourceOf is the guest or the host that a flow mirrors; ids of both are unique together.
func sourceOf(f *tap.Flow) string {
	if f.Type == tap.FlowVSwitch {
		return f.HostID
	}
	return f.GuestID
}

func (w *world) addFlow(f *tap.Flow) {
	w.flows[f.ID] = f
	w.flowsOfService.add(f.TapID, f.ID)
	w.flowsOfSource.add(sourceOf(f), f.ID)
}

func (w *world) forgetFlow(id string) {
	if f := w.flows[id]; f != nil {
		w.flowsOfService.remove(f.TapID, id)
		w.flowsOfSource.remove(sourceOf(f), id)
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

// touchFlow is called before the flow changes: the service that it fed forgets its sender.
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
