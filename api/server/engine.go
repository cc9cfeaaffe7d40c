package server

import (
	"context"

	"github.com/tapline-sdn/tapline/controller/engine"
	"github.com/tapline-sdn/tapline/controller/store"
)

// Engine is what the server asks of the controller.
//
// A ref is an id or a name. An ifRevision other than 0 must be the record's revision. Every error is or wraps an
// *engine.Error or the error of ctx. Wait methods return once the state is no longer pending, or when ctx is done: then
// with the latest view and ctx's error.
type Engine interface {
	Hosts
	Guests
	Wires
	Services
	Flows
	// Creations are those that are remembered in the records that they made, the oldest first.
	Creations() []engine.Creation
	// Watch starts a walk through what changes; see engine.History.
	Watch(after string) (w *engine.Watch, known bool)
	// WaitGone waits until the switches have dropped what a deleted resource had there.
	WaitGone(ctx context.Context, id string) error
	Plugins
	// Ready is nil, or why the controller cannot do its work.
	Ready() error
}

// Plugins are the controller's plugins.
type Plugins interface {
	Plugins() []engine.PluginView
	Plugin(name string) (engine.PluginView, error)
	// ReloadPlugin replaces a plugin by what its file and configuration are now. If that is refused, the one that runs goes on.
	ReloadPlugin(ctx context.Context, name string) (engine.PluginView, error)
}

// Hosts are the registered hosts.
type Hosts interface {
	Hosts() []engine.HostView
	Host(ref string) (engine.HostView, error)
	CreateHost(ctx context.Context, h store.Host) (engine.HostView, error)
	UpdateHost(ctx context.Context, ref string, ifRevision uint64, edit func(*store.Host) error) (engine.HostView, error)
	DeleteHost(ctx context.Context, ref string, ifRevision uint64) error
	WaitHost(ctx context.Context, id string) (engine.HostView, error)
}

// Guests are the guests, declared and learned; only declared ones can be changed.
type Guests interface {
	Guests() []engine.GuestView
	Guest(ref string) (engine.GuestView, error)
	CreateGuest(ctx context.Context, g store.Guest) (engine.GuestView, error)
	UpdateGuest(ctx context.Context, ref string, ifRevision uint64, edit func(*store.Guest) error) (engine.GuestView, error)
	DeleteGuest(ctx context.Context, ref string, ifRevision uint64) error
}

// Wires are the wires. They have no record of their own: what is declared of them is part of the hosts.
type Wires interface {
	Wires() []engine.WireView
	Wire(ref string) (engine.WireView, error)
	// UpdateWire declares host -> bridge, nil takes the declaration back; an unknown wire comes into being.
	UpdateWire(ctx context.Context, ref string, bridges map[string]*string) (engine.WireView, error)
	DeleteWire(ctx context.Context, ref string) error
}

// Services are the tap services.
type Services interface {
	Services() []engine.ServiceView
	Service(ref string) (engine.ServiceView, error)
	CreateService(ctx context.Context, s store.Service) (engine.ServiceView, error)
	UpdateService(ctx context.Context, ref string, ifRevision uint64, edit func(*store.Service) error) (engine.ServiceView, error)
	DeleteService(ctx context.Context, ref string, ifRevision uint64) error
	ExplainService(ctx context.Context, ref string) (engine.Explanation, error)
	SampleServices(ctx context.Context, refs ...string)
	WaitService(ctx context.Context, id string) (engine.ServiceView, error)
}

// Flows are the tap flows.
type Flows interface {
	FlowRows() []engine.FlowRow
	FlowViews(rows []engine.FlowRow) []engine.FlowView
	Flow(ref string) (engine.FlowView, error)
	CreateFlow(ctx context.Context, f store.Flow) (engine.FlowView, error)
	UpdateFlow(ctx context.Context, ref string, ifRevision uint64, edit func(*store.Flow) error) (engine.FlowView, error)
	DeleteFlow(ctx context.Context, ref string, ifRevision uint64) error
	ExplainFlow(ctx context.Context, ref string) (engine.Explanation, error)
	SampleFlows(ctx context.Context, refs ...string)
	WaitFlow(ctx context.Context, id string) (engine.FlowView, error)
}
