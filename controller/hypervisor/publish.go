package hypervisor

import (
	"fmt"
	"reflect"
	"slices"
)

// publish reports the host's state if it changed. An unchanged list of guests or map of NICs is the
// same slice or map as in the report before, so that the reader notices cheaply.
func (w *worker) publish(orders []Order, number uint64) {
	r := Report{
		Known:   w.known,
		Problem: w.problem(),
		Guests:  w.guests(),
		NICs:    map[string]Outcome{},
		Orders:  number,
	}
	if number > 0 {
		r.NICs = w.outcomes(orders)
	}

	last := w.lastReport
	if last != nil && reflect.DeepEqual(last.Guests, r.Guests) {
		r.Guests = last.Guests
	}
	if last != nil && reflect.DeepEqual(last.NICs, r.NICs) {
		r.NICs = last.NICs
	}

	if last == nil || !reflect.DeepEqual(*last, r) {
		w.lastReport = &r
		w.report(r)
	}
}

// guests returns the guests with their addresses and with the tap services that they hold.
func (w *worker) guests() []Guest {
	var guests []Guest
	for _, d := range w.domains {
		g := d.Guest
		g.NICs = slices.Clone(g.NICs)
		for i := range g.NICs {
			g.NICs[i].IPs = w.ips[nicKey{g.ID, g.NICs[i].MAC}]
		}

		for _, n := range slices.Concat(d.live, d.config) {
			service := serviceOf(w.cluster, n.alias)
			if service != "" && !slices.Contains(g.Services, service) {
				g.Services = append(g.Services, service)
			}
		}

		slices.Sort(g.Services)
		guests = append(guests, g)
	}

	return guests
}

// outcomes returns how far each order has come, including why it cannot be fulfilled now.
func (w *worker) outcomes(orders []Order) map[string]Outcome {
	p := w.plan(orders)
	for _, s := range p.steps {
		if s.detach && !s.replug || s.scope != scopeLive {
			continue
		}
		if reason := w.failure(s); reason != "" {
			p.nics[s.service] = Outcome{State: Failed, Reason: reason, Guest: s.guest}
		}
	}

	return p.nics
}

// failure says why a step cannot be done now, or "".
func (w *worker) failure(s step) string {
	a := w.attempts[s]
	switch {
	case w.downReason != "":
		return w.downReason
	case a == nil:
		return ""
	case a.lastError == "" && a.failures > 1:
		return "the guest does not release the NIC, " +
			"which has lost its port and is to be plugged again"
	default:
		return a.lastError
	}
}

// problem says what is wrong on the host. NICs that cannot be plugged into their running guest are
// left out, since they have an outcome.
func (w *worker) problem() string {
	if w.downReason != "" {
		return w.downReason
	}

	var all []string
	for s, a := range w.attempts {
		switch {
		case a.lastError != "" && (s.detach || s.scope == scopeConfig):
			all = append(all, fmt.Sprintf("cannot %s: %s", s.describe(), a.lastError))
		case s.detach && a.failures > 1:
			all = append(all, fmt.Sprintf(
				"guest %s does not release NIC %s; nothing is delivered to it", s.guest, s.dev))
		}
	}

	slices.Sort(all)
	switch len(all) {
	case 0:
		return ""
	case 1:
		return all[0]
	default:
		return fmt.Sprintf("%s; and %d more", all[0], len(all)-1)
	}
}
