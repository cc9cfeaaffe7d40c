package standing

import (
	"iter"
	"maps"
	"slices"

	"github.com/tapline-sdn/tapline/controller/engine/intent"
	"github.com/tapline-sdn/tapline/controller/sets"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// feeding iterates over the flows that feed a service, and those that fed it until a change which
// the plugin has not answered yet.
func (t *Table) feeding(service string) iter.Seq[intent.Ref] {
	return func(yield func(intent.Ref) bool) {
		for flow := range t.intent.FlowsOfService[service] {
			if !yield(intent.FlowRef(flow)) {
				return
			}
		}
		for flow, services := range t.former {
			if _, fed := services[service]; fed && !yield(flow) {
				return
			}
		}
	}
}

// Move notes that a flow no longer feeds a service. What the flow has on the switches may still
// copy to that service, until it was read back as gone.
func (t *Table) Move(flow intent.Ref, from string) {
	if t.former[flow] == nil {
		t.former[flow] = sets.Set{}
	}
	t.former[flow].Add(from)
}

// bequeath hands what a flow no longer needs to the services that it fed before.
func (t *Table) bequeath(flow intent.Ref) {
	for service := range t.former[flow] {
		t.addOutdated(intent.ServiceRef(service), t.outdated[flow]...)
		t.addOutdated(intent.ServiceRef(service), t.leaving[flow]...)
	}
	delete(t.former, flow)
}

// addOutdated adds to what a service or a flow needed before and needs no longer.
func (t *Table) addOutdated(id intent.Ref, needs ...tap.Need) {
	if _, exists := t.verdicts[id]; !exists {
		return
	}
	for _, need := range needs {
		if !slices.Contains(t.outdated[id], need) {
			t.outdated[id] = append(t.outdated[id], need)
		}
	}
}

// dropNeeded takes what a service or a flow needs again from what it needed before.
func (t *Table) dropNeeded(id intent.Ref) {
	if needs := t.outdated[id]; len(needs) > 0 {
		t.outdated[id] = slices.DeleteFunc(needs,
			func(need tap.Need) bool { return slices.Contains(t.Needs(id), need) })
	}
}

// Outdated returns the ids of the hosts on which a service or a flow may have something that it
// needs no longer, sorted.
func (t *Table) Outdated(id intent.Ref) []string {
	hosts := sets.Set{}
	for _, need := range t.outdated[id] {
		hosts.Add(need.Host)
	}
	return slices.Sorted(maps.Keys(hosts))
}
