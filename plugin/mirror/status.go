package mirror

import (
	"cmp"
	"hash/maphash"
	"slices"

	"github.com/tapline-sdn/tapline/plugin/tap"
)

// subject is the service or flow that a status is about.
type subject struct {
	kind tap.Kind
	id   string
}

// fingerprintSeed differs in each process, so that nobody can choose names whose statuses collide.
var fingerprintSeed = maphash.MakeSeed()

// fingerprint hashes what a status says. It takes the place of the status in memory.
func fingerprint(s *tap.Status) uint64 {
	var h maphash.Hash
	h.SetSeed(fingerprintSeed)
	maphash.WriteComparable(&h, [3]string{string(s.State), s.Reason, string(s.Code)})
	for _, n := range s.Needs {
		maphash.WriteComparable(&h, n)
	}

	if s.Cut != nil {
		maphash.WriteComparable(&h, *s.Cut)
	}

	return h.Sum64()
}

// reportStatus adds the status of a service or a flow to the result if it differs from the last one
// reported.
func (p *Planner) reportStatus(about subject, result *tap.Result) {
	status, exists := p.status(about)
	if !exists {
		delete(p.reported, about)
		return
	}

	now := fingerprint(&status)
	if last, known := p.reported[about]; !known || last != now {
		p.reported[about] = now
		result.Statuses = append(result.Statuses, status)
	}
}

// status computes a status; it reports false for a service or flow that does not exist.
func (p *Planner) status(about subject) (status tap.Status, exists bool) {
	if about.kind == tap.KindService {
		if s := p.world.services[about.id]; s != nil {
			status, exists = p.serviceStatus(s), true
		}
	} else if f := p.world.flows[about.id]; f != nil {
		status, exists = p.flowStatus(f), true
	}
	status.Kind, status.ID = about.kind, about.id
	return status, exists
}

func withReason(state tap.State, why reason) tap.Status {
	return tap.Status{State: state, Reason: why.text, Code: why.code}
}

func (p *Planner) serviceStatus(s *tap.Service) tap.Status {
	if !s.Enabled {
		return tap.Status{State: tap.StateDisabled}
	}
	if status, blocked := destinationStatus(p.destinations[s.ID]); blocked {
		return status
	}

	needs := p.serviceNeeds(s)
	if s.Type == tap.ServiceRemote {
		needs = p.collectorNeeds(s)
	}

	status := tap.Status{State: tap.StateProgrammed, Needs: needs}
	if why := p.destinations[s.ID].unready; why != "" {
		status.Reason, status.Code = why, tap.CodeMemberUnready
	}
	return status
}

// destinationStatus is the status of everything that needs a destination, if nothing can be
// delivered to it.
func destinationStatus(to destination) (status tap.Status, blocked bool) {
	switch {
	case to.disputed != reason{}:
		return withReason(tap.StateError, to.disputed), true
	case !to.ok():
		return withReason(to.state(), to.reason), true
	case to.down.text != "":
		return withReason(tap.StatePending, to.down), true
	}
	return tap.Status{}, false
}

// serviceNeeds are the needs of the destination side. A remote collector has none, and a pool those
// of its ready members.
func (p *Planner) serviceNeeds(s *tap.Service) (needs []tap.Need) {
	switch s.Type {
	case tap.ServiceRemote:
		return nil
	case tap.ServicePool:
		for _, member := range p.readyMembers(s) {
			if h := p.world.hosts[p.destinations[member.ID].host]; h != nil && h.Connected {
				needs = append(needs, p.serviceNeeds(member)...)
			}
		}
		return sortNeeds(needs)
	}

	host := p.destinations[s.ID].host
	if host == atController {
		return nil
	}
	return []tap.Need{{Host: host, Owner: ownerBridge}, {Host: host, Owner: s.ID}}
}

func (p *Planner) flowStatus(f *tap.Flow) tap.Status {
	s := p.world.services[f.TapID]
	from := p.resolved[f.ID].source
	switch {
	case !f.Enabled:
		return tap.Status{State: tap.StateDisabled}
	case s == nil:
		return withReason(tap.StateError,
			because(tap.CodeServiceAbsent, "tap service %s does not exist", f.TapID))
	case p.world.tapsItself(f, s):
		return withReason(tap.StateError, because(tap.CodeSelfTap, "a guest cannot tap itself"))
	case from.disputed != reason{}:
		return withReason(tap.StateError, from.disputed)
	case !from.ok():
		return withReason(from.state(), from.reason)
	}

	for _, at := range from.places {
		if text := p.world.hosts[at.host].Refused; text != "" {
			return withReason(tap.StateError, reason{tap.CodeHostRefused, text})
		}
		if why, refused := p.refused[at.host][f.ID]; refused {
			return withReason(tap.StateError, why)
		}
	}

	if status, blocked := destinationStatus(p.destinations[f.TapID]); blocked {
		return status
	}
	if down := from.down(p.world); down != (reason{}) {
		return withReason(tap.StatePending, down)
	}
	if lossy := p.lossy(from.places, s); lossy != (reason{}) {
		return withReason(tap.StateError, lossy)
	}

	status := withReason(tap.StateProgrammed, p.untold(from.places, s))
	status.Needs = p.flowNeeds(s, from.places, f.Options.Normalized())
	status.Cut = p.flowCut(from.places, p.destinations[f.TapID], f.Options)
	return status
}

// lossy says why the switch of a source drops copies on their way to another host, though all of
// the program stands; zero if it does not.
func (p *Planner) lossy(places []place, s *tap.Service) reason {
	for _, member := range p.readyMembers(s) {
		if why := p.lossy(places, member); why != (reason{}) {
			return why
		}
	}
	if s.Type == tap.ServicePool {
		return reason{}
	}

	to := p.destinations[s.ID]
	for _, at := range places {
		h := p.world.hosts[at.host]
		b := h.Bridge(at.bridge)
		if !to.isAt(at.host) && h.UserspaceTSO && b != nil && b.DatapathType == "netdev" {
			return because(tap.CodeUserspaceTSO,
				"host %s runs with other_config:userspace-tso-enable=true, and its switch drops "+
					"copies of large TCP segments at the tunnel: turn that off and restart "+
					"ovs-vswitchd, or use a tap service on host %s", h.Name, h.Name)
		}
	}
	return reason{}
}

// flowNeeds are the needs of both sides of a flow, sorted and each once.
func (p *Planner) flowNeeds(
	s *tap.Service, places []place, options tap.Options,
) []tap.Need {
	needs := p.serviceNeeds(s)
	for _, at := range places {
		needs = append(needs,
			tap.Need{Host: at.host, Owner: ownerBridge},
			tap.Need{Host: at.host, Owner: captureID(at.bridge, s.ID, options)})
		needs = append(needs, p.tunnelNeeds(at, s)...)
	}
	return sortNeeds(needs)
}

// tunnelNeeds are the tunnel ports by which copies get from a place to a service.
func (p *Planner) tunnelNeeds(at place, s *tap.Service) (needs []tap.Need) {
	for _, member := range p.readyMembers(s) {
		needs = append(needs, p.tunnelNeeds(at, member)...)
	}

	to := p.destinations[s.ID]
	switch {
	case s.Type == tap.ServicePool || to.isAt(at.host):
		return needs
	case to.collector.addr.IsValid():
		return []tap.Need{{Host: at.host, Owner: p.world.remoteEncap(to.collector).owner}}
	}

	if encap, _ := p.world.encapsulate(at.tunnel, to.tunnel); encap != nil {
		needs = append(needs, tap.Need{Host: at.host, Owner: encap.owner},
			tap.Need{Host: to.host, Owner: encap.owner})
	}
	return needs
}

// sortNeeds sorts needs, and leaves each once.
func sortNeeds(needs []tap.Need) []tap.Need {
	slices.SortFunc(needs, func(a, b tap.Need) int {
		return cmp.Or(cmp.Compare(a.Host, b.Host), cmp.Compare(a.Owner, b.Owner))
	})
	return slices.Compact(needs)
}
