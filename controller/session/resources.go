package session

import (
	"context"
	"errors"

	"github.com/tapline-sdn/tapline/controller/reconcile"
	"github.com/tapline-sdn/tapline/openflow/flowtable"
)

// prepareResources sends what no bundle can hold and flows need: meters, and the fragment mode.
// Owners whose meters the switch refuses get no flows, since these would make it refuse the bundle
// of all.
func (x *step) prepareResources(ctx context.Context) error {
	before, changes := x.missing.Resources.Before, x.missing.Resources.Prepared
	if len(before) == 0 {
		return nil
	}

	err := flowtable.AddMessages(ctx, x.of.sw.Conn, before)
	var refused flowtable.ModErrors
	switch {
	case errors.As(err, &refused):
		x.s.log.Error("the switch refuses a meter", "error", err)
		x.of.sw.DistrustResources() // Others were accepted.
		for _, r := range refused {
			x.refuseUsers(r)
		}
	case err != nil:
		return err
	default:
		x.of.resources = reconcile.AppliedResources(x.of.resources, before)
		x.wrote(0, len(before), x.flowDrift(changes))
	}

	if err := x.refreshFlows(ctx); err != nil {
		return err
	}
	x.missing = x.compareFlows()
	if x.missing.Empty() && len(refused) == 0 {
		x.sentOn = x.of.sw
	}
	return nil
}

// refuseUsers notes which owners cannot be served because the switch refuses a meter.
func (x *step) refuseUsers(r *flowtable.ModError) {
	if x.unresourced == nil {
		x.unresourced = map[string]bool{}
	}

	owner, users := x.desired.Users(r.Mod)
	x.refused[owner] = r.Error()
	for _, user := range users {
		x.unresourced[user] = true
		x.refused[user] = r.Error()
	}
}

// usesResources reports whether the program has groups, meters or a fragment mode of its own.
func (s *Session) usesResources() bool {
	desired, _ := s.current()
	if desired == nil {
		return false
	}
	p := desired.Program
	return len(p.Groups) > 0 || len(p.Meters) > 0 || p.Bridge.MatchFragments
}
