package reconcile

import (
	"slices"

	"github.com/tapline-sdn/tapline/ovsdb/vswitch"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// Heal is [Diff] that also makes those ports anew that the switch has given up on for no reason
// that still holds, and has the mirrors follow. Of what changes there and back again at once Open
// vSwitch does not write down the latter (seen on 3.1.0): it says in Interface:error that a peer is
// missing, if it happened to look before the peer was there, or that an option is wrong, and does
// not take it back. The transaction is empty where nothing is to be healed; owners are those whose
// ports are.
func Heal(snap *vswitch.Snapshot, d *Desired, self Self, gate, repair Gate) (rows Rows,
	owners []string) {
	if snap.AllOpen() {
		return Rows{}, nil
	}

	anew := map[string]bool{}
	for i := range d.Program.Ports {
		p := &d.Program.Ports[i]
		port, stands := snap.PortOnBridge(p.Bridge, p.Name)
		if p.Type == "" || !stands || d.held[p.Owner] || !self.owns(port.ExternalIDs) ||
			!stuck(snap, p, port) {
			continue
		}
		anew[p.Name] = true
		owners = append(owners, p.Owner)
	}

	if len(anew) == 0 {
		return Rows{}, nil
	}

	return diff(snap, d, self, gate, repair, anew, new(Memory)), owners
}

// stuck reports whether a port has an error although it is as it must be and, if it is a patch
// port, has a peer.
func stuck(snap *vswitch.Snapshot, p *tap.Port, port *vswitch.Port) bool {
	failed := slices.ContainsFunc(snap.PortInterfaces(port), func(i *vswitch.Interface) bool {
		return i.Error != "" && i.Type == p.Type && i.Options == vswitch.PairsOf(p.Options)
	})
	if !failed || p.Type != "patch" {
		return failed
	}

	peer, stands := snap.PortByName(p.Options["peer"])
	return stands && slices.ContainsFunc(snap.PortInterfaces(peer),
		func(far *vswitch.Interface) bool {
			return far.Type == "patch" && far.Options.Get("peer") == p.Name && far.OFPort > 0
		})
}
