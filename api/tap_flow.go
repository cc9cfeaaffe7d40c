package api

import "time"

// TapFlow is a mirror source.
type TapFlow struct {
	ID         string    `json:"id"`
	Name       string    `json:"name"`
	TapID      string    `json:"tap_id"` // id of the tap service
	TapName    string    `json:"tap_name"`
	Type       string    `json:"type"` // vnic or vswitch
	GuestID    string    `json:"guest_id"`
	GuestName  string    `json:"guest_name"`
	HostID     string    `json:"host_id"`
	HostName   string    `json:"host_name"`
	WireID     string    `json:"wire_id"`
	MACAddr    string    `json:"mac_addr"`
	IPAddr     string    `json:"ip_addr"`
	VLANID     int       `json:"vlan_id"`   // 0 selects all traffic
	Direction  string    `json:"direction"` // IN, OUT or BOTH
	Enabled    bool      `json:"enabled"`
	Status     Status    `json:"status"`
	Reason     string    `json:"reason"`
	ReasonCode string    `json:"reason_code"`
	Counters   Counters  `json:"counters"`
	CreatedAt  time.Time `json:"created_at"`
	UpdatedAt  time.Time `json:"updated_at"`
	AppliedBy  string    `json:"applied_by"` // apply set that created it; "" if none did

	ETag string `json:"-"` // of answers with one tap flow; "" in lists and events
}

// TapFlowCreate creates a tap flow.
type TapFlowCreate struct {
	Name      string `json:"name"`
	TapID     string `json:"tap_id"`
	Type      string `json:"type"`
	GuestID   string `json:"guest_id,omitempty"`
	MACAddr   string `json:"mac_addr,omitempty"`
	IPAddr    string `json:"ip_addr,omitempty"`
	HostID    string `json:"host_id,omitempty"`
	WireID    string `json:"wire_id,omitempty"`
	VLANID    *int   `json:"vlan_id,omitempty"`    // nil selects all traffic
	Direction string `json:"direction,omitempty"`  // BOTH if ""
	Enabled   *bool  `json:"enabled,omitempty"`    // true if nil
	AppliedBy string `json:"applied_by,omitempty"` // apply set that creates it
}

// TapFlowPatch changes a tap flow.
type TapFlowPatch struct {
	Name      *string    `json:"name,omitempty"`
	TapID     *string    `json:"tap_id,omitempty"`
	VLANID    Field[int] `json:"vlan_id,omitzero"` // Remove: select all traffic
	Direction *string    `json:"direction,omitempty"`
	Enabled   *bool      `json:"enabled,omitempty"`
}

// TapFlowList is the answer to a list of tap flows.
type TapFlowList struct {
	TapFlows []TapFlow `json:"tap_flows"`
	Total    int       `json:"total"`
}
