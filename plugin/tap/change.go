package tap

// Change is one step of what the planner knows. Each listed object replaces the object of the same
// id, each id under Gone removes one. A Change is applied whole. Revision names the state after it,
// and grows with every Change.
type Change struct {
	Revision uint64

	// Reset drops everything known before: the Change is a snapshot.
	Reset bool

	// Secret is the cluster's secret, from which the keys on the wire are derived. It comes with
	// Reset. Without one the keys are those of the services.
	Secret []byte

	Hosts       []Host
	Guests      []Guest
	Attachments []Attachment
	Services    []Service
	Flows       []Flow
	Gone        Gone
}

// Gone lists the ids of objects that no longer exist. The Attachment of a service goes with it.
type Gone struct {
	Hosts    []string
	Guests   []string
	Services []string
	Flows    []string
}

// Result is what follows from the changes up to Revision: the programs and statuses that differ
// from those of earlier results.
type Result struct {
	Revision uint64
	Programs []Program
	Statuses []Status
}

// Resource is one service or flow that a user asks for. It is checked before it is stored. Exactly
// one field is set.
type Resource struct {
	Service *Service
	Flow    *Flow
}

// Rejection says why a [Resource] cannot be accepted.
type Rejection struct {
	// Conflict is true for a clash with what exists (HTTP 409), false for a bad value (400).
	Conflict bool
	Field    string // JSON name of the field, "" if no single field is at fault
	Message  string // what is wrong, and what would be right

	// Of a field that is an expression: where in it the fault is, in octets, and what would be
	// possible there. A Length of 0 says that the place is not known.
	Offset, Length int
	Hint           string
}

// Error implements error.
func (r *Rejection) Error() string {
	if r.Field == "" {
		return r.Message
	}
	return r.Field + ": " + r.Message
}
