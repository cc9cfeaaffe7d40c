package api

// ProblemType is the media type of a [Problem].
const ProblemType = "application/problem+json"

// InProgress is the type of the problem that a creation with an Idempotency-Key meets while the same is being answered.
const InProgress = "urn:tapline:problem:in-progress"

// Problem says what is wrong with a request, where, and what would be right (RFC 9457).
type Problem struct {
	Type     string         `json:"type"`
	Title    string         `json:"title"`
	Status   int            `json:"status"`
	Detail   string         `json:"detail"`
	Instance string         `json:"instance,omitempty"`
	Field    string         `json:"field,omitempty"`  // at fault; the first if there are several
	Errors   []FieldProblem `json:"errors,omitempty"` // all of them
	Parts    []Part         `json:"parts,omitempty"`  // of /readyz: how each part is
}

// FieldProblem is what is wrong with one field or parameter.
type FieldProblem struct {
	Field   string `json:"field"`
	Pointer string `json:"pointer,omitempty"` // of a field: its place in the body (RFC 6901, as a fragment)
	Detail  string `json:"detail"`
}

// Deletion answers a deletion that the switches had not followed when its time to wait was over.
type Deletion struct {
	Status Status `json:"status"` // pending
	Reason string `json:"reason"`
}

// Health answers /healthz and /readyz.
type Health struct {
	Status  string `json:"status"` // ok
	Version string `json:"version"`
	Parts   []Part `json:"parts,omitempty"` // of /readyz
}

// Part is how a part of the controller is.
type Part struct {
	Name   string `json:"name"`
	Status string `json:"status"` // PartOK, PartDegraded or PartFailed
	Detail string `json:"detail"`
}

// The statuses of parts. A part that failed makes the controller not ready; a degraded one does not.
const (
	PartOK       = "ok"
	PartDegraded = "degraded"
	PartFailed   = "failed"
)
