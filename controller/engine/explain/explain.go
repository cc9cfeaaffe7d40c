package explain

import (
	"fmt"
	"slices"

	"github.com/tapline-sdn/tapline/controller/engine/standing"
	"github.com/tapline-sdn/tapline/controller/engine/view"
	"github.com/tapline-sdn/tapline/controller/meter"
	"github.com/tapline-sdn/tapline/controller/reconcile"
	"github.com/tapline-sdn/tapline/controller/session"
	"github.com/tapline-sdn/tapline/controller/store"
	"github.com/tapline-sdn/tapline/openflow"
	"github.com/tapline-sdn/tapline/openflow/flowtable"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// explainer makes an [Explanation].
type explainer struct {
	scene *Scene
	out   Explanation
	hosts []*involved // in the order in which they were first mentioned
}

// involved is a host that an explanation is about.
type involved struct {
	id     string
	host   *Host // nil if it is not registered
	owners []string
}

// Explain explains a tap flow or a tap service.
func Explain(scene *Scene) Explanation {
	x := &explainer{scene: scene}
	if scene.Flow != nil {
		x.flow(scene.Flow)
	} else {
		x.service(scene.Service)
	}
	x.describe()
	return x.out
}

// host is a registered host; nil if there is none of that id, or it does not matter.
func (x *explainer) host(id string) *Host {
	if h := x.scene.Hosts[id]; h != nil && h.Registered {
		return h
	}
	return nil
}

func (x *explainer) hostName(id string) string {
	if h := x.scene.Hosts[id]; h != nil {
		return h.Name
	}
	return id
}

// at notes that a host is involved, with the objects of some owners there.
func (x *explainer) at(id string, owners ...string) *involved {
	i := slices.IndexFunc(x.hosts, func(a *involved) bool { return a.id == id })
	if i < 0 {
		i = len(x.hosts)
		x.hosts = append(x.hosts, &involved{id: id, host: x.host(id)})
	}

	for _, owner := range owners {
		if !slices.Contains(x.hosts[i].owners, owner) {
			x.hosts[i].owners = append(x.hosts[i].owners, owner)
		}
	}

	return x.hosts[i]
}

func (x *explainer) flow(f *store.Flow) {
	v, s := x.scene.Verdict, x.scene.Service
	x.out = Explanation{
		Kind: tap.KindFlow, ID: f.ID, Name: f.Name, Health: v.Health, Since: v.Since,
		Counters: x.scene.Counters,
	}

	x.enabled(f)

	if s != nil {
		x.check(Check{What: "tap service " + s.Name + " is enabled",
			Health: holds(s.Enabled, tap.StateDisabled, "it is disabled"),
			Next:   "tapctl tap-service-enable " + s.Name})
	}

	x.planned(v)
	sources := x.source(f)
	for _, h := range sources {
		x.at(h.HostID)
	}

	for _, n := range v.Status.Needs {
		x.at(n.Host, n.Owner)
	}

	for _, h := range sources {
		x.out.Path = append(x.out.Path, h)
		x.carry(f, h)
	}

	if len(sources) == 0 {
		what, found := x.sourceWords(f)
		x.out.Path = append(x.out.Path, Hop{What: "source", Text: what,
			Health: view.Health{State: tap.StatePending, Reason: found}})
	}

	if s != nil {
		x.destination(s)
	}

	x.needs(v)
	x.twins()
	x.switchFlows(f)
	x.leftovers()
}

// enabled checks that a tap flow is switched on, and that it is the time for it.
func (x *explainer) enabled(f *store.Flow) {
	c := Check{What: "tap flow " + f.Name + " is enabled",
		Health: holds(f.Enabled, tap.StateDisabled, "it is disabled"),
		Next:   "tapctl tap-flow-enable " + f.Name}

	switch health := x.scene.Verdict.Health; health.Code {
	case view.CodeExpired:
		c.Health, c.Next = health, c.Next+" --for 2h"
	case view.CodeScheduled:
		c.Health, c.Next = health, "wait, or tapctl tap-flow-update "+f.Name+" --starts-at now"
	}
	x.check(c)
}

func (x *explainer) service(s *store.Service) {
	v := x.scene.Verdict
	x.out = Explanation{
		Kind: tap.KindService, ID: s.ID, Name: s.Name, Health: v.Health, Since: v.Since,
		Counters: x.scene.Counters,
		Flows:    x.scene.Feeding,
	}

	x.check(Check{What: "tap service " + s.Name + " is enabled",
		Health: holds(s.Enabled, tap.StateDisabled, "it is disabled"),
		Next:   "tapctl tap-service-enable " + s.Name})

	x.planned(v)
	for _, n := range v.Status.Needs {
		x.at(n.Host, n.Owner)
	}

	x.destination(s)
	x.needs(v)
	x.leftovers()
}

// holds is the health of something that either holds or not.
func holds(ok bool, state tap.State, reason string) view.Health {
	if ok {
		return view.Health{State: tap.StateReady}
	}
	return view.Health{State: state, Reason: reason}
}

func (x *explainer) check(c Check) {
	c.Host = c.HostID
	if c.HostID != "" {
		c.Host = x.hostName(c.HostID)
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
func (x *explainer) planned(v standing.Verdict) {
	if why := x.scene.PluginProblem; why != "" {
		x.check(Check{What: "the mirror plugin runs",
			Health: view.Pending(view.CodePluginFailed, why),
			Next: "it is started again by itself, and the switches keep what they have; if it " +
				"stays away, the controller's log and /readyz say why"})
	} else {
		x.check(Check{What: "the mirror plugin runs", Health: view.Ready()})
	}

	switch {
	case x.scene.Planning || !v.Answered:
		x.check(Check{What: "it is planned", Health: view.Health{State: tap.StatePending,
			Reason: "the plugin has not answered yet"}, Since: v.Since})
	case v.NICReason: // What the hypervisor says of the tap NIC is told with that.
	case v.Status.State == tap.StatePending || v.Status.State == tap.StateError:
		x.check(Check{What: "it is planned", Health: view.Health{State: v.Status.State,
			Reason: v.Status.Reason}, Since: v.Since, Next: x.roomNext(v)})
	case v.Status.State == tap.StateProgrammed:
		x.check(Check{What: "it is planned", Health: view.Health{State: tap.StateReady}})
	}
}

// needs checks what must stand on the switches, and each switch that matters.
func (x *explainer) needs(v standing.Verdict) {
	for _, at := range slices.Clone(x.hosts) {
		x.connected(at)
	}
	for _, n := range v.Status.Needs {
		c := Check{What: x.ownerWords(n), HostID: n.Host, Owner: n.Owner}
		c.Health = x.scene.Needs[n].Health
		h := x.host(n.Host)
		if h != nil {
			c.Since = h.Since[n.Owner]
			if !h.Report.Connected {
				continue // Said already.
			}
			if got := h.Report.Owners[n.Owner]; got.State == session.Waiting && h.OpenFlow &&
				h.Program != nil {
				for _, peer := range h.Program.Program.Tunnel.Peers {
					if slices.Contains(peer.Owners, n.Owner) {
						c.Next = fmt.Sprintf("see whether GRE (IP protocol 47) passes between %s "+
							"and %s: a firewall, a route, or an underlay port that is down; "+
							"tcpdump -ni any ip proto 47 on both hosts",
							h.Observed.TunnelIP, peer.Addr)
					}
				}
			}
			if got := h.Report.Owners[n.Owner]; got.State == session.Failed {
				c.Next = fmt.Sprintf("on host %s: look at the row or flow that the reason names "+
					"(below), and at ovs-vswitchd.log", x.hostName(n.Host))
			}
		}

		x.check(c)
	}
}

// connected checks a host.
func (x *explainer) connected(at *involved) {
	name := x.hostName(at.id)
	h := at.host
	if h == nil {
		x.check(Check{What: "host " + name + " is registered", HostID: at.id,
			Health: view.Health{State: tap.StatePending, Reason: "it is not"},
			Next:   "tapctl host-create " + name + " --ovsdb tcp:IP:6640"})
		return
	}

	record := h.Record
	if !h.Report.Connected {
		x.check(Check{What: "OVSDB of host " + name + " is connected", HostID: at.id,
			Since:  h.Since[standing.OVSDBConnection],
			Health: view.Health{State: tap.StatePending, Reason: h.Report.Problem},
			Next: fmt.Sprintf("see whether %s is reachable from here; on the host: ovs-vsctl "+
				"get-manager, and ovs-vsctl set-manager ptcp:6640 if it listens nowhere",
				record.OVSDB)})
		return
	}

	x.check(Check{What: "OVSDB of host " + name + " is connected", HostID: at.id,
		Health: view.Health{State: tap.StateReady}, Since: h.Since[standing.OVSDBConnection]})

	if why := h.Observed.Refused; why != "" {
		x.check(Check{What: "host " + name + " can be programmed", HostID: at.id,
			Health: view.Health{State: tap.StateError, Reason: why},
			Next: fmt.Sprintf("on host %s: see with ovs-vsctl show whose bridge %s is; if nobody "+
				"needs it, ovs-vsctl del-br %s",
				name, x.scene.Observer.TapBridge, x.scene.Observer.TapBridge)})
		return
	}

	x.check(Check{What: "OpenFlow of host " + name + " is connected", HostID: at.id,
		Health: holds(h.OpenFlow, tap.StatePending, x.controllerWords(h)),
		Next: fmt.Sprintf("on host %s: ovs-vsctl --columns=target,is_connected,status list "+
			"controller; the target must be this controller, and no firewall may be between",
			name)})
}

// describe fills in the switches.
func (x *explainer) describe() {
	for _, at := range x.hosts {
		v := Switch{HostID: at.id, Host: x.hostName(at.id)}
		if at.host == nil {
			v.Health = view.Health{State: tap.StatePending, Reason: "it is not registered"}
			x.out.Switches = append(x.out.Switches, v)
			continue
		}

		h := at.host
		v.Health = h.Health
		v.OVSDB = Connection{Connected: h.Report.Connected, Problem: h.Report.Problem,
			Since: h.Since[standing.OVSDBConnection]}

		v.OpenFlow.Connected = h.OpenFlow
		if !v.OpenFlow.Connected {
			v.OpenFlow.Problem = x.controllerWords(h)
		}
		if ip := h.Observed.TunnelIP; ip.IsValid() {
			v.TunnelIP = ip.String()
		}

		if snap := h.Report.Snapshot; snap != nil && snap.System() != nil {
			v.OVSVersion = snap.System().OVSVersion
			v.Rows = x.rows(h, at.owners)
		}

		if at.host.Err != nil {
			v.FlowsError = at.host.Err.Error()
		}

		v.Flows = switchFlows(at)
		x.out.Switches = append(x.out.Switches, v)
	}
}

// switchFlows are the flows of a host's owners, as they stand and as they should.
func switchFlows(at *involved) []SwitchFlow {
	if at.host.Program == nil {
		return nil
	}

	installed := map[flowtable.Key]*openflow.FlowStats{}
	for i := range at.host.OFFlows {
		f := &at.host.OFFlows[i]
		installed[flowtable.KeyOf(f.Table, f.Priority, f.Match)] = f
	}

	var out []SwitchFlow
	uses := resources{groups: map[uint32]RowState{}, meters: map[uint32]RowState{}}
	for i := range at.host.Program.Program.Flows {
		f := &at.host.Program.Program.Flows[i]
		if f.Owner == tap.OwnerBridge || !slices.Contains(at.owners, f.Owner) {
			continue
		}

		line := SwitchFlow{Owner: f.Owner, Text: f.Mod.String(), State: RowMissing}
		if have := installed[flowtable.KeyOf(f.Mod.Table, f.Mod.Priority,
			f.Mod.Match)]; have != nil {
			line.Text, line.State = have.String(), RowStands
		}

		uses.note(f, line.State)
		out = append(out, line)
	}

	return append(out, uses.lines(at.host.Program.Program)...)
}

// passed sums what the flows of an owner have counted that satisfy a condition; nil if the flows
// could not be read.
func (at *involved) passed(owner string, counts func(reconcile.Meter) bool) *meter.Count {
	if at.host == nil || at.host.Program == nil || at.host.Err != nil || at.host.OFFlows == nil {
		return nil
	}

	meters := at.host.Program.Meters()
	var sum meter.Count
	for i := range at.host.OFFlows {
		f := &at.host.OFFlows[i]
		if m, known := meters.Of[flowtable.KeyOf(f.Table, f.Priority, f.Match)]; known &&
			m.Owner == owner && counts(m) {
			sum.Packets, sum.Bytes = sum.Packets+f.PacketCount, sum.Bytes+f.ByteCount
		}
	}

	return &sum
}

// roomNext says what to do where the bridge of a flow's source has no room for a mirror.
func (x *explainer) roomNext(v standing.Verdict) string {
	if v.Status.Code != tap.CodeMirrorsFull {
		return ""
	}

	for _, place := range x.scene.Sources {
		h := x.host(place.Host)
		if h == nil || h.Report.Snapshot == nil {
			continue
		}

		b, exists := h.Report.Snapshot.Bridge(place.Bridge)
		if exists && len(b.Mirrors) >= tap.MaxMirrors {
			return fmt.Sprintf("bridge %s of host %s has all the %d mirrors that Open vSwitch "+
				"takes: delete tap flows to other "+
				"services there, or mirrors of others (listed below): ovs-vsctl -- --id=@m get "+
				"mirror NAME -- remove bridge %s mirrors @m",
				b.Name, h.Name, tap.MaxMirrors, b.Name)
		}
	}

	return ""
}
