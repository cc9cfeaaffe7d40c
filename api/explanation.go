package api

import "time"

// Explanation is everything that is known of a tap service or a tap flow: the way that packets take, what must hold for it, and
// what stands on the switches.
type Explanation struct {
	Kind     string     `json:"kind"` // tap_service or tap_flow
	ID       string     `json:"id"`
	Name     string     `json:"name"`
	Status   Status     `json:"status"`
	Reason   string     `json:"reason"`
	Since    *time.Time `json:"since"` // of the status; nil if it has not changed since the controller started
	Counters Counters   `json:"counters"`
	Path     []Hop      `json:"path"`   // from the source to the collector; of a service its end alone
	Checks   []Check    `json:"checks"` // in the order in which to look
	Next     []string   `json:"next"`   // what to do about the checks that fail
	Flows    []FlowLine `json:"flows"`  // of a service: those that feed it
	Switches []Switch   `json:"switches"`
}

// Hop is a place that packets pass.
type Hop struct {
	What   string `json:"what"` // source, mirror, tap bridge, tunnel, destination
	HostID string `json:"host_id"`
	Host   string `json:"host"`
	Bridge string `json:"bridge"`
	Port   string `json:"port"`
	OFPort int    `json:"ofport"` // 0 while there is none
	Text   string `json:"text"`
	Found  string `json:"found"` // of the ends: how they were found
	Status Status `json:"status"`
	Reason string `json:"reason"`
	Count  *Count `json:"count"` // as the switch has counted since what counts was written; nil where nothing is counted
}

// Check is something that must hold, and whether it does.
type Check struct {
	What   string     `json:"what"`
	HostID string     `json:"host_id"`
	Host   string     `json:"host"`
	Owner  string     `json:"owner"` // of the objects on the switch that it is about
	Status Status     `json:"status"`
	Reason string     `json:"reason"`
	Since  *time.Time `json:"since"`
	Next   string     `json:"next"` // what to do
}

// FlowLine is a tap flow in the explanation of its service.
type FlowLine struct {
	ID       string   `json:"id"`
	Name     string   `json:"name"`
	Status   Status   `json:"status"`
	Reason   string   `json:"reason"`
	Counters Counters `json:"counters"`
}

// Switch is what stands on a host.
type Switch struct {
	HostID     string       `json:"host_id"`
	Host       string       `json:"host"`
	Status     Status       `json:"status"`
	Reason     string       `json:"reason"`
	OVSVersion string       `json:"ovs_version"`
	TunnelIP   string       `json:"tunnel_ip"`
	OVSDB      Connection   `json:"ovsdb"`
	OpenFlow   Connection   `json:"openflow"`
	Rows       []Row        `json:"rows"`
	Flows      []SwitchFlow `json:"flows"`
	FlowsError string       `json:"flows_error"` // why the flows could not be read
}

// Connection is one of the two connections to a switch.
type Connection struct {
	Connected bool       `json:"connected"`
	Problem   string     `json:"problem"`
	Since     *time.Time `json:"since"`
}

// Row is a row of the switch's database.
type Row struct {
	Table string `json:"table"`
	Name  string `json:"name"`
	UUID  string `json:"uuid"` // "" if it is missing
	Owner string `json:"owner"`
	Text  string `json:"text"`
	State string `json:"state"` // stands, missing, unwanted, foreign
}

// SwitchFlow is a flow of the tap bridge, as ovs-ofctl writes flows.
type SwitchFlow struct {
	Owner string `json:"owner"`
	Text  string `json:"text"`
	State string `json:"state"` // stands, missing
}
