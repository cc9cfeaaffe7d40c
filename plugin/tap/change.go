package tap

// Change is one step of what the planner knows: each non-nil field replaces the object of that id, each id under Gone
// removes one. A Change is applied whole; Revision names the state that it leads to and grows with every Change.
type Change struct {
	Revision uint64
	// Reset drops everything known before: the Change is a snapshot.
	Reset       bool
	Hosts       []Host
	Guests      []Guest
	Attachments []Attachment
	Services    []Service
	Flows       []Flow
	Gone        Gone
}

// Gone lists ids of objects that no longer exist. A service takes its Attachment along.
type Gone struct {
	Hosts    []string
	Guests   []string
	Services []string
	Flows    []string
}

// Result is what followed from the changes up to Revision: programs and statuses that differ from those told before.
type Result struct {
	Revision uint64
	Programs []Program
	Statuses []Status
}

// Resource is one service or flow that a user asks for, to be checked before it is stored.
// Exactly one field is set.
type Resource struct {
	Service *Service
	Flow    *Flow
}

// Rejection is an answer to a [Resource] that cannot be accepted.
type Rejection struct {
	// Conflict tells a clash with what exists (HTTP 409) from a bad value (400).
	Conflict bool
	Field    string // JSON name of the field, "" if no single one is at fault
	Message  string // what is wrong, and what would be right
}

// Error implements error.
func (r *Rejection) Error() string {
	if r.Field == "" {
		return r.Message
	}
	return r.Field + ": " + r.Message
}
