package mirror

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tapline-sdn/tapline/plugin/tap"
)

// check holds a resource against the world and fills in what follows from it, such as the NIC of a guest that has one.
// Every refusal is a [tap.Rejection].
func (w *world) check(r tap.Resource) (tap.Resource, error) {
	var err *tap.Rejection
	switch {
	case r.Service != nil:
		s := *r.Service
		if err = w.checkService(&s); err == nil {
			return tap.Resource{Service: &s}, nil
		}
	case r.Flow != nil:
		f := *r.Flow
		if err = w.checkFlow(&f); err == nil {
			return tap.Resource{Flow: &f}, nil
		}
	default:
		err = invalid("", "neither a service nor a flow was given")
	}
	return tap.Resource{}, err
}

func invalid(field, format string, args ...any) *tap.Rejection {
	return &tap.Rejection{Field: field, Message: fmt.Sprintf(format, args...)}
}

func conflict(field, format string, args ...any) *tap.Rejection {
	return &tap.Rejection{Conflict: true, Field: field, Message: fmt.Sprintf(format, args...)}
}

func (w *world) checkService(s *tap.Service) *tap.Rejection {
	if s.MAC.IsMulticast() {
		return invalid("mac_addr", "%s is a multicast address; a NIC has a unicast address", s.MAC)
	}
	for _, id := range sorted(w.services) {
		o := w.services[id]
		if o.ID == s.ID {
			continue
		}
		if s.Type == tap.ServiceGuest && o.Type == tap.ServiceGuest && o.TargetID == s.TargetID {
			return conflict("target_id", "guest %s already has tap service %s (%s)", w.guestName(s.TargetID), o.Name, o.ID)
		}
		if o.MAC == s.MAC && !s.MAC.IsZero() && (s.Type == tap.ServiceGuest || o.Type == tap.ServiceGuest || o.TargetID == s.TargetID) {
			return conflict("mac_addr", "NIC %s already is the destination of tap service %s (%s)", s.MAC, o.Name, o.ID)
		}
		if s.Type == tap.ServiceGuest && o.Type == tap.ServiceGuest && s.IfName != "" && o.IfName == s.IfName {
			return conflict("ifname", "interface name %s already belongs to tap service %s (%s)", s.IfName, o.Name, o.ID)
		}
	}
	switch s.Type {
	case tap.ServiceGuest:
		if w.guests[s.TargetID] == nil {
			return invalid("target_id", "there is no guest %s", s.TargetID)
		}
		for _, id := range sorted(w.guests) {
			for _, n := range w.guests[id].NICs {
				if n.MAC == s.MAC && !s.MAC.IsZero() {
					return conflict("mac_addr", "address %s belongs to a NIC of guest %s; the tap NIC is an extra one", s.MAC, w.guests[id].Name)
				}
			}
		}
	case tap.ServiceHost:
		return w.checkHostNIC(s)
	default:
		return invalid("type", "%q is not a type of tap service: want guest or host", s.Type)
	}
	return nil
}

func (w *world) guestName(id string) string {
	if g := w.guests[id]; g != nil {
		return g.Name
	}
	return id
}

func (w *world) checkHostNIC(s *tap.Service) *tap.Rejection {
	h := w.hosts[s.TargetID]
	if h == nil {
		return invalid("target_id", "there is no host %s", s.TargetID)
	}
	var list []string
	for _, n := range h.NICs {
		use := "free"
		if n.UsedBy != "" {
			use = "used by " + n.UsedBy
		}
		list = append(list, fmt.Sprintf("%s (%s, %s)", n.Name, n.MAC, use))
	}
	known := "no physical NIC of it is known: tell them with host-update --nic NAME=MAC or --facts FILE"
	if list != nil {
		known = "it has " + strings.Join(list, ", ")
	}
	if s.MAC.IsZero() {
		return invalid("mac_addr", "the address of an unused physical NIC of host %s is needed; %s", h.Name, known)
	}
	at := slices.IndexFunc(h.NICs, func(n tap.HostNIC) bool { return n.MAC == s.MAC })
	if at < 0 {
		return invalid("mac_addr", "host %s has no NIC with address %s; %s", h.Name, s.MAC, known)
	}
	if nic := h.NICs[at]; nic.UsedBy != "" {
		return conflict("mac_addr", "NIC %s of host %s is used by %s; a mirror destination must be unused", nic.Name, h.Name, nic.UsedBy)
	}
	s.IfName = h.NICs[at].Name
	return nil
}

func (w *world) checkFlow(f *tap.Flow) *tap.Rejection {
	s := w.services[f.TapID]
	if s == nil {
		return invalid("tap_id", "there is no tap service %s", f.TapID)
	}
	switch f.Direction {
	case tap.In, tap.Out, tap.Both:
	default:
		return invalid("direction", "%q is not a direction: want IN, OUT or BOTH", f.Direction)
	}
	var err *tap.Rejection
	switch f.Type {
	case tap.FlowVNIC:
		err = w.checkVNIC(f, s)
	case tap.FlowVSwitch:
		err = w.checkVSwitch(f)
	default:
		err = invalid("type", "%q is not a type of tap flow: want vnic or vswitch", f.Type)
	}
	if err != nil {
		return err
	}
	for _, id := range w.flowsOfSource[sourceOf(f)] {
		o := w.flows[id]
		if o.TapID == f.TapID && o.ID != f.ID && o.Type == f.Type && o.MAC == f.MAC && w.sameWire(o, f) &&
			o.VLAN == f.VLAN && o.Direction == f.Direction {
			return conflict("", "tap flow %s (%s) already mirrors this source to tap service %s in direction %s", o.Name, o.ID, s.Name, f.Direction)
		}
	}
	return nil
}

// sameWire reports whether two flows of one host mirror the same bridge, by whichever of its names.
func (w *world) sameWire(a, b *tap.Flow) bool {
	if a.WireID == b.WireID {
		return true
	}
	h := w.hosts[a.HostID]
	if h == nil {
		return false
	}
	x, y := wireBridge(h, a.WireID), wireBridge(h, b.WireID)
	return x != nil && y != nil && x.Name == y.Name
}

// ofOther refuses a field that belongs to flows of the other type.
func ofOther(field string, f *tap.Flow) *tap.Rejection {
	whose := "guest_id, mac_addr and ip_addr belong to flows of type vnic"
	if f.Type == tap.FlowVNIC {
		whose = "host_id, wire_id and vlan_id belong to flows of type vswitch"
	}
	return invalid(field, "leave it out: %s, and this one is of type %s", whose, f.Type)
}

// checkVNIC finds the NIC that the flow means and fills in its address.
func (w *world) checkVNIC(f *tap.Flow, s *tap.Service) *tap.Rejection {
	switch {
	case f.GuestID == "":
		return invalid("guest_id", "a flow of type vnic needs a guest")
	case f.HostID != "":
		return ofOther("host_id", f)
	case f.WireID != "":
		return ofOther("wire_id", f)
	case f.VLAN != 0:
		return ofOther("vlan_id", f)
	}
	guest := w.guests[f.GuestID]
	if guest == nil {
		return invalid("guest_id", "there is no guest %s", f.GuestID)
	}
	if selfTap(f, s) {
		return invalid("guest_id", "guest %s is the destination of tap service %s, and a guest cannot tap itself", guest.Name, s.Name)
	}
	var match, all []string
	for _, n := range guest.NICs {
		text := n.MAC.String()
		for _, ip := range n.IPs {
			text += " " + ip.String()
		}
		all = append(all, text)
		// Where the address is given and nothing is known of the IP addresses, the former decides.
		sameIP := !f.IP.IsValid() || slices.Contains(n.IPs, f.IP) || len(n.IPs) == 0 && n.MAC == f.MAC
		if (f.MAC.IsZero() || n.MAC == f.MAC) && sameIP {
			match = append(match, n.MAC.String())
		}
	}
	has := "it has none that is known"
	if all != nil {
		has = "it has " + strings.Join(all, "; ")
	}
	switch {
	case len(match) == 1:
		f.MAC, _ = tap.ParseMAC(match[0])
		return nil
	case len(match) > 1 && f.IP.IsValid():
		return invalid("mac_addr", "several NICs of guest %s have address %s; choose one with mac_addr: %s", guest.Name, f.IP, has)
	case len(match) > 1:
		return invalid("mac_addr", "guest %s has several NICs; choose one with mac_addr or ip_addr: %s", guest.Name, has)
	case !f.MAC.IsZero() && f.IP.IsValid():
		return invalid("mac_addr", "no NIC of guest %s has address %s and %s: %s", guest.Name, f.MAC, f.IP, has)
	case !f.MAC.IsZero():
		return invalid("mac_addr", "guest %s has no NIC %s: %s", guest.Name, f.MAC, has)
	case f.IP.IsValid():
		return invalid("ip_addr", "guest %s has no NIC with address %s: %s", guest.Name, f.IP, has)
	}
	return invalid("guest_id", "guest %s has no NIC that is known; plug it, or declare it with guest-create or guest-update", guest.Name)
}

func (w *world) checkVSwitch(f *tap.Flow) *tap.Rejection {
	switch {
	case f.HostID == "":
		return invalid("host_id", "a flow of type vswitch needs a host")
	case f.WireID == "":
		return invalid("wire_id", "a flow of type vswitch needs a wire")
	case f.GuestID != "":
		return ofOther("guest_id", f)
	case !f.MAC.IsZero():
		return ofOther("mac_addr", f)
	case f.IP.IsValid():
		return ofOther("ip_addr", f)
	case f.VLAN > tap.MaxVLAN:
		return invalid("vlan_id", "%d is not a VLAN id: want 1 to %d", f.VLAN, tap.MaxVLAN)
	}
	h := w.hosts[f.HostID]
	if h == nil {
		return invalid("host_id", "there is no host %s", f.HostID)
	}
	if bridge, told := h.Wires[f.WireID]; f.WireID == w.config.Bridge || told && bridge == w.config.Bridge {
		return invalid("wire_id", "bridge %s carries the copies and cannot be mirrored itself", w.config.Bridge)
	}
	if _, told := h.Wires[f.WireID]; told || !h.Observed || wireBridge(h, f.WireID) != nil {
		return nil
	}
	known := set{}
	for wire := range h.Wires {
		known.add(wire)
	}
	for _, b := range h.Bridges {
		known.add(b.Name)
	}
	return invalid("wire_id", "host %s does not carry wire %s; it carries %s", h.Name, f.WireID, strings.Join(sorted(known), ", "))
}
