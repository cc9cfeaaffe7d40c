package engine

import (
	"net/netip"

	"github.com/tapline-sdn/tapline/controller/meter"
	"github.com/tapline-sdn/tapline/controller/store"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// Health is the state of a service, a flow or a host as users see it.
type Health struct {
	State  tap.State // disabled, pending, ready or error
	Reason string    // of pending and error
}

// HostView is a registered host with what its switch shows. What was learned fills in what the record leaves open.
type HostView struct {
	store.Host
	Health
	Connected  bool
	OVSVersion string
	TunnelIP   netip.Addr        // effective: the record's, else the learned one
	Wires      map[string]string // effective: learned and the record's; bridge names are wires too
	Bridges    []string
}

// GuestView is a guest, declared or learned.
type GuestView struct {
	ID       string
	Name     string
	Declared bool
	Revision uint64 // of the record; 0 if not declared
	State    string // the hypervisor's word; "" where none is asked
	HostID   string // where the hypervisor has it, also while it is off; "" where none is asked
	Host     string
	NICs     []NICView
	Sources  Sources
	Record   *store.Guest // what was declared; nil if nothing was
}

// NICView is a NIC of a guest and where it is plugged; HostID is "" while it is not.
type NICView struct {
	MAC     tap.MAC
	IPs     []netip.Addr
	IfName  string
	HostID  string
	Host    string
	Bridge  string
	Port    string
	Sources Sources
}

// WireView is a wire and the hosts that carry it.
type WireView struct {
	ID    string // the name
	Name  string
	Hosts []WireHost
}

// WireHost says how a host carries a wire.
type WireHost struct {
	HostID   string
	Host     string
	Bridge   string
	Uplinks  []string
	Declared bool // by the host's record, not learned
}

// ServiceView is a tap service with its state.
type ServiceView struct {
	store.Service
	Health
	Target    string       // name of the guest or host that collects
	TargetIPs []netip.Addr // of the guest's NICs, or the host's tunnel
	HostID    string       // where its NIC is, "" while unknown
	Host      string       // name
	FlowCount int
	NICXML    string // libvirt interface element to plug, for services of type guest
	Counters  meter.Counters
}

// FlowView is a tap flow with its state. The record is shared by all views of it, and must not be changed.
type FlowView struct {
	*store.Flow
	Health
	// Names of what it refers to; "" where it does not.
	Tap, Guest, Host string
	Counters         meter.Counters
}

// FlowRow is what lists of tap flows are chosen by. The record must not be changed.
type FlowRow struct {
	*store.Flow
	Health
}

// Event tells that a resource was created, changed (its record or its state) or deleted.
type Event struct {
	run  string // of the history that holds it
	seq  uint64 // grows by one with each event
	Type string // "created", "updated", "deleted"
	// Exactly one is set.
	Host    *HostView
	Guest   *GuestView
	Service *ServiceView
	Flow    *FlowView
}

// ID tells the event from all others, those of other runs of the controller included.
func (e Event) ID() string { return eventID(e.run, e.seq) }

// object is the id of what the event is about.
func (e Event) object() string {
	switch {
	case e.Host != nil:
		return e.Host.ID
	case e.Guest != nil:
		return e.Guest.ID
	case e.Service != nil:
		return e.Service.ID
	case e.Flow != nil:
		return e.Flow.ID
	}
	return ""
}
