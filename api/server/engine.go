package server

import (
	"context"

	"github.com/tapline-sdn/tapline/controller/capture"
	"github.com/tapline-sdn/tapline/controller/engine/events"
	"github.com/tapline-sdn/tapline/controller/engine/explain"
	"github.com/tapline-sdn/tapline/controller/engine/intent"
	"github.com/tapline-sdn/tapline/controller/engine/view"
	"github.com/tapline-sdn/tapline/controller/store"
)

// Engine is all that a server needs of the controller. It only joins the interfaces below: each
// group of routes takes the one that it uses.
//
// A ref is an id or a name. An ifRevision other than 0 must be the revision of the record. Every
// error is or wraps an *view.Error or the error of ctx. Methods that wait return once the state
// is no longer pending, or when ctx is done: then with the latest view and the error of ctx.
type Engine interface {
	Resources
	Records
	Events
	Plugins
	Captures
	Health
}

// Resources are all kinds of resources. A plan changes imagined ones.
type Resources interface {
	Hosts
	Guests
	Wires
	Services
	Flows
}

// Hosts are the registered hosts.
type Hosts interface {
	Hosts() []view.Host
	Host(ref string) (view.Host, error)
	CreateHost(ctx context.Context, h store.Host) (view.Host, error)
	UpdateHost(ctx context.Context, ref string, ifRevision uint64,
		edit func(*store.Host) error) (view.Host, error)
	// DeleteHost refuses to delete a host that cannot be reached and may have something of ours,
	// unless it is forced.
	DeleteHost(ctx context.Context, ref string, ifRevision uint64, force bool) error
	WaitHost(ctx context.Context, id string) (view.Host, error)
}

// Guests are the guests, declared and learned. Only declared ones can be changed.
type Guests interface {
	Guests() []view.Guest
	Guest(ref string) (view.Guest, error)
	CreateGuest(ctx context.Context, g store.Guest) (view.Guest, error)
	UpdateGuest(ctx context.Context, ref string, ifRevision uint64,
		edit func(*store.Guest) error) (view.Guest, error)
	DeleteGuest(ctx context.Context, ref string, ifRevision uint64) error
}

// Wires are the wires. They have no records of their own: the records of hosts declare them.
type Wires interface {
	Wires() []view.Wire
	Wire(ref string) (view.Wire, error)
	// UpdateWire declares the bridge that carries the wire on each host; nil removes the
	// declaration. A wire that nobody has declared before comes into being.
	UpdateWire(ctx context.Context, ref string, bridges map[string]*string) (view.Wire, error)
	DeleteWire(ctx context.Context, ref string) error
}

// Services are the tap services.
type Services interface {
	Services() []view.Service
	Service(ref string) (view.Service, error)
	CreateService(ctx context.Context, s store.Service) (view.Service, error)
	UpdateService(ctx context.Context, ref string, ifRevision uint64,
		edit func(*store.Service) error) (view.Service, error)
	// AcceptPlace pins a service to the host on which its tap NIC is expected from now on.
	AcceptPlace(ctx context.Context, serviceRef string, ifRevision uint64, hostRef string) (
		view.Service, error)
	DeleteService(ctx context.Context, ref string, ifRevision uint64) error
	WaitService(ctx context.Context, id string) (view.Service, error)
	// SampleServices has the switches' counters for some services read at once.
	SampleServices(ctx context.Context, refs ...string)
	ExplainService(ctx context.Context, ref string) (explain.Explanation, error)
}

// Flows are the tap flows.
type Flows interface {
	FlowRows() []view.FlowRow
	FlowViews(rows []view.FlowRow) []view.Flow
	Flow(ref string) (view.Flow, error)
	CreateFlow(ctx context.Context, f store.Flow) (view.Flow, error)
	UpdateFlow(ctx context.Context, ref string, ifRevision uint64,
		edit func(*store.Flow) error) (view.Flow, error)
	DeleteFlow(ctx context.Context, ref string, ifRevision uint64) error
	WaitFlow(ctx context.Context, id string) (view.Flow, error)
	// SampleFlows has the switches' counters for some flows read at once.
	SampleFlows(ctx context.Context, refs ...string)
	ExplainFlow(ctx context.Context, ref string) (explain.Explanation, error)
	// Members returns the NICs that the selector of a tap flow matches, by guest and address.
	Members(ref string) ([]view.Member, error)
}

// Records tells about records how they came, and when nothing is left of them.
type Records interface {
	// Creations returns the creations with an Idempotency-Key, the oldest first.
	Creations() []intent.Creation
	// WaitGone waits until the switches have removed what a deleted resource had there.
	WaitGone(ctx context.Context, id string) error
}

// Events are the changes of resources.
type Events interface {
	// Watch begins a walk through the events that follow one; see events.History.
	Watch(after string) (w *events.Watch, known bool)
}

// Plugins are the plugins of the controller.
type Plugins interface {
	Plugins() []view.Plugin
	Plugin(name string) (view.Plugin, error)
	// ReloadPlugin starts the plugin anew from its file and configuration. If that fails, the
	// running one goes on.
	ReloadPlugin(ctx context.Context, name string) (view.Plugin, error)
}

// Captures are the live captures.
type Captures interface {
	// StartCapture returns once the capture stands on the switches, or its first packet has come.
	// A *capture.LimitError says that there is no room.
	StartCapture(ctx context.Context, r capture.Request) (*capture.Capture, error)
	// CheckCapture returns the error of a capture that cannot begin. It begins none.
	CheckCapture(ctx context.Context, r capture.Request) error
	// StopCapture ends a capture that StartCapture has returned.
	StopCapture(ctx context.Context, c *capture.Capture) capture.Totals
	// Capture returns a capture that runs, or nil.
	Capture(id string) *capture.Capture
}

// Health tells whether the controller can do its work.
type Health interface {
	// Ready returns nil, or why the controller cannot do its work.
	Ready() error
}
