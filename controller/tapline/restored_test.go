package main

import (
	"encoding/json"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/controller/audit"
	"github.com/tapline-sdn/tapline/controller/store"
)

func TestRestoredStore(t *testing.T) {
	begin := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	now := begin
	trail, err := audit.Open(
		filepath.Join(t.TempDir(), "audit.log"),
		audit.Options{Now: func() time.Time { return now }},
	)
	require.NoError(t, err)
	defer trail.Close()
	s := store.NewMemory()
	defer s.Close()
	value := func() json.RawMessage {
		text, err := json.Marshal(map[string]time.Time{"created_at": begin, "updated_at": now})
		require.NoError(t, err)
		return text
	}
	// change records a change as the controller does, and stores it if commit is set.
	change := func(kind string, id, action string, commit bool) {
		t.Helper()
		c := audit.Change{Kind: kind, ID: id, Name: "n-" + id}
		op := store.Op{Kind: storedKinds[kind], ID: id}
		if action != "create" {
			c.Before = json.RawMessage(`{}`)
		}
		if action != "delete" {
			c.After = json.RawMessage(`{}`)
			op.Value = value()
		}
		require.NoError(t, trail.Change(t.Context(), c))
		if commit {
			_, err := s.Commit(t.Context(), op)
			require.NoError(t, err)
		}
		now = now.Add(time.Minute)
	}
	find := func() restored {
		t.Helper()
		state, err := s.Load(t.Context())
		require.NoError(t, err)
		found, err := findRestored(t.Context(), state, trail)
		require.NoError(t, err)
		return found
	}

	require.True(t, find().isZero(), "a new store")
	for _, id := range []string{"h1", "h2"} {
		change("host", id, "create", true)
	}
	change("token", "tk1", "create", true)
	change("tap_flow", "f1", "create", true)
	change("tap_flow", "f2", "create", true)
	change("tap_flow", "f2", "delete", true)
	require.True(t, find().isZero(), "a store that is as the audit log says: %s", find())

	// What follows is in the audit log alone, as if the store had been put back to this point.
	change("token", "tk1", "delete", false)
	change("tap_flow", "f1", "delete", false)
	change("tap_flow", "f3", "create", false)
	change("host", "h1", "update", false)
	change("tap_flow", "f4", "create", false)
	change("tap_flow", "f4", "delete", false)
	require.NoError(
		t,
		trail.Change(
			t.Context(),
			audit.Change{Kind: "token", ID: "admin", Name: "admin", After: json.RawMessage(`{}`)},
		),
	)
	found := find()
	require.Equal(t, []string{"tap flow n-f1", "token n-tk1"}, found.revived)
	require.Equal(t, []string{"tap flow n-f3"}, found.lost)
	require.Equal(t, 1, found.reverted)
	require.Equal(t, "the store is older than the audit log, as after a restore: "+
		"deleted, and there again: tap flow n-f1, token n-tk1; created, and not there: tap flow "+
		"n-f3; "+
		"1 changed, and as before", found.String())
	require.Equal(t, api.PartDegraded, found.parts()[0].Status)
	require.Empty(t, restored{}.parts())
}

// TestFailedChangeIsNoRestore: a change that was recorded, and could not be stored, says nothing
// about the age of the store.
func TestFailedChangeIsNoRestore(t *testing.T) {
	at := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	deleted := audit.Record{
		Time: at.Add(time.Minute), RequestID: "r1", Outcome: audit.Success,
		Change: audit.Change{Kind: "host", ID: "h1", Name: "h1", Before: json.RawMessage(`{}`)},
	}
	failed := audit.Record{Time: at.Add(2 * time.Minute), RequestID: "r1", Outcome: audit.Failed}
	written := map[objectID]time.Time{{store.KindHost, "h1"}: at}
	require.Equal(t, []string{"host h1"}, compareRestored(written, []audit.Record{deleted}).revived)
	require.True(t, compareRestored(written, []audit.Record{failed, deleted}).isZero())
}
