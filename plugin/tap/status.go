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
	Reason string // of StatePending and StateError; what StateProgrammed lacks all the same
	Code   Code   // stable name of Reason
	Needs  []Need // of StateProgrammed
	Cut    *Cut   // of a flow in StateProgrammed: nil if whole copies fit everywhere
}

// Cut says that copies of a tap flow may be too large for their way to the collector, and are then
// cut to fit. Open vSwitch does not tell how many were.
type Cut struct {
	// Size is what remains of a larger copy, in octets from its Ethernet header on. A frame with a
	// VLAN tag may keep four octets more.
	Size uint32
	// SourceMTU is the MTU at the source; 0 while unknown, and 1500 is assumed.
	SourceMTU uint32
	// MTU is the one that is too small: that of the path between the hosts, headers of the tunnel
	// included, or that of the tap NIC.
	MTU uint32
	// Text says where copies are cut, and names both MTUs.
	Text string
}

// Need names an owner's objects on one host. All of them must stand before the service or flow is
// ready.
type Need struct {
	Host  string
	Owner string
}
