package hypervisor

import (
	"math"
	"net/netip"

	"github.com/tapline-sdn/tapline/plugin/tap"
)

// Report is what a worker knows of its host. The reader must not change it.
type Report struct {
	// Known is false until the host's guests were read for the first time.
	Known bool
	// Problem is what is wrong on the whole host, or with a NIC that is to leave, in the hypervisor's words; "" if nothing.
	Problem string
	// Guests are as last read, sorted by id.
	Guests []Guest
	// NICs tells of each order for a guest of this host how far it has come, by service id.
	NICs map[string]Outcome
	// Orders is the number of the list of orders that this reflects; 0 before the first, [AllOrders] of a host without a hypervisor.
	Orders uint64
}

// AllOrders is greater than the number of any list of orders.
const AllOrders = math.MaxUint64

// Guest is a guest as a host's hypervisor knows it: with libvirt, a domain.
type Guest struct {
	ID         string // libvirt's uuid
	Name       string
	State      string // libvirt's word: running, paused, shut off, ...
	Running    bool   // it has a process: running or paused
	Persistent bool   // it has a definition that outlives its process
	NICs       []GuestNIC
	// Services are those of the cluster whose tap NIC the guest or its definition has, by id, sorted.
	Services []string
}

// GuestNIC is a NIC of a guest: of the running one, or of the definition while it does not run.
type GuestNIC struct {
	MAC    tap.MAC
	IfName string // on the host; "" while the guest is off and the definition names none
	Bridge string
	IPs    []netip.Addr // sorted
	Ours   bool         // some cluster's tap NIC
}

// Outcome is how far a tap NIC has come on a host.
type Outcome struct {
	State  OutcomeState
	Reason string // of Failed, in the hypervisor's words
	Guest  string // the guest's name
}

// OutcomeState says how far a tap NIC has come.
type OutcomeState string

// The states of a tap NIC on a host.
const (
	Plugged  OutcomeState = "plugged"  // the running guest has it
	Plugging OutcomeState = "plugging" // being plugged
	Off      OutcomeState = "off"      // the guest is off; its definition has it, or need not
	Absent   OutcomeState = "absent"   // the running guest does not have it and is not ordered to
	Failed   OutcomeState = "failed"   // see Reason; it is tried again
)
