package api

import "time"

// TapFlow is a mirror source.
type TapFlow struct {
	ID        string     `json:"id"`
	Name      string     `json:"name"`
	TapID     string     `json:"tap_id"` // id of the tap service
	TapName   string     `json:"tap_name"`
	Type      string     `json:"type"` // vnic, vswitch or selector
	GuestID   string     `json:"guest_id"`
	GuestName string     `json:"guest_name"`
	HostID    string     `json:"host_id"`
	HostName  string     `json:"host_name"`
	WireID    string     `json:"wire_id"`
	MACAddr   string     `json:"mac_addr"`
	IPAddr    string     `json:"ip_addr"`
	VLANID    int        `json:"vlan_id"`   // 0 selects all traffic
	Selector  string     `json:"selector"`  // which NICs of guests; "" of another type
	Direction string     `json:"direction"` // IN, OUT or BOTH
	Filter    string     `json:"filter"`    // pcap-filter(7); "" selects everything
	Snaplen   int        `json:"snaplen"`   // octets of each frame that are kept; 0: whole frames
	Sample    int        `json:"sample"`    // one connection in so many is kept; 0: all
	VLAN      VLANAction `json:"vlan"`

	StartsAt  *time.Time `json:"starts_at"`  // nil: at once
	ExpiresAt *time.Time `json:"expires_at"` // when it is disabled; nil: never

	Enabled    bool     `json:"enabled"`
	Status     Status   `json:"status"`
	Reason     string   `json:"reason"`
	ReasonCode string   `json:"reason_code"`
	Counters   Counters `json:"counters"`
	// Members is how the NICs stand that the selector matches; nil of another type.
	Members *MemberCounts `json:"members"`

	Labels      map[string]string `json:"labels"`
	Description string            `json:"description"`

	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
	AppliedBy string    `json:"applied_by"` // apply set that created it; "" if none did

	ETag string `json:"-"` // of answers with one tap flow; "" in lists and events
}

// MemberCounts is how many NICs a selector matches, and how they stand. While the tap flow does not
// run, only the total is counted.
type MemberCounts struct {
	Total   int `json:"total"`
	Ready   int `json:"ready"`
	Pending int `json:"pending"`
	Error   int `json:"error"`
}

// Member is a NIC that the selector of a tap flow matches, and where it is plugged.
type Member struct {
	GuestID    string `json:"guest_id"`
	GuestName  string `json:"guest_name"`
	MACAddr    string `json:"mac_addr"`
	HostID     string `json:"host_id"`
	HostName   string `json:"host_name"`
	Bridge     string `json:"bridge"`
	Port       string `json:"port"`
	Status     Status `json:"status"`
	Reason     string `json:"reason"`
	ReasonCode string `json:"reason_code"`
}

// MemberList is the answer to a list of members.
type MemberList struct {
	Members []Member `json:"members"`
	Total   int      `json:"total"`
}

// TapFlowCreate creates a tap flow.
type TapFlowCreate struct {
	Name      string     `json:"name"`
	TapID     string     `json:"tap_id"`
	Type      string     `json:"type"`
	GuestID   string     `json:"guest_id,omitempty"`
	MACAddr   string     `json:"mac_addr,omitempty"`
	IPAddr    string     `json:"ip_addr,omitempty"`
	HostID    string     `json:"host_id,omitempty"`
	WireID    string     `json:"wire_id,omitempty"`
	VLANID    *int       `json:"vlan_id,omitempty"` // nil selects all traffic
	Selector  string     `json:"selector,omitempty"`
	Direction string     `json:"direction,omitempty"` // BOTH if ""
	Filter    string     `json:"filter,omitempty"`
	Snaplen   int        `json:"snaplen,omitempty"`
	Sample    int        `json:"sample,omitempty"`
	VLAN      VLANAction `json:"vlan,omitempty"`
	StartsAt  *time.Time `json:"starts_at,omitempty"`
	ExpiresAt *time.Time `json:"expires_at,omitempty"`
	Enabled   *bool      `json:"enabled,omitempty"` // true if nil

	Labels      map[string]string `json:"labels,omitempty"`
	Description string            `json:"description,omitempty"`

	AppliedBy string `json:"applied_by,omitempty"` // apply set that creates it
}

// TapFlowPatch changes a tap flow.
type TapFlowPatch struct {
	Name      *string    `json:"name,omitempty"`
	TapID     *string    `json:"tap_id,omitempty"`
	Selector  *string    `json:"selector,omitempty"`
	VLANID    Field[int] `json:"vlan_id,omitzero"` // Remove: select all traffic
	Direction *string    `json:"direction,omitempty"`
	Enabled   *bool      `json:"enabled,omitempty"`

	// Remove takes an option back, and a time.
	Filter    Field[string]     `json:"filter,omitzero"`
	Snaplen   Field[int]        `json:"snaplen,omitzero"`
	Sample    Field[int]        `json:"sample,omitzero"`
	VLAN      Field[VLANAction] `json:"vlan,omitzero"`
	StartsAt  Field[time.Time]  `json:"starts_at,omitzero"`
	ExpiresAt Field[time.Time]  `json:"expires_at,omitzero"`
	// Labels are merged into the labels, nil removes one. Remove removes all.
	Labels      Field[map[string]*string] `json:"labels,omitzero"`
	Description Field[string]             `json:"description,omitzero"`
}

// TapFlowList is the answer to a list of tap flows.
type TapFlowList struct {
	TapFlows []TapFlow `json:"tap_flows"`
	Total    int       `json:"total"`
}
