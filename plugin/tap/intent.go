package tap

import (
	"net/netip"
	"slices"
	"time"
)

// Service is a mirror destination (tap service).
type Service struct {
	ID       string      `json:"id"`
	Name     string      `json:"name"`
	Type     ServiceType `json:"type"`
	TargetID string      `json:"target_id"` // id of the guest or of the host, by Type; else ""

	// MAC is the address of the tap NIC: allocated for a guest, that of the physical NIC for a
	// host.
	MAC MAC `json:"mac_addr"`
	// IfName is the tap NIC's interface name on the host, at most 15 characters.
	IfName  string `json:"ifname"`
	Enabled bool   `json:"enabled"`
	// Key is the tun_id of the service's copies. Of a guest or a host it is unique in the cluster
	// and never 0. Of a remote collector it is the one that the user chose, or one that fits Encap.
	Key uint32 `json:"key"`
	// RateLimit is what each source host may send to the service.
	RateLimit RateLimit `json:"rate_limit,omitzero"`

	// Of a remote collector: its address, and how copies get there. Port is the UDP port, 0 for the
	// one that is registered for Encap.
	Address netip.Addr `json:"address,omitzero"`
	Encap   Encap      `json:"encap,omitempty"`
	Port    uint16     `json:"port,omitempty"`

	// Members are the ids of a pool's services, sorted.
	Members []string `json:"members,omitempty"`

	// Dedup has a packet between two mirrored guests on two hosts delivered once.
	Dedup bool `json:"dedup,omitempty"`
}

// Equal reports whether two services are the same.
func (s *Service) Equal(o *Service) bool {
	return s.ID == o.ID && s.Name == o.Name && s.Type == o.Type && s.TargetID == o.TargetID &&
		s.MAC == o.MAC && s.IfName == o.IfName && s.Enabled == o.Enabled && s.Key == o.Key &&
		s.RateLimit == o.RateLimit && s.Address == o.Address && s.Encap == o.Encap &&
		s.Port == o.Port && slices.Equal(s.Members, o.Members) && s.Dedup == o.Dedup
}

// ServiceType says what a service delivers to.
type ServiceType string

// The types of a service.
const (
	ServiceGuest  ServiceType = "guest"  // an extra NIC of a guest
	ServiceHost   ServiceType = "host"   // an unused physical NIC of a host
	ServiceRemote ServiceType = "remote" // a collector that is no host of ours
	ServicePool   ServiceType = "pool"   // several services: each connection goes to one of them

	// ServiceController delivers to the controller, as packet-ins. It is never stored: the
	// controller makes one for the time of a capture.
	ServiceController ServiceType = "controller"
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

	// Of a selector: which NICs of guests are mirrored. The controller tells the plugin of each
	// as a flow of type vnic.
	Selector string `json:"selector,omitempty"`

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
	// FlowSelector stands for the NICs that a selector matches. It mirrors nothing itself.
	FlowSelector FlowType = "selector"
)

// MaxVLAN is the highest VLAN id that can be selected; 4095 is reserved (IEEE 802.1Q, table 9-2).
const MaxVLAN = 4094
