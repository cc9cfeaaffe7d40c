package engine

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/tapline-sdn/tapline/controller/engine/explain"
	"github.com/tapline-sdn/tapline/controller/engine/intent"
	"github.com/tapline-sdn/tapline/controller/engine/view"
	"github.com/tapline-sdn/tapline/controller/meter"
	"github.com/tapline-sdn/tapline/controller/session"
	"github.com/tapline-sdn/tapline/controller/store"
	"github.com/tapline-sdn/tapline/openflow"
	"github.com/tapline-sdn/tapline/openflow/flowtable"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// explainer gathers an Explanation.
type explainer struct {
	*Engine
	out   *explain.Explanation
	hosts []*explained          // in the order in which they were first mentioned
	read  map[string]*explained // what switches have answered already
}

// explained is a host that an explanation is about.
type explained struct {
	id     string
	host   *host // nil if it is not registered
	owners []string
	flows  []openflow.FlowStats
	err    error
}

// ExplainFlow explains a tap flow. The switches of both ends are asked for their flows, for as long as ctx lasts.
func (e *Engine) ExplainFlow(ctx context.Context, name string) (explain.Explanation, error) {
	e.SampleFlows(ctx, name)
	return e.explain(ctx, func(x *explainer) error {
		f, err := e.intent.Flows.Get(name)
		if err != nil {
			return err
		}
		x.flow(f)
		return nil
	})
}

// ExplainService explains a tap service.
func (e *Engine) ExplainService(ctx context.Context, name string) (explain.Explanation, error) {
	e.SampleServices(ctx, name)
	return e.explain(ctx, func(x *explainer) error {
		s, err := e.intent.Services.Get(name)
		if err != nil {
			return err
		}
		x.service(s)
		return nil
	})
}

// explain gathers in two steps, since a switch must not be asked while mu is held: first which hosts matter, then everything.
func (e *Engine) explain(ctx context.Context, about func(*explainer) error) (explain.Explanation, error) {
	gather := func(read map[string]*explained) (*explainer, error) {
		e.mu.Lock()
		defer e.mu.Unlock()
		x := &explainer{Engine: e, out: &explain.Explanation{}, read: read}
		if err := about(x); err != nil {
			return nil, err
		}
		x.describe()
		return x, nil
	}
	x, err := gather(nil)
	if err != nil {
		return explain.Explanation{}, err
	}
	read := map[string]*explained{}
	var reading sync.WaitGroup
	for _, at := range x.hosts {
		read[at.id] = at
		if at.host != nil {
			reading.Go(func() { at.flows, at.err = at.host.session.Flows(ctx) })
		}
	}
	reading.Wait()
	if x, err = gather(read); err != nil {
		return explain.Explanation{}, err
	}
	return *x.out, nil
}

// at is what is gathered of a host, on which something of these owners matters.
func (x *explainer) at(id string, owners ...string) *explained {
	i := slices.IndexFunc(x.hosts, func(a *explained) bool { return a.id == id })
	if i < 0 {
		i = len(x.hosts)
		at := &explained{id: id, host: x.Engine.hosts[id]}
		if answered := x.read[id]; answered != nil {
			at.flows, at.err = answered.flows, answered.err
		}
		x.hosts = append(x.hosts, at)
	}
	for _, owner := range owners {
		if !slices.Contains(x.hosts[i].owners, owner) {
			x.hosts[i].owners = append(x.hosts[i].owners, owner)
		}
	}
	return x.hosts[i]
}

func (x *explainer) flow(f *store.Flow) {
	id := intent.FlowRef(f.ID)
	v := x.verdicts[id]
	s := x.intent.Services.ByID[f.TapID]
	*x.out = explain.Explanation{
		Kind: id.Kind, ID: f.ID, Name: f.Name, Health: v.health, Since: v.since, Counters: x.book.Flow(f.ID, time.Now()),
	}
	x.check(explain.Check{What: "tap flow " + f.Name + " is enabled", Health: holds(f.Enabled, tap.StateDisabled, "it is disabled"),
		Next: "tapctl tap-flow-enable " + f.Name})
	if s != nil {
		x.check(explain.Check{What: "tap service " + s.Name + " is enabled", Health: holds(s.Enabled, tap.StateDisabled, "it is disabled"),
			Next: "tapctl tap-service-enable " + s.Name})
	}
	x.planned(id, v)
	sources := x.source(f)
	for _, h := range sources {
		x.at(h.HostID)
	}
	for _, n := range v.status.Needs {
		x.at(n.Host, n.Owner)
	}
	for _, h := range sources {
		x.out.Path = append(x.out.Path, h)
		x.carry(f, h)
	}
	if len(sources) == 0 {
		what, found := x.sourceWords(f)
		x.out.Path = append(x.out.Path, explain.Hop{What: "source", Text: what, Health: view.Health{State: tap.StatePending, Reason: found}})
	}
	if s != nil {
		x.destination(s)
	}
	x.needs(v)
}

func (x *explainer) service(s *store.Service) {
	id := intent.ServiceRef(s.ID)
	v := x.verdicts[id]
	*x.out = explain.Explanation{
		Kind: id.Kind, ID: s.ID, Name: s.Name, Health: v.health, Since: v.since, Counters: x.book.Service(s.ID, time.Now()),
	}
	x.check(explain.Check{What: "tap service " + s.Name + " is enabled", Health: holds(s.Enabled, tap.StateDisabled, "it is disabled"),
		Next: "tapctl tap-service-enable " + s.Name})
	x.planned(id, v)
	for _, n := range v.status.Needs {
		x.at(n.Host, n.Owner)
	}
	x.destination(s)
	x.needs(v)
	for flow := range x.intent.FlowsOfService[s.ID] {
		x.out.Flows = append(x.out.Flows, x.flowView(x.intent.Flows.ByID[flow]))
	}
	slices.SortFunc(x.out.Flows, func(a, b view.Flow) int { return cmp.Compare(a.Name, b.Name) })
}

// holds is the health of something that either holds or not.
func holds(ok bool, state tap.State, reason string) view.Health {
	if ok {
		return view.Health{State: tap.StateReady}
	}
	return view.Health{State: state, Reason: reason}
}

func (x *explainer) check(c explain.Check) {
	c.Host = c.HostID
	if c.HostID != "" {
		c.Host = x.intent.HostName(c.HostID)
	}
	if c.State == tap.StateReady {
		c.Next = ""
	}
	x.out.Checks = append(x.out.Checks, c)
	if c.Next != "" && !slices.Contains(x.out.Next, c.Next) {
		x.out.Next = append(x.out.Next, c.Next)
	}
}

// planned checks the plugin, and what it says.
func (x *explainer) planned(id intent.Ref, v verdict) {
	silent := x.silent(time.Now())
	if x.mirror == nil || silent != nil {
		why := "it is being started"
		if err := cmp.Or(x.config.Plugin.Err(), silent); err != nil {
			why = err.Error()
		}
		x.check(explain.Check{What: "the mirror plugin runs", Health: view.Health{State: tap.StatePending, Reason: why},
			Next: "it is started again by itself, and the switches keep what they have; if it stays away, the controller's log and /readyz say why"})
	} else {
		x.check(explain.Check{What: "the mirror plugin runs", Health: view.Health{State: tap.StateReady}})
	}
	_, waits := x.waiting[id]
	switch {
	case waits || !v.told:
		x.check(explain.Check{What: "it is planned", Health: view.Health{State: tap.StatePending, Reason: "the plugin has not answered yet"}, Since: v.since})
	case v.nic: // What the hypervisor says of the tap NIC is told with that.
	case v.status.State == tap.StatePending || v.status.State == tap.StateError:
		x.check(explain.Check{What: "it is planned", Health: view.Health{State: v.status.State, Reason: v.status.Reason}, Since: v.since, Next: x.roomNext(id)})
	case v.status.State == tap.StateProgrammed:
		x.check(explain.Check{What: "it is planned", Health: view.Health{State: tap.StateReady}})
	}
}

// needs checks what must stand on the switches, and each switch that matters.
func (x *explainer) needs(v verdict) {
	for _, at := range slices.Clone(x.hosts) {
		x.connected(at)
	}
	for _, n := range v.status.Needs {
		c := explain.Check{What: x.ownerWords(n), HostID: n.Host, Owner: n.Owner}
		state, reason, busy := x.met(n)
		c.Health = view.Health{State: state, Reason: reason}
		if busy {
			c.Health = view.Health{State: tap.StatePending, Reason: "the switch is being programmed"}
		}
		h := x.Engine.hosts[n.Host]
		if h != nil {
			c.Since = h.since[n.Owner]
			if !h.report.Connected {
				continue // Said already.
			}
			if got := h.report.Owners[n.Owner]; got.State == session.Waiting && h.session.OpenFlowConnected() && h.program != nil {
				for _, peer := range h.program.Program.Tunnel.Peers {
					if slices.Contains(peer.Owners, n.Owner) {
						c.Next = fmt.Sprintf("see whether GRE (IP protocol 47) passes between %s and %s: a firewall, a route, or an underlay port that is down; tcpdump -ni any ip proto 47 on both hosts",
							h.observed.Host.TunnelIP, peer.Addr)
					}
				}
			}
			if got := h.report.Owners[n.Owner]; got.State == session.Failed {
				c.Next = fmt.Sprintf("on host %s: look at the row or flow that the reason names (below), and at ovs-vswitchd.log", x.intent.HostName(n.Host))
			}
		}
		x.check(c)
	}
}

// connected checks a host.
func (x *explainer) connected(at *explained) {
	name := x.intent.HostName(at.id)
	h := at.host
	if h == nil {
		x.check(explain.Check{What: "host " + name + " is registered", HostID: at.id, Health: view.Health{State: tap.StatePending, Reason: "it is not"},
			Next: "tapctl host-create " + name + " --ovsdb tcp:IP:6640"})
		return
	}
	record := x.intent.Hosts.ByID[at.id]
	if !h.report.Connected {
		x.check(explain.Check{What: "OVSDB of host " + name + " is connected", HostID: at.id, Since: h.since[connection],
			Health: view.Health{State: tap.StatePending, Reason: h.report.Problem},
			Next: fmt.Sprintf("see whether %s is reachable from here; on the host: ovs-vsctl get-manager, and ovs-vsctl set-manager ptcp:6640 if it listens nowhere",
				record.OVSDB)})
		return
	}
	x.check(explain.Check{What: "OVSDB of host " + name + " is connected", HostID: at.id, Health: view.Health{State: tap.StateReady}, Since: h.since[connection]})
	if why := h.observed.Host.Refused; why != "" {
		x.check(explain.Check{What: "host " + name + " can be programmed", HostID: at.id, Health: view.Health{State: tap.StateError, Reason: why},
			Next: fmt.Sprintf("on host %s: see with ovs-vsctl show whose bridge %s is; if nobody needs it, ovs-vsctl del-br %s",
				name, x.config.TapBridge, x.config.TapBridge)})
		return
	}
	x.check(explain.Check{What: "OpenFlow of host " + name + " is connected", HostID: at.id,
		Health: holds(h.session.OpenFlowConnected(), tap.StatePending, x.controllerWords(h)),
		Next: fmt.Sprintf("on host %s: ovs-vsctl --columns=target,is_connected,status list controller; the target must be this controller, and no firewall may be between",
			name)})
}

// describe fills in the switches.
func (x *explainer) describe() {
	for _, at := range x.hosts {
		v := explain.Switch{HostID: at.id, Host: x.intent.HostName(at.id)}
		if at.host == nil {
			v.Health = view.Health{State: tap.StatePending, Reason: "it is not registered"}
			x.out.Switches = append(x.out.Switches, v)
			continue
		}
		h := at.host
		v.Health = h.health
		v.OVSDB = explain.Connection{Connected: h.report.Connected, Problem: h.report.Problem, Since: h.since[connection]}
		v.OpenFlow.Connected = h.session.OpenFlowConnected()
		if !v.OpenFlow.Connected {
			v.OpenFlow.Problem = x.controllerWords(h)
		}
		if ip := h.observed.Host.TunnelIP; ip.IsValid() {
			v.TunnelIP = ip.String()
		}
		if snap := h.report.Snapshot; snap != nil && snap.System() != nil {
			v.OVSVersion = snap.System().OVSVersion
			v.Rows = x.rows(h, at.owners)
		}
		if at.err != nil {
			v.FlowsError = at.err.Error()
		}
		v.Flows = switchFlows(at)
		x.out.Switches = append(x.out.Switches, v)
	}
}

// switchFlows are the flows of a host's owners, as they stand and as they should.
func switchFlows(at *explained) []explain.SwitchFlow {
	if at.host.program == nil {
		return nil
	}
	installed := map[flowtable.Key]*openflow.FlowStats{}
	for i := range at.flows {
		f := &at.flows[i]
		installed[flowtable.KeyOf(f.Table, f.Priority, f.Match)] = f
	}
	var out []explain.SwitchFlow
	for i := range at.host.program.Program.Flows {
		f := &at.host.program.Program.Flows[i]
		if f.Owner == tap.OwnerBridge || !slices.Contains(at.owners, f.Owner) {
			continue
		}
		line := explain.SwitchFlow{Owner: f.Owner, Text: f.Mod.String(), State: explain.RowMissing}
		if have := installed[flowtable.KeyOf(f.Mod.Table, f.Mod.Priority, f.Mod.Match)]; have != nil {
			line.Text, line.State = have.String(), explain.RowStands
		}
		out = append(out, line)
	}
	return out
}

// passed sums what the flows of an owner have counted that satisfy a condition; nil if the flows could not be read.
func (at *explained) passed(owner string, counts func(enters, leaves bool) bool) *meter.Count {
	if at.host == nil || at.host.program == nil || at.err != nil || at.flows == nil {
		return nil
	}
	meters := at.host.program.Meters()
	var sum meter.Count
	for i := range at.flows {
		f := &at.flows[i]
		if m, known := meters.Of[flowtable.KeyOf(f.Table, f.Priority, f.Match)]; known && m.Owner == owner && counts(m.Enters, m.Leaves) {
			sum.Packets, sum.Bytes = sum.Packets+f.PacketCount, sum.Bytes+f.ByteCount
		}
	}
	return &sum
}

// roomNext says what to do where the bridge of a flow's source has no room for a mirror.
func (x *explainer) roomNext(id intent.Ref) string {
	f := x.intent.Flows.ByID[id.ID]
	if id.Kind != tap.KindFlow || f == nil {
		return ""
	}
	for _, place := range x.sourcePlaces(f) {
		h := x.Engine.hosts[place.Host]
		if h == nil || h.report.Snapshot == nil {
			continue
		}
		if b, exists := h.report.Snapshot.Bridge(place.Bridge); exists && len(b.Mirrors) >= maxMirrors {
			return fmt.Sprintf("bridge %s of host %s has all the %d mirrors that Open vSwitch takes: delete tap flows to other services there, or mirrors of others (listed below): ovs-vsctl -- --id=@m get mirror NAME -- remove bridge %s mirrors @m",
				b.Name, x.intent.HostName(h.id), maxMirrors, b.Name)
		}
	}
	return ""
}
