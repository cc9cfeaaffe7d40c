package engine

import (
	"github.com/tapline-sdn/tapline/controller/engine/forecast"
	"github.com/tapline-sdn/tapline/controller/engine/intent"
	"github.com/tapline-sdn/tapline/controller/engine/view"
	"github.com/tapline-sdn/tapline/controller/store"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// outlook tells how everything stands, and will stand once the switches have what is planned. It
// takes mu.
func (e *Engine) outlook() forecast.Outlook {
	e.mu.Lock()
	defer e.mu.Unlock()

	out := forecast.Outlook{
		Hosts:     map[string]forecast.Program{},
		Resources: map[forecast.ResourceKey]forecast.ResourceState{},
	}

	for id, h := range e.fleet.Running {
		p := forecast.Program{Host: e.intent.HostName(id), Users: map[string][]string{}}
		if h.Program != nil {
			p.Program = h.Program.Program
		}
		out.Hosts[id] = p
	}

	put := func(kind, id, name string, record any, health view.Health) {
		out.Resources[forecast.ResourceKey{Kind: kind, ID: id}] = forecast.ResourceState{Name: name,
			Record: record, Health: health}
	}

	for id, r := range e.intent.Hosts.ByID {
		record := *r
		record.Meta = store.Meta{}
		var health view.Health
		if h := e.fleet.Running[id]; h != nil {
			health = h.Foreseen()
		}
		put("host", id, r.Name, record, health)
	}

	for id, r := range e.intent.Guests.ByID {
		record := *r
		record.Meta = store.Meta{}
		put("guest", id, r.Name, record, view.Health{})
	}

	for id, r := range e.intent.Services.ByID {
		if r.Deleting {
			continue
		}
		put("tap_service", id, r.Name, r.Service, e.standing.Foresee(intent.ServiceRef(id)))
		e.noteUser(out, intent.ServiceRef(id), r.Name)
	}

	for id, r := range e.intent.Flows.ByID {
		if r.Deleting {
			continue
		}
		put("tap_flow", id, r.Name, r.Flow, e.standing.Foresee(intent.FlowRef(id)))
		e.noteUser(out, intent.FlowRef(id), r.Name)
	}

	return out
}

// noteUser notes that the objects that a service or a flow needs serve it. The tap bridge serves
// everybody.
func (e *Engine) noteUser(to forecast.Outlook, id intent.Ref, name string) {
	for _, need := range e.standing.Needs(id) {
		if h, exists := to.Hosts[need.Host]; exists && need.Owner != tap.OwnerBridge {
			h.Users[need.Owner] = append(h.Users[need.Owner], name)
		}
	}
}
