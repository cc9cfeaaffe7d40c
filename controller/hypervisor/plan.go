package hypervisor

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/tapline-sdn/tapline/plugin/tap"
)

// scope is the part of a domain that a step changes. Its value is virsh's option.
type scope string

const (
	scopeLive   scope = "--live"   // the running process
	scopeConfig scope = "--config" // the persistent definition
)

// step attaches or detaches one NIC. It is comparable, since failures are kept by step.
type step struct {
	domain  string // UUID
	guest   string // name
	scope   scope
	service string // id
	detach  bool
	alias   string // of the NIC to detach
	dev     string // interface of the NIC, for messages
	replug  bool   // the NIC is detached in order to be plugged again
}

// plan says what is to be done on a host, and how far each order has come there.
type plan struct {
	steps []step             // running guests first, since somebody waits for them
	nics  map[string]Outcome // by service id
}

// matcher says what a guest is to a target.
type matcher func(Target, *Guest) match

// makePlan compares a host's domains with the orders. It is pure, but for the matcher.
//
// A NIC is plugged only into a guest that is certainly the target. While that is not certain, a NIC
// that is plugged already stays.
//
// A NIC with the service's alias or MAC address fulfils an order, whoever plugged it. Only NICs
// with our alias are unplugged. Two kinds are unplugged in order to be plugged again: in a
// definition, a NIC on another bridge; in a running guest, a NIC whose service is in lost, that is,
// whose port has vanished from the switch. In a running guest the bridge does not matter, since the
// port is moved.
func makePlan(
	cluster, bridge string, domains []domain, orders []Order, lost map[string]bool, matches matcher,
) plan {
	p := plan{nics: map[string]Outcome{}}
	for i := range domains {
		d := &domains[i]
		ordered := map[string]bool{} // services whose NIC may be in this domain
		for _, o := range orders {
			m := matches(o.Guest, &d.Guest)
			if m.kind == noMatch {
				continue
			}

			ordered[o.Service.ID] = true
			t := planner{plan: &p, cluster: cluster, domain: d, order: o}
			if m.kind != isTarget {
				p.setOutcome(o.Service.ID, t.uncertain(m))
				continue
			}

			t.planConfig(bridge)
			p.setOutcome(o.Service.ID, t.planLive(lost[o.Service.ID]))
		}

		p.planRemovals(cluster, d, ordered)
	}

	slices.SortStableFunc(p.steps, func(a, b step) int { return cmp.Compare(b.scope, a.scope) })
	return p
}

// setOutcome keeps the most telling outcome of a service that matches several domains: that of a
// running one.
func (p *plan) setOutcome(service string, o Outcome) {
	if before, known := p.nics[service]; !known || before.State == Off {
		p.nics[service] = o
	}
}

// planRemovals unplugs the NICs of ours that no order has in the domain.
func (p *plan) planRemovals(cluster string, d *domain, ordered map[string]bool) {
	for _, part := range []struct {
		scope   scope
		devices []device
	}{{scopeLive, d.live}, {scopeConfig, d.config}} {
		for _, n := range part.devices {
			service := serviceOf(cluster, n.alias)
			if service == "" || ordered[service] {
				continue
			}
			p.steps = append(p.steps, step{
				domain: d.ID, guest: d.Name, scope: part.scope, service: service,
				detach: true, alias: n.alias, dev: cmp.Or(n.dev, n.mac.String()),
			})
		}
	}
}

// planner plans one order for one domain.
type planner struct {
	plan    *plan
	cluster string
	domain  *domain
	order   Order
}

// uncertain returns the outcome of an order whose target is not certainly this guest.
func (t planner) uncertain(m match) Outcome {
	outcome := Outcome{State: Off, Guest: t.domain.Name}
	switch {
	case t.domain.Running && t.isIn(t.domain.live):
		outcome.State = Plugged
	case !t.order.Plug:
		outcome.State = Absent
	case m.kind == isAmbiguous:
		outcome.State, outcome.Reason = Failed, m.reason
	case m.kind == isUndecided:
		outcome.State = Plugging
	}

	return outcome
}

// planLive plans for the running guest, and returns how far the order has come.
func (t planner) planLive(lost bool) Outcome {
	d := t.domain
	outcome := Outcome{State: Off, Guest: d.Name}
	switch {
	case !d.Running:
	case t.order.Plug && lost && t.detachOurs(scopeLive, d.live, isAny):
		outcome.State = Plugging
	case t.isIn(d.live):
		outcome.State = Plugged
	case !t.order.Plug:
		outcome.State = Absent
	default:
		outcome.State = Plugging
		t.attach(scopeLive)
	}

	return outcome
}

// planConfig plans for the persistent definition.
func (t planner) planConfig(bridge string) {
	d := t.domain
	if !t.order.Plug || !d.Persistent {
		return
	}
	onOtherBridge := func(n device) bool { return n.bridge != bridge }
	if !t.detachOurs(scopeConfig, d.config, onOtherBridge) && !t.isIn(d.config) {
		t.attach(scopeConfig)
	}
}

// isIn reports whether the service's NIC is among the devices.
func (t planner) isIn(devices []device) bool {
	return slices.ContainsFunc(devices, func(n device) bool {
		return n.mac == t.order.Service.MAC || t.isOurs(n)
	})
}

// isOurs reports whether a NIC has the alias of the service.
func (t planner) isOurs(n device) bool {
	return serviceOf(t.cluster, n.alias) == t.order.Service.ID
}

func isAny(device) bool { return true }

// attach adds a step that plugs the service's NIC.
func (t planner) attach(at scope) {
	t.plan.steps = append(t.plan.steps, step{
		domain: t.domain.ID, guest: t.domain.Name, scope: at,
		service: t.order.Service.ID, dev: t.order.Service.IfName,
	})
}

// detachOurs adds steps that unplug the service's NICs that are wrong, so that they are plugged
// again. It reports whether there are any.
func (t planner) detachOurs(
	at scope, devices []device, wrong func(device) bool,
) (found bool) {
	s := t.order.Service
	for _, n := range devices {
		if !t.isOurs(n) || !wrong(n) {
			continue
		}
		found = true
		t.plan.steps = append(t.plan.steps, step{
			domain: t.domain.ID, guest: t.domain.Name, scope: at, service: s.ID,
			detach: true, replug: true, alias: n.alias, dev: cmp.Or(n.dev, s.IfName),
		})
	}

	return found
}

// describe names the step in messages: "plug NIC tap0 into guest web1".
func (s step) describe() string {
	verb, where := "plug NIC %s into", "guest %s"
	if s.detach {
		verb = "unplug NIC %s from"
	}
	if s.scope == scopeConfig {
		where = "the definition of guest %s"
	}
	return fmt.Sprintf(verb+" "+where, s.dev, s.guest)
}

// orderedService returns the service of an order, by id.
func orderedService(orders []Order, id string) (tap.Service, bool) {
	i := slices.IndexFunc(orders, func(o Order) bool { return o.Service.ID == id })
	if i < 0 {
		return tap.Service{}, false
	}
	return orders[i].Service, true
}
