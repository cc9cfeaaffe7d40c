package explain

import (
	"time"

	"github.com/tapline-sdn/tapline/controller/engine/view"
	"github.com/tapline-sdn/tapline/controller/meter"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// Explanation is everything that is known of a tap service or a tap flow: the path of its packets,
// what must hold for it, and what is on the switches.
type Explanation struct {
	Kind tap.Kind
	ID   string
	Name string
	view.Health
	Since    time.Time // of the state; zero if it has not changed since the controller started
	Counters meter.Counters
	Path     []Hop       // from the source to the collector; of a service its end alone
	Checks   []Check     // in the order in which to look
	Next     []string    // what to do about the checks that fail
	Flows    []view.Flow // of a service: those that feed it
	Twins    []Twin      // of a flow: others that may deliver the same packet, by name
	Switches []Switch
}

// Hop is a place that packets pass.
type Hop struct {
	What   string // source, mirror, tap bridge, tunnel, destination
	HostID string
	Host   string
	Bridge string
	Port   string
	OFPort uint32 // OpenFlow port number; 0 while there is none
	Text   string
	Found  string // of the ends: how they were found
	view.Health
	Count *meter.Count // nil where nothing is counted, or could not be read
}

// Check is something that must hold, and whether it does.
type Check struct {
	What   string
	HostID string
	Host   string
	Owner  string // of the objects on the switch that it is about; "" if none
	view.Health
	Since time.Time // of the health; zero if not known
	Next  string    // what to do; "" if it holds, or nothing but waiting helps
}

// Switch is what stands on a host for a service or a flow.
type Switch struct {
	HostID      string
	Host        string
	view.Health // of the host
	OVSVersion  string
	TunnelIP    string
	OVSDB       Connection
	OpenFlow    Connection
	Rows        []Row
	Flows       []SwitchFlow
	FlowsError  string // why they could not be read; they are then as they should be
}

// Connection is one of the two connections to a switch.
type Connection struct {
	Connected bool
	Problem   string
	Since     time.Time // zero if not known
}

// Row is a row of the switch's database as it is or, if it is missing, as it should be.
type Row struct {
	Table string
	Name  string
	UUID  string // "" if it is missing
	Owner string
	Text  string
	State RowState
}

// RowState says whether a row is as the program wants it.
type RowState string

// The states of rows and flows.
const (
	RowStands   RowState = "stands"
	RowMissing  RowState = "missing"
	RowUnwanted RowState = "unwanted" // stands, and the program has it no more
	RowForeign  RowState = "foreign"  // somebody else's, and in the way
)

// SwitchFlow is a flow, group or meter of the tap bridge in the syntax of ovs-ofctl.
type SwitchFlow struct {
	Owner string
	Text  string
	State RowState
}
