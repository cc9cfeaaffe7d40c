package api

import "time"

// Explanation is all that is known about a tap service or tap flow: the path of its packets, what
// must hold for it, and what stands on the switches.
type Explanation struct {
	Kind       string `json:"kind"` // tap_service or tap_flow
	ID         string `json:"id"`
	Name       string `json:"name"`
	Status     Status `json:"status"`
	Reason     string `json:"reason"`
	ReasonCode string `json:"reason_code"`
	// nil if the status has not changed since the controller started
	Since    *time.Time `json:"since"`
	Counters Counters   `json:"counters"`
	Path     []Hop      `json:"path"`   // from the source to the collector; for a service, its end
	Checks   []Check    `json:"checks"` // in the order in which to look at them
	Next     []string   `json:"next"`   // what to do about failed checks
	Flows    []FlowLine `json:"flows"`  // for a service: those that feed it
	// for a tap flow: others of its tap service that may deliver the same packet
	SamePacket []SamePacket `json:"same_packet"`
	Switches   []Switch     `json:"switches"`
}

// SamePacket is a tap flow that may deliver the same packet to the same tap service.
type SamePacket struct {
	TapFlow string `json:"tap_flow"` // name
	Reason  string `json:"reason"`   // how a packet passes the sources of both
}

// Hop is a place on the path of packets.
type Hop struct {
	What       string `json:"what"` // source, mirror, tap bridge, tunnel, destination
	HostID     string `json:"host_id"`
	Host       string `json:"host"`
	Bridge     string `json:"bridge"`
	Port       string `json:"port"`
	OFPort     int    `json:"ofport"` // 0 while there is none
	Text       string `json:"text"`
	Found      string `json:"found"` // for source and destination: how they were found
	Status     Status `json:"status"`
	Reason     string `json:"reason"`
	ReasonCode string `json:"reason_code"`
	// Count is what the switch has counted since the row or flow that counts was written; nil where
	// nothing is counted.
	Count *Count `json:"count"`
}

// Check is a condition, and whether it holds.
type Check struct {
	What       string     `json:"what"`
	HostID     string     `json:"host_id"`
	Host       string     `json:"host"`
	Owner      string     `json:"owner"` // of the objects on the switch that are checked
	Status     Status     `json:"status"`
	Reason     string     `json:"reason"`
	ReasonCode string     `json:"reason_code"`
	Since      *time.Time `json:"since"`
	Next       string     `json:"next"` // what to do
}

// FlowLine is a tap flow in the explanation of its service.
type FlowLine struct {
	ID         string   `json:"id"`
	Name       string   `json:"name"`
	Status     Status   `json:"status"`
	Reason     string   `json:"reason"`
	ReasonCode string   `json:"reason_code"`
	Counters   Counters `json:"counters"`
}

// Switch is what stands on the switch of a host.
type Switch struct {
	HostID     string       `json:"host_id"`
	Host       string       `json:"host"`
	Status     Status       `json:"status"`
	Reason     string       `json:"reason"`
	ReasonCode string       `json:"reason_code"`
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
