package audit_test

import (
	"encoding/json"
	"path/filepath"
	"testing"

	"github.com/tapline-sdn/tapline/controller/audit"
)

// BenchmarkChange is what a change costs in a request's path.
func BenchmarkChange(b *testing.B) {
	l, err := audit.Open(filepath.Join(b.TempDir(), "audit.log"), audit.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	ctx := audit.With(
		b.Context(),
		&audit.Request{
			ID:        "r1",
			Actor:     audit.Actor{Type: "token", ID: "x", Name: "ci", Role: "operator"},
			Remote:    "192.0.2.1:7",
			UserAgent: "tapctl/1",
			Method:    "PATCH",
			Path:      "/api/v1/tap_flows/web",
			Success:   200,
		},
	)
	flow := json.RawMessage(
		`{"created_at":"2026-11-01T12:00:00Z","id":"6f0b","name":"web","tap_id":"1f",` +
			`"type":"vnic","guest_id":"vm","direction":"BOTH","enabled":true}`,
	)
	for b.Loop() {
		if err := l.Change(
			ctx,
			audit.Change{Kind: "tap_flow", ID: "6f0b", Name: "web", Before: flow, After: flow},
		); err != nil {
			b.Fatal(err)
		}
	}
}
