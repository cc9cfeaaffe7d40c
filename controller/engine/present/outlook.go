package present

import (
	"slices"

	"github.com/tapline-sdn/tapline/controller/engine/forecast"
	"github.com/tapline-sdn/tapline/controller/engine/intent"
	"github.com/tapline-sdn/tapline/controller/engine/view"
	"github.com/tapline-sdn/tapline/controller/store"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// Outlook tells how everything stands, and will stand once the switches have what is planned. It
// takes mu.
func (p *Presenter) Outlook() forecast.Outlook {
	out := forecast.Outlook{
		Hosts:     map[string]forecast.Program{},
		Resources: map[forecast.ResourceKey]forecast.ResourceState{},
	}

	for id, h := range p.fleet.Running {
		p := forecast.Program{Host: p.intent.HostName(id), Users: map[string][]string{}}
		if h.Program != nil {
			p.Program = h.Program.Program
		}
		out.Hosts[id] = p
	}

	p.addRecords(out.Resources)
	for id, s := range p.intent.Services.ByID {
		if !s.Deleting {
			p.noteUser(out, intent.ServiceRef(id), s.Name)
		}
	}
	for id, f := range p.intent.Flows.ByID {
		if !f.Deleting {
			p.noteUser(out, intent.FlowRef(id), f.Name)
		}
	}

	return out
}

// addRecords adds all resources that are not being deleted.
func (p *Presenter) addRecords(to map[forecast.ResourceKey]forecast.ResourceState) {
	put := func(kind, id, name string, record any, health view.Health) {
		to[forecast.ResourceKey{Kind: kind, ID: id}] = forecast.ResourceState{Name: name,
			Record: record, Health: health}
	}

	for id, r := range p.intent.Hosts.ByID {
		record := *r
		record.Meta = store.Meta{}
		var health view.Health
		if h := p.fleet.Running[id]; h != nil {
			health = h.Foreseen()
		}
		put("host", id, r.Name, record, health)
	}

	for id, r := range p.intent.Guests.ByID {
		record := *r
		record.Meta = store.Meta{}
		put("guest", id, r.Name, record, view.Health{})
	}

	for id, r := range p.intent.Services.ByID {
		if !r.Deleting {
			health := p.standing.Foresee(intent.ServiceRef(id))
			put("tap_service", id, r.Name, r.Service, health)
		}
	}

	for id, r := range p.intent.Flows.ByID {
		if !r.Deleting {
			put("tap_flow", id, r.Name, r.Flow, p.standing.Foresee(intent.FlowRef(id)))
			key := forecast.ResourceKey{Kind: "tap_flow", ID: id}
			state := to[key]
			state.Members = p.memberNames(id)
			to[key] = state
		}
	}
}

// noteUser notes that the objects that a service or a flow needs serve it. The tap bridge serves
// everybody.
func (p *Presenter) noteUser(to forecast.Outlook, id intent.Ref, name string) {
	needs := p.standing.Needs(id)
	for member := range p.intent.MembersOf[id.ID] {
		needs = slices.Concat(needs, p.standing.Needs(intent.FlowRef(member)))
	}

	noted := map[tap.Need]bool{}
	for _, need := range needs {
		if noted[need] {
			continue
		}
		noted[need] = true
		if h, exists := to.Hosts[need.Host]; exists && need.Owner != tap.OwnerBridge {
			h.Users[need.Owner] = append(h.Users[need.Owner], name)
		}
	}
}
