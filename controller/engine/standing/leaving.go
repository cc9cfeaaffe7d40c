package standing

import (
	"maps"
	"slices"
	"strings"

	"github.com/tapline-sdn/tapline/controller/engine/intent"
	"github.com/tapline-sdn/tapline/controller/engine/view"
	"github.com/tapline-sdn/tapline/controller/session"
	"github.com/tapline-sdn/tapline/controller/sets"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// anyOwner is the owner of a need of which only the host is known, as after a restart of the
// controller.
const anyOwner = ""

// Leave remembers what a service or a flow that was just disabled or deleted may have on the
// switches.
func (t *Table) Leave(id intent.Ref) { t.leaving[id] = t.mayHave(id) }

// collectLeaving adds what the plugin has planned for a service or a flow until it learned that it
// was disabled or deleted.
func (t *Table) collectLeaving(id intent.Ref) {
	if t.Leaves(id) {
		t.leaving[id] = t.mayHave(id)
	}
}

// mayHave is what a service or a flow may have on the switches: what it needs now, what it needed
// before and was not read back as gone, and of a service what its flows have and where its NIC is.
func (t *Table) mayHave(id intent.Ref) []tap.Need {
	needs := slices.Concat(t.leaving[id], t.outdated[id], t.Needs(id), t.unread(id))
	for member := range t.intent.MembersOf[id.ID] {
		needs = slices.Concat(needs, t.outdated[intent.FlowRef(member)],
			t.Needs(intent.FlowRef(member)))
	}
	if id.Kind == tap.KindService {
		for flow := range t.feeding(id.ID) {
			needs = slices.Concat(needs, t.mayHave(flow))
		}

		for _, h := range t.hosts {
			if h.Program == nil {
				continue
			}
			if _, stands := h.Program.Fingerprints[id.ID]; stands && t.intent.Deleting(id) {
				// Its NIC stays while it is merely disabled.
				needs = append(needs, tap.Need{Host: h.ID, Owner: id.ID})
			}
		}
	}

	slices.SortFunc(needs, compareNeeds)
	return slices.Compact(needs)
}

// unread are the hosts that were not read since the controller started, and that may have something
// of a service or a flow that was enabled then. A vnic flow whose source has been seen is where
// that is, and not there.
func (t *Table) unread(id intent.Ref) (needs []tap.Need) {
	flow := t.intent.Flows.ByID[id.ID]
	// The needs of a tap flow with a selector are those of its service alone.
	settled := len(t.Needs(id)) > 0 && (flow == nil || flow.Type != tap.FlowSelector)
	if _, earlier := t.earlier[id]; !earlier || settled {
		return nil
	}

	only := t.intent.Places[id.ID] // of a service
	if flow != nil {
		only = flow.HostID // of a vswitch
	}

	for host := range t.earlierHosts {
		switch h := t.hosts[host]; {
		case h != nil && h.Report.Snapshot != nil && h.Program != nil:
			delete(t.earlierHosts, host) // The plugin knows what it has.
		case only == host, only == "" && id.Kind == tap.KindFlow:
			needs = append(needs, tap.Need{Host: host, Owner: anyOwner})
		}
	}

	return needs
}

func compareNeeds(a, b tap.Need) int {
	if a.Host != b.Host {
		return strings.Compare(a.Host, b.Host)
	}
	return strings.Compare(a.Owner, b.Owner)
}

// MayHold returns the ids of the hosts on which a service or a flow may have something, sorted.
func (t *Table) MayHold(id intent.Ref) []string {
	hosts := sets.Set{}
	for _, need := range t.mayHave(id) {
		hosts.Add(need.Host)
	}

	for h := range t.hosts {
		if id.Kind != tap.KindService || t.hosts[h].Program == nil {
			continue
		}
		if _, stands := t.hosts[h].Program.Fingerprints[id.ID]; stands {
			hosts.Add(h)
		}
	}

	return slices.Sorted(maps.Keys(hosts))
}

// restore notes hosts that may have something of a service or a flow, as it was stored before the
// controller started.
func (t *Table) restore(id intent.Ref, hosts []string) {
	needs := make([]tap.Need, 0, len(hosts))
	for _, host := range hosts {
		needs = append(needs, tap.Need{Host: host, Owner: anyOwner})
	}

	if t.intent.Enabled(id) && !t.intent.Deleting(id) {
		t.outdated[id] = needs
	} else {
		t.leaving[id] = needs
	}
}

// Return notes that a service or a flow is enabled again: what it was to take off the switches it
// may need again.
func (t *Table) Return(id intent.Ref) {
	t.addOutdated(id, t.leaving[id]...)
	delete(t.leaving, id)
}

// Leaves reports whether something of a disabled or deleted service or flow may still be on a
// switch.
func (t *Table) Leaves(id intent.Ref) bool {
	_, leaves := t.leaving[id]
	return leaves
}

// Left returns the services and flows whose objects have left all switches since the last call: all
// objects of disabled and deleted ones, and of the others those that they no longer need.
// Their health may be another.
func (t *Table) Left() (left []intent.Ref) {
	for id, needs := range t.leaving {
		if t.Unanswered(id) {
			continue
		}
		needs = slices.DeleteFunc(needs, t.gone)
		if t.leaving[id] = needs; len(needs) == 0 {
			delete(t.leaving, id)
			left = append(left, id)
		}
	}

	for id, needs := range t.outdated {
		if t.Unanswered(id) {
			continue
		}

		if needs = slices.DeleteFunc(needs, t.gone); len(needs) > 0 {
			t.outdated[id] = needs
			continue
		}

		delete(t.outdated, id)
		if _, stored := t.intent.Holds[id.ID]; stored && !t.Leaves(id) {
			left = append(left, id)
		}
	}

	return left
}

// gone reports whether a switch was read back without what an owner had there for a service or flow
// that no longer needs it. Objects that the owner has for others must be as those need them.
func (t *Table) gone(need tap.Need) bool {
	h := t.hosts[need.Host]
	switch {
	case h == nil:
		return true // It was stripped, or was never programmed.
	case h.Retiring, !h.Report.Connected, h.Program == nil, h.Stale, h.Refused != "",
		h.Report.Program != h.Program:
		return false
	case need.Owner == anyOwner:
		return h.settled()
	}

	held := slices.ContainsFunc(h.Program.Program.Held,
		func(o tap.Hold) bool { return o.Owner == need.Owner })

	got, stays := h.Report.Owners[need.Owner]
	return !held && !h.Report.Leaving[need.Owner] && (!stays || got.State != session.Busy)
}

// settled reports whether nothing on a switch is being changed or left as it is.
func (h *Host) settled() bool {
	if len(h.Report.Leaving) > 0 || len(h.Program.Program.Held) > 0 {
		return false
	}
	for _, got := range h.Report.Owners {
		if got.State == session.Busy {
			return false
		}
	}
	return true
}

// leavingHealth is the health of a disabled or deleted service or flow of which something may still
// be on a switch.
func (t *Table) leavingHealth(id intent.Ref, state tap.State) view.Health {
	unreachable, changing := sets.Set{}, sets.Set{}
	for _, need := range t.leaving[id] {
		if h := t.hosts[need.Host]; h != nil && !h.Report.Connected {
			unreachable.Add(t.intent.HostName(need.Host))
		} else if h != nil {
			changing.Add(t.intent.HostName(need.Host))
		}
	}

	health := view.Health{State: state, Code: view.CodeMayStillCopy}
	switch {
	case len(unreachable) > 0:
		health.Reason = hostList(unreachable) + " cannot be reached and may still copy"
	case len(changing) > 0:
		health.Reason = "the switch of " + hostList(changing) +
			" is being changed, and may still copy"
	default:
		health.Reason, health.Code = "it is being planned", view.CodePlanning
	}

	return health
}

// hostList names hosts in a sentence.
func hostList(names sets.Set) string {
	all := slices.Sorted(maps.Keys(names))
	if len(all) == 1 {
		return "host " + all[0]
	}
	return "hosts " + strings.Join(all, ", ")
}

// HostsOf returns the ids of the hosts on which something of a service or a flow may still be that
// is not wanted there, sorted.
func (t *Table) HostsOf(id intent.Ref) []string {
	hosts := sets.Set{}
	for _, need := range slices.Concat(t.leaving[id], t.outdated[id]) {
		hosts.Add(need.Host)
	}
	return slices.Sorted(maps.Keys(hosts))
}

// MayStillCopy returns the services and flows of which a host may still have something that is to
// go, in no order.
func (t *Table) MayStillCopy(host string) (ids []intent.Ref) {
	there := func(n tap.Need) bool { return n.Host == host }
	for id, needs := range t.leaving {
		if slices.ContainsFunc(needs, there) {
			ids = append(ids, id)
		}
	}

	for id, needs := range t.outdated {
		if !t.Leaves(id) && slices.ContainsFunc(needs, there) {
			ids = append(ids, id)
		}
	}

	return ids
}

// JudgeLeaving judges the services and flows of which something may still be on a host, and returns
// those whose health is another.
func (t *Table) JudgeLeaving(host string) (changed []intent.Ref) {
	for _, id := range t.MayStillCopy(host) {
		changed = append(changed, t.Judge(id)...)
	}
	return changed
}

// leavesUnreachable reports whether something of a disabled or deleted service or flow may be on a
// switch that cannot be reached.
func (t *Table) leavesUnreachable(id intent.Ref) bool {
	return slices.ContainsFunc(t.leaving[id], func(n tap.Need) bool {
		h := t.hosts[n.Host]
		return h != nil && !h.Report.Connected
	})
}
