package api

import "encoding/json"

// AuditRecord is a line of the audit log: a change, a request that changed nothing, or one that was denied.
type AuditRecord struct {
	Time      string          `json:"time"` // RFC 3339
	RequestID string          `json:"request_id"`
	Actor     AuditActor      `json:"actor"`
	Remote    string          `json:"remote"` // IP:PORT
	UserAgent string          `json:"user_agent"`
	Method    string          `json:"method"`
	Path      string          `json:"path"`
	Action    string          `json:"action"` // create, update, enable, disable, delete, reload, read, start or stop
	Kind      string          `json:"kind"`   // of the resource: host, guest, wire, tap_service, tap_flow, token or plugin
	ID        string          `json:"id"`     // of the resource; as the request gave it where nothing was changed
	Name      string          `json:"name"`
	Before    json.RawMessage `json:"before"` // the resource as it was asked for; null before it was created
	After     json.RawMessage `json:"after"`  // null after it was deleted
	Outcome   string          `json:"outcome"`
	Status    int             `json:"status"` // of HTTP
	Problem   string          `json:"problem"`
	Count     int             `json:"count"` // how many requests this record stands for
}

// AuditActor is who did it.
type AuditActor struct {
	Type string `json:"type"` // token, certificate, config, controller or unknown
	ID   string `json:"id"`
	Name string `json:"name"`
	Role string `json:"role"`
}

// AuditList answers a query of the audit log, the newest record first.
type AuditList struct {
	Audit []AuditRecord `json:"audit"`
	More  bool          `json:"more"` // there are older ones that match
}
