package servertest

import (
	"context"
	"errors"
	"net/netip"

	"github.com/tapline-sdn/tapline/controller/engine/events"
	"github.com/tapline-sdn/tapline/controller/engine/view"
	"github.com/tapline-sdn/tapline/controller/selector"
	"github.com/tapline-sdn/tapline/controller/store"
	"github.com/tapline-sdn/tapline/plugin/filter"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

func (e *Engine) newFlows() records[store.Flow, view.Flow] {
	return records[store.Flow, view.Flow]{
		e: e, kind: "tap flow", idForm: "flow",
		ident:   func(f *store.Flow) (*string, string) { return &f.ID, f.Name },
		meta:    func(f *store.Flow) *store.Meta { return &f.Meta },
		view:    e.flowViewLocked,
		health:  func(v view.Flow) view.Health { return v.Health },
		event:   func(v *view.Flow) events.Event { return events.Event{Flow: v} },
		resolve: e.resolveFlowLocked,
	}
}

func (e *Engine) flowViewLocked(f store.Flow) view.Flow {
	v := view.Flow{Flow: &f, Health: e.healthLocked(f.ID, f.Enabled)}

	if s, err := e.services.getLocked(f.TapID); err == nil {
		v.Tap = s.Name
	}
	if g, err := e.guests.getLocked(f.GuestID); err == nil {
		v.Guest = g.Name
	}
	if h, err := e.hosts.getLocked(f.HostID); err == nil {
		v.Host = h.Name
	}
	return v
}

// resolveFlowLocked turns the names in a flow into ids.
func (e *Engine) resolveFlowLocked(f *store.Flow) error {
	s, err := e.services.getLocked(f.TapID)
	if err != nil {
		return invalid("tap_id", "there is no tap service %q", f.TapID)
	}
	f.TapID = s.ID
	if err := checkFilter(f.Filter); err != nil {
		return err
	}

	switch f.Type {
	case tap.FlowSelector:
		if _, err := selector.Parse(f.Selector); err != nil {
			return invalid("selector", "%v", err)
		}
	case tap.FlowVNIC:
		g, err := e.guests.getLocked(f.GuestID)
		if err != nil {
			return invalid("guest_id", "there is no guest %q", f.GuestID)
		}
		f.GuestID = g.ID
		if f.MAC.IsZero() && len(g.NICs) > 0 {
			f.MAC, f.IP = g.NICs[0].MAC, netip.Addr{}
		}
	case tap.FlowVSwitch:
		h, err := e.hosts.getLocked(f.HostID)
		if err != nil {
			return invalid("host_id", "there is no host %q", f.HostID)
		}
		f.HostID = h.ID
		if f.WireID == "" {
			return invalid("wire_id", "is missing: want the wire whose switch is mirrored")
		}
	}
	return nil
}

// checkFilter refuses a filter as the plugin does.
func checkFilter(expression string) error {
	_, err := filter.Compile(expression)
	var wrong *filter.Error
	if !errors.As(err, &wrong) {
		return err
	}

	cause := &tap.Rejection{Field: "filter", Message: wrong.Problem, Hint: wrong.Hint,
		Offset: wrong.Offset, Length: wrong.Length}
	return &view.Error{Kind: view.Invalid, Field: "filter", Message: wrong.Problem, Err: cause}
}

// Members returns every NIC of the guests that a selector matches, as ready.
func (e *Engine) Members(ref string) ([]view.Member, error) {
	f, err := e.Flow(ref)
	if err != nil {
		return nil, err
	}
	if f.Type != tap.FlowSelector {
		return nil, invalid("", "tap flow %s has no members: it is of type %s", f.Name, f.Type)
	}

	wanted, err := selector.Parse(f.Selector)
	var out []view.Member
	for _, g := range e.Guests() {
		if err != nil || !wanted.MatchesGuest(&selector.Guest{Name: g.Name}) {
			continue
		}
		for _, n := range g.NICs {
			out = append(out, view.Member{GuestID: g.ID, Guest: g.Name, MAC: n.MAC,
				Health: view.Ready()})
		}
	}
	return out, err
}

// Flows returns all tap flows.
func (e *Engine) Flows() []view.Flow { return e.flows.list() }

func (e *Engine) FlowRows() []view.FlowRow {
	views := e.Flows()

	out := make([]view.FlowRow, len(views))
	for i, v := range views {
		out[i] = view.FlowRow{Flow: v.Flow, Health: v.Health}
	}
	return out
}

func (e *Engine) FlowViews(rows []view.FlowRow) []view.Flow {
	var out []view.Flow
	for _, r := range rows {
		if v, err := e.Flow(r.ID); err == nil {
			out = append(out, v)
		}
	}

	return out
}

func (e *Engine) Flow(ref string) (view.Flow, error) { return e.flows.get(ref) }

func (e *Engine) CreateFlow(_ context.Context, f store.Flow) (view.Flow, error) {
	return e.flows.create(f)
}

func (e *Engine) UpdateFlow(
	_ context.Context, ref string, ifRevision uint64, edit func(*store.Flow) error,
) (view.Flow, error) {
	return e.flows.update(ref, ifRevision, edit)
}

func (e *Engine) DeleteFlow(_ context.Context, ref string, ifRevision uint64) error {
	return e.flows.remove(ref, ifRevision, false)
}

func (e *Engine) WaitFlow(ctx context.Context, id string) (view.Flow, error) {
	return e.flows.wait(ctx, id)
}

func (e *Engine) SampleFlows(context.Context, ...string) {}
