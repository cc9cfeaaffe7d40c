package api

// ProblemType is the media type of a [Problem].
const ProblemType = "application/problem+json"

// InProgress is the type of the problem that answers a creation with an Idempotency-Key while an
// earlier request with that key is still being answered.
const InProgress = "urn:tapline:problem:in-progress"

// Problem is the answer to a request that failed (RFC 9457): what is wrong, where, and what would
// be right.
type Problem struct {
	Type     string `json:"type"`
	Title    string `json:"title"`
	Status   int    `json:"status"`
	Detail   string `json:"detail"`
	Code     string `json:"code"` // stable name of the reason, for programs
	Instance string `json:"instance,omitempty"`
	// the field at fault, the first if there are several
	Field  string         `json:"field,omitempty"`
	Errors []FieldProblem `json:"errors,omitempty"` // all fields at fault
	// where a filter is wrong
	FilterError *FilterError `json:"filter_error,omitempty"`
	Parts       []Part       `json:"parts,omitempty"` // of /readyz: the state of each part
}

// FieldProblem is what is wrong with one field or parameter.
type FieldProblem struct {
	Field string `json:"field"`
	// JSON pointer of a field of the body, as a URI fragment
	Pointer string `json:"pointer,omitempty"`
	Detail  string `json:"detail"`
}

// Health is the answer of /healthz and /readyz.
type Health struct {
	Status  string `json:"status"` // ok
	Version string `json:"version"`
	Parts   []Part `json:"parts,omitempty"` // of /readyz
}

// Part is the state of a part of the controller.
type Part struct {
	Name   string `json:"name"`
	Status string `json:"status"` // PartOK, PartDegraded or PartFailed
	Detail string `json:"detail"`
}

// The statuses of parts. A failed part makes the controller unready; a degraded one does not.
const (
	PartOK       = "ok"
	PartDegraded = "degraded"
	PartFailed   = "failed"
)
