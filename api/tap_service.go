package api

import "time"

// Status is the status of a resource.
type Status string

// The statuses.
const (
	Disabled Status = "disabled"
	Pending  Status = "pending"
	Ready    Status = "ready"
	Error    Status = "error"
	Deleting Status = "deleting" // deleted, and some switch may still have something of it
)

// TapService is a mirror destination.
type TapService struct {
	ID         string   `json:"id"`
	Name       string   `json:"name"`
	Type       string   `json:"type"`      // guest, host, remote or pool
	TargetID   string   `json:"target_id"` // id of the guest or of the host
	TargetName string   `json:"target_name"`
	TargetIPs  []string `json:"target_ips"` // of the guest's NICs, or of the host's tunnel
	MACAddr    string   `json:"mac_addr"`   // of the tap NIC
	IfName     string   `json:"ifname"`     // of the tap NIC on the host
	Enabled    bool     `json:"enabled"`
	Status     Status   `json:"status"`
	Reason     string   `json:"reason"`
	ReasonCode string   `json:"reason_code"`
	HostID     string   `json:"host_id"` // host of the tap NIC; "" while unknown
	HostName   string   `json:"host_name"`
	Place      *Place   `json:"place"` // where the tap NIC is pinned; nil before it was first seen
	FlowCount  int      `json:"flow_count"`

	// Of a remote collector; "", nil and 0 otherwise. Port is 0 for GRE and ERSPAN, too.
	Address string  `json:"address"`
	Encap   string  `json:"encap"`
	Key     *uint32 `json:"key"`
	Port    uint16  `json:"port"`

	Members     []string `json:"members"`      // of a pool: ids of its services
	MemberNames []string `json:"member_names"` // in the same order

	// from each source host, such as 10Mbit/s; "" is none
	RateLimit string `json:"rate_limit"`
	Dedup     bool   `json:"dedup"`

	NICXML   string   `json:"nic_xml"` // for a guest: the libvirt XML element to plug
	Counters Counters `json:"counters"`

	Labels      map[string]string `json:"labels"`
	Description string            `json:"description"`

	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
	AppliedBy string    `json:"applied_by"` // apply set that created it; "" if none did

	ETag string `json:"-"` // of answers with one tap service; "" in lists and events
}

// Place is the host to which a destination is pinned.
type Place struct {
	HostID   string `json:"host_id"`
	HostName string `json:"host_name"` // "" if the host is no longer registered
}

// TapServiceCreate creates a tap service, disabled.
type TapServiceCreate struct {
	Name     string `json:"name"`
	Type     string `json:"type"`
	TargetID string `json:"target_id,omitempty"`
	MACAddr  string `json:"mac_addr,omitempty"`

	Address string   `json:"address,omitempty"`
	Encap   string   `json:"encap,omitempty"`
	Key     *uint32  `json:"key,omitempty"`  // nil: one that fits is chosen
	Port    uint16   `json:"port,omitempty"` // 0: the registered one
	Members []string `json:"members,omitempty"`

	RateLimit string `json:"rate_limit,omitempty"`
	Dedup     bool   `json:"dedup,omitempty"`

	Labels      map[string]string `json:"labels,omitempty"`
	Description string            `json:"description,omitempty"`

	AppliedBy string `json:"applied_by,omitempty"` // apply set that creates it
}

// TapServicePatch changes a tap service.
type TapServicePatch struct {
	Name    *string `json:"name,omitempty"`
	Enabled *bool   `json:"enabled,omitempty"`

	Members   []string      `json:"members,omitempty"`   // ids or names; all of a pool
	RateLimit Field[string] `json:"rate_limit,omitzero"` // Remove: no limit
	Dedup     *bool         `json:"dedup,omitempty"`
	// Labels are merged into the labels, nil removes one. Remove removes all.
	Labels      Field[map[string]*string] `json:"labels,omitzero"`
	Description Field[string]             `json:"description,omitzero"`
	// AcceptPlace is the id or name of a host. The tap NIC is expected there from now on.
	AcceptPlace *string `json:"accept_place,omitempty"`
}

// TapServiceList is the answer to a list of tap services.
type TapServiceList struct {
	TapServices []TapService `json:"tap_services"`
	Total       int          `json:"total"`
}
