package hypervisor

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/tapline-sdn/tapline/plugin/tap"
)

// scope is what of a domain a step changes: the process or the definition.
type scope string

const (
	live   scope = "--live"
	config scope = "--config"
)

// step is one change of one domain. It is comparable, and names what has to be tried again.
type step struct {
	domain  string // uuid
	guest   string // name
	scope   scope
	service string // id
	detach  bool
	alias   string // of the NIC to detach
	dev     string // of the NIC, for messages
	again   bool   // it is detached to be plugged again
}

// plan is what has to be done on a host, and how far each order has come there.
type plan struct {
	steps []step
	nics  map[string]Outcome
}

// makePlan compares a host's domains with the orders. It is pure. What is in a domain counts whoever plugged it, by alias or
// address; only what has our alias is taken out. The running guest comes before its definition, since somebody waits for it.
//
// A NIC of ours that stands wrong is taken out and plugged again: in a definition, one that names another bridge; in a running
// guest, one of a service that is lost, whose port is gone from the switch. There another bridge does no harm: the port is moved.
func makePlan(cluster, bridge string, domains []domain, orders []Order, lost map[string]bool) plan {
	p := plan{nics: map[string]Outcome{}}
	for i := range domains {
		d := &domains[i]
		keep := map[string]bool{} // services whose NIC belongs into this domain
		for _, o := range orders {
			if !o.Guest.Matches(&d.Guest) {
				continue
			}
			s := o.Service
			keep[s.ID] = true
			has := func(devices []device) bool {
				return slices.ContainsFunc(devices, func(n device) bool { return n.mac == s.MAC || serviceOf(cluster, n.alias) == s.ID })
			}
			add := func(at scope) {
				p.steps = append(p.steps, step{domain: d.ID, guest: d.Name, scope: at, service: s.ID, dev: s.IfName})
			}
			wrong := func(at scope, devices []device, is func(device) bool) (any bool) {
				for _, n := range devices {
					if serviceOf(cluster, n.alias) == s.ID && is(n) {
						any = true
						p.steps = append(p.steps, step{
							domain: d.ID, guest: d.Name, scope: at, service: s.ID, detach: true, again: true, alias: n.alias, dev: cmp.Or(n.dev, s.IfName),
						})
					}
				}
				return any
			}
			outcome := Outcome{State: Off, Guest: d.Name}
			switch {
			case !d.Running:
			case o.Plug && lost[s.ID] && wrong(live, d.live, func(device) bool { return true }):
				outcome.State = Plugging
			case has(d.live):
				outcome.State = Plugged
			case !o.Plug:
				outcome.State = Absent
			default:
				outcome.State = Plugging
				add(live)
			}
			if o.Plug && d.Persistent && !wrong(config, d.config, func(n device) bool { return n.bridge != bridge }) && !has(d.config) {
				add(config)
			}
			if before, twice := p.nics[s.ID]; !twice || before.State == Off {
				p.nics[s.ID] = outcome
			}
		}
		p.leave(cluster, d, keep)
	}
	slices.SortStableFunc(p.steps, func(a, b step) int { return cmp.Compare(b.scope, a.scope) })
	return p
}

// leave plans the end of NICs of ours that no order has in the domain.
func (p *plan) leave(cluster string, d *domain, keep map[string]bool) {
	for _, part := range []struct {
		scope   scope
		devices []device
	}{{live, d.live}, {config, d.config}} {
		for _, n := range part.devices {
			if service := serviceOf(cluster, n.alias); service != "" && !keep[service] {
				p.steps = append(p.steps, step{
					domain: d.ID, guest: d.Name, scope: part.scope, service: service, detach: true, alias: n.alias, dev: cmp.Or(n.dev, n.mac.String()),
				})
			}
		}
	}
}

// what says what a step is for, in messages.
func (s step) what() string {
	verb, of := "plug NIC %s into", "guest %s"
	if s.detach {
		verb = "unplug NIC %s from"
	}
	if s.scope == config {
		of = "the definition of guest %s"
	}
	return fmt.Sprintf(verb+" "+of, s.dev, s.guest)
}

// orderOf finds the order for a service.
func orderOf(orders []Order, service string) (tap.Service, bool) {
	i := slices.IndexFunc(orders, func(o Order) bool { return o.Service.ID == service })
	if i < 0 {
		return tap.Service{}, false
	}
	return orders[i].Service, true
}
