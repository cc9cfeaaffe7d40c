package standing

import (
	"iter"
	"maps"
	"slices"
	"time"

	"github.com/tapline-sdn/tapline/controller/engine/intent"
	"github.com/tapline-sdn/tapline/controller/engine/view"
	"github.com/tapline-sdn/tapline/controller/inventory"
	"github.com/tapline-sdn/tapline/controller/sets"
	"github.com/tapline-sdn/tapline/controller/store"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// Table is how everything stands.
type Table struct {
	intent  *intent.Intent
	places  *inventory.Places
	plugged bool // hypervisors plug the tap NICs of guests

	hosts    map[string]*Host // by id
	verdicts map[intent.Ref]Verdict
	needs    needIndex
	unready  unreadySet
	// changed at this revision, which the plugin has not answered yet
	changed map[intent.Ref]uint64
	asked   sets.Set // ids of hosts of which that is so
	// what disabled and deleted services and flows may still have on the switches
	leaving map[intent.Ref][]tap.Need
	// what the others needed before, and was not read back as gone
	outdated map[intent.Ref][]tap.Need
	// hosts that were registered, and services and flows that were enabled, before the controller
	// started: these may have something there of which nothing is known yet
	earlierHosts sets.Set // ids
	earlier      map[intent.Ref]struct{}
	// services that flows fed before a change which the plugin has not answered yet
	former map[intent.Ref]sets.Set
	// how the members of tap flows with a selector stand
	tallies map[intent.Ref]*memberTally

	orderList uint64   // number of the last list of orders for the hypervisors
	unasked   sets.Set // services about which some hypervisor has not answered yet
}

// Verdict is what is known of a service or a flow.
type Verdict struct {
	Status   tap.Status // the plugin's word
	Answered bool       // the plugin has given it
	Health   view.Health
	Members  view.MemberCounts // of a tap flow with a selector
	// when the health became what it is; zero if it has not changed since the controller started
	Since time.Time

	// NICReason says that the health is a hypervisor's word on a service's tap NIC.
	NICReason bool
	// FirstOrder is the number of the first list of orders that had the service's tap NIC.
	FirstOrder uint64
	// ready stays set while a switch is being changed for the sake of others on the same objects.
	// What the switch then shows decides.
	ready bool
	// noted is the state of which NewState has told last.
	noted tap.State
}

// New returns a table of all services and flows, in which no host is. With plugged, hypervisors
// plug the NICs of guests.
func New(in *intent.Intent, places *inventory.Places, plugged bool) *Table {
	t := &Table{
		intent: in, places: places, plugged: plugged,
		hosts: map[string]*Host{}, verdicts: map[intent.Ref]Verdict{}, needs: needIndex{},
		changed: map[intent.Ref]uint64{}, asked: sets.Set{}, leaving: map[intent.Ref][]tap.Need{},
		outdated: map[intent.Ref][]tap.Need{}, former: map[intent.Ref]sets.Set{},
		tallies: map[intent.Ref]*memberTally{},
		unasked: sets.Set{}, earlierHosts: sets.Set{}, earlier: map[intent.Ref]struct{}{},
	}

	for id := range in.Hosts.ByID {
		t.earlierHosts.Add(id)
	}

	for id, s := range in.Services.ByID {
		t.load(intent.ServiceRef(id), &s.Meta, s.Enabled)
	}

	for id, f := range in.Flows.ByID {
		t.load(intent.FlowRef(id), &f.Meta, f.Enabled)
	}

	for id := range t.verdicts {
		t.judge(id)
	}

	return t
}

// load adds a service or a flow that was stored before the controller started.
func (t *Table) load(id intent.Ref, meta *store.Meta, enabled bool) {
	t.verdicts[id] = Verdict{}
	if enabled {
		t.earlier[id] = struct{}{}
	}
	if hosts, holds := t.intent.Holds[id.ID]; holds || meta.Deleting {
		t.restore(id, hosts)
	}
	if enabled && !meta.Deleting && t.hasExpired(id) {
		t.Leave(id) // It expired while no controller ran.
	}
}

// hasExpired reports whether the time of a flow has passed.
func (t *Table) hasExpired(id intent.Ref) bool {
	f := t.intent.Flows.ByID[id.ID]
	return id.Kind == tap.KindFlow && f != nil && t.intent.Phase(f) == store.Expired
}

// AddHost adds a registered host, which is then changed in place.
func (t *Table) AddHost(h *Host) { t.hosts[h.ID] = h }

// RemoveHost removes a host.
func (t *Table) RemoveHost(id string) {
	delete(t.hosts, id)
	delete(t.earlierHosts, id)
}

// Add adds a service or a flow that was just created.
func (t *Table) Add(id intent.Ref) {
	v := Verdict{}
	if id.Kind == tap.KindService {
		v.FirstOrder = t.orderList
	}
	t.verdicts[id] = v
}

// Verdict returns what is known of a service or a flow; the zero Verdict if there is no such one.
func (t *Table) Verdict(id intent.Ref) Verdict { return t.verdicts[id] }

// Health is how a service or a flow stands.
func (t *Table) Health(id intent.Ref) view.Health { return t.verdicts[id].Health }

// NewState returns how a service or a flow stands, and whether its state is another than at the
// last call. States that last for moments, while something is being planned or programmed, are left
// out.
func (t *Table) NewState(id intent.Ref) (health view.Health, differs bool) {
	v, exists := t.verdicts[id]
	if !exists || t.intent.Members[id.ID] != nil || v.Health.State == v.noted ||
		v.Health.Code == view.CodePlanning ||
		v.Health.Code == view.CodeProgramming {
		return v.Health, false
	}
	v.noted = v.Health.State
	t.verdicts[id] = v
	return v.Health, true
}

// Needs is what a service or a flow needs on the switches, by the plugin's word. It must not be
// changed.
func (t *Table) Needs(id intent.Ref) []tap.Need { return t.verdicts[id].Status.Needs }

// Services iterates over all services.
func (t *Table) Services() iter.Seq[intent.Ref] {
	return func(yield func(intent.Ref) bool) {
		for id := range t.verdicts {
			if id.Kind == tap.KindService && !yield(id) {
				return
			}
		}
	}
}

// Take notes the plugin's word on a service or a flow, and reports whether there is such a one; its
// health is then to be judged.
func (t *Table) Take(s tap.Status) bool {
	id := intent.Ref{Kind: s.Kind, ID: s.ID}
	v, exists := t.verdicts[id]
	if !exists {
		return false
	}

	t.needs.replace(id, v.Status.Needs, s.Needs)
	t.noteOutdated(id, v.Status.Needs, s.Needs)
	v.Status, v.Answered, v.ready = s, true, false
	t.verdicts[id] = v
	return true
}

// noteOutdated remembers what a service or a flow needed before and needs no longer, until it was
// read back as gone.
func (t *Table) noteOutdated(id intent.Ref, before, now []tap.Need) {
	for _, need := range before {
		if !slices.Contains(now, need) {
			t.addOutdated(id, need)
		}
	}
}

// MarkChanged notes that a service or a flow was changed by its user, of which the plugin learns at
// a revision: what it said before no longer counts.
func (t *Table) MarkChanged(id intent.Ref, revision uint64) {
	v := t.verdicts[id]
	v.ready = false
	t.verdicts[id] = v
	t.changed[id] = revision
}

// MarkHostChanged notes that a host was changed by its user, of which the plugin learns at a
// revision.
func (t *Table) MarkHostChanged(h *Host, revision uint64) {
	h.Asked = revision
	t.asked.Add(h.ID)
}

// Unanswered reports whether the plugin has not yet answered a change of a service or a flow.
func (t *Table) Unanswered(id intent.Ref) bool {
	_, waits := t.changed[id]
	return waits
}

// Answered notes that the plugin has answered a change of a service or a flow.
func (t *Table) Answered(id intent.Ref) {
	delete(t.changed, id)
	t.dropNeeded(id)
	t.bequeath(id)
	t.collectLeaving(id)
}

// AnsweredUpTo notes that the plugin has answered all changes up to a revision. It adds the
// services and flows whose health may be another, and returns the ids of such hosts.
func (t *Table) AnsweredUpTo(revision uint64, to Affected) (hosts []string) {
	for id, since := range t.changed {
		if since <= revision {
			t.Answered(id)
			to.Add(id)
		}
	}

	for id := range t.asked {
		h := t.hosts[id]
		if h != nil && h.Asked > revision {
			continue
		}
		delete(t.asked, id)
		if h != nil {
			h.Asked = 0
			hosts = append(hosts, id)
		}
	}

	return hosts
}

// Forget drops what is known of a service or a flow that is no longer stored.
func (t *Table) Forget(id intent.Ref) {
	t.needs.replace(id, t.Needs(id), nil)
	delete(t.verdicts, id)
	delete(t.changed, id)
	delete(t.leaving, id)
	delete(t.outdated, id)
	delete(t.earlier, id)
	delete(t.former, id)
	delete(t.unasked, id.ID)
	delete(t.tallies, id)
	t.unready.remove(id)
}

// Count tells how many hosts, tap flows and tap services are in each state.
func (t *Table) Count() (hosts, flows, services view.Counts) {
	hosts, flows, services = view.Counts{}, view.Counts{}, view.Counts{}
	for h := range maps.Values(t.hosts) {
		hosts[h.Health.State]++
	}

	for id, v := range t.verdicts {
		if t.intent.Captures[id.ID] != nil || t.intent.Members[id.ID] != nil {
			continue
		}
		if id.Kind == tap.KindFlow {
			flows[v.Health.State]++
		} else {
			services[v.Health.State]++
		}
	}

	return hosts, flows, services
}

// Sizes is how much a table holds of each kind.
type Sizes struct{ Verdicts, Needs, Unanswered, Leaving, Outdated, Unready int }

// Sizes tells how much the table holds, by which tests see that nothing is left behind.
func (t *Table) Sizes() Sizes {
	return Sizes{len(t.verdicts), len(t.needs), len(t.changed), len(t.leaving), len(t.outdated),
		len(t.unready.members)}
}
