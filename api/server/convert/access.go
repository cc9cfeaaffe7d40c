package convert

import (
	"time"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/controller/access"
	"github.com/tapline-sdn/tapline/controller/audit"
)

// Token returns the JSON form of a token.
func Token(t access.Token, now time.Time) api.Token {
	return api.Token{
		ID: t.ID, Name: t.Name, Role: string(t.Role), CreatedBy: t.CreatedBy,
		Expired: t.Expired(now), BuiltIn: t.BuiltIn,
		CreatedAt: TimeText(t.CreatedAt), ExpiresAt: TimeText(t.ExpiresAt),
		LastUsedAt: TimeText(t.LastUsedAt),
	}
}

// AuditRecord returns the JSON form of a record of the audit log.
func AuditRecord(r audit.Record) api.AuditRecord {
	return api.AuditRecord{
		Time: TimeText(r.Time), RequestID: r.RequestID, Actor: api.AuditActor(r.Actor),
		Remote: r.Remote, UserAgent: r.UserAgent, Method: r.Method, Path: r.Path,
		Action: r.Action, Kind: r.Kind, ID: r.ID, Name: r.Name, Before: r.Before, After: r.After,
		Outcome: string(r.Outcome), Status: r.Status, Problem: r.Problem, Count: max(r.Count, 1),
	}
}
