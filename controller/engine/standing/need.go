package standing

import (
	"cmp"

	"github.com/tapline-sdn/tapline/controller/engine/intent"
	"github.com/tapline-sdn/tapline/controller/engine/view"
	"github.com/tapline-sdn/tapline/controller/session"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// Affected is a set of services and flows whose health may be another.
type Affected map[intent.Ref]struct{}

// Add adds a service or a flow.
func (a Affected) Add(id intent.Ref) { a[id] = struct{}{} }

// needIndex finds who needs an owner's objects on a host: host -> owner -> services and flows.
type needIndex map[string]map[string]Affected

// replace takes what a service or a flow needs from before to now.
func (x needIndex) replace(id intent.Ref, before, now []tap.Need) {
	for _, n := range before {
		owners := x[n.Host]
		if delete(owners[n.Owner], id); len(owners[n.Owner]) == 0 {
			delete(owners, n.Owner)
		}
		if len(owners) == 0 {
			delete(x, n.Host)
		}
	}
	for _, n := range now {
		if x[n.Host] == nil {
			x[n.Host] = map[string]Affected{}
		}
		if x[n.Host][n.Owner] == nil {
			x[n.Host][n.Owner] = Affected{}
		}
		x[n.Host][n.Owner].Add(id)
	}
}

// NeededBy returns the services and flows that need what an owner has on a host. It must not be
// changed.
func (t *Table) NeededBy(need tap.Need) Affected { return t.needs[need.Host][need.Owner] }

// AddAffected adds the services and flows that need an owner's objects on a host.
func (t *Table) AddAffected(need tap.Need, to Affected) {
	for id := range t.NeededBy(need) {
		to.Add(id)
	}
}

// AddUnready adds the services and flows that depend on a need and are not ready. Ready ones stay
// ready while the switch works on the same objects for the sake of others, however many they are.
func (t *Table) AddUnready(need tap.Need, to Affected) {
	needing := t.NeededBy(need)
	if len(needing) < len(t.unready.members) {
		for id := range needing {
			if t.unready.has(id) {
				to.Add(id)
			}
		}
		return
	}

	for id := range t.unready.members {
		if _, needs := needing[id]; needs {
			to.Add(id)
		}
	}
}

// AddAffectedByHost adds everything that needs something on a host.
func (t *Table) AddAffectedByHost(host string, to Affected) {
	for owner := range t.needs[host] {
		t.AddAffected(tap.Need{Host: host, Owner: owner}, to)
	}
}

// AddAffectedByReport adds everything whose health may be another because a session has reported
// something new.
func (t *Table) AddAffectedByReport(host string, before, now *session.Report, to Affected) {
	if now.Connected != before.Connected || now.Problem != before.Problem {
		t.AddAffectedByHost(host, to)
		return
	}

	for owner, is := range now.Owners {
		was := before.Owners[owner]
		need := tap.Need{Host: host, Owner: owner}
		switch {
		case is == was:
		case standsOrBusy(is) && standsOrBusy(was):
			t.AddUnready(need, to)
		default:
			t.AddAffected(need, to)
		}
	}

	for owner := range before.Owners {
		if _, still := now.Owners[owner]; !still {
			t.AddAffected(tap.Need{Host: host, Owner: owner}, to)
		}
	}
}

// standsOrBusy reports whether an owner's objects stand, or the switch is working on them.
func standsOrBusy(s session.OwnerState) bool {
	return s.State == session.Ready || s.State == session.Busy
}

// Met says whether what an owner needs stands on a host. It is busy while the switch is working on
// it.
func (t *Table) Met(need tap.Need) (health view.Health, busy bool) {
	h := t.hosts[need.Host]
	name := t.intent.HostName(need.Host)
	switch {
	case h == nil:
		return view.Pending(tap.CodeHostAbsent, "host %s is not registered", need.Host), false
	case !h.Report.Connected:
		return view.Pending(view.CodeHostDisconnected, "host %s is not connected: %s", name,
			h.Report.Problem), false
	case h.Refused != "":
		return view.Failed(view.CodeProgramRefused, h.Refused+"; what stands there stays"), false
	case h.Program == nil, h.Stale:
		return programming(), true
	}

	fingerprint, wanted := h.Program.Fingerprints[need.Owner]
	if !wanted {
		return view.Ready(), false // Nothing of this owner has to stand here.
	}

	got, read := h.Report.Owners[need.Owner]
	switch {
	case !read || got.Fingerprint != fingerprint || got.State == session.Busy:
		return programming(), true
	case got.State == session.Ready:
		return view.Ready(), false
	case got.State == session.Failed:
		return view.Failed(failureCode(got), "host %s: %s", name, got.Reason), false
	}

	code := cmp.Or(got.Code, view.CodeSwitchWaiting)
	return view.Pending(code, "host %s: %s", name, got.Reason), false
}

// failureCode is the code of an owner that is Failed.
func failureCode(s session.OwnerState) tap.Code { return cmp.Or(s.Code, view.CodeSwitchFailed) }

func programming() view.Health {
	return view.Pending(view.CodeProgramming, "the switch is being programmed")
}
