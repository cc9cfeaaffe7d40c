package contract

import (
	"slices"

	"github.com/tapline-sdn/tapline/controller/engine/intent"
	"github.com/tapline-sdn/tapline/controller/inventory"
	"github.com/tapline-sdn/tapline/controller/store"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// ForeignNICError says that a program takes a NIC that belongs to no tap service.
type ForeignNICError struct{ Name string }

// Error implements error.
func (e *ForeignNICError) Error() string { return "NIC " + e.Name + " is no tap service's" }

// CheckNICs returns a *ForeignNICError if a program takes a NIC onto the tap bridge that is not
// that of the tap service which owns the port. Without this a plugin could take any NIC away from
// its bridge or from the host.
func CheckNICs(in *intent.Intent, places *inventory.Places, host string, p *tap.Program) error {
	record := in.Hosts.ByID[host]
	for _, port := range p.Ports {
		if port.Type != "" {
			continue
		}

		s := in.Services.ByID[port.Owner]
		if record == nil || s == nil || !isNICOf(s, record, places, &port) {
			return &ForeignNICError{port.Name}
		}
	}
	return nil
}

// isNICOf reports whether a port is the NIC of a service on a host.
func isNICOf(s *store.Service, on *store.Host, places *inventory.Places, port *tap.Port) bool {
	switch {
	case port.Plugged != (s.Type == tap.ServiceGuest):
		return false
	case s.Type == tap.ServiceHost:
		return s.TargetID == on.ID && slices.ContainsFunc(on.NICs, func(n store.HostNIC) bool {
			return n.Name == port.Name && n.MAC == s.MAC
		})
	case port.Name == s.IfName:
		return true
	}
	return slices.ContainsFunc(places.PortsOf(s.MAC, s.IfName), func(p inventory.Port) bool {
		return p.Host == on.ID && p.Name == port.Name
	})
}
