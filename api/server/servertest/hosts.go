package servertest

import (
	"context"
	"maps"

	"github.com/tapline-sdn/tapline/controller/engine/events"
	"github.com/tapline-sdn/tapline/controller/engine/view"
	"github.com/tapline-sdn/tapline/controller/store"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

func (e *Engine) newHosts() records[store.Host, view.Host] {
	return records[store.Host, view.Host]{
		e: e, kind: "host", idForm: "host", hard: true,
		ident:  func(h *store.Host) (*string, string) { return &h.ID, h.Name },
		meta:   func(h *store.Host) *store.Meta { return &h.Meta },
		view:   e.hostViewLocked,
		health: func(v view.Host) view.Health { return v.Health },
		event:  func(v *view.Host) events.Event { return events.Event{Host: v} },
	}
}

// hostViewLocked returns the view of a host. It is connected if it is ready.
func (e *Engine) hostViewLocked(h store.Host) view.Host {
	v := view.Host{
		Host: h, TunnelIP: h.TunnelIP, Wires: maps.Clone(h.Wires),
		Health: e.healthLocked(h.ID, true), MayStillCopy: e.remains[h.ID],
	}
	if !v.TunnelIP.IsValid() {
		v.TunnelIP = e.tunnels[h.ID]
	}
	v.Connected = v.State == tap.StateReady
	if v.Connected {
		v.Lacking = []tap.Lack{
			{Code: tap.LackFlowMonitor},
			{Code: tap.LackSymmetricHash, Datapath: "system", Possible: true},
		}
	}

	return v
}

func (e *Engine) Hosts() []view.Host { return e.hosts.list() }

func (e *Engine) Host(ref string) (view.Host, error) { return e.hosts.get(ref) }

func (e *Engine) CreateHost(_ context.Context, h store.Host) (view.Host, error) {
	return e.hosts.create(h)
}

func (e *Engine) UpdateHost(
	_ context.Context, ref string, ifRevision uint64, edit func(*store.Host) error,
) (view.Host, error) {
	return e.hosts.update(ref, ifRevision, edit)
}

func (e *Engine) DeleteHost(_ context.Context, ref string, ifRevision uint64, force bool) error {
	return e.hosts.remove(ref, ifRevision, force)
}

func (e *Engine) WaitHost(ctx context.Context, id string) (view.Host, error) {
	return e.hosts.wait(ctx, id)
}
