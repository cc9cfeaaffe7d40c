package engine

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"time"

	"github.com/tapline-sdn/tapline/controller/engine/intent"
	"github.com/tapline-sdn/tapline/controller/engine/view"
	"github.com/tapline-sdn/tapline/controller/store"
	"github.com/tapline-sdn/tapline/ovsdb/client"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

func (e *Engine) checkHost(h *store.Host) error {
	if _, err := client.ParseTarget(h.OVSDB); err != nil {
		return view.Errorf(view.Invalid, "ovsdb", "%v", err)
	}
	if ip := h.TunnelIP; ip.IsValid() && (ip.IsUnspecified() || ip.IsMulticast() ||
		ip.IsLoopback() || ip.Zone() != "") {
		return view.Errorf(view.Invalid, "tunnel_ip",
			"%s is no address that other hosts can send to", ip)
	}

	h.TunnelIP = h.TunnelIP.Unmap()
	for wire, bridge := range h.Wires {
		if err := intent.CheckWord("wires", wire); err != nil {
			return err
		}
		if bridge == "" || len(bridge) > 15 {
			return view.Errorf(view.Invalid, "wires",
				"wire %s: %q is not a bridge name of 1 to 15 characters", wire, bridge)
		}
		if bridge == e.config.TapBridge {
			return view.Errorf(view.Invalid, "wires",
				"wire %s: bridge %s carries the copies, not a wire", wire, bridge)
		}
	}

	names, addresses := map[string]bool{}, map[tap.MAC]bool{}
	for i, n := range h.NICs {
		field := fmt.Sprintf("nics[%d]", i)
		switch {
		case n.Name == "" || len(n.Name) > 15:
			return view.Errorf(view.Invalid, field+".name",
				"%q is not an interface name of 1 to 15 characters", n.Name)
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
			return view.Errorf(view.Conflict, "tunnel_ip", "%s already is that of host %s",
				h.TunnelIP, o.Name)
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
	tombstone := e.tombstone(&h)
	if tombstone != nil && h.ID == "" {
		h.ID = tombstone.ID // Services and flows that may still copy there are known by it.
	} else if h.ID == "" {
		h.ID = newID()
	} else if err := intent.CheckWord("id", h.ID); err != nil {
		return view.Host{}, err
	}

	e.mu.Lock()
	other := e.intent.Hosts.Find(h.ID)
	e.mu.Unlock()
	if other != nil && other != tombstone {
		return view.Host{}, view.Errorf(view.Conflict, "id", "host %q already exists", h.ID)
	}
	if err := e.checkHost(&h); err != nil {
		return view.Host{}, err
	}
	if err := save(ctx, e, e.intent.Hosts, &h, tombstone, e.commit); err != nil {
		return view.Host{}, err
	}

	e.mu.Lock()
	defer e.mu.Unlock()

	if tombstone != nil {
		e.abandonTombstone(tombstone)
	}

	e.intent.Hosts.Put(&h)
	e.startHost(&h)
	return e.publish.Host(&h, "created"), nil
}

// identifyTime bounds how long the creation of a host waits for its switch to say which it is. A
// switch that cannot be reached by then is looked at when it can.
const identifyTime = time.Second

// unregistered refuses a new host whose switch another host already is. It takes mu.
func (e *Engine) unregistered(ctx context.Context, h *store.Host) error {
	if e.config.Identify == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, identifyTime)
	defer cancel()
	shown, err := e.config.Identify(ctx, h.OVSDB)
	if err != nil {
		return nil // It is looked at again once it is registered.
	}

	e.mu.Lock()
	defer e.mu.Unlock()

	if other := e.fleet.OwnerOf(shown, h); other != nil {
		return view.Errorf(view.Conflict, "ovsdb", "%s is the switch of host %s (system-id %q)",
			h.OVSDB, other.Name, shown.SystemID)
	}
	return nil
}

// UpdateHost changes a host's record, such as its facts.
func (e *Engine) UpdateHost(ctx context.Context, name string, ifRevision uint64,
	edit func(*store.Host) error) (view.Host, error) {
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

// forgetTunnelIP has the tunnel address that a host's switch shows now count from now on. It takes
// mu.
func (e *Engine) forgetTunnelIP(id string) {
	e.mu.Lock()
	defer e.mu.Unlock()

	e.fleet.Lessons.ForgetTunnelIP(id)
	if h := e.fleet.Running[id]; h != nil {
		e.look(h)
		e.publish.HostHealth(h)
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
	running := e.fleet.Running[h.ID]
	switch {
	case running == nil || h.OVSDB != before.OVSDB || h.Name != before.Name:
		if running != nil {
			e.stopHost(running)
			running.Stop()
		}
		e.startHost(h)
	default:
		running.SeenMAC = map[string]tap.MAC{} // The NICs may be others now.
		e.look(running)
		running.Altered = false
		e.planning.MarkHost(h.ID)
	}

	v := e.publish.Host(h, "updated")
	if h.Name != before.Name {
		e.publish.Renamed(h.ID)
	}

	return v
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
