package forecast

import (
	"github.com/tapline-sdn/tapline/controller/engine/view"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// Forecast is what a change would do.
type Forecast struct {
	Hosts []Host // whose switch would be changed, by name
	// that would be made, changed or deleted, or come to stand otherwise; by kind and name
	Resources []Resource
}

// Host is what would be changed on a switch.
type Host struct {
	ID    string
	Name  string
	Items []Item
}

// Item is an object on a switch that would be added, changed or removed.
type Item struct {
	Action string // [Add], [Change] or [Remove]
	// "bridge", "port", "mirror", "tunnel", "meter", "group" or "flow"
	Kind string
	// of a bridge, port or mirror; the peer of a tunnel; the id of a meter or group; table and
	// match of a flow
	Name string
	// in the words of ovs-vsctl and ovs-ofctl, as it would be; of what is removed: as it is
	Text string
	Was  string   // as it is, if it would be changed
	For  []string // names of the tap services and tap flows that it serves; none: all on the host
}

// Resource is a resource that would be touched.
type Resource struct {
	Kind   string // "host", "guest", "tap_service" or "tap_flow"
	ID     string
	Name   string
	Action string      // "create", "update", "delete", or "" if only its state would be another
	Before view.Health // zero of what would be created, and of guests
	After  view.Health // zero of what would be deleted, and of guests

	// Of a tap flow with a selector: NICs that it would begin and cease to mirror, as GUEST MAC,
	// sorted, and how many it would mirror then.
	Joins, Leaves []string
	Members       int
}

// Outlook is everything that a forecast compares: how all resources stand, and what is planned for
// all hosts.
type Outlook struct {
	Hosts     map[string]Program // by id
	Resources map[ResourceKey]ResourceState
}

// Program is what is planned for a host.
type Program struct {
	Host    string              // name
	Program *tap.Program        // nil if nothing is planned
	Users   map[string][]string // names of the services and flows that each owner's objects serve
}

// ResourceKey names a resource.
type ResourceKey struct {
	Kind string // as of [Resource]
	ID   string
}

// ResourceState is a resource as it stands.
type ResourceState struct {
	Name   string
	Record any // compared by reflect.DeepEqual
	Health view.Health
	// Members are the NICs that a tap flow with a selector mirrors, as GUEST MAC, sorted.
	Members []string
}
