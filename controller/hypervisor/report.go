package hypervisor

import (
	"math"
	"net/netip"

	"github.com/tapline-sdn/tapline/plugin/tap"
)

// Report is what a worker knows about its host. The reader must not change it.
type Report struct {
	// Known is false until the host's guests were read for the first time.
	Known bool
	// Problem says what is wrong on the whole host, or with a NIC that cannot be unplugged, in the
	// hypervisor's words; "" if nothing is wrong.
	Problem string
	// Guests are sorted by id.
	Guests []Guest
	// NICs says how far each order for a guest of this host has come, by service id.
	NICs map[string]Outcome
	// Orders is the number of the list of orders that the report reflects: 0 before the first list,
	// [AllOrders] on a host without a hypervisor.
	Orders uint64
}

// AllOrders is greater than the number of any list of orders.
const AllOrders = math.MaxUint64

// Guest is a guest as a host's hypervisor knows it: with libvirt, a domain.
type Guest struct {
	ID         string // libvirt's UUID
	Name       string
	State      string // libvirt's term: running, paused, shut off, ...
	Running    bool   // it has a process: running or paused
	Persistent bool   // it has a definition that outlives its process
	NICs       []GuestNIC
	// Services are the tap services of our cluster whose NIC is in the guest or in its definition,
	// by id and sorted.
	Services []string
}

// GuestNIC is a NIC of the running guest, or of its definition while the guest is off.
type GuestNIC struct {
	MAC    tap.MAC
	IfName string // interface on the host; "" while the guest is off and the definition names none
	Bridge string
	IPs    []netip.Addr // sorted
	Ours   bool         // a tap NIC, of this or of another cluster
}

// Outcome says how far an order has come on a host.
type Outcome struct {
	State  OutcomeState
	Reason string // why it Failed, in the hypervisor's words
	Guest  string // the guest's name
}

// OutcomeState says how far an order has come.
type OutcomeState string

// The states of a tap NIC on a host.
const (
	Plugged  OutcomeState = "plugged"  // the running guest has it
	Plugging OutcomeState = "plugging" // being plugged
	Off      OutcomeState = "off"      // the guest is off
	Absent   OutcomeState = "absent"   // the running guest lacks it, and the order does not plug it
	Failed   OutcomeState = "failed"   // see Reason; plugging is retried
)
