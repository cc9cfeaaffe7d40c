package api

// Host is a machine with Open vSwitch.
type Host struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	OVSDB    string `json:"ovsdb"`     // tcp:IP:PORT, ssl:IP:PORT or unix:PATH
	TunnelIP string `json:"tunnel_ip"` // declared or learned; "" while unknown
	// DeclaredTunnelIP is "" if the address is learned from the switch.
	DeclaredTunnelIP string `json:"declared_tunnel_ip"`
	// SystemID is that of the host's switch, declared or first seen; "" while unknown.
	SystemID string            `json:"system_id"`
	Wires    map[string]string `json:"wires"` // wire -> bridge, declared and learned
	// bridge -> physical ports, where declared
	Uplinks    map[string][]string `json:"uplinks"`
	NICs       []HostNIC           `json:"nics"`
	Connected  bool                `json:"connected"`
	OVSVersion string              `json:"ovs_version"`
	Bridges    []string            `json:"bridges"`
	// MayStillCopy names disabled and deleted tap services and flows of which something may still
	// be on the host's switch.
	MayStillCopy []string `json:"may_still_copy"`
	// GuessedUplinks are the bridges whose uplinks are a guess, since only veth devices are there
	// and nobody has declared them.
	GuessedUplinks []string `json:"guessed_uplinks"`
	// Lacks are what the host's switch lacks, and what each costs.
	Lacks []HostLack `json:"lacks"`

	Status     Status `json:"status"`
	Reason     string `json:"reason"`
	ReasonCode string `json:"reason_code"`

	Labels      map[string]string `json:"labels"`
	Description string            `json:"description"`

	// apply set that created it; "" if none did
	AppliedBy string `json:"applied_by"`

	ETag string `json:"-"` // of answers with one host; "" in lists and events
}

// HostLack is something that a host's switch cannot do, or does otherwise than the newest one.
type HostLack struct {
	Code     string `json:"code"`
	Datapath string `json:"datapath"` // "system" or "netdev"; "" where it is the whole switch
	Possible bool   `json:"possible"` // the switch does not tell whether it lacks it
	What     string `json:"what"`
	Costs    string `json:"costs"`
}

// HostNIC is a physical NIC of a host.
type HostNIC struct {
	Name   string `json:"name"`
	MAC    string `json:"mac"`
	Speed  int    `json:"speed"` // Mbit/s; 0 is unknown
	Driver string `json:"driver"`
	UsedBy string `json:"used_by"` // "" if free
}

// HostFacts are what a host reports about itself.
type HostFacts struct {
	NICs []HostNIC `json:"nics"`
}

// HostCreate registers a host.
type HostCreate struct {
	Name     string              `json:"name"`
	OVSDB    string              `json:"ovsdb"`
	TunnelIP string              `json:"tunnel_ip,omitempty"`
	SystemID string              `json:"system_id,omitempty"`
	Wires    map[string]string   `json:"wires,omitempty"`
	Uplinks  map[string][]string `json:"uplinks,omitempty"`
	NICs     []HostNIC           `json:"nics,omitempty"`

	Labels      map[string]string `json:"labels,omitempty"`
	Description string            `json:"description,omitempty"`

	AppliedBy string `json:"applied_by,omitempty"` // apply set that creates it
}

// HostPatch changes a host. Wires and Uplinks are merged into the declared ones, nil removes one.
// NICs replaces all NICs.
type HostPatch struct {
	Name     *string              `json:"name,omitempty"`
	OVSDB    *string              `json:"ovsdb,omitempty"`
	TunnelIP Field[string]        `json:"tunnel_ip,omitzero"`
	SystemID *string              `json:"system_id,omitempty"` // "" for the first one that it shows
	Wires    map[string]*string   `json:"wires,omitempty"`
	Uplinks  map[string]*[]string `json:"uplinks,omitempty"`
	NICs     *[]HostNIC           `json:"nics,omitempty"`

	// Labels are merged into the labels, nil removes one. Remove removes all.
	Labels      Field[map[string]*string] `json:"labels,omitzero"`
	Description Field[string]             `json:"description,omitzero"`
}

// HostList is the answer to a list of hosts. Total counts all matches, regardless of limit and
// offset.
type HostList struct {
	Hosts []Host `json:"hosts"`
	Total int    `json:"total"`
}
