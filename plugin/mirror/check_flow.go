package mirror

import (
	"cmp"
	"slices"
	"strings"

	"github.com/tapline-sdn/tapline/plugin/tap"
)

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
	case tap.FlowSelector:
		err = checkSelector(f)
	default:
		err = invalid("type", "%q is not a type of tap flow: want vnic, vswitch or selector",
			f.Type)
	}

	if err != nil {
		return err
	}

	if err := checkOptions(f); err != nil {
		return err
	}

	for _, id := range w.flowsOfSource[sourceID(f)] {
		if o := w.flows[id]; o.ID != f.ID && w.sameIntent(f, o) {
			return conflict("", "tap flow %s (%s) already mirrors this source "+
				"to tap service %s in direction %s with the same options",
				o.Name, o.ID, s.Name, f.Direction)
		}
	}

	return nil
}

// sameIntent reports whether two flows of one guest or host ask for the same copies.
func (w *world) sameIntent(a, b *tap.Flow) bool {
	return a.TapID == b.TapID && a.Type == b.Type && a.MAC == b.MAC && w.sameWire(a, b) &&
		a.Selector == b.Selector && a.Direction == b.Direction &&
		a.Options.Normalized() == b.Options.Normalized()
}

// sameWire reports whether two flows of one host mirror the same VLAN, or all, of the same bridge,
// under either of its names.
func (w *world) sameWire(a, b *tap.Flow) bool {
	if a.WireID == b.WireID && a.VLAN == b.VLAN {
		return true
	}

	h := w.hosts[a.HostID]
	if h == nil {
		return false
	}

	x, xVLAN := h.WireBridge(a.WireID)
	y, yVLAN := h.WireBridge(b.WireID)
	return x != nil && y != nil && x.Name == y.Name &&
		cmp.Or(xVLAN, a.VLAN) == cmp.Or(yVLAN, b.VLAN)
}

// foreignField refuses a field that belongs to flows of the other type.
func foreignField(field string, f *tap.Flow) *tap.Rejection {
	belongs := "guest_id, mac_addr and ip_addr belong to flows of type vnic"
	if slices.Contains([]string{"host_id", "wire_id", "vlan_id"}, field) {
		belongs = "host_id, wire_id and vlan_id belong to flows of type vswitch"
	}
	return invalid(field, "leave it out: %s, and this one is of type %s", belongs, f.Type)
}

// checkSelector refuses what belongs to flows of other types. The selector is the controller's to
// read.
func checkSelector(f *tap.Flow) *tap.Rejection {
	for _, field := range []struct {
		name  string
		given bool
	}{
		{"guest_id", f.GuestID != ""}, {"mac_addr", !f.MAC.IsZero()}, {"ip_addr", f.IP.IsValid()},
		{"host_id", f.HostID != ""}, {"wire_id", f.WireID != ""}, {"vlan_id", f.VLAN != 0},
	} {
		if field.given {
			return foreignField(field.name, f)
		}
	}
	return nil
}

// checkVNIC finds the NIC that the flow means and fills in its address.
func (w *world) checkVNIC(f *tap.Flow, s *tap.Service) *tap.Rejection {
	switch {
	case f.GuestID == "":
		return invalid("guest_id", "a flow of type vnic needs a guest")
	case f.HostID != "":
		return foreignField("host_id", f)
	case f.WireID != "":
		return foreignField("wire_id", f)
	case f.VLAN != 0:
		return foreignField("vlan_id", f)
	}

	guest := w.guests[f.GuestID]
	if guest == nil {
		return invalid("guest_id", "there is no guest %s", f.GuestID)
	}
	if w.tapsItself(f, s) {
		return invalid("guest_id", "guest %s is the destination of tap service %s, "+
			"and a guest cannot tap itself", guest.Name, s.Name)
	}

	matches := matchingNICs(guest, f)
	if len(matches) != 1 {
		return rejectNIC(guest, f, len(matches))
	}

	f.MAC = matches[0]
	return nil
}

// matchingNICs returns the addresses of the guest's NICs that a flow may mean.
func matchingNICs(guest *tap.Guest, f *tap.Flow) (matches []tap.MAC) {
	for _, n := range guest.NICs {
		// The MAC decides alone where no IP address of the NIC is known.
		undecided := len(n.IPs) == 0 && n.MAC == f.MAC
		sameIP := !f.IP.IsValid() || slices.Contains(n.IPs, f.IP) || undecided
		if (f.MAC.IsZero() || n.MAC == f.MAC) && sameIP {
			matches = append(matches, n.MAC)
		}
	}
	return matches
}

// rejectNIC says why a flow's addresses match no NIC of a guest, or several.
func rejectNIC(guest *tap.Guest, f *tap.Flow, matches int) *tap.Rejection {
	has := describeGuestNICs(guest)
	switch {
	case matches > 1 && f.IP.IsValid():
		return invalid("mac_addr", "several NICs of guest %s have address %s; "+
			"choose one with mac_addr: %s", guest.Name, f.IP, has)
	case matches > 1:
		return invalid("mac_addr", "guest %s has several NICs; "+
			"choose one with mac_addr or ip_addr: %s", guest.Name, has)
	case !f.MAC.IsZero() && f.IP.IsValid():
		return invalid("mac_addr", "no NIC of guest %s has address %s and %s: %s",
			guest.Name, f.MAC, f.IP, has)
	case !f.MAC.IsZero():
		return invalid("mac_addr", "guest %s has no NIC %s: %s", guest.Name, f.MAC, has)
	case f.IP.IsValid():
		return invalid("ip_addr", "guest %s has no NIC with address %s: %s", guest.Name, f.IP, has)
	}

	return invalid("guest_id", "no NIC of guest %s is known; plug one, "+
		"or declare it with guest-create or guest-update", guest.Name)
}

// describeGuestNICs lists a guest's NICs for an error message.
func describeGuestNICs(guest *tap.Guest) string {
	if len(guest.NICs) == 0 {
		return "no NIC of it is known"
	}

	var list []string
	for _, n := range guest.NICs {
		text := cmp.Or(n.MAC.String(), "one of unknown address")
		for _, ip := range n.IPs {
			text += " " + ip.String()
		}
		list = append(list, text)
	}

	return "it has " + strings.Join(list, "; ")
}

func (w *world) checkVSwitch(f *tap.Flow) *tap.Rejection {
	switch {
	case f.HostID == "":
		return invalid("host_id", "a flow of type vswitch needs a host")
	case f.WireID == "":
		return invalid("wire_id", "a flow of type vswitch needs a wire")
	case f.GuestID != "":
		return foreignField("guest_id", f)
	case !f.MAC.IsZero():
		return foreignField("mac_addr", f)
	case f.IP.IsValid():
		return foreignField("ip_addr", f)
	case f.VLAN > tap.MaxVLAN:
		return invalid("vlan_id", "%d is not a VLAN id: want 1 to %d", f.VLAN, tap.MaxVLAN)
	}

	h := w.hosts[f.HostID]
	if h == nil {
		return invalid("host_id", "there is no host %s", f.HostID)
	}

	bridge, declared := h.Wires[f.WireID]
	if f.WireID == w.config.Bridge || declared && bridge == w.config.Bridge {
		return invalid("wire_id", "bridge %s carries the copies and cannot be mirrored itself",
			w.config.Bridge)
	}

	on, vlan := h.WireBridge(f.WireID)
	switch {
	case vlan != 0 && f.VLAN != 0 && vlan != f.VLAN:
		return invalid("vlan_id", "wire %s is VLAN %d of a bridge of host %s: leave vlan_id out",
			f.WireID, vlan, h.Name)
	case declared || !h.Observed || on != nil:
		return nil
	}

	return invalid("wire_id", "host %s does not carry wire %s; it carries %s",
		h.Name, f.WireID, strings.Join(knownWires(h), ", "))
}

// knownWires are the names by which flows can name a host's bridges.
func knownWires(h *tap.Host) []string {
	known := set{}
	for wire := range h.Wires {
		known.add(wire)
	}

	for _, b := range h.Bridges {
		known.add(b.Name)
	}

	for _, b := range h.FakeBridges {
		known.add(b.Name)
	}

	return sortedKeys(known)
}
