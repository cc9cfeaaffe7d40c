package hypervisor

import (
	"slices"
	"time"
)

// maxDoublings bounds how often [Timing.Lost] is doubled.
const maxDoublings = 6

// lostPort records that a NIC of ours is in a running guest, but its port is missing on the switch,
// or was missing a short while ago.
type lostPort struct {
	missing bool // now
	// since is when the port vanished or came back, or when its NIC was plugged again: the latest.
	since   time.Time
	repairs int // how often the NIC was plugged again
}

// updateLostPorts compares the NICs of the running guests with the ports on the switch.
func (w *worker) updateLostPorts() {
	now := time.Now()
	missing := w.missingPorts()
	for service := range missing {
		l := w.lostPorts[service]
		if l == nil {
			l = &lostPort{}
			w.lostPorts[service] = l
		}
		if !l.missing {
			l.missing, l.since = true, now
		}
	}

	for service, l := range w.lostPorts {
		switch {
		case l.missing && !missing[service]:
			l.missing, l.since = false, now
		case !l.missing && now.Sub(l.since) > w.config.Timing.Lost<<maxDoublings:
			delete(w.lostPorts, service)
		}
	}
}

// missingPorts returns the tap services whose NIC is in a running guest, but not on the switch.
func (w *worker) missingPorts() map[string]bool {
	unseen := w.orders.unseenServices()
	missing := map[string]bool{}
	for i := range w.domains {
		if w.domains[i].State != "running" {
			continue // A paused guest could not release the NIC.
		}
		for _, n := range w.domains[i].live {
			service := serviceOf(w.cluster, n.alias)
			if service != "" && slices.Contains(unseen, service) {
				missing[service] = true
			}
		}
	}

	return missing
}

// replugAt returns when the NIC of a lost port is to be plugged again.
func (w *worker) replugAt(l *lostPort) time.Time {
	return l.since.Add(w.config.Timing.Lost << min(l.repairs, maxDoublings))
}

// nextReplug returns when the guests are to be read next because a NIC is to be plugged again, or
// the zero time.
func (w *worker) nextReplug() (first time.Time) {
	for _, l := range w.lostPorts {
		at := w.replugAt(l)
		if l.missing && !w.surveyedAt.After(at) && (first.IsZero() || at.Before(first)) {
			first = at
		}
	}
	return first
}

// plan compares the domains with the orders.
func (w *worker) plan(orders []Order) plan {
	lost := map[string]bool{}
	for service, l := range w.lostPorts {
		// The guests must have been read after that time: they may have changed meanwhile.
		if l.missing && w.surveyedAt.After(w.replugAt(l)) {
			lost[service] = true
		}
	}
	matches := func(t Target, g *Guest) match { return w.registry.match(t, w.host, g) }
	return makePlan(w.cluster, w.config.TapBridge, w.domains, orders, lost, matches)
}
