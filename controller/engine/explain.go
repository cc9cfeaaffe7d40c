package engine

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/tapline-sdn/tapline/controller/engine/explain"
	"github.com/tapline-sdn/tapline/controller/engine/intent"
	"github.com/tapline-sdn/tapline/controller/engine/view"
	"github.com/tapline-sdn/tapline/controller/sets"
	"github.com/tapline-sdn/tapline/controller/store"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// ExplainFlow explains a tap flow. The switches of both ends are asked for their flows, for as long
// as ctx lasts.
func (e *Engine) ExplainFlow(ctx context.Context, name string) (explain.Explanation, error) {
	e.SampleFlows(ctx, name)
	return e.explain(ctx, func() (*explain.Scene, error) { return e.flowScene(name) })
}

// ExplainService explains a tap service.
func (e *Engine) ExplainService(ctx context.Context, name string) (explain.Explanation, error) {
	e.SampleServices(ctx, name)
	return e.explain(ctx, func() (*explain.Scene, error) { return e.serviceScene(name) })
}

// explain looks twice, since a switch must not be asked while mu is held: first which hosts matter,
// and after their switches have answered at everything.
func (e *Engine) explain(ctx context.Context,
	look func() (*explain.Scene, error)) (explain.Explanation, error) {
	scene, err := look()
	if err != nil {
		return explain.Explanation{}, err
	}

	asked := scene.Hosts
	e.readFlows(ctx, asked)

	if scene, err = look(); err != nil {
		return explain.Explanation{}, err
	}

	for id, h := range scene.Hosts {
		if answered := asked[id]; answered != nil {
			h.OFFlows, h.Err = answered.OFFlows, answered.Err
		}
	}

	return explain.Explain(scene), nil
}

// readFlows asks the switches of hosts for their flows. It takes mu, and does not hold it
// meanwhile.
func (e *Engine) readFlows(ctx context.Context, of map[string]*explain.Host) {
	var reading sync.WaitGroup
	defer reading.Wait()

	e.mu.Lock()
	defer e.mu.Unlock()

	for id, at := range of {
		if h := e.fleet.Running[id]; h != nil {
			reading.Go(func() { at.OFFlows, at.Err = h.Session.Flows(ctx) })
		}
	}
}

// flowScene copies what an explanation of a tap flow is made from. It takes mu.
func (e *Engine) flowScene(name string) (*explain.Scene, error) {
	e.mu.Lock()
	defer e.mu.Unlock()

	f, err := e.intent.Flows.Get(name)
	if err != nil {
		return nil, err
	}

	scene := e.newScene(intent.FlowRef(f.ID))
	scene.Flow, scene.Counters = f, e.book.Flow(f.ID, time.Now())
	if f.GuestID != "" {
		scene.SourceGuest = e.guestName(f.GuestID)
	}

	scene.Sources = e.sources(f)
	if f.HostID != "" {
		e.addHost(scene, f.HostID)
	}

	for _, at := range scene.Sources {
		e.addHost(scene, at.Host)
	}

	if s := e.intent.Services.ByID[f.TapID]; s != nil {
		e.addService(scene, s)
	}

	return scene, nil
}

// serviceScene copies what an explanation of a tap service is made from. It takes mu.
func (e *Engine) serviceScene(name string) (*explain.Scene, error) {
	e.mu.Lock()
	defer e.mu.Unlock()

	s, err := e.intent.Services.Get(name)
	if err != nil {
		return nil, err
	}

	scene := e.newScene(intent.ServiceRef(s.ID))
	scene.Counters = e.book.Service(s.ID, time.Now())
	e.addService(scene, s)

	for id := range e.intent.FlowsOfService[s.ID] {
		scene.Feeding = append(scene.Feeding, e.flowView(e.intent.Flows.ByID[id]))
	}

	slices.SortFunc(scene.Feeding, func(a, b view.Flow) int { return cmp.Compare(a.Name, b.Name) })
	return scene, nil
}

// newScene copies what matters of a service and of a flow alike. The caller holds mu.
func (e *Engine) newScene(id intent.Ref) *explain.Scene {
	scene := &explain.Scene{
		Observer: e.fleet.Observer, Plugged: e.config.Hypervisor != nil, PluginProblem: e.pluginProblem(),
		Verdict: e.standing.Verdict(id), Planning: e.standing.Unanswered(id),
		Needs: map[tap.Need]explain.NeedState{}, Hosts: map[string]*explain.Host{},
	}

	for _, need := range scene.Verdict.Status.Needs {
		health, busy := e.standing.Met(need)
		scene.Needs[need] = explain.NeedState{Health: health, Busy: busy}
		e.addHost(scene, need.Host)
	}

	for id, h := range e.fleet.Running {
		if h.Report.Snapshot == nil || !h.Report.Connected {
			scene.Disconnected = append(scene.Disconnected, e.intent.HostName(id))
		}
	}

	slices.Sort(scene.Disconnected)
	return scene
}

// pluginProblem says why the plugin does not answer; "" if it does. The caller holds mu.
func (e *Engine) pluginProblem() string {
	silence := e.silenceLocked(time.Now())
	if e.mirror != nil && silence == nil {
		return ""
	}
	if err := cmp.Or(e.config.Plugin.Err(), silence); err != nil {
		return err.Error()
	}
	return "it is being started"
}

// addHost copies a host into a scene. The caller holds mu.
func (e *Engine) addHost(scene *explain.Scene, id string) {
	if scene.Hosts[id] != nil {
		return
	}

	to := &explain.Host{ID: id, Name: e.intent.HostName(id)}
	scene.Hosts[id] = to
	h := e.fleet.Running[id]
	if h == nil {
		return
	}

	to.Registered, to.Record = true, e.intent.Hosts.ByID[id]
	to.Health, to.Since = h.Health, maps.Clone(h.Since)
	to.Report, to.Observed, to.Program = h.Report, h.Observed.Host, h.Program
	to.OpenFlow = h.Session.OpenFlowConnected()
}

// addService copies a tap service into a scene, where its NIC is, and what feeds it. The caller
// holds mu.
func (e *Engine) addService(scene *explain.Scene, s *store.Service) {
	scene.Service = s
	if s.Type == tap.ServiceHost {
		scene.Collector = e.intent.HostName(s.TargetID)
		e.addHost(scene, s.TargetID)
	} else {
		scene.Collector = e.guestName(s.TargetID)
	}

	scene.Attachments = e.standing.Attachment(s).Locations
	for _, at := range scene.Attachments {
		e.addHost(scene, at.Host)
	}

	id := intent.ServiceRef(s.ID)
	if health, known := e.standing.Plugging(id, e.standing.Verdict(id).Status); known {
		scene.NIC = &health
	}
	if h, g := e.standing.GuestOff(s.ID); g != nil {
		scene.GuestOff = &explain.Domain{Guest: g.Name, Host: e.intent.HostName(h.ID)}
	}

	scene.Captures = map[string]sets.Set{}
	for flow := range e.intent.FlowsOfService[s.ID] {
		for _, n := range e.standing.Needs(intent.FlowRef(flow)) {
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

// sources are the ports of a vnic's NIC, or the bridge of a vswitch. The caller holds mu.
func (e *Engine) sources(f *store.Flow) []tap.Location {
	if f.Type == tap.FlowVSwitch {
		bridge := f.WireID
		if h := e.fleet.Running[f.HostID]; h != nil && h.Observed.Host.Wires[f.WireID] != "" {
			bridge = h.Observed.Host.Wires[f.WireID]
		}
		return []tap.Location{{Host: f.HostID, Bridge: bridge}}
	}

	guest, _ := e.places.Guest(f.GuestID, e.intent.Guests.ByID[f.GuestID])
	for _, nic := range guest.NICs {
		if nic.MAC == f.MAC {
			return nic.Locations
		}
	}

	return nil
}
