package tap

// Kind distinguishes services from flows.
type Kind string

// The kinds that have a status.
const (
	KindService Kind = "tap_service"
	KindFlow    Kind = "tap_flow"
)

// State is how far a service or a flow has come.
type State string

// The states. A planner returns StateDisabled, StatePending, StateError or StateProgrammed. Users
// see StatePending instead of StateProgrammed until every switch involved was read back, and then
// StateReady.
const (
	StateDisabled   State = "disabled"
	StatePending    State = "pending"
	StateProgrammed State = "programmed"
	StateReady      State = "ready"
	StateError      State = "error"
	// StateDeleting is that of what was deleted while some switch may still have something of it. A
	// planner never returns it.
	StateDeleting State = "deleting"
)

// Status is what the planner says of one service or flow.
type Status struct {
	Kind   Kind
	ID     string
	State  State  // a planner never returns StateReady
	Reason string // of StatePending and StateError
	Code   Code   // stable name of Reason
	Needs  []Need // of StateProgrammed
}

// Need names an owner's objects on one host. All of them must stand before the service or flow is
// ready.
type Need struct {
	Host  string
	Owner string
}
