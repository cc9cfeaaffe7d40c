package hypervisor

import (
	"slices"
	"time"
)

// maxDoublings bounds how often [Timing.Lost] is doubled.
const maxDoublings = 6

// loss is a NIC of ours in a running guest whose port the switch does not show, or did not show a while ago.
type loss struct {
	gone    bool
	since   time.Time // when the port went, the NIC was plugged again, or the port came back
	repairs int       // how often the NIC was plugged again
}

// compare holds the NICs of the running guests against the switch.
func (w *worker) compare() {
	unseen := w.orders.notSeen()
	lacking := map[string]bool{}
	for i := range w.domains {
		for _, n := range w.domains[i].live {
			// A guest that is paused could not release it.
			if service := serviceOf(w.cluster, n.alias); service != "" && w.domains[i].State == "running" && slices.Contains(unseen, service) {
				lacking[service] = true
			}
		}
	}
	now := time.Now()
	for service := range lacking {
		l := w.losses[service]
		if l == nil {
			l = &loss{}
			w.losses[service] = l
		}
		if !l.gone {
			l.gone, l.since = true, now
		}
	}
	for service, l := range w.losses {
		switch {
		case l.gone && !lacking[service]:
			l.gone, l.since = false, now
		case !l.gone && now.Sub(l.since) > w.config.Timing.Lost<<maxDoublings:
			delete(w.losses, service)
		}
	}
}

// due is when the NIC is to be plugged again.
func (w *worker) due(l *loss) time.Time {
	return l.since.Add(w.config.Timing.Lost << min(l.repairs, maxDoublings))
}

// lossDue is when guests are to be read for the sake of a NIC that is to be plugged again; zero if there is none.
func (w *worker) lossDue() (first time.Time) {
	for _, l := range w.losses {
		if at := w.due(l); l.gone && !w.read.After(at) && (first.IsZero() || at.Before(first)) {
			first = at
		}
	}
	return first
}

// plan compares what is with what is wanted.
func (w *worker) plan(orders []Order) plan {
	lost := map[string]bool{}
	for service, l := range w.losses {
		if l.gone && w.read.After(w.due(l)) { // What was read before may have changed since.
			lost[service] = true
		}
	}
	return makePlan(w.cluster, w.config.TapBridge, w.domains, orders, lost)
}
