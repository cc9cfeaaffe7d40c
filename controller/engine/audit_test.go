package engine

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/controller/audit"
	"github.com/tapline-sdn/tapline/controller/engine/view"
	"github.com/tapline-sdn/tapline/controller/inventory/switchtest"
	"github.com/tapline-sdn/tapline/controller/store"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// notes is an Audit in memory, which can be full.
type notes struct {
	changes []audit.Change
	full    error
}

func (n *notes) Change(_ context.Context, c audit.Change) error {
	if n.full == nil {
		n.changes = append(n.changes, c)
	}
	return n.full
}

func TestChangesAreAuditedBeforeTheyAreStored(t *testing.T) {
	r := newRing(t, store.NewMemory())
	n := new(notes)
	r.e.config.Audit = n
	ctx := t.Context()
	g := must(r.e.CreateGuest(ctx, store.Guest{Name: "vm1",
		NICs: []store.GuestNIC{{MAC: switchtest.MAC(1)}}}))(t)
	s := must(r.e.CreateService(ctx, store.Service{Service: tap.Service{Name: "ids",
		Type: tap.ServiceGuest, TargetID: g.ID},
		Meta: store.Meta{Request: store.Request{Key: "key-of-its-user"}}}))(t)

	must(r.e.UpdateService(ctx, "ids", 0, enable))(t)
	must(r.e.UpdateService(ctx, "ids", 0, enable))(t) // changes nothing
	require.NoError(t, r.e.DeleteService(ctx, "ids", 0))
	require.NoError(t, r.e.WaitGone(ctx, s.ID))

	var told []string
	for _, c := range n.changes {
		told = append(told, c.Action()+" "+c.Kind+" "+c.Name)
	}

	require.Equal(t, []string{"create guest vm1", "create tap_service ids",
		"update tap_service ids", "delete tap_service ids"}, told)
	require.Equal(t, s.ID, n.changes[2].ID)
	require.NotContains(t, string(n.changes[1].After), "key-of-its-user",
		"the key of a creation says nothing of what was created")
	require.Contains(t, string(n.changes[2].Before), `"enabled":false`)
	require.Contains(t, string(n.changes[2].After), `"enabled":true`)
	require.JSONEq(t, string(n.changes[2].After), string(n.changes[3].Before))

	must(r.e.ReloadPlugin(ctx, "mirror"))(t)
	reloaded := n.changes[len(n.changes)-1]
	require.Equal(t, "update plugin mirror", reloaded.Action()+" "+reloaded.Kind+" "+reloaded.Name)

	n.full = errors.New("audit log: disk is full")
	_, err := r.e.CreateGuest(ctx, store.Guest{Name: "vm2",
		NICs: []store.GuestNIC{{MAC: switchtest.MAC(2)}}})
	wantError(t, err, view.Unavailable, "", "disk is full")
	wantError(t, r.e.DeleteGuest(ctx, "vm1", 0), view.Unavailable, "", "disk is full")
	_, err = r.e.ReloadPlugin(ctx, "mirror")
	wantError(t, err, view.Unavailable, "", "disk is full")
	require.Len(t, r.e.Guests(), 1, "nothing was changed")
	state, err := r.store.Load(ctx)
	require.NoError(t, err)
	require.Len(t, state.Records, 1)
}
