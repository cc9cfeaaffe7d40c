package present

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/tapline-sdn/tapline/controller/engine/explain"
	"github.com/tapline-sdn/tapline/controller/engine/intent"
	"github.com/tapline-sdn/tapline/controller/engine/view"
	"github.com/tapline-sdn/tapline/controller/sets"
	"github.com/tapline-sdn/tapline/controller/store"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// FlowScene copies what an explanation of a tap flow is made from.
func (p *Presenter) FlowScene(name string) (*explain.Scene, error) {
	f, err := p.intent.Flows.Get(name)
	if err != nil {
		return nil, err
	}

	scene := p.newScene(intent.FlowRef(f.ID))
	scene.Flow, scene.Counters = f, p.flowCounters(f.ID)
	if f.GuestID != "" {
		scene.SourceGuest = p.GuestName(f.GuestID)
	}

	scene.Sources, scene.Twins = p.sources(f), p.twins(f)
	if f.Type == tap.FlowSelector {
		p.addMembers(scene, f.ID)
	}
	if f.HostID != "" {
		p.addHost(scene, f.HostID)
	}

	for _, at := range scene.Sources {
		p.addHost(scene, at.Host)
	}

	if s := p.intent.Services.ByID[f.TapID]; s != nil {
		p.addService(scene, s)
	}

	return scene, nil
}

// ServiceScene copies what an explanation of a tap service is made from.
func (p *Presenter) ServiceScene(name string) (*explain.Scene, error) {
	s, err := p.intent.Services.Get(name)
	if err != nil {
		return nil, err
	}

	scene := p.newScene(intent.ServiceRef(s.ID))
	scene.Counters = p.book.Service(s.ID, time.Now())
	p.addService(scene, s)

	for id := range p.intent.FlowsOfService[s.ID] {
		scene.Feeding = append(scene.Feeding, p.Flow(p.intent.Flows.ByID[id]))
	}

	slices.SortFunc(scene.Feeding, func(a, b view.Flow) int { return cmp.Compare(a.Name, b.Name) })
	return scene, nil
}

// newScene copies what matters of a service and of a flow alike.
func (p *Presenter) newScene(id intent.Ref) *explain.Scene {
	scene := &explain.Scene{
		Observer: p.fleet.Observer, Plugged: p.plugged,
		Verdict: p.standing.Verdict(id), Planning: p.standing.Unanswered(id),
		Needs: map[tap.Need]explain.NeedState{}, Hosts: map[string]*explain.Host{},
	}

	for _, need := range scene.Verdict.Status.Needs {
		health, busy := p.standing.Met(need)
		scene.Needs[need] = explain.NeedState{Health: health, Busy: busy}
		p.addHost(scene, need.Host)
	}

	for id, h := range p.fleet.Running {
		if h.Report.Snapshot == nil || !h.Report.Connected {
			scene.Disconnected = append(scene.Disconnected, p.intent.HostName(id))
		}
	}

	scene.MayStillCopy = p.standing.HostsOf(id)
	for _, host := range scene.MayStillCopy {
		p.addHost(scene, host)
	}

	slices.Sort(scene.Disconnected)
	return scene
}

// addHost copies a host into a scene.
func (p *Presenter) addHost(scene *explain.Scene, id string) {
	if scene.Hosts[id] != nil {
		return
	}

	to := &explain.Host{ID: id, Name: p.intent.HostName(id)}
	scene.Hosts[id] = to
	h := p.fleet.Get(id)
	if h == nil {
		return
	}

	to.Registered, to.Record = true, p.intent.Hosts.ByID[id]
	to.Health, to.Since = h.Health, maps.Clone(h.Since)
	to.Report, to.Observed, to.Program = h.Report, h.Observed.Host, h.Program
	to.OpenFlow = h.Session.OpenFlowConnected()
}

// addService copies a tap service into a scene, where its NIC is, and what feeds it.
func (p *Presenter) addService(scene *explain.Scene, s *store.Service) {
	scene.Service = s
	if s.Type == tap.ServiceHost {
		scene.Collector = p.intent.HostName(s.TargetID)
		p.addHost(scene, s.TargetID)
	} else if s.Type == tap.ServiceGuest {
		scene.Collector = p.GuestName(s.TargetID)
	}

	scene.Attachments = p.standing.Attachment(s).Locations
	for _, at := range scene.Attachments {
		p.addHost(scene, at.Host)
	}

	id := intent.ServiceRef(s.ID)
	if health, known := p.standing.Plugging(id, p.standing.Verdict(id).Status); known {
		scene.NIC = &health
	}
	if h, g := p.standing.GuestOff(s.ID); g != nil {
		scene.GuestOff = &explain.Domain{Guest: g.Name, Host: p.intent.HostName(h.ID)}
	}

	scene.Captures = map[string]sets.Set{}
	for flow := range p.intent.FlowsOfService[s.ID] {
		for _, n := range p.standing.Needs(intent.FlowRef(flow)) {
			if n.Owner == s.ID || n.Owner == tap.OwnerBridge {
				continue
			}
			if scene.Captures[n.Host] == nil {
				scene.Captures[n.Host] = sets.Set{}
			}
			scene.Captures[n.Host].Add(n.Owner)
		}
	}
}

// sources are the ports of a vnic's NIC, or the bridge of a vswitch.
func (p *Presenter) sources(f *store.Flow) []tap.Location {
	if f.Type == tap.FlowVSwitch {
		bridge := f.WireID
		if h := p.fleet.Running[f.HostID]; h != nil {
			if on, _ := h.Observed.Host.WireBridge(f.WireID); on != nil {
				bridge = on.Name
			} else if name := h.Observed.Host.Wires[f.WireID]; name != "" {
				bridge = name
			}
		}
		return []tap.Location{{Host: f.HostID, Bridge: bridge}}
	}

	guest, _ := p.places.Guest(f.GuestID, p.intent.Guests.ByID[f.GuestID])
	for _, nic := range guest.NICs {
		if nic.MAC == f.MAC {
			return nic.Locations
		}
	}

	return nil
}
