package reconcile

import (
	"github.com/tapline-sdn/tapline/ovsdb/vswitch"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// Heal is [Diff] that also makes those patch ports anew that the switch has given up on although their peers stand, and has the
// mirrors follow. Open vSwitch writes that a peer is missing into Interface:error when it happens to look before the peer is there,
// and does not take it back (seen on 3.1.0). The transaction is empty where nothing is to be healed; owners are those whose ports are.
func Heal(snap *vswitch.Snapshot, d *Desired, self Self, gate, repair Gate) (rows Rows, owners []string) {
	anew := map[string]bool{}
	for i := range d.Program.Ports {
		p := &d.Program.Ports[i]
		port, stands := snap.PortByName(p.Bridge, p.Name)
		if p.Type != "patch" || !stands || d.held[p.Owner] || !self.owns(port.ExternalIDs) || !stuck(snap, p, port) {
			continue
		}
		anew[p.Name] = true
		owners = append(owners, p.Owner)
	}
	if len(anew) == 0 {
		return Rows{Txn: vswitch.NewTxn(snap, self.owner())}, nil
	}
	return diff(snap, d, self, gate, repair, anew), owners
}

// stuck reports whether a patch port has an error and a peer.
func stuck(snap *vswitch.Snapshot, p *tap.Port, port *vswitch.Port) bool {
	peer, stands := snap.PortNamed(p.Options["peer"])
	if !stands {
		return false
	}
	for _, far := range snap.PortInterfaces(peer) {
		for _, near := range snap.PortInterfaces(port) {
			if near.Error != "" && far.Type == "patch" && far.Options["peer"] == p.Name && far.OFPort > 0 {
				return true
			}
		}
	}
	return false
}

// insertPort adds a port of a program.
func insertPort(txn *vswitch.Txn, bridge vswitch.UUID, p *tap.Port) vswitch.UUID {
	return txn.InsertPort(bridge, vswitch.Port{
		Name: p.Name, VLANMode: p.VLANMode, Trunks: ints(p.Trunks), ExternalIDs: ids(p.Owner),
	}, vswitch.Interface{
		Type: p.Type, Options: p.Options, OFPortRequest: int(p.OFPortRequest), ExternalIDs: ids(p.Owner),
	})
}
