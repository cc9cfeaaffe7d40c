package store

import (
	"net/netip"
	"time"

	"github.com/tapline-sdn/tapline/plugin/tap"
)

// Meta is what every record carries.
type Meta struct {
	// Revision is the store's revision at which the record was last written; it is the record's ETag.
	Revision  uint64    `json:"-"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
	// Request is the creation that made the record, so that it can be told when it is repeated.
	Request Request `json:"request,omitzero"`
	// AppliedBy names the apply set that made the record, which may delete it again; "" if it was made by hand.
	AppliedBy string `json:"applied_by,omitempty"`
}

// Request identifies a creation.
type Request struct {
	Key    string `json:"key"`    // that its user chose; "" if none
	Digest string `json:"digest"` // of what was asked for
}

// Host is a registered host.
type Host struct {
	Meta
	ID       string              `json:"id"`
	Name     string              `json:"name"`
	OVSDB    string              `json:"ovsdb"`              // ovsdb(7) connection method: tcp:IP:PORT, ssl:IP:PORT, unix:PATH
	TunnelIP netip.Addr          `json:"tunnel_ip,omitzero"` // zero: learned from external_ids:ovn-encap-ip
	Wires    map[string]string   `json:"wires,omitempty"`    // wire -> bridge, beside what ovn-bridge-mappings says
	Uplinks  map[string][]string `json:"uplinks,omitempty"`  // bridge -> ports; where absent, the physical ones
	NICs     []HostNIC           `json:"nics,omitempty"`
}

// HostNIC is a physical NIC, as host-facts or the user told.
type HostNIC struct {
	Name   string  `json:"name"`
	MAC    tap.MAC `json:"mac"`
	Speed  int     `json:"speed,omitempty"` // Mbit/s; 0 unknown
	Driver string  `json:"driver,omitempty"`
	UsedBy string  `json:"used_by,omitempty"` // "" if free
}

// Guest is a declared guest, one whose ports do not tell who they belong to.
type Guest struct {
	Meta
	ID   string     `json:"id"`
	Name string     `json:"name"`
	NICs []GuestNIC `json:"nics"`
}

// GuestNIC is a NIC of a declared guest.
type GuestNIC struct {
	MAC    tap.MAC    `json:"mac"`
	IP     netip.Addr `json:"ip,omitzero"`
	IfName string     `json:"ifname,omitempty"`
}

// Service is a stored tap service.
type Service struct {
	Meta
	tap.Service
}

// Flow is a stored tap flow.
type Flow struct {
	Meta
	tap.Flow
}
