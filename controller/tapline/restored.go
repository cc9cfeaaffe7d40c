package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/controller/audit"
	"github.com/tapline-sdn/tapline/controller/store"
)

// restored says how a store differs from what the audit log says last, since it was restored from
// an older copy. The zero value is a store that is not older.
type restored struct {
	revived  []string // objects that were deleted, and are there again
	lost     []string // objects that were created, and are not there
	reverted int      // objects that were changed, and are as before
}

const (
	// maxRestoredRecords bounds how many changes are read from the audit log.
	maxRestoredRecords = 100_000
	// restoredSlack is the time that may pass between the record of a change and its commit.
	restoredSlack = 5 * time.Second
	// maxRestoredNames bounds the objects that a message names.
	maxRestoredNames = 20
)

// storedKinds maps kinds of the audit log to those of the store.
var storedKinds = map[string]store.Kind{
	"host":        store.KindHost,
	"guest":       store.KindGuest,
	"tap_service": store.KindService,
	"tap_flow":    store.KindFlow,
	"token":       store.KindToken,
}

type objectID struct {
	kind store.Kind
	id   string
}

// findRestored compares a store with the audit log. It reads the changes since the last one that
// the store knows, which are few unless the store is older.
func findRestored(ctx context.Context, state store.State, trail *audit.Log) (restored, error) {
	written := map[objectID]time.Time{}
	var newest time.Time
	for _, r := range state.Records {
		at := lastWrite(r.Value)
		written[objectID{r.Kind, r.ID}] = at
		if at.After(newest) {
			newest = at
		}
	}

	if newest.IsZero() {
		return restored{}, nil // An empty store may be a new one.
	}

	records, _, err := trail.Read(ctx, audit.Query{Since: newest, Limit: maxRestoredRecords})
	if err != nil {
		return restored{}, err
	}

	return compareRestored(written, records), nil
}

// lastWrite returns when a record was last written by a request.
func lastWrite(value json.RawMessage) time.Time {
	var meta struct {
		CreatedAt time.Time `json:"created_at"`
		UpdatedAt time.Time `json:"updated_at"`
	}
	if json.Unmarshal(value, &meta) != nil {
		return time.Time{}
	}
	if meta.UpdatedAt.After(meta.CreatedAt) {
		return meta.UpdatedAt
	}
	return meta.CreatedAt
}

// compareRestored compares the times at which the objects of a store were written with the changes
// in the audit log, the newest first.
func compareRestored(written map[objectID]time.Time, records []audit.Record) restored {
	var found restored
	seen := map[objectID]bool{}
	failed := map[string]bool{} // requests whose change could not be stored
	for _, r := range records {
		if r.Outcome == audit.Failed {
			failed[r.RequestID] = true
			continue
		}

		kind, known := storedKinds[r.Kind]
		object := objectID{kind, r.ID}
		action := r.Change.Action()
		if !known || r.Outcome != audit.Success || action == "" || seen[object] ||
			r.RequestID != "" && failed[r.RequestID] {
			continue
		}

		seen[object] = true // The newest change of an object counts.

		at, exists := written[object]
		late := r.Time.Sub(at) > restoredSlack
		name := strings.ReplaceAll(r.Kind, "_", " ") + " " + r.Name
		switch {
		case action == "delete" && exists && late:
			found.revived = append(found.revived, name)
		case action != "delete" && !exists && r.ID != "" && !isBuiltIn(r):
			found.lost = append(found.lost, name)
		case action != "delete" && exists && late:
			found.reverted++
		}
	}

	slices.Sort(found.revived)
	slices.Sort(found.lost)
	return found
}

// isBuiltIn reports whether a record is about the admin token, which is in no store.
func isBuiltIn(r audit.Record) bool { return r.Kind == "token" && r.ID == "admin" }

func (r restored) isZero() bool { return len(r.revived)+len(r.lost)+r.reverted == 0 }

// String describes the differences, or is "".
func (r restored) String() string {
	if r.isZero() {
		return ""
	}

	var parts []string
	if len(r.revived) > 0 {
		parts = append(parts, "deleted, and there again: "+listNames(r.revived))
	}
	if len(r.lost) > 0 {
		parts = append(parts, "created, and not there: "+listNames(r.lost))
	}
	if r.reverted > 0 {
		parts = append(parts, fmt.Sprintf("%d changed, and as before", r.reverted))
	}

	return "the store is older than the audit log, as after a restore: " + strings.Join(parts, "; ")
}

// parts returns a part of /readyz that says what was restored, if anything was.
func (r restored) parts() []api.Part {
	if r.isZero() {
		return nil
	}
	return []api.Part{{Name: "restore", Status: api.PartDegraded, Detail: r.String()}}
}

func listNames(names []string) string {
	if over := len(names) - maxRestoredNames; over > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:maxRestoredNames], ", "), over)
	}
	return strings.Join(names, ", ")
}
