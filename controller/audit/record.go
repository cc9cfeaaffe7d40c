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
	Refused Outcome = "refused" // it was wrong, or clashed with what exists; nothing was changed
	Denied  Outcome = "denied"  // who sent it may not
	Failed  Outcome = "failed"  // for a reason of ours; whether something was changed the log or the resource tells
)

// Actor is who did it.
type Actor struct {
	Type string `json:"type"`           // token, certificate, config, controller, or unknown
	ID   string `json:"id,omitempty"`   // of the token; the common name of a certificate
	Name string `json:"name,omitempty"` // of the token or certificate
	Role string `json:"role,omitempty"`
}

// Change is what was done to one resource. Before and After are records of it, without what is only observed; nil before it was
// created, and after it was deleted. They hold no secret.
type Change struct {
	Kind   string          `json:"kind,omitempty"` // host, guest, wire, tap_service, tap_flow, token, plugin
	ID     string          `json:"id,omitempty"`   // or the name, as the request gave it, where nothing was changed
	Name   string          `json:"name,omitempty"`
	Before json.RawMessage `json:"before,omitempty"`
	After  json.RawMessage `json:"after,omitempty"`
}

// Action is create, update or delete, or "" if nothing was changed.
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

// Record is a line of the log.
type Record struct {
	Time      time.Time `json:"time"` // set when it is written
	RequestID string    `json:"request_id,omitempty"`
	Actor     Actor     `json:"actor"`
	Remote    string    `json:"remote,omitempty"` // IP:PORT
	UserAgent string    `json:"user_agent,omitempty"`
	Method    string    `json:"method,omitempty"`
	Path      string    `json:"path,omitempty"`
	Action    string    `json:"action,omitempty"` // create, update, enable, disable, delete, reload, read; start, stop of the controller
	Change
	Outcome Outcome `json:"outcome"`
	Status  int     `json:"status,omitempty"`  // of HTTP
	Problem string  `json:"problem,omitempty"` // what the request was told
	Count   int     `json:"count,omitempty"`   // how many requests this record stands for, if it is not one
}

// What others send is cut to so many bytes, so that a record stays short.
const (
	maxAgent = 256
	maxText  = 1024
)

func (r *Record) trim() {
	r.UserAgent = cut(r.UserAgent, maxAgent)
	r.Path, r.Problem = cut(r.Path, maxText), cut(r.Problem, maxText)
	r.ID, r.Name = cut(r.ID, maxAgent), cut(r.Name, maxAgent)
}

func cut(s string, most int) string {
	if len(s) <= most {
		return s
	}
	for most > 0 && !utf8.RuneStart(s[most]) {
		most--
	}
	return s[:most] + "…"
}
