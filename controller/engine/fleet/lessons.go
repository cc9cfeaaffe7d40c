package fleet

import (
	"encoding/json"
	"net/netip"

	"github.com/tapline-sdn/tapline/controller/inventory"
	"github.com/tapline-sdn/tapline/controller/session"
	"github.com/tapline-sdn/tapline/controller/sets"
	"github.com/tapline-sdn/tapline/controller/store"
)

// Lessons are facts that switches have shown and that count from then on, such as whose switch a
// host is. They count at once, and are stored later.
type Lessons struct {
	known map[string]store.Learned // by the id of the host or service
	due   sets.Set                 // ids of what is to be stored
	wake  chan struct{}            // holds at most one
}

func newLessons(known map[string]store.Learned) *Lessons {
	return &Lessons{known: known, due: sets.Set{}, wake: make(chan struct{}, 1)}
}

// Wake receives when something is to be stored. It may be read without the lock.
func (l *Lessons) Wake() <-chan struct{} { return l.wake }

// Known returns what is known of a host or service.
func (l *Lessons) Known(id string) store.Learned { return l.known[id] }

// All returns everything that is known, by the id of the host or service. It must not be changed.
func (l *Lessons) All() map[string]store.Learned { return l.known }

// Learn replaces what is known of a host or service.
func (l *Lessons) Learn(id string, now store.Learned) {
	if l.known[id] == now {
		return
	}
	if now == (store.Learned{}) {
		delete(l.known, id)
	} else {
		l.known[id] = now
	}

	l.due.Add(id)
	l.wakeUp()
}

func (l *Lessons) wakeUp() {
	select {
	case l.wake <- struct{}{}:
	default: // It is awake already.
	}
}

// TakeDue returns the ids of what is to be stored, and the operations that store it. If that does
// not fit one batch, it wakes its caller for the rest.
func (l *Lessons) TakeDue() (due sets.Set, ops []store.Op) {
	due = sets.Set{}
	for id := range l.due {
		if len(ops) == store.MaxOps {
			l.wakeUp()
			break
		}

		due.Add(id)
		delete(l.due, id)
		op := store.Op{Kind: store.KindLearned, ID: id}
		if fact, known := l.known[id]; known {
			op.Value, _ = json.Marshal(fact) // It has nothing that cannot be marshalled.
		}
		ops = append(ops, op)
	}
	return due, ops
}

// PutBack notes what could not be stored as due again.
func (l *Lessons) PutBack(due sets.Set) {
	for id := range due {
		l.due.Add(id)
	}
}

// ForgetTunnelIP has the tunnel address that a host's switch shows now count from now on.
func (l *Lessons) ForgetTunnelIP(host string) {
	fact := l.known[host]
	fact.TunnelIP = netip.Addr{}
	l.Learn(host, fact)
}

// LearnNoGRE notes that a host's switch cannot receive GRE, in its own words, where it has given
// up on a GRE port of ours. It reports whether that is new. The kernel may lack a module (ip_gre),
// which nothing but such an attempt tells: so it counts from then on, or it would be tried without
// end.
func (f *Fleet) LearnNoGRE(h *Host) (learned bool) {
	fact := f.Lessons.Known(h.ID)
	words := h.greFailure()
	if words == "" || fact.NoGRE != "" {
		return false
	}

	fact.NoGRE = words
	f.Lessons.Learn(h.ID, fact)
	h.Observed.Host.NoGRE = words
	if snap := h.Report.Snapshot; snap != nil {
		h.Observed.Host.Lacking = inventory.Lacks(inventory.FactsOf(&h.Observed.Host, snap))
	}
	return true
}

// greFailure is what the switch says of a GRE port of ours that has failed; "" if none has. On the
// userspace datapath such a port needs nothing that a host may lack.
func (h *Host) greFailure() string {
	if h.Program == nil || h.Observed.Host.TapDatapath != "system" {
		return ""
	}

	for i := range h.Program.Program.Ports {
		p := &h.Program.Program.Ports[i]
		if p.Type != "gre" || h.Report.Owners[p.Owner].State != session.Failed {
			continue
		}
		for _, stands := range h.Observed.Host.TapPorts {
			if stands.Name == p.Name && stands.Error != "" {
				return stands.Error
			}
		}
	}

	return ""
}

// learnSwitch notes what counts from now on of a host whose switch was observed and may be
// programmed.
func (f *Fleet) learnSwitch(id string, seen *inventory.Observation) {
	fact := f.Lessons.Known(id)
	if fact.SystemID == "" || f.intent.Hosts.ByID[id].SystemID != "" {
		fact.SystemID = seen.Identity.SystemID
	}
	if seen.ShownTunnelIP.IsValid() {
		fact.TunnelIP = seen.ShownTunnelIP
	}
	f.Lessons.Learn(id, fact)
}
