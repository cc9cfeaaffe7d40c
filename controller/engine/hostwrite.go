package engine

import (
	"context"
	"maps"
	"reflect"
	"slices"
	"time"

	"github.com/tapline-sdn/tapline/controller/engine/view"
	"github.com/tapline-sdn/tapline/controller/store"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// CreateHost registers a host.
func (e *Engine) CreateHost(ctx context.Context, h store.Host) (view.Host, error) {
	if err := e.unregistered(ctx, &h); err != nil {
		return view.Host{}, err
	}

	e.write.Lock()
	defer e.write.Unlock()

	var tombstone *store.Host
	if err := e.locked(func() (err error) {
		tombstone, err = e.checker.NewHost(&h)
		return err
	}); err != nil {
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

// editHost changes a copy of a host's record, and checks it. It takes mu.
func (e *Engine) editHost(h, before *store.Host, edit func(*store.Host) error) error {
	h.Wires, h.Uplinks, h.NICs = maps.Clone(h.Wires), maps.Clone(h.Uplinks), slices.Clone(h.NICs)
	if err := edit(h); err != nil {
		return err
	}
	return e.locked(func() error { return e.checker.ChangedHost(h, before) })
}

// tookHost takes the changed record of a host over. The caller holds mu.
func (e *Engine) tookHost(h, before *store.Host) view.Host {
	e.intent.Hosts.Put(h)
	running := e.fleet.Running[h.ID]
	same := *h
	same.Meta, same.Notes = before.Meta, before.Notes
	switch {
	case reflect.DeepEqual(&same, before): // Its notes concern nobody else.
	case running == nil || h.OVSDB != before.OVSDB || h.Name != before.Name:
		if running != nil {
			e.stopHost(running)
			running.Stop()
		}
		e.startHost(h)
	default:
		running.SeenMAC = map[string]tap.MAC{}     // The NICs may be others now.
		for _, p := range running.Observed.Ports { // And whose a port is.
			e.places.Concerned(*p, func(string) {}, e.planning.MarkAttachment)
		}
		e.look(running)
		e.planning.MarkHost(h.ID)
		e.standing.MarkHostChanged(&running.Host, e.planning.Last())
		running.Health, running.Altered = running.CurrentHealth(), false
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
