package tap

import (
	"net/netip"
	"time"
)

// Service is a mirror destination (tap service).
type Service struct {
	ID       string      `json:"id"`
	Name     string      `json:"name"`
	Type     ServiceType `json:"type"`
	TargetID string      `json:"target_id"` // id of the guest or of the host, by Type

	// MAC is the address of the tap NIC: allocated for a guest, that of the physical NIC for a
	// host.
	MAC MAC `json:"mac_addr"`
	// IfName is the tap NIC's interface name on the host, at most 15 characters.
	IfName  string `json:"ifname"`
	Enabled bool   `json:"enabled"`
	// Key is the GRE key (tun_id) of the service, unique in the cluster and never 0.
	Key uint32 `json:"key"`
	// RateLimit is what each source host may send to the service.
	RateLimit RateLimit `json:"rate_limit,omitzero"`
}

// ServiceType says what a service delivers to.
type ServiceType string

// The types of a service.
const (
	ServiceGuest ServiceType = "guest" // an extra NIC of a guest
	ServiceHost  ServiceType = "host"  // an unused physical NIC of a host
)

// Flow is a mirror source (tap flow) and the service that it feeds.
type Flow struct {
	ID    string   `json:"id"`
	Name  string   `json:"name"`
	TapID string   `json:"tap_id"` // id of the Service
	Type  FlowType `json:"type"`

	// Of a vnic: the guest, its NIC, and the IP address by which the NIC was chosen, if any.
	GuestID string     `json:"guest_id,omitempty"`
	MAC     MAC        `json:"mac_addr,omitzero"`
	IP      netip.Addr `json:"ip_addr,omitzero"`

	// Of a vswitch: the host, the wire, and one VLAN 1..4094 or 0 for all.
	HostID string `json:"host_id,omitempty"`
	WireID string `json:"wire_id,omitempty"`
	VLAN   uint16 `json:"vlan_id,omitempty"`

	Direction Direction `json:"direction"`
	Options

	// Enabled says that the flow should run now: it is switched on, and not before its start or
	// after its expiry.
	Enabled bool `json:"enabled"`

	// Created ranks flows where a switch has no room for all of them: earlier ones run.
	Created time.Time `json:"-"`
}

// FlowType says what a flow mirrors.
type FlowType string

// The types of a flow.
const (
	FlowVNIC    FlowType = "vnic"    // one NIC of a guest
	FlowVSwitch FlowType = "vswitch" // the bridge that carries a wire on a host
)

// MaxVLAN is the highest VLAN id that can be selected; 4095 is reserved (IEEE 802.1Q, table 9-2).
const MaxVLAN = 4094
