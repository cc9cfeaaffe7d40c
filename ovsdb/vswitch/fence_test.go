package vswitch_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/ovsdb/vswitch"
	"github.com/tapline-sdn/tapline/testenv/ovs"
)

// TestRequireID: a transaction that requires a pair of external_ids fails with ErrFenced and
// changes nothing unless the switch bears exactly that pair, whatever else is beside it.
func TestRequireID(t *testing.T) {
	for _, tc := range []struct {
		name   string
		before []string // for ovs-vsctl
		fenced bool
	}{
		{"the pair", []string{"set", "Open_vSwitch", ".", "external_ids:epoch=7"}, false},
		{"beside others", []string{"set", "Open_vSwitch", ".", "external_ids:epoch=7",
			"external_ids:a=b"}, false},
		{"another value", []string{"set", "Open_vSwitch", ".", "external_ids:epoch=8"}, true},
		{"no such key", []string{"set", "Open_vSwitch", ".", "external_ids:a=7"}, true},
		{"nothing", []string{"clear", "Open_vSwitch", ".", "external_ids"}, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := ovs.StartServer(t)
			ctx, conn, w := watch(t, s)
			before := w.Snapshot()
			s.Vsctl(append([]string{"--no-wait"}, tc.before...)...)

			txn := vswitch.NewTxn(before, owner)
			addBridge("br0", "p0")(txn)
			txn.IncrementNextCfg()
			txn.RequireID("epoch", "7")
			_, err := txn.Commit(ctx, conn)
			_, stands := w.Snapshot().Bridge("br0")
			require.Equal(t, !tc.fenced, stands)
			if !tc.fenced {
				require.NoError(t, err)
				return
			}
			require.ErrorIs(t, err, vswitch.ErrFenced)
			require.NotErrorIs(t, err, vswitch.ErrConflict)
		})
	}
}

// TestGuardSystemIDs: a transaction that guards the ids of the switch conflicts with any change of
// them, and with no other change.
func TestGuardSystemIDs(t *testing.T) {
	s := ovs.StartServer(t)
	ctx, conn, w := watch(t, s)
	set := func(snap *vswitch.Snapshot, value string) error {
		txn := vswitch.NewTxn(snap, owner)
		txn.GuardSystemIDs()
		system := *snap.System()
		system.ExternalIDs = system.ExternalIDs.With("epoch", value)
		txn.UpdateSystem(system)
		_, err := txn.Commit(ctx, conn)
		return err
	}

	before := w.Snapshot()
	require.NoError(t, set(before, "1"))
	require.ErrorIs(t, set(before, "2"), vswitch.ErrConflict, "there was none")
	first := w.Snapshot()
	require.NoError(t, set(first, "2"))
	require.ErrorIs(t, set(first, "3"), vswitch.ErrConflict, "it was another")

	now := w.Snapshot()
	s.Vsctl("--no-wait", "add-br", "br9", "--", "set", "Open_vSwitch", ".", "other_config:a=b")
	require.NoError(t, set(now, "3"))
	require.Equal(t, "3", w.Snapshot().System().ExternalIDs.Get("epoch"))
}

// TestRequireIDOfNone: where the database is not initialized, nothing can be required of it.
func TestRequireIDOfNone(t *testing.T) {
	txn := vswitch.NewTxn(new(vswitch.Snapshot), owner)
	txn.RequireID("epoch", "7")
	_, err := txn.Ops()
	require.ErrorContains(t, err, "not initialized")
}
