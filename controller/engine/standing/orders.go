package standing

import (
	"github.com/tapline-sdn/tapline/controller/hypervisor"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// NewOrders lists the tap NICs of all services of guests for the hypervisors, and numbers the list.
// The NIC of a disabled service stays where it is.
func (t *Table) NewOrders() (number uint64, list []hypervisor.Order) {
	t.orderList++
	return t.orderList, t.Orders()
}

// CurrentOrders returns the last list of orders and its number, which is at least 1.
func (t *Table) CurrentOrders() (number uint64, list []hypervisor.Order) {
	t.orderList = max(t.orderList, 1)
	return t.orderList, t.Orders()
}

// OrderNumber is the number of the last list of orders.
func (t *Table) OrderNumber() uint64 { return t.orderList }

// Orders lists the tap NICs of all services of guests.
func (t *Table) Orders() []hypervisor.Order {
	list := []hypervisor.Order{}
	for _, s := range t.intent.Services.Sorted() {
		if s.Type != tap.ServiceGuest || s.Deleting {
			continue
		}

		order := hypervisor.Order{Service: s.Service, Guest: hypervisor.Target{ID: s.TargetID},
			Plug: s.Enabled}
		if record := t.intent.Guests.ByID[s.TargetID]; record != nil {
			order.Guest.Name = record.Name
			for _, n := range record.NICs {
				order.Guest.MACs = append(order.Guest.MACs, n.MAC)
			}
		}

		list = append(list, order)
	}

	return list
}

// DomainOf finds the guest of an order, and its host: the one that runs, if there are several; nil
// if there is none.
func (t *Table) DomainOf(order *hypervisor.Order) (at *Host, found *hypervisor.Guest) {
	for _, h := range t.sortedHosts() {
		for i := range h.Guests.Guests {
			g := &h.Guests.Guests[i]
			if order.Guest.Matches(g) && (found == nil || g.Running && !found.Running) {
				at, found = h, g
			}
		}
	}
	return at, found
}

// GuestOff finds the guest of a service, and its host, where the guest is to have the service's NIC
// and does not run; nil if there is none.
func (t *Table) GuestOff(service string) (*Host, *hypervisor.Guest) {
	for _, order := range t.Orders() {
		if order.Service.ID != service {
			continue
		}
		if h, g := t.DomainOf(&order); g != nil && !g.Running {
			return h, g
		}
	}
	return nil, nil
}
