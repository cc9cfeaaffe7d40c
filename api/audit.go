package api

import "encoding/json"

// AuditRecord is a record of the audit log: a change, a request that should have changed something
// and did not, or a request that was denied.
type AuditRecord struct {
	Time      string     `json:"time"` // RFC 3339
	RequestID string     `json:"request_id"`
	Actor     AuditActor `json:"actor"`
	Remote    string     `json:"remote"` // IP:PORT
	UserAgent string     `json:"user_agent"`
	Method    string     `json:"method"`
	Path      string     `json:"path"`
	// Action is create, update, enable, disable, delete, reload, read, start or stop.
	Action string `json:"action"`
	// host, guest, wire, tap_service, tap_flow, token or plugin
	Kind string `json:"kind"`
	// of the resource; if nothing was changed, as the request names it
	ID   string `json:"id"`
	Name string `json:"name"`
	// the record, without what is only observed; null if there was none
	Before  json.RawMessage `json:"before"`
	After   json.RawMessage `json:"after"` // null if it was deleted
	Outcome string          `json:"outcome"`
	Status  int             `json:"status"` // HTTP status
	Problem string          `json:"problem"`
	Count   int             `json:"count"` // number of requests that this record summarizes
}

// AuditActor is who sent a request.
type AuditActor struct {
	Type string `json:"type"` // token, certificate, config, controller or unknown
	ID   string `json:"id"`
	Name string `json:"name"`
	Role string `json:"role"`
}

// AuditList is the answer to a query of the audit log, the newest record first.
type AuditList struct {
	Audit []AuditRecord `json:"audit"`
	More  bool          `json:"more"` // there are older records that match
}
