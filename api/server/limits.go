package server

import (
	"context"
	"net/http"
	"time"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/server/convert"
	"github.com/tapline-sdn/tapline/api/server/problem"
	"github.com/tapline-sdn/tapline/controller/access"
	"github.com/tapline-sdn/tapline/controller/engine/view"
	"github.com/tapline-sdn/tapline/controller/store"
)

type limitsKey struct{}

// senderLimits are the limits on the tap flows of a request's sender.
type senderLimits struct {
	access.Limits
	role access.Role
}

func withLimits(ctx context.Context, l senderLimits) context.Context {
	return context.WithValue(ctx, limitsKey{}, l)
}

// limitsOf returns the limits of who sends a request; none outside a request.
func limitsOf(ctx context.Context) senderLimits {
	l, _ := ctx.Value(limitsKey{}).(senderLimits)
	return l
}

// limit gives a tap flow the expiry that its sender's role demands, or refuses the one that it has.
// Before is nil for a flow that is being created. A change is held to the limits as a creation is,
// if the flow is enabled and more than its name and notes is another: otherwise the limits could be
// evaded by turning a flow of somebody else's to another end.
func (l senderLimits) limit(f, before *store.Flow, now time.Time) error {
	if !f.Enabled && (f.ExpiresAt.IsZero() || before != nil) {
		return nil
	}
	if before != nil {
		renamed := before.Flow
		renamed.Name = f.Name
		if renamed == f.Flow && f.EqualWindow(before.Window) {
			return nil
		}
	}

	starts := now
	if f.StartsAt.After(now) {
		starts = f.StartsAt
	}

	expiry, err := l.Expiry(starts, f.ExpiresAt)
	if err != nil {
		return problem.Refuse(http.StatusBadRequest, "expires_at",
			"%v (access.roles.%s.max_expiry in the controller's configuration)", err, l.role)
	}
	f.ExpiresAt = expiry
	return nil
}

func createFlow(
	ctx context.Context, e Flows, body api.TapFlowCreate, by store.Request,
) (view.Flow, error) {
	f, err := convert.NewFlow(body, by)
	if err == nil {
		err = limitsOf(ctx).limit(&f, nil, time.Now())
	}
	if err != nil {
		return view.Flow{}, err
	}
	return e.CreateFlow(ctx, f)
}

// editFlow stores what edit makes of a tap flow, within the limits of who asks for it.
func editFlow(
	ctx context.Context, e Flows, ref string, ifRevision uint64, edit func(*store.Flow) error,
) (view.Flow, error) {
	return e.UpdateFlow(ctx, ref, ifRevision, func(f *store.Flow) error {
		before := *f
		if err := edit(f); err != nil {
			return err
		}
		return limitsOf(ctx).limit(f, &before, time.Now())
	})
}
