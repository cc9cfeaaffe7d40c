package view

import (
	"net/netip"

	"github.com/tapline-sdn/tapline/controller/inventory"
	"github.com/tapline-sdn/tapline/controller/meter"
	"github.com/tapline-sdn/tapline/controller/store"
	"github.com/tapline-sdn/tapline/plugin"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// Host is a registered host with what its switch shows. Learned values fill in what the record
// leaves open.
type Host struct {
	store.Host
	Health
	Connected  bool // to its database
	OpenFlow   bool // whether the tap bridge is connected
	OVSVersion string
	TunnelIP   netip.Addr        // effective: the record's, else the learned one
	Wires      map[string]string // effective: learned and the record's; bridge names are wires too
	Bridges    []string
	// MayStillCopy names the disabled and deleted services and flows of which something may still
	// be on the switch, sorted.
	MayStillCopy []string
	// GuessedUplinks are the bridges, sorted, whose uplinks are a guess.
	GuessedUplinks []string
	// Lacking are what the switch lacks, sorted.
	Lacking []tap.Lack
}

// Guest is a guest, declared or learned.
type Guest struct {
	ID       string
	Name     string
	Declared bool
	Revision uint64 // of the record; 0 if not declared
	State    string // the hypervisor's word; "" where none is asked
	HostID   string // where the hypervisor has it, also while it is off; "" where none is asked
	Host     string
	NICs     []NIC
	Sources  inventory.Sources
	Labels   []inventory.Label // declared and shown, sorted by key
	Record   *store.Guest      // what was declared; nil if nothing was
}

// NIC is a NIC of a guest and where it is plugged. HostID is "" while it is not plugged.
type NIC struct {
	MAC     tap.MAC
	IPs     []netip.Addr
	IfName  string
	HostID  string
	Host    string
	Bridge  string
	Port    string
	Sources inventory.Sources
}

// Wire is a wire and the hosts that carry it.
type Wire struct {
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

// Service is a tap service with its state.
type Service struct {
	store.Service
	Health
	Target    string       // name of the guest or host that collects
	TargetIPs []netip.Addr // of the guest's NICs, or the host's tunnel
	HostID    string       // where its NIC is, "" while unknown
	Host      string       // name
	Place     string       // id of the host to which its NIC is pinned; "" before it was first seen
	PlaceHost string       // name of that
	FlowCount int

	MemberNames []string // of a pool, in the order of its members

	NICXML   string // libvirt interface element to plug, for services of type guest
	Counters meter.Counters
}

// Flow is a tap flow with its state. All views share the record, which must not be changed.
type Flow struct {
	*store.Flow
	Health
	// Names of what it refers to; "" where it does not.
	Tap, Guest, Host string
	Counters         meter.Counters
	Members          MemberCounts // of a flow with a selector
}

// MemberCounts is how many NICs the selector of a tap flow matches, and how they stand. While the
// tap flow does not run only Total is set.
type MemberCounts struct{ Total, Ready, Pending, Failed int }

// Member is a NIC that the selector of a tap flow matches.
type Member struct {
	GuestID, Guest string
	MAC            tap.MAC
	HostID, Host   string // where it is plugged; "" for nowhere
	Bridge, Port   string
	Health
}

// FlowRow is the part of a tap flow by which lists are filtered and sorted. The record must not be
// changed.
type FlowRow struct {
	*store.Flow
	Health
}

// Plugin is a plugin as users see it.
type Plugin struct {
	plugin.Status
	Health
}

// Counts is how many resources are in each state.
type Counts map[tap.State]int

// ServiceCounters is what operators graph of a tap service.
type ServiceCounters struct {
	Name string
	meter.Counters
}
