package present

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	"github.com/tapline-sdn/tapline/controller/engine/intent"
	"github.com/tapline-sdn/tapline/controller/engine/view"
	"github.com/tapline-sdn/tapline/controller/hypervisor"
	"github.com/tapline-sdn/tapline/controller/inventory"
	"github.com/tapline-sdn/tapline/controller/meter"
	"github.com/tapline-sdn/tapline/controller/store"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// Flow returns the view of a tap flow.
func (p *Presenter) Flow(f *store.Flow) view.Flow {
	verdict := p.standing.Verdict(intent.FlowRef(f.ID))
	v := view.Flow{Flow: f, Health: verdict.Health, Counters: p.flowCounters(f.ID),
		Members: verdict.Members}
	if s := p.intent.Services.ByID[f.TapID]; s != nil {
		v.Tap = s.Name
	}
	if f.GuestID != "" {
		v.Guest = p.GuestName(f.GuestID)
	}
	if f.HostID != "" {
		v.Host = p.intent.HostName(f.HostID)
	}

	return v
}

// flowCounters is what is known of a tap flow's copies.
func (p *Presenter) flowCounters(id string) meter.Counters {
	counters := p.book.Flow(id, time.Now())
	counters.Cut = p.standing.Verdict(intent.FlowRef(id)).Status.Cut
	if f := p.intent.Flows.ByID[id]; f != nil {
		counters.Unseen = arrivesUnseen(p.intent.Services.ByID[f.TapID])
	}
	return counters
}

// arrivesUnseen reports whether no switch counts what arrives at a service, which may be nil.
func arrivesUnseen(s *store.Service) bool {
	return s != nil && (s.Type == tap.ServiceRemote || s.Type == tap.ServicePool)
}

// Service returns the view of a tap service.
func (p *Presenter) Service(s *store.Service) view.Service {
	v := view.Service{
		Service: *s, Health: p.standing.Health(intent.ServiceRef(s.ID)),
		FlowCount: len(p.intent.FlowsTo(s.ID)),
		Counters:  p.book.Service(s.ID, time.Now()),
	}
	v.Counters.Unseen = arrivesUnseen(s)

	if s.Type == tap.ServiceHost {
		v.HostID, v.Host, v.Target = s.TargetID, p.intent.HostName(s.TargetID),
			p.intent.HostName(s.TargetID)
		if h := p.fleet.Running[s.TargetID]; h != nil && h.Observed.Host.TunnelIP.IsValid() {
			v.TargetIPs = []netip.Addr{h.Observed.Host.TunnelIP}
		}
		return v
	}

	for _, id := range s.Members {
		name := id
		if member := p.intent.Services.ByID[id]; member != nil {
			name = member.Name
		}
		v.MemberNames = append(v.MemberNames, name)
	}
	if s.Type != tap.ServiceGuest {
		return v
	}

	guest, _ := p.places.Guest(s.TargetID, p.intent.Guests.ByID[s.TargetID])
	v.Target = guest.Name
	for _, n := range guest.NICs {
		v.TargetIPs = append(v.TargetIPs, n.IPs...)
	}

	for _, at := range p.standing.Attachment(s).Locations {
		v.HostID, v.Host = at.Host, p.intent.HostName(at.Host)
	}

	if v.Place = p.intent.Places[s.ID]; v.Place != "" {
		v.PlaceHost = p.intent.HostName(v.Place)
	}

	// It marshals text alone.
	v.NICXML, _ = hypervisor.NICXML(s.Service, p.fleet.Observer.Cluster, p.fleet.Observer.TapBridge)
	return v
}

// Guests returns all guests by name, declared or seen.
func (p *Presenter) Guests() []view.Guest {
	ids := p.places.SeenGuests()
	for id := range p.intent.Guests.ByID {
		ids.Add(id)
	}

	out := make([]view.Guest, 0, len(ids))
	for id := range ids {
		if v, exists := p.Guest(id); exists {
			out = append(out, v)
		}
	}

	slices.SortFunc(out, func(a, b view.Guest) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID))
	})
	return out
}

// Guest returns the view of a guest. It is false if there is none of that id.
func (p *Presenter) Guest(id string) (view.Guest, bool) {
	return p.GuestAs(id, p.intent.Guests.ByID[id])
}

// GuestAs returns the view of a guest as it was declared by record, if that is not nil, and as it
// is seen. It is false if the guest is neither.
func (p *Presenter) GuestAs(id string, record *store.Guest) (view.Guest, bool) {
	g, exists := p.places.Guest(id, record)
	v := view.Guest{ID: g.ID, Name: g.Name, Declared: record != nil}
	if record != nil {
		v.Revision = record.Revision
		v.Record = record
	}

	known := p.places.DomainsOf(id, record)
	v.Labels = p.places.Labels(&g, record)
	v.Sources = inventory.GuestSources(record, known)
	if len(known) > 0 {
		v.State, v.HostID, v.Host = p.places.Domain(known[0]).State, known[0].Host,
			p.intent.HostName(known[0].Host)
	}

	for _, n := range g.NICs {
		nic := view.NIC{MAC: n.MAC, IPs: n.IPs, IfName: n.IfName,
			Sources: p.places.NICSources(&n, record, known)}
		for _, l := range n.Locations {
			nic.HostID, nic.Host, nic.Bridge, nic.Port = l.Host, p.intent.HostName(l.Host),
				l.Bridge, l.Port
		}
		v.NICs = append(v.NICs, nic)
	}

	return v, exists
}

// GuestName is the name of a guest: as declared, as its hypervisor knows it, or else its id.
func (p *Presenter) GuestName(id string) string {
	if g := p.intent.Guests.ByID[id]; g != nil {
		return g.Name
	}
	if known := p.places.DomainsOf(id, nil); len(known) > 0 {
		return p.places.Domain(known[0]).Name
	}
	return id
}

// Host returns the view of a host.
func (p *Presenter) Host(record *store.Host) view.Host {
	v := view.Host{Host: *record, TunnelIP: record.TunnelIP, Wires: record.Wires,
		Health: view.Health{State: tap.StatePending, Reason: "it was not reached yet"}}
	v.SystemID = cmp.Or(record.SystemID, p.fleet.Lessons.Known(record.ID).SystemID)
	h := p.fleet.Get(record.ID)
	if h == nil {
		return v
	}

	v.Health, v.Connected = h.Health, h.Report.Connected
	v.OpenFlow = h.Session.OpenFlowConnected()
	v.MayStillCopy = p.mayStillCopy(h.ID)
	v.GuessedUplinks, v.Lacking = h.Observed.GuessedUplinks, h.Observed.Host.Lacking
	v.TunnelIP, v.Wires = h.Observed.Host.TunnelIP, h.Observed.Host.Wires
	for _, b := range h.Observed.Host.Bridges {
		v.Bridges = append(v.Bridges, b.Name)
	}
	for _, b := range h.Observed.Host.FakeBridges {
		v.Bridges = append(v.Bridges, b.Name)
	}

	if snap := h.Report.Snapshot; snap != nil && snap.System() != nil {
		v.OVSVersion = snap.System().OVSVersion
		if _, exists := snap.Bridge(p.fleet.Observer.TapBridge); exists {
			v.Bridges = append(v.Bridges, p.fleet.Observer.TapBridge)
		}
	}

	slices.Sort(v.Bridges)
	return v
}

// mayStillCopy names the services and flows of which something may still be on a host, sorted. The
// caller holds mu.
func (p *Presenter) mayStillCopy(host string) []string {
	var names []string
	for _, id := range p.standing.MayStillCopy(host) {
		names = append(names, p.intent.Name(id))
	}
	slices.Sort(names)
	return names
}
