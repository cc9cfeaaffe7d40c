package engine

import (
	"fmt"
	"slices"
	"time"

	"github.com/tapline-sdn/tapline/controller/engine/intent"
	"github.com/tapline-sdn/tapline/controller/engine/view"
	"github.com/tapline-sdn/tapline/controller/session"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// verdict is what is known of a service or a flow.
type verdict struct {
	status tap.Status // the plugin's word
	told   bool       // it has spoken
	nic    bool       // the health is the hypervisor's word on a service's NIC
	// ordered is the number of the first list of orders that had the service's NIC.
	ordered uint64
	// ready stays set while a switch is being changed for somebody else's sake on the same objects; what the switch then
	// shows decides.
	ready  bool
	health view.Health
	since  time.Time // of the health
}

// judge works out the health of a service or a flow again, and tells its watchers if it is another. The caller holds mu.
func (e *Engine) judge(id intent.Ref) {
	if e.rejudged(id) {
		e.publishRef(id)
		e.judgeFeeding(id)
	}
}

// rejudged works out the health of a service or a flow again, and reports whether it is another.
func (e *Engine) rejudged(id intent.Ref) bool {
	v, exists := e.verdicts[id]
	if !exists {
		return false
	}
	before := v.health
	v.nic = false
	delete(e.unasked, id.ID)
	v.health = e.assess(id, &v)
	if v.health != before {
		v.since = time.Now()
	}
	e.verdicts[id] = v
	if v.ready || len(v.status.Needs) == 0 {
		e.unready.remove(id)
	} else {
		e.unready.add(id)
	}
	return v.health != before
}

// judgeFeeding judges the flows of a service whose health is another: they may wait for its NIC.
func (e *Engine) judgeFeeding(id intent.Ref) {
	if id.Kind == tap.KindService && e.config.Hypervisor != nil {
		for flow := range e.intent.FlowsOfService[id.ID] {
			e.judge(intent.FlowRef(flow))
		}
	}
}

func (e *Engine) assess(id intent.Ref, v *verdict) view.Health {
	if !e.intent.Enabled(id) {
		v.ready = false
		return view.Health{State: tap.StateDisabled}
	}
	if _, waits := e.waiting[id]; waits || !v.told {
		v.ready = false
		return view.Health{State: tap.StatePending, Reason: "it is being planned"}
	}
	if v.status.State != tap.StateProgrammed {
		v.ready = false
		if health, told := e.plugging(id, v.status); told {
			v.nic = true
			return health
		}
		if health, told := e.serviceWaits(id, v.status); told {
			return health
		}
		return view.Health{State: v.status.State, Reason: v.status.Reason}
	}
	changing := false
	for _, need := range v.status.Needs {
		state, reason, busy := e.met(need)
		switch {
		case busy:
			changing = true
		case state != tap.StateReady:
			v.ready = false
			return view.Health{State: state, Reason: reason}
		}
	}
	if changing && !v.ready {
		return view.Health{State: tap.StatePending, Reason: "the switch is being programmed"}
	}
	v.ready = true
	return view.Health{State: tap.StateReady}
}

// met says whether what an owner needs stands on a host; busy means that the switch is at it.
func (e *Engine) met(need tap.Need) (state tap.State, reason string, busy bool) {
	h := e.hosts[need.Host]
	switch {
	case h == nil:
		return tap.StatePending, fmt.Sprintf("host %s is not registered", need.Host), false
	case !h.report.Connected:
		return tap.StatePending, fmt.Sprintf("host %s is not connected: %s", e.intent.HostName(need.Host), h.report.Problem), false
	case h.refused != "":
		return tap.StateError, h.refused + "; what stands there stays", false
	case h.program == nil, h.stale:
		return tap.StatePending, "", true
	}
	print, wanted := h.program.Fingerprints[need.Owner]
	if !wanted {
		return tap.StateReady, "", false // Nothing of this owner has to stand here.
	}
	got, read := h.report.Owners[need.Owner]
	switch {
	case !read || got.Fingerprint != print || got.State == session.Busy:
		return tap.StatePending, "", true
	case got.State == session.Ready:
		return tap.StateReady, "", false
	case got.State == session.Failed:
		return tap.StateError, fmt.Sprintf("host %s: %s", e.intent.HostName(need.Host), got.Reason), false
	}
	return tap.StatePending, fmt.Sprintf("host %s: %s", e.intent.HostName(need.Host), got.Reason), false
}

// gone reports whether what a disabled service or flow had on the switches is gone, as far as they can be reached. What others
// share with it must be as they need it.
func (e *Engine) gone(id intent.Ref) bool {
	if _, waits := e.waiting[id]; waits {
		return false
	}
	for _, need := range e.leaving[id] {
		h := e.hosts[need.Host]
		if h == nil || !h.report.Connected {
			continue
		}
		if h.stale || h.report.Program != h.program || h.report.Leaving[need.Owner] {
			return false
		}
		if got, stays := h.report.Owners[need.Owner]; stays && got.State == session.Busy {
			return false
		}
	}
	return true
}

// leave remembers what a service or flow that was just disabled or deleted has on the switches; enabled again, it is
// forgotten.
func (e *Engine) leave(id intent.Ref, enabled bool) {
	if enabled {
		delete(e.leaving, id)
		return
	}
	needs := slices.Concat(e.leaving[id], e.verdicts[id].status.Needs)
	if id.Kind == tap.KindService {
		for flow := range e.intent.FlowsOfService[id.ID] {
			needs = append(needs, e.verdicts[intent.FlowRef(flow)].status.Needs...)
		}
	}
	e.leaving[id] = needs
}

// checkLeaving wakes who waits for what is gone by now. Nothing that a view shows has changed by that.
func (e *Engine) checkLeaving() {
	for id := range e.leaving {
		if e.gone(id) {
			delete(e.leaving, id)
			e.events.Touch(id.ID)
		}
	}
}

// changedRecord marks a service or a flow as changed by its user: what was known of it no longer counts, but for what the plugin has said
// meanwhile. It reports whether its health is another by that, which its caller tells together with the change.
func (e *Engine) changedRecord(id intent.Ref) bool {
	v := e.verdicts[id]
	v.ready = false
	e.verdicts[id] = v
	e.waiting[id] = e.seq
	if id.Kind == tap.KindFlow {
		e.stored(id.ID)
	}
	return e.rejudged(id)
}

// hostHealth says how a host is.
func (e *Engine) hostHealth(h *host) view.Health {
	switch {
	case h.report.Snapshot == nil && !h.report.Connected:
		return view.Health{State: tap.StatePending, Reason: "it was not reached yet: " + h.report.Problem}
	case !h.report.Connected:
		return view.Health{State: tap.StatePending, Reason: "it is not connected: " + h.report.Problem}
	case h.observed.Host.Refused != "":
		return view.Health{State: tap.StateError, Reason: h.observed.Host.Refused}
	case h.refused != "":
		return view.Health{State: tap.StateError, Reason: h.refused + "; what stands there stays"}
	case h.program == nil:
		return view.Health{State: tap.StatePending, Reason: "it is being planned"}
	}
	worst := view.Health{State: tap.StateReady}
	for _, owner := range h.program.Owners {
		got, read := h.report.Owners[owner]
		switch {
		case got.State == session.Failed && got.Fingerprint == h.program.Fingerprints[owner]:
			return view.Health{State: tap.StateError, Reason: got.Reason}
		case !read || got.Fingerprint != h.program.Fingerprints[owner] || got.State == session.Busy:
			worst = view.Health{State: tap.StatePending, Reason: "the switch is being programmed"}
		case got.State == session.Waiting && worst.State == tap.StateReady:
			worst = view.Health{State: tap.StatePending, Reason: got.Reason}
		}
	}
	return worst
}

// Count tells how many hosts, tap flows and tap services are in each state.
func (e *Engine) Count() (hosts, flows, services view.Counts) {
	hosts, flows, services = view.Counts{}, view.Counts{}, view.Counts{}
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, h := range e.hosts {
		hosts[h.health.State]++
	}
	for id, v := range e.verdicts {
		if id.Kind == tap.KindFlow {
			flows[v.health.State]++
		} else {
			services[v.health.State]++
		}
	}
	return hosts, flows, services
}
