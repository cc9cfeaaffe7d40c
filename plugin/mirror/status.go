package mirror

import (
	"cmp"
	"fmt"
	"hash/maphash"
	"slices"

	"github.com/tapline-sdn/tapline/plugin/tap"
)

// subject is whom a status is about.
type subject struct {
	kind tap.Kind
	id   string
}

// printSeed makes prints different in each process, so that nobody can choose names by which two statuses have the same.
var printSeed = maphash.MakeSeed()

// printOf is a fingerprint of what a status says.
func printOf(s *tap.Status) uint64 {
	var h maphash.Hash
	h.SetSeed(printSeed)
	maphash.WriteComparable(&h, [3]string{string(s.State), s.Reason, string(s.Code)})
	for _, n := range s.Needs {
		maphash.WriteComparable(&h, n)
	}
	return h.Sum64()
}

// tellStatus adds the status of a service or a flow to the result if it differs from the one told before.
func (p *Planner) tellStatus(kind tap.Kind, id string, result *tap.Result) {
	about := subject{kind, id}
	status := tap.Status{Kind: kind, ID: id}
	if kind == tap.KindService {
		s := p.world.services[id]
		if s == nil {
			delete(p.statuses, about)
			return
		}
		p.serviceStatus(s, &status)
	} else {
		f := p.world.flows[id]
		if f == nil {
			delete(p.statuses, about)
			return
		}
		p.flowStatus(f, &status)
	}
	now := printOf(&status)
	if before, told := p.statuses[about]; !told || before != now {
		p.statuses[about] = now
		result.Statuses = append(result.Statuses, status)
	}
}

func (p *Planner) serviceStatus(s *tap.Service, status *tap.Status) {
	to := p.destinations[s.ID]
	switch {
	case !s.Enabled:
		status.State = tap.StateDisabled
	case !to.ok():
		status.State, status.Reason, status.Code = to.state(), to.problem, to.code
	case to.down != "":
		status.State, status.Reason, status.Code = tap.StatePending, to.down, tap.CodeNICDown
	default:
		status.State = tap.StateProgrammed
		status.Needs = []tap.Need{{Host: to.host, Owner: ownerBridge}, {Host: to.host, Owner: s.ID}}
	}
}

func (p *Planner) flowStatus(f *tap.Flow, status *tap.Status) {
	from := p.parts[f.ID].source
	s := p.world.services[f.TapID]
	to := p.destinations[f.TapID]
	switch {
	case !f.Enabled:
		status.State = tap.StateDisabled
		return
	case s == nil:
		status.State, status.Code = tap.StateError, tap.CodeServiceAbsent
		status.Reason = fmt.Sprintf("tap service %s does not exist", f.TapID)
		return
	case selfTap(f, s):
		status.State, status.Reason, status.Code = tap.StateError, "a guest cannot tap itself", tap.CodeSelfTap
		return
	case !from.ok():
		status.State, status.Reason, status.Code = from.state(), from.problem, from.code
		return
	}
	for _, at := range from.places {
		if why := p.world.hosts[at.host].Refused; why != "" {
			status.State, status.Reason, status.Code = tap.StateError, why, tap.CodeHostRefused
			return
		}
		if no := p.refused[at.host][f.ID]; no.why != "" {
			status.State, status.Reason, status.Code = tap.StateError, no.why, no.code
			return
		}
	}
	switch {
	case !to.ok():
		status.State, status.Reason, status.Code = to.state(), to.problem, to.code
		return
	case to.down != "":
		status.State, status.Reason, status.Code = tap.StatePending, to.down, tap.CodeNICDown
		return
	}
	status.State = tap.StateProgrammed
	needs := []tap.Need{{Host: to.host, Owner: ownerBridge}, {Host: to.host, Owner: s.ID}}
	for _, at := range from.places {
		needs = append(needs, tap.Need{Host: at.host, Owner: ownerBridge}, tap.Need{Host: at.host, Owner: captureID(at.bridge, s.ID)})
		if at.host != to.host {
			needs = append(needs, tap.Need{Host: at.host, Owner: ownerTunnel}, tap.Need{Host: to.host, Owner: ownerTunnel})
		}
	}
	slices.SortFunc(needs, func(a, b tap.Need) int { return cmp.Or(cmp.Compare(a.Host, b.Host), cmp.Compare(a.Owner, b.Owner)) })
	status.Needs = slices.Compact(needs)
}

func (w want) state() tap.State {
	if w.failed {
		return tap.StateError
	}
	return tap.StatePending
}
