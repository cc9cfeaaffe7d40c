package store

import (
	"net/netip"
	"time"

	"github.com/tapline-sdn/tapline/plugin/tap"
)

// Meta is what every record carries.
type Meta struct {
	// Revision is the store's revision at which the record was last written. It is the record's
	// ETag.
	Revision  uint64    `json:"-"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
	// Request is the request that created the record. A repetition of the request is recognised by
	// it.
	Request Request `json:"request,omitzero"`
	// AppliedBy names the apply set that created the record and may delete it; "" if it was created
	// by hand.
	AppliedBy string `json:"applied_by,omitempty"`

	// Deleting says that the record was deleted, and stays until every switch was read back without
	// what it had there.
	Deleting bool `json:"deleting,omitempty"`
}

// Request identifies a creation.
type Request struct {
	Key    string `json:"key"`    // chosen by the client; "" if none
	Digest string `json:"digest"` // of the request's content
}

// Host is a registered host.
type Host struct {
	Meta
	Notes
	ID   string `json:"id"`
	Name string `json:"name"`
	// OVSDB is an ovsdb(7) connection method: tcp:IP:PORT, ssl:IP:PORT or unix:PATH.
	OVSDB string `json:"ovsdb"`
	// TunnelIP is zero if it is to be learned from external_ids:ovn-encap-ip.
	TunnelIP netip.Addr `json:"tunnel_ip,omitzero"`
	// Wires maps wires to bridges, in addition to external_ids:ovn-bridge-mappings.
	Wires map[string]string `json:"wires,omitempty"`
	// Uplinks maps bridges to ports; for other bridges the physical ports are uplinks.
	Uplinks map[string][]string `json:"uplinks,omitempty"`
	NICs    []HostNIC           `json:"nics,omitempty"`
	// SystemID is the system-id that the host's switch must have; "" if the first one that it shows
	// counts.
	SystemID string `json:"system_id,omitempty"`

	// RelearnTunnelIP is part of a change and not of what is stored: the tunnel address that was
	// learned no longer counts.
	RelearnTunnelIP bool `json:"-"`
}

// HostNIC is a physical NIC, from host-facts or from the user.
type HostNIC struct {
	Name   string  `json:"name"`
	MAC    tap.MAC `json:"mac"`
	Speed  int     `json:"speed,omitempty"` // in Mbit/s; 0: unknown
	Driver string  `json:"driver,omitempty"`
	UsedBy string  `json:"used_by,omitempty"` // "" if free
}

// Guest is a declared guest: one that cannot be identified from its ports.
type Guest struct {
	Meta
	Notes
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
	Notes
	tap.Service

	// KeyChosen says that the user has chosen the key of a remote collector. 0 is a key as well.
	KeyChosen bool `json:"key_chosen,omitempty"`
}

// Flow is a stored tap flow.
type Flow struct {
	Meta
	Notes
	Window
	tap.Flow
}

// Equal reports whether two tap flows ask for the same; what only says how they came aside.
func (f *Flow) Equal(o *Flow) bool {
	return f.Flow == o.Flow && f.EqualWindow(o.Window) && f.EqualNotes(o.Notes)
}

// Learned is what the switches have shown of an object, and what counts from then on. It is kept
// apart from the object's record, so that learning changes no revision that a user has read.
type Learned struct {
	// SystemID is Open_vSwitch:external_ids:system-id of a host's switch when it was first seen; ""
	// before. A switch with another one is not programmed.
	SystemID string `json:"system_id,omitempty"`
	// TunnelIP is the first address that external_ids:ovn-encap-ip of a host's switch showed, or
	// one of tunnel_networks that it showed later; zero before.
	TunnelIP netip.Addr `json:"tunnel_ip,omitzero"`
	// NoGRE is what a host's switch said when it could not open a GRE port of ours, though no other
	// tunnel was in its way, as on a kernel without ip_gre; "" if it could.
	NoGRE string `json:"no_gre,omitempty"`
}

// Hold names the hosts whose switches may still have something of a disabled or deleted service or
// flow. It has the id of that, and a record of its own so that the other's revision stays when the
// switches have been read back.
type Hold struct {
	Hosts []string `json:"hosts"` // ids
}

// Place names the host on which the tap NIC of a service was accepted; copies go nowhere else. It
// has the id of the service, and a record of its own so that the service's revision stays when the
// controller learns the place.
type Place struct {
	Host string `json:"host"` // id
}
