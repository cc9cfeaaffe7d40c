package engine

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net/netip"
	"reflect"
	"slices"
	"time"

	"github.com/tapline-sdn/tapline/controller/engine/events"
	"github.com/tapline-sdn/tapline/controller/engine/intent"
	"github.com/tapline-sdn/tapline/controller/engine/view"
	"github.com/tapline-sdn/tapline/controller/hypervisor"
	"github.com/tapline-sdn/tapline/controller/store"
	"github.com/tapline-sdn/tapline/ovsdb/client"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// Hosts returns all hosts by name.
func (e *Engine) Hosts() []view.Host {
	e.mu.Lock()
	defer e.mu.Unlock()
	out := make([]view.Host, 0, len(e.intent.Hosts.ByID))
	for _, h := range e.intent.Hosts.Sorted() {
		out = append(out, e.hostView(h))
	}
	return out
}

// Host returns the host of an id or name.
func (e *Engine) Host(ref string) (view.Host, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	h, err := e.intent.Hosts.Get(ref)
	if err != nil {
		return view.Host{}, err
	}
	return e.hostView(h), nil
}

func (e *Engine) hostView(record *store.Host) view.Host {
	v := view.Host{Host: *record, TunnelIP: record.TunnelIP, Wires: record.Wires, Health: view.Health{State: tap.StatePending, Reason: "it was not reached yet"}}
	v.SystemID = cmp.Or(record.SystemID, e.lessons.known[record.ID].SystemID)
	h := e.hosts[record.ID]
	if h == nil {
		return v
	}
	v.Health, v.Connected = h.Health, h.Report.Connected
	v.TunnelIP, v.Wires = h.Observed.Host.TunnelIP, h.Observed.Host.Wires
	for _, b := range h.Observed.Host.Bridges {
		v.Bridges = append(v.Bridges, b.Name)
	}
	if snap := h.Report.Snapshot; snap != nil && snap.System() != nil {
		v.OVSVersion = snap.System().OVSVersion
		if _, exists := snap.Bridge(e.config.TapBridge); exists {
			v.Bridges = append(v.Bridges, e.config.TapBridge)
		}
	}
	slices.Sort(v.Bridges)
	return v
}

func (e *Engine) checkHost(h *store.Host) error {
	if _, err := client.ParseTarget(h.OVSDB); err != nil {
		return view.Errorf(view.Invalid, "ovsdb", "%v", err)
	}
	if ip := h.TunnelIP; ip.IsValid() && (ip.IsUnspecified() || ip.IsMulticast() || ip.IsLoopback() || ip.Zone() != "") {
		return view.Errorf(view.Invalid, "tunnel_ip", "%s is no address that other hosts can send to", ip)
	}
	h.TunnelIP = h.TunnelIP.Unmap()
	for wire, bridge := range h.Wires {
		if err := intent.CheckWord("wires", wire); err != nil {
			return err
		}
		if bridge == "" || len(bridge) > 15 {
			return view.Errorf(view.Invalid, "wires", "wire %s: %q is not a bridge name of 1 to 15 characters", wire, bridge)
		}
		if bridge == e.config.TapBridge {
			return view.Errorf(view.Invalid, "wires", "wire %s: bridge %s carries the copies, not a wire", wire, bridge)
		}
	}
	names, addresses := map[string]bool{}, map[tap.MAC]bool{}
	for i, n := range h.NICs {
		field := fmt.Sprintf("nics[%d]", i)
		switch {
		case n.Name == "" || len(n.Name) > 15:
			return view.Errorf(view.Invalid, field+".name", "%q is not an interface name of 1 to 15 characters", n.Name)
		case n.MAC.IsZero() || n.MAC.IsMulticast():
			return view.Errorf(view.Invalid, field+".mac", "NIC %s has no unicast address", n.Name)
		case names[n.Name]:
			return view.Errorf(view.Invalid, field+".name", "NIC %s is given twice", n.Name)
		case addresses[n.MAC] && n.UsedBy == "":
			return view.Errorf(view.Invalid, field+".mac", "two NICs have address %s", n.MAC)
		}
		names[n.Name], addresses[n.MAC] = true, n.UsedBy == ""
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, o := range e.intent.Hosts.ByID {
		if o.ID == h.ID {
			continue
		}
		if o.OVSDB == h.OVSDB {
			return view.Errorf(view.Conflict, "ovsdb", "%s already is host %s", h.OVSDB, o.Name)
		}
		if o.TunnelIP == h.TunnelIP && h.TunnelIP.IsValid() {
			return view.Errorf(view.Conflict, "tunnel_ip", "%s already is that of host %s", h.TunnelIP, o.Name)
		}
	}
	return nil
}

// CreateHost registers a host.
func (e *Engine) CreateHost(ctx context.Context, h store.Host) (view.Host, error) {
	if err := e.unregistered(ctx, &h); err != nil {
		return view.Host{}, err
	}
	e.write.Lock()
	defer e.write.Unlock()
	h.Meta = store.Meta{Request: h.Request, AppliedBy: h.AppliedBy}
	if h.ID == "" {
		h.ID = newID()
	} else if err := intent.CheckWord("id", h.ID); err != nil {
		return view.Host{}, err
	}
	e.mu.Lock()
	other := e.intent.Hosts.Find(h.ID)
	e.mu.Unlock()
	if other != nil {
		return view.Host{}, view.Errorf(view.Conflict, "id", "host %q already exists", h.ID)
	}
	if err := e.checkHost(&h); err != nil {
		return view.Host{}, err
	}
	if err := save(ctx, e, e.intent.Hosts, &h, nil, e.commit); err != nil {
		return view.Host{}, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.intent.Hosts.Put(&h)
	e.startHost(&h)
	return e.publishHost(&h, "created"), nil
}

// UpdateHost changes a host's record, such as its facts.
func (e *Engine) UpdateHost(ctx context.Context, name string, ifRevision uint64, edit func(*store.Host) error) (view.Host, error) {
	e.write.Lock()
	defer e.write.Unlock()
	before, h, err := begin(e, e.intent.Hosts, name, ifRevision)
	if err != nil {
		return view.Host{}, err
	}
	if err := e.editHost(&h, before, edit); err != nil {
		return view.Host{}, err
	}
	if h.RelearnTunnelIP {
		h.RelearnTunnelIP = false
		e.forgetTunnelIP(h.ID)
	}
	if reflect.DeepEqual(&h, before) {
		return e.Host(h.ID)
	}
	if err := save(ctx, e, e.intent.Hosts, &h, before, e.commit); err != nil {
		return view.Host{}, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.tookHost(&h, before), nil
}

// forgetTunnelIP has the tunnel address that a host's switch shows now count from now on. It takes mu.
func (e *Engine) forgetTunnelIP(id string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	fact := e.lessons.known[id]
	fact.TunnelIP = netip.Addr{}
	e.learnLocked(id, fact)

	if h := e.hosts[id]; h != nil {
		e.look(h)
		e.judgeHost(h)
	}
}

// editHost changes a copy of a host's record, and checks it.
func (e *Engine) editHost(h, before *store.Host, edit func(*store.Host) error) error {
	h.Wires, h.Uplinks, h.NICs = maps.Clone(h.Wires), maps.Clone(h.Uplinks), slices.Clone(h.NICs)
	if err := edit(h); err != nil {
		return err
	}
	if h.ID != before.ID {
		return view.Errorf(view.Invalid, "id", "the id of a host cannot be changed")
	}
	return e.checkHost(h)
}

// tookHost takes the changed record of a host over. The caller holds mu.
func (e *Engine) tookHost(h, before *store.Host) view.Host {
	e.intent.Hosts.Put(h)
	running := e.hosts[h.ID]
	switch {
	case running == nil || h.OVSDB != before.OVSDB || h.Name != before.Name:
		if running != nil {
			e.stopHost(running)
			running.stop()
		}
		e.startHost(h)
	default:
		running.SeenMAC = map[string]tap.MAC{} // The NICs may be others now.
		e.look(running)
		running.altered = false
		e.planning.MarkHost(h.ID)
	}
	v := e.publishHost(h, "updated")
	if h.Name != before.Name {
		e.renamed(h.ID)
	}
	return v
}

// unplugTime is how long the deletion of a host waits for its hypervisor to be done with tap NICs.
const unplugTime = 10 * time.Second

// DeleteHost takes everything of ours off a host that nothing refers to, and forgets it. It waits a while for tap NICs that are
// being plugged or unplugged there, as after the deletion of a service.
func (e *Engine) DeleteHost(
	ctx context.Context, name string, ifRevision uint64, _ bool,
) error {
	if err := e.untilUnplugged(ctx, name); err != nil {
		return err
	}
	e.write.Lock()
	defer e.write.Unlock()
	h, _, err := begin(e, e.intent.Hosts, name, ifRevision)
	if err != nil {
		return err
	}
	if err := e.unused(h.ID, "host "+h.Name); err != nil {
		return err
	}
	if s, nic := e.pluggedAt(h.ID); s != "" {
		return view.Errorf(view.Conflict, "", "NIC %s of tap service %s is plugged on host %s; delete that service, or unplug the NIC first", nic, s, h.Name)
	}
	if err := e.defined(h); err != nil {
		return err
	}
	if err := erase(ctx, e, e.intent.Hosts, h, e.commit); err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	v := e.hostView(h)
	if running := e.hosts[h.ID]; running != nil {
		seen := &running.Observed
		refused := seen.Host.Observed && e.refusalLocked(h, seen.Identity, seen.Host.TunnelIP) != ""
		e.stopHost(running)
		if refused { // It is another host's switch: what stands there stays.
			running.stop()
		} else {
			running.session.Retire()
			e.retiring[h.ID] = running
		}
	}
	e.learnLocked(h.ID, store.Learned{})
	e.intent.Hosts.Remove(h.ID)
	e.events.Publish(events.Event{Type: "deleted", Host: &v})
	return nil
}

// untilUnplugged waits until the hypervisor of a host that could be deleted is done with its orders.
func (e *Engine) untilUnplugged(ctx context.Context, name string) error {
	id, known := e.hostID(name)
	if !known || e.unused(id, name) != nil {
		return nil // Which is refused anyway.
	}
	ctx, cancel := context.WithTimeout(ctx, unplugTime)
	defer cancel()
	for {
		changed, stopped := e.events.Changed(id)
		if stopped || !e.unplugging(id) {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return view.Errorf(view.Conflict, "", "libvirt of host %s is still plugging or unplugging the NIC of a tap service; try again in a moment", name)
		}
	}
}

// unplugging reports whether a host's hypervisor has something to do that changes whether the host can be deleted.
func (e *Engine) unplugging(id string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	h := e.hosts[id]
	if h == nil || h.orders == nil || h.Guests.Problem != "" {
		return false
	}
	for _, g := range h.Guests.Guests {
		if slices.ContainsFunc(g.Services, func(s string) bool { return e.intent.Services.ByID[s] == nil }) {
			return true
		}
	}
	for _, outcome := range h.Guests.NICs {
		if outcome.State == hypervisor.Plugging {
			return true
		}
	}
	return h.Guests.Orders < e.standing.OrderNumber()
}

// pluggedAt names a tap service of a guest whose NIC is plugged on a host, and the port; "" if there is none. It would lose the
// tap bridge with the host.
func (e *Engine) pluggedAt(host string) (service, port string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, s := range e.intent.Services.ByID {
		for _, at := range e.places.Attachment(&s.Service).Locations {
			if at.Host == host {
				return s.Name, at.Port
			}
		}
	}
	return "", ""
}

// defined refuses to delete a host with a guest, perhaps off, whose definition has a tap NIC: it names the tap bridge, so that the
// guest would not start there any more.
func (e *Engine) defined(record *store.Host) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	h := e.hosts[record.ID]
	if h == nil {
		return nil
	}
	for _, g := range h.Guests.Guests {
		for _, id := range g.Services {
			if s := e.intent.Services.ByID[id]; s != nil {
				return view.Errorf(view.Conflict, "", "guest %s on host %s has NIC %s of tap service %s, and would not start without bridge %s; delete that service first, or move the guest",
					g.Name, record.Name, s.IfName, s.Name, e.config.TapBridge)
			}
		}
	}
	return nil
}

// WaitHost does for a host what WaitService does for a tap service.
func (e *Engine) WaitHost(ctx context.Context, name string) (view.Host, error) {
	v, err := e.Host(name)
	if err != nil {
		return v, err
	}
	id := v.ID
	return wait(ctx, e, id, func() (view.Host, bool, error) {
		v, err := e.Host(id)
		return v, v.State != tap.StatePending, err
	})
}
