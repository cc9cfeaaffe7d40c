package hypervisor

import (
	"slices"
	"sync"

	"github.com/tapline-sdn/tapline/plugin/tap"
)

// Order asks for the tap NIC of a service of type guest. The list of orders is complete: a NIC of
// ours that no order names is unplugged.
type Order struct {
	Service tap.Service
	Guest   Target
	// Plug has the NIC plugged where it is missing. Without it, as for a disabled service, the NIC
	// is neither plugged nor unplugged.
	Plug bool
}

// Orders hands the latest list of orders to a worker. A new list replaces one that the worker has
// not taken yet. No method blocks.
type Orders struct {
	wake chan struct{} // holds at most one

	mu         sync.Mutex
	number     uint64
	list       []Order
	unseen     []string
	readGuests bool
}

// NewOrders returns an empty mailbox: the worker leaves all NICs alone until Put is called.
func NewOrders() *Orders { return &Orders{wake: make(chan struct{}, 1)} }

// Put replaces the list, which the caller must not change afterwards. An empty list has all NICs of
// ours unplugged. The number is at least 1 and grows with each call; the report that reflects the
// list carries it.
func (o *Orders) Put(number uint64, list []Order) {
	o.mu.Lock()
	o.number, o.list = number, list
	o.mu.Unlock()
	o.signal()
}

// Unseen sets the services, by id and sorted, whose NICs the host's switch does not show although
// their guests are on the host. Pass none while the switch cannot be asked.
func (o *Orders) Unseen(services []string) {
	o.mu.Lock()
	same := slices.Equal(o.unseen, services)
	o.unseen = services
	o.mu.Unlock()

	if !same {
		o.signal()
	}
}

// unseenServices returns what was last passed to Unseen. It locks mu.
func (o *Orders) unseenServices() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.unseen
}

// Look asks the worker to read the guests again, which it does if libvirt sends no events.
func (o *Orders) Look() {
	o.mu.Lock()
	o.readGuests = true
	o.mu.Unlock()
	o.signal()
}

func (o *Orders) signal() {
	select {
	case o.wake <- struct{}{}:
	default: // The worker is going to wake already.
	}
}

// take returns the list and its number, which is 0 before the first Put. readGuests reports whether
// Look was called since the last take. It locks mu.
func (o *Orders) take() (list []Order, number uint64, readGuests bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	readGuests, o.readGuests = o.readGuests, false
	return o.list, o.number, readGuests
}
