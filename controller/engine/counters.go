package engine

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/tapline-sdn/tapline/controller/engine/fleet"
	"github.com/tapline-sdn/tapline/controller/engine/intent"
	"github.com/tapline-sdn/tapline/controller/engine/view"
	"github.com/tapline-sdn/tapline/controller/meter"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// freshCounters is the maximum age of counters that are shown on request.
const freshCounters = time.Second

// sampled takes in what the OpenFlow flows of a host have counted. It is called by the session's
// goroutines.
func (e *Engine) sampled(h *fleet.Host, r meter.Reading) {
	routes := map[string]meter.Route{}
	e.mu.Lock()
	for i := range r.Flows {
		owner := r.Flows[i].Owner
		if _, known := routes[owner]; known {
			continue
		}
		if route, known := e.route(h, owner); known {
			routes[owner] = route
		}
	}

	joinMembers(&r, routes)

	e.countCaptures(h, &r)
	gone := e.fleet.Running[h.ID] != h
	e.mu.Unlock()
	if !gone {
		e.book.Take(h.ID, r, routes)
	}
}

// joinMembers has what was counted by the addresses of members count as their tap flow's. Of a
// capture that this tap flow has alone everything is.
func joinMembers(r *meter.Reading, routes map[string]meter.Route) {
	alone := map[string]bool{} // owners that serve one tap flow with a selector
	flows := slices.Clone(r.Flows)
	for i := range flows {
		f := &flows[i]
		if !slices.ContainsFunc(f.TapFlows, isMember) {
			continue
		}

		alone[f.Owner] = len(routes[f.Owner].Flows) == 1
		var joined []string
		for _, id := range f.TapFlows {
			if isMember(id) {
				id = intent.SelectorOf(id)
			}
			if !slices.Contains(joined, id) {
				joined = append(joined, id)
			}
		}
		f.TapFlows = joined
	}

	r.Flows = slices.DeleteFunc(flows, func(f meter.FlowCount) bool {
		return f.Counts != tap.CountsByPlace && alone[f.Owner]
	})
}

func isMember(id string) bool { return intent.SelectorOf(id) != "" }

// route finds the service and the tap flows that an owner of OpenFlow flows on a host serves, by
// what these need. The caller holds mu.
func (e *Engine) route(h *fleet.Host, owner string) (meter.Route, bool) {
	kernel := h.Observed.Host.TapDatapath == "system"
	if e.intent.Services.ByID[owner] != nil {
		return meter.Route{Service: owner, Receives: true, Kernel: kernel}, true
	}

	out := meter.Route{Kernel: kernel, Largest: largestCaptured(h, owner)}
	for id := range e.standing.NeededBy(tap.Need{Host: h.ID, Owner: owner}) {
		f := e.intent.FlowRecord(id.ID)
		if id.Kind != tap.KindFlow || f == nil {
			continue
		}

		out.Service = f.TapID
		if !slices.Contains(out.Flows, f.ID) { // Members count as their tap flow.
			out.Flows = append(out.Flows, f.ID)
		}
		out.Filtered = out.Filtered || f.Filter != ""
		out.Resized = out.Resized || f.Snaplen != 0 || f.Tag != tap.VLANKeep ||
			e.standing.Verdict(id).Status.Cut != nil
		for _, n := range e.standing.Needs(id) {
			if n.Owner == f.TapID && n.Host != h.ID {
				out.Tunnel = h.Observed.Host.TunnelIP
			}
		}
	}

	return out, out.Service != ""
}

// largestCaptured is the size of the largest frame, with one VLAN tag, of the ports of the bridge
// that a capture mirrors; 0 while one is unknown.
func largestCaptured(h *fleet.Host, owner string) (octets uint32) {
	if h.Program == nil {
		return 0
	}

	bridges := map[string]bool{}
	for _, m := range h.Program.Program.Mirrors {
		if m.Owner == owner {
			bridges[m.Bridge] = true
		}
	}

	const header = 14 + 4
	for _, p := range h.Observed.Ports {
		if !bridges[p.Bridge] {
			continue
		}
		if p.MTU == 0 {
			return 0
		}
		octets = max(octets, p.MTU+header)
	}

	return octets
}

// SampleServices reads the counters of tap services and their sources again, unless they are fresh,
// for as long as ctx lasts.
func (e *Engine) SampleServices(ctx context.Context, refs ...string) {
	e.mu.Lock()
	var needs []tap.Need
	for _, name := range refs {
		if s := e.intent.Services.Find(name); s != nil {
			needs = append(needs, e.needsOf(s.ID)...)
		}
	}
	e.mu.Unlock()
	e.sample(ctx, needs)
}

// SampleFlows does for tap flows what SampleServices does for tap services.
func (e *Engine) SampleFlows(ctx context.Context, refs ...string) {
	e.mu.Lock()
	var needs []tap.Need
	for _, name := range refs {
		if f := e.intent.Flows.Find(name); f != nil {
			needs = append(needs, e.needsOfFlow(f.ID)...)
		}
	}
	e.mu.Unlock()
	e.sample(ctx, needs)
}

// needsOfFlow is what a tap flow and its members need on the switches. The caller holds mu.
func (e *Engine) needsOfFlow(flow string) []tap.Need {
	needs := append([]tap.Need(nil), e.standing.Needs(intent.FlowRef(flow))...)
	for member := range e.intent.MembersOf[flow] {
		needs = append(needs, e.standing.Needs(intent.FlowRef(member))...)
	}
	return needs
}

// needsOf is what a service and its flows need on the switches. The caller holds mu.
func (e *Engine) needsOf(service string) []tap.Need {
	needs := append([]tap.Need(nil), e.standing.Needs(intent.ServiceRef(service))...)
	for flow := range e.intent.FlowsOfService[service] {
		needs = append(needs, e.needsOfFlow(flow)...)
	}
	return needs
}

// maxSampled bounds how many hosts one request asks. Counters of the others are as old as the last
// background reading.
const maxSampled = 16

func (e *Engine) sample(ctx context.Context, needs []tap.Need) {
	ask := map[*fleet.Host]struct{}{}
	e.mu.Lock()
	for _, n := range needs {
		if h := e.fleet.Running[n.Host]; h != nil && len(ask) < maxSampled {
			ask[h] = struct{}{}
		}
	}

	e.mu.Unlock()
	var asked sync.WaitGroup
	for h := range ask {
		// What cannot be read is as old as sampled_at says.
		asked.Go(func() { _ = h.Session.Sample(ctx, freshCounters) })
	}

	asked.Wait()
}

// ServiceCounters returns the counters of all tap services by name, as last read.
func (e *Engine) ServiceCounters() []view.ServiceCounters {
	e.mu.Lock()
	services := e.intent.Services.Sorted()
	e.mu.Unlock()
	now := time.Now()
	out := make([]view.ServiceCounters, len(services))
	for i, s := range services {
		out[i] = view.ServiceCounters{Name: s.Name, Counters: e.book.Service(s.ID, now)}
	}
	return out
}

// Connections tells how many hosts are registered, and of how many each connection is there.
func (e *Engine) Connections() (registered, ovsdb, openflow int) {
	e.mu.Lock()
	defer e.mu.Unlock()

	return e.fleet.Connections()
}
