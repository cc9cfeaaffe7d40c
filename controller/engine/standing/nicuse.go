package standing

import (
	"fmt"
	"slices"

	"github.com/tapline-sdn/tapline/controller/engine/intent"
	"github.com/tapline-sdn/tapline/controller/inventory"
	"github.com/tapline-sdn/tapline/controller/store"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// NICUse says whose a port is that shows the address or the name of a guest's tap NIC and is not
// that NIC, so that it must be left where it stands: an uplink, another guest's NIC, or a device of
// the host itself. It is "" if the port may be the tap NIC.
//
// What the switch or a user says of a port counts; that a service claims its address does not. A
// port that nobody says is a guest's is taken for the tap NIC only if it was plugged while the
// switch was watched, and did not stand there before.
func NICUse(
	in *intent.Intent, places *inventory.Places, s *tap.Service, p *inventory.Port, stood bool,
) string {
	record := in.Hosts.ByID[p.Host]
	if record == nil {
		return ""
	}
	if slices.Contains(record.Uplinks[p.Bridge], p.Name) {
		return "an uplink of bridge " + p.Bridge
	}
	if nic := hostNIC(record, s.MAC, p.Name); nic != nil {
		return fmt.Sprintf("physical NIC %s of the host", nic.Name)
	}

	if other := places.OtherGuest(p, s.TargetID, in.Guests.ByID[s.TargetID]); other != "" {
		return "a NIC of guest " + guestName(in, places, other)
	}
	if p.Name != s.IfName && !p.Marked() && (stood || !p.Virtual()) {
		return fmt.Sprintf("a device of the host itself, since nothing says that it is a guest's: "+
			"neither its external_ids nor its name, which would be %q", s.IfName)
	}

	return ""
}

// hostNIC finds the physical NIC of a host that has an address or a name; nil if there is none.
func hostNIC(record *store.Host, mac tap.MAC, name string) *store.HostNIC {
	for i := range record.NICs {
		if nic := &record.NICs[i]; nic.MAC == mac || nic.Name == name {
			return nic
		}
	}
	return nil
}

// guestName is the name of a guest as a user or a hypervisor knows it, or else its id.
func guestName(in *intent.Intent, places *inventory.Places, id string) string {
	if g := in.Guests.ByID[id]; g != nil {
		return g.Name
	}
	g, _ := places.Guest(id, nil)
	return g.Name
}
