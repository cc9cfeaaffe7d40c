package hypervisor

import (
	"slices"
	"sync"

	"github.com/tapline-sdn/tapline/plugin/tap"
)

// Order is the tap NIC of a service of type guest. The whole list of orders tells what may be in guests: a NIC of ours that no
// order names is taken out.
type Order struct {
	Service tap.Service
	// Guest is how the service's target may be found: any one of these makes a guest the target.
	Guest Target
	// Plug has the NIC plugged where it is missing. Without it, as for a disabled service, things stay as they are.
	Plug bool
}

// Target names a guest.
type Target struct {
	ID   string    // libvirt's uuid, or the domain's name
	Name string    // of a declared guest, "" if not declared: the domain's name
	MACs []tap.MAC // of a declared guest's NICs
}

// Matches reports whether a domain is the target.
func (t Target) Matches(g *Guest) bool {
	if t.ID == g.ID || t.ID == g.Name || t.Name != "" && t.Name == g.Name {
		return true
	}
	for _, n := range g.NICs {
		for _, m := range t.MACs {
			if n.MAC == m && !m.IsZero() {
				return true
			}
		}
	}
	return false
}

// Orders hands the latest list of orders to a worker. A list that was not taken yet is replaced; nothing waits, nothing is lost.
type Orders struct {
	wake chan struct{} // holds at most one

	mu     sync.Mutex
	number uint64
	list   []Order
	unseen []string
	poke   bool
}

// NewOrders returns orders that say nothing yet.
func NewOrders() *Orders { return &Orders{wake: make(chan struct{}, 1)} }

// Put replaces the list, which must not change any more. An empty list has all NICs of ours taken out. Its number is greater than
// those before, and comes back in the report that reflects it; the first is 1 or more.
func (o *Orders) Put(number uint64, list []Order) {
	o.mu.Lock()
	o.number, o.list = number, list
	o.mu.Unlock()
	o.signal()
}

// Unseen tells which services' NICs the host's switch does not show, though their guests are on the host, by id and sorted. While
// the switch cannot be asked there are none.
func (o *Orders) Unseen(services []string) {
	o.mu.Lock()
	same := slices.Equal(o.unseen, services)
	o.unseen = services
	o.mu.Unlock()
	if !same {
		o.signal()
	}
}

func (o *Orders) notSeen() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.unseen
}

// Look tells the worker that something of its guests has changed, for when no events come.
func (o *Orders) Look() {
	o.mu.Lock()
	o.poke = true
	o.mu.Unlock()
	o.signal()
}

func (o *Orders) signal() {
	select {
	case o.wake <- struct{}{}:
	default: // It is awake already.
	}
}

// get returns the list, its number, 0 if there was never one, and whether somebody asked to look again since the last get.
func (o *Orders) get() (list []Order, number uint64, look bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	look, o.poke = o.poke, false
	return o.list, o.number, look
}
