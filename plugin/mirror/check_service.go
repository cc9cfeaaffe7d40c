package mirror

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tapline-sdn/tapline/plugin/tap"
)

func (w *world) checkService(s *tap.Service) *tap.Rejection {
	if s.MAC.IsMulticast() {
		return invalid("mac_addr", "%s is a multicast address; a NIC has a unicast address", s.MAC)
	}

	if err := checkRateLimit(s.RateLimit); err != nil {
		return err
	}

	if err := checkShape(s); err != nil {
		return err
	}

	for _, id := range sortedKeys(w.services) {
		if err := w.checkAgainst(s, w.services[id]); err != nil {
			return err
		}
	}

	switch s.Type {
	case tap.ServiceGuest:
		return w.checkGuestNIC(s)
	case tap.ServiceHost:
		return w.checkHostNIC(s)
	case tap.ServiceRemote:
		return w.checkCollector(s)
	case tap.ServicePool:
		return w.checkMembers(s)
	}
	return nil
}

// checkAgainst refuses a service that clashes with another one.
func (w *world) checkAgainst(s, o *tap.Service) *tap.Rejection {
	if o.ID == s.ID {
		return nil
	}

	bothRemote := s.Type == tap.ServiceRemote && o.Type == tap.ServiceRemote
	if bothRemote && newCollector(s) == newCollector(o) {
		return conflict("key", "tap service %s (%s) already sends to %s by %s with key %d: the "+
			"collector could not tell their copies apart", o.Name, o.ID, s.Address, s.Encap, s.Key)
	}

	bothGuest := s.Type == tap.ServiceGuest && o.Type == tap.ServiceGuest
	if bothGuest && o.TargetID == s.TargetID {
		return conflict("target_id", "guest %s already has tap service %s (%s)",
			w.guestName(s.TargetID), o.Name, o.ID)
	}

	// Two physical NICs on different hosts may have the same address.
	anyGuest := s.Type == tap.ServiceGuest || o.Type == tap.ServiceGuest
	if o.MAC == s.MAC && !s.MAC.IsZero() && (anyGuest || o.TargetID == s.TargetID) {
		return conflict("mac_addr", "NIC %s already is the destination of tap service %s (%s)",
			s.MAC, o.Name, o.ID)
	}

	if bothGuest && s.IfName != "" && o.IfName == s.IfName {
		return conflict("ifname", "interface name %s already belongs to tap service %s (%s)",
			s.IfName, o.Name, o.ID)
	}

	return nil
}

func (w *world) guestName(id string) string {
	if g := w.guests[id]; g != nil {
		return g.Name
	}
	return id
}

// checkGuestNIC checks that the tap NIC is an extra one: no guest has its address already.
func (w *world) checkGuestNIC(s *tap.Service) *tap.Rejection {
	if w.guests[s.TargetID] == nil {
		return invalid("target_id", "there is no guest %s", s.TargetID)
	}
	if s.MAC.IsZero() {
		return nil
	}

	for _, id := range sortedKeys(w.guests) {
		for _, n := range w.guests[id].NICs {
			if n.MAC == s.MAC {
				return conflict("mac_addr", "address %s belongs to a NIC of guest %s; "+
					"the tap NIC is an extra one", s.MAC, w.guests[id].Name)
			}
		}
	}

	return nil
}

// checkHostNIC checks that the host has an unused NIC with the address, and fills in its name.
func (w *world) checkHostNIC(s *tap.Service) *tap.Rejection {
	h := w.hosts[s.TargetID]
	if h == nil {
		return invalid("target_id", "there is no host %s", s.TargetID)
	}
	if s.MAC.IsZero() {
		return invalid("mac_addr", "the address of an unused physical NIC of host %s is needed; %s",
			h.Name, describeNICs(h))
	}

	at := slices.IndexFunc(h.NICs, func(n tap.HostNIC) bool { return n.MAC == s.MAC })
	if at < 0 {
		return invalid("mac_addr", "host %s has no NIC with address %s; %s",
			h.Name, s.MAC, describeNICs(h))
	}

	nic := h.NICs[at]
	if nic.UsedBy != "" {
		return conflict("mac_addr", "NIC %s of host %s is used by %s; "+
			"a mirror destination must be unused", nic.Name, h.Name, nic.UsedBy)
	}

	s.IfName = nic.Name
	return nil
}

// describeNICs lists a host's physical NICs for an error message.
func describeNICs(h *tap.Host) string {
	if len(h.NICs) == 0 {
		return "no physical NIC of it is known: declare them with host-update --nic NAME=MAC " +
			"or --facts FILE"
	}

	var list []string
	for _, n := range h.NICs {
		use := "free"
		if n.UsedBy != "" {
			use = "used by " + n.UsedBy
		}
		list = append(list, fmt.Sprintf("%s (%s, %s)", n.Name, n.MAC, use))
	}

	return "it has " + strings.Join(list, ", ")
}
