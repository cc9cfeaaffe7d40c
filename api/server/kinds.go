package server

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/server/convert"
	"github.com/tapline-sdn/tapline/api/server/listing"
	"github.com/tapline-sdn/tapline/controller/engine/view"
	"github.com/tapline-sdn/tapline/controller/store"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// kind is one kind of resources: a *resource.
type kind interface {
	name() string // such as tap_flow
	path() string // such as /api/v1/tap_flows
	canEnable() bool
	mount(s *server)
	apply(ctx context.Context, change api.PlannedChange) error
}

// kindsOf returns the table of all kinds of resources. Routes and plans are made from it.
func kindsOf(r Resources) []kind {
	refs := resolvers{
		guest:   listing.Resolver(r.Guest, guestID),
		host:    listing.Resolver(r.Host, hostID),
		wire:    listing.Resolver(r.Wire, wireID),
		service: listing.Resolver(r.Service, serviceID),
		target: func(ref string) string {
			if g, err := r.Guest(ref); err == nil {
				return g.ID
			}
			if h, err := r.Host(ref); err == nil {
				return h.ID
			}
			return ref
		},
	}

	return []kind{hosts(r), guests(r, refs), wires(r, refs), services(r, refs), flows(r, refs)}
}

// noun is the name of a kind in a sentence.
func noun(kind string) string { return strings.ReplaceAll(kind, "_", " ") }

// resolvers turn an id or name into an id.
type resolvers struct {
	guest, host, wire, service func(ref string) string
	target                     func(ref string) string // a guest or host
}

func hostID(v view.Host) string       { return v.ID }
func guestID(v view.Guest) string     { return v.ID }
func wireID(v view.Wire) string       { return v.ID }
func serviceID(v view.Service) string { return v.ID }
func flowID(v view.Flow) string       { return v.ID }

// creating returns a create function: newRecord makes the record that create stores.
func creating[C, R, V any](
	newRecord func(C, store.Request) (R, error), create func(context.Context, R) (V, error),
) func(context.Context, C, store.Request) (V, error) {
	return func(ctx context.Context, body C, by store.Request) (V, error) {
		record, err := newRecord(body, by)
		if err != nil {
			var none V
			return none, err
		}
		return create(ctx, record)
	}
}

// updater stores what edit makes of a record.
type updater[R, V any] func(
	ctx context.Context, ref string, ifRevision uint64, edit func(*R) error,
) (V, error)

// updating returns an update function: edit applies a patch to the record.
func updating[P, R, V any](
	update updater[R, V], edit func(*R, P) error,
) func(context.Context, string, uint64, P) (V, error) {
	return func(ctx context.Context, ref string, ifRevision uint64, patch P) (V, error) {
		return update(ctx, ref, ifRevision, func(record *R) error { return edit(record, patch) })
	}
}

// unforced returns a remove function of a kind whose deletion cannot be forced.
func unforced(
	remove func(ctx context.Context, ref string, ifRevision uint64) error,
) func(context.Context, string, uint64, bool) error {
	return func(ctx context.Context, ref string, ifRevision uint64, _ bool) error {
		return remove(ctx, ref, ifRevision)
	}
}

func hosts(e Hosts) kind {
	return &resource[view.Host, api.Host, api.HostCreate, api.HostPatch]{
		kind:     "host",
		get:      e.Host,
		create:   creating(convert.NewHost, e.CreateHost),
		update:   updating(e.UpdateHost, convert.EditHost),
		remove:   e.DeleteHost,
		wait:     e.WaitHost,
		json:     convert.Host,
		id:       hostID,
		revision: func(v view.Host) uint64 { return v.Revision },
		list: listing.Of(e.Hosts, map[string]listing.Column[view.Host]{
			"name":       listing.Text(func(v view.Host) string { return v.Name }),
			"applied_by": listing.Text(func(v view.Host) string { return v.AppliedBy }),
			"status": listing.Text(func(v view.Host) api.Status {
				return convert.Status(v.State)
			}),
			"selector": listing.Selected(func(v view.Host) (string, map[string]string) {
				return v.Name, v.Labels
			}),
			"connected": listing.Flag(func(v view.Host) bool { return v.Connected }),
		}),
	}
}

func guests(e Guests, refs resolvers) kind {
	hostIDs := func(v view.Guest) []string {
		ids := make([]string, len(v.NICs))
		for i, n := range v.NICs {
			ids[i] = n.HostID
		}
		return ids
	}
	appliedBy := func(v view.Guest) string {
		if v.Record == nil {
			return ""
		}
		return v.Record.AppliedBy
	}

	return &resource[view.Guest, api.Guest, api.GuestCreate, api.GuestPatch]{
		kind:     "guest",
		get:      e.Guest,
		create:   creating(convert.NewGuest, e.CreateGuest),
		update:   updating(e.UpdateGuest, convert.EditGuest),
		remove:   unforced(e.DeleteGuest),
		json:     convert.Guest,
		id:       guestID,
		revision: func(v view.Guest) uint64 { return v.Revision },
		list: listing.Of(e.Guests, map[string]listing.Column[view.Guest]{
			"name":       listing.Text(func(v view.Guest) string { return v.Name }),
			"applied_by": listing.Text(appliedBy),
			"selector":   listing.Selected(guestSubject),
			"declared":   listing.Flag(func(v view.Guest) bool { return v.Declared }),
			"host_id":    listing.References(hostIDs, refs.host),
		}),
	}
}

// guestSubject is what selectors compare of a guest.
func guestSubject(v view.Guest) (name string, labels map[string]string) {
	labels = make(map[string]string, len(v.Labels))
	for _, label := range v.Labels {
		labels[label.Key] = label.Value
	}
	return v.Name, labels
}

func wires(e Wires, refs resolvers) kind {
	hostIDs := func(v view.Wire) []string {
		ids := make([]string, len(v.Hosts))
		for i, h := range v.Hosts {
			ids[i] = h.HostID
		}
		return ids
	}

	return &resource[view.Wire, api.Wire, api.WireCreate, api.WirePatch]{
		kind: "wire",
		get:  e.Wire,
		create: func(ctx context.Context, body api.WireCreate, _ store.Request) (view.Wire, error) {
			return createWire(ctx, e, body)
		},
		update: func(
			ctx context.Context, ref string, _ uint64, p api.WirePatch,
		) (view.Wire, error) {
			return e.UpdateWire(ctx, ref, p.Bridges)
		},
		remove: func(ctx context.Context, ref string, _ uint64, _ bool) error {
			return e.DeleteWire(ctx, ref)
		},
		json: convert.Wire,
		id:   wireID,
		list: listing.Of(e.Wires, map[string]listing.Column[view.Wire]{
			"name":    listing.Text(func(v view.Wire) string { return v.Name }),
			"host_id": listing.References(hostIDs, refs.host),
		}),
	}
}

// createWire declares a wire that no host has yet. Two requests that create the same wire at once
// both succeed, as two updates would: a wire is only what the records of hosts say about it.
func createWire(ctx context.Context, e Wires, body api.WireCreate) (view.Wire, error) {
	if _, err := e.Wire(body.Name); err == nil {
		return view.Wire{}, &view.Error{
			Kind: view.Conflict, Field: "name",
			Message: fmt.Sprintf("wire %q exists: change it with PATCH %s/wires/%s",
				body.Name, api.Prefix, body.Name),
		}
	}

	bridges := make(map[string]*string, len(body.Bridges))
	for host, bridge := range body.Bridges {
		bridges[host] = &bridge
	}
	return e.UpdateWire(ctx, body.Name, bridges)
}

func services(e Services, refs resolvers) kind {
	enable := func(s *store.Service, on bool) error { s.Enabled = on; return nil }

	return &resource[view.Service, api.TapService, api.TapServiceCreate, api.TapServicePatch]{
		kind:   "tap_service",
		get:    e.Service,
		create: creating(convert.NewService, e.CreateService),
		update: func(
			ctx context.Context, ref string, ifRevision uint64, p api.TapServicePatch,
		) (view.Service, error) {
			return updateService(ctx, e, ref, ifRevision, p)
		},
		remove:   unforced(e.DeleteService),
		enable:   updating(e.UpdateService, enable),
		wait:     e.WaitService,
		sample:   e.SampleServices,
		json:     convert.Service,
		id:       serviceID,
		revision: func(v view.Service) uint64 { return v.Revision },
		list: listing.Of(e.Services, map[string]listing.Column[view.Service]{
			"name":       listing.Text(func(v view.Service) string { return v.Name }),
			"applied_by": listing.Text(func(v view.Service) string { return v.AppliedBy }),
			"type":       listing.Text(func(v view.Service) tap.ServiceType { return v.Type }),
			"selector": listing.Selected(func(v view.Service) (string, map[string]string) {
				return v.Name, v.Labels
			}),
			"target_id": listing.Reference(
				func(v view.Service) string { return v.TargetID }, refs.target),
			"target_ip":  listing.Address(func(v view.Service) []netip.Addr { return v.TargetIPs }),
			"flow_count": listing.Count(func(v view.Service) int { return v.FlowCount }),
			"host_id": listing.Reference(
				func(v view.Service) string { return v.HostID }, refs.host),
			"enabled": listing.Flag(func(v view.Service) bool { return v.Enabled }),
			"status": listing.Text(func(v view.Service) api.Status {
				return convert.Status(v.State)
			}),
			"created_at": listing.Date(func(v view.Service) time.Time { return v.CreatedAt }),
			"updated_at": listing.Date(func(v view.Service) time.Time { return v.UpdatedAt }),
		}),
	}
}

// updateService applies a patch to a tap service. The place is accepted first: if that is refused,
// nothing has changed.
func updateService(
	ctx context.Context, e Services, ref string, ifRevision uint64, p api.TapServicePatch,
) (view.Service, error) {
	if p.AcceptPlace != nil {
		v, err := e.AcceptPlace(ctx, ref, ifRevision, *p.AcceptPlace)
		if err != nil || p.Name == nil && p.Enabled == nil {
			return v, err
		}
		ifRevision = 0 // Accepting the place has made a revision.
	}

	return e.UpdateService(ctx, ref, ifRevision, func(s *store.Service) error {
		return convert.EditService(s, p)
	})
}

func flows(e Flows, refs resolvers) kind {
	type row = view.FlowRow

	enable := func(f *store.Flow, on bool) error { f.Enabled = on; return nil }
	edit := func(
		ctx context.Context, ref string, ifRevision uint64, edit func(*store.Flow) error,
	) (view.Flow, error) {
		return editFlow(ctx, e, ref, ifRevision, edit)
	}

	return &resource[view.Flow, api.TapFlow, api.TapFlowCreate, api.TapFlowPatch]{
		kind: "tap_flow",
		get:  e.Flow,
		create: func(
			ctx context.Context, body api.TapFlowCreate, by store.Request,
		) (view.Flow, error) {
			return createFlow(ctx, e, body, by)
		},
		update:   updating(edit, convert.EditFlow),
		remove:   unforced(e.DeleteFlow),
		enable:   updating(edit, enable),
		wait:     e.WaitFlow,
		sample:   e.SampleFlows,
		json:     convert.Flow,
		append:   convert.AppendFlow,
		id:       flowID,
		revision: func(v view.Flow) uint64 { return v.Revision },
		list: listing.FromRows(e.FlowRows, map[string]listing.Column[row]{
			"name":       listing.Text(func(v row) string { return v.Name }),
			"applied_by": listing.Text(func(v row) string { return v.AppliedBy }),
			"selector": listing.Selected(func(v row) (string, map[string]string) {
				return v.Name, v.Labels
			}),
			"tap_id":     listing.Reference(func(v row) string { return v.TapID }, refs.service),
			"type":       listing.Text(func(v row) tap.FlowType { return v.Type }),
			"guest_id":   listing.Reference(func(v row) string { return v.GuestID }, refs.guest),
			"host_id":    listing.Reference(func(v row) string { return v.HostID }, refs.host),
			"wire_id":    listing.Reference(func(v row) string { return v.WireID }, refs.wire),
			"direction":  listing.Text(func(v row) tap.Direction { return v.Direction }),
			"enabled":    listing.Flag(func(v row) bool { return v.Enabled }),
			"status":     listing.Text(func(v row) api.Status { return convert.Status(v.State) }),
			"created_at": listing.Date(func(v row) time.Time { return v.CreatedAt }),
			"updated_at": listing.Date(func(v row) time.Time { return v.UpdatedAt }),
		}, e.FlowViews),
	}
}
