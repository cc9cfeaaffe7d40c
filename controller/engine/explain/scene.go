package explain

import (
	"time"

	"github.com/tapline-sdn/tapline/controller/engine/standing"
	"github.com/tapline-sdn/tapline/controller/engine/view"
	"github.com/tapline-sdn/tapline/controller/inventory"
	"github.com/tapline-sdn/tapline/controller/meter"
	"github.com/tapline-sdn/tapline/controller/reconcile"
	"github.com/tapline-sdn/tapline/controller/session"
	"github.com/tapline-sdn/tapline/controller/sets"
	"github.com/tapline-sdn/tapline/controller/store"
	"github.com/tapline-sdn/tapline/openflow"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// Scene is all that an explanation is made from: a copy of what the engine knew at one moment of
// one tap flow or one tap service, and of the hosts that matter to it. Records, snapshots and
// programs in it are shared, and must not be changed.
type Scene struct {
	Observer inventory.Observer // tells rows of ours and ports of guests
	Plugged  bool               // hypervisors plug the tap NICs of guests

	// PluginProblem says why the plugin does not answer; "" if it does.
	PluginProblem string

	// Flow is what is explained, if it is a flow; Service is its service, or else what is
	// explained. A flow's service is nil if there is none.
	Flow     *store.Flow
	Service  *store.Service
	Verdict  standing.Verdict // on what is explained
	Planning bool             // the plugin has not answered its last change
	Needs    map[tap.Need]NeedState
	Counters meter.Counters
	Feeding  []view.Flow // the flows of the service, where that is explained

	// MayStillCopy are the ids of the hosts on which something of what is disabled or deleted, or
	// was changed, may still be.
	MayStillCopy []string
	Twins        []Twin // of a flow: others that may deliver the same packet, by name

	// Of the source of a flow.
	SourceGuest string         // name
	Sources     []tap.Location // ports of its NIC, or the bridge of its wire
	// Members are some NICs that its selector matches, those that are not ready first. Each has its
	// place in Sources.
	Members []view.Member

	// Of the service.
	Collector   string         // name of its guest or host
	Attachments []tap.Location // ports of its tap NIC
	// how far hypervisors have come with a tap NIC that no switch shows; nil if unknown
	NIC      *view.Health
	GuestOff *Domain             // the guest, where it is off and is to have the NIC
	Captures map[string]sets.Set // ids of the captures that feed it, by host

	Hosts        map[string]*Host // that matter, by id; also those that are not registered
	Disconnected []string         // names of all registered hosts without a connection, sorted
}

// NeedState is whether what is needed on a host stands.
type NeedState struct {
	Health view.Health
	Busy   bool // the switch is working on it
}

// Twin is a tap flow that may deliver the same packets to the same service.
type Twin struct {
	Flow string // name
	Why  string // how packets pass both sources
}

// Domain is a guest of a host's hypervisor.
type Domain struct{ Guest, Host string } // names

// Host is a host of a [Scene].
type Host struct {
	ID         string
	Name       string
	Registered bool // else nothing of the rest is set
	Record     *store.Host
	Health     view.Health
	Since      map[string]time.Time // of owners, see [standing.Host]
	Report     session.Report
	Observed   tap.Host
	Program    *reconcile.Desired // nil while nothing is planned
	OpenFlow   bool               // connected

	// OFFlows are the OpenFlow flows that the switch has told, or why it has not.
	OFFlows []openflow.FlowStats
	Err     error
}
