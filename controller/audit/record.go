package audit

import (
	"encoding/json"
	"time"
	"unicode/utf8"
)

// Outcome is how a request ended.
type Outcome string

// The outcomes.
const (
	Success Outcome = "success"
	Refused Outcome = "refused" // invalid, or in conflict with what exists; nothing was changed
	Denied  Outcome = "denied"  // the sender lacks a token or a role
	Failed  Outcome = "failed"  // an error of ours; something may have been changed
)

// Actor is who sent a request.
type Actor struct {
	Type string `json:"type"`           // token, certificate, config, controller, or unknown
	ID   string `json:"id,omitempty"`   // of the token; the common name of a certificate
	Name string `json:"name,omitempty"` // of the token or certificate
	Role string `json:"role,omitempty"`
}

// is reports whether a word is the actor's type, id or name.
func (a Actor) is(word string) bool { return word == a.Type || word == a.ID || word == a.Name }

// Change is what was done to one resource. Before and After hold the resource without what is only
// observed; Before is nil for a creation, After for a deletion. They hold no secrets.
type Change struct {
	// Kind is host, guest, wire, tap_service, tap_flow, token, client_role, role_limits or plugin.
	Kind string `json:"kind,omitempty"`
	// ID is the id or name in the request if nothing was changed.
	ID     string          `json:"id,omitempty"`
	Name   string          `json:"name,omitempty"`
	Before json.RawMessage `json:"before,omitempty"`
	After  json.RawMessage `json:"after,omitempty"`
}

// Action returns create, update or delete, or "" if nothing was changed.
func (c Change) Action() string {
	switch {
	case c.Before == nil && c.After == nil:
		return ""
	case c.Before == nil:
		return "create"
	case c.After == nil:
		return "delete"
	}
	return "update"
}

// Record is one line of the log.
type Record struct {
	Time      time.Time `json:"time"` // set by Write
	RequestID string    `json:"request_id,omitempty"`
	Actor     Actor     `json:"actor"`
	Remote    string    `json:"remote,omitempty"` // IP:PORT
	UserAgent string    `json:"user_agent,omitempty"`
	Method    string    `json:"method,omitempty"`
	Path      string    `json:"path,omitempty"`
	// Action is create, update, enable, disable, expire, delete, reload or read; start or stop of
	// the controller.
	Action string `json:"action,omitempty"`
	Change
	Outcome Outcome `json:"outcome"`
	Status  int     `json:"status,omitempty"`  // of HTTP
	Problem string  `json:"problem,omitempty"` // the error that the client got
	Count   int     `json:"count,omitempty"`   // requests that the record stands for; 0: one
	// Unchanged marks a request that changed nothing. Its record may be overwritten, as a denial's.
	Unchanged bool `json:"-"`
}

// Limits on text that clients choose, in bytes. They keep records short.
const (
	maxName = 256
	maxText = 1024
)

// trim cuts text that clients choose to its limits.
func (r *Record) trim() {
	r.UserAgent = cut(r.UserAgent, maxName)
	r.Path, r.Problem = cut(r.Path, maxText), cut(r.Problem, maxText)
	r.ID, r.Name = cut(r.ID, maxName), cut(r.Name, maxName)
}

// cut shortens a text to at most so many bytes and an ellipsis, between two characters.
func cut(s string, most int) string {
	if len(s) <= most {
		return s
	}
	for most > 0 && !utf8.RuneStart(s[most]) {
		most--
	}
	return s[:most] + "…"
}
