package reconcile

import (
	"strings"

	"github.com/tapline-sdn/tapline/ovsdb/vswitch"
)

// A guest's tap NIC that stands on another bridge is moved to the tap bridge, and back there once
// it is no longer needed. Where it stood is noted in external_ids of the tap bridge, since the rows
// of the NIC are not ours to write to.

// movedPrefix and the name of a port are the key of a note. The value is the bridge where the port
// stood, a blank, and the owner for which it was moved.
const movedPrefix = "tapline-moved-"

// noteMove notes that a port is being moved from a bridge. A tap bridge of ours that had another
// name is not where it belongs: what was noted there counts.
func (x *differ) noteMove(port, owner string, from *vswitch.Bridge) {
	note := from.Name + " " + owner
	if x.self.owns(from.ExternalIDs) {
		note = from.ExternalIDs.Get(movedPrefix + port)
	}
	if note != "" {
		x.notes[port] = note
	}
}

// noteMoves notes the ports that are moved in the transaction that makes the tap bridge.
func (x *differ) noteMoves() {
	for i := range x.d.Program.Ports {
		p := &x.d.Program.Ports[i]
		have, stands := x.snap.PortByName(p.Name)
		if !p.Plugged || !stands || !x.movable(have) {
			continue
		}
		if from, on := x.snap.BridgeOfPort(have.UUID); on {
			x.noteMove(p.Name, p.Owner, from)
		}
	}
}

// putBack moves ports that are no longer needed back to where they stood. A port whose bridge has
// gone stays.
func (x *differ) putBack(tapBridge *vswitch.Bridge) {
	for key, note := range tapBridge.ExternalIDs.All() {
		name, is := strings.CutPrefix(key, movedPrefix)
		if !is {
			continue
		}

		from, owner, _ := strings.Cut(note, " ")
		port, here := x.snap.PortOnBridge(tapBridge.Name, name)
		if want := x.d.ports[name]; want != nil || here && x.d.held[owner] {
			continue
		}
		if here {
			home, exists := x.snap.Bridge(from)
			if !exists || !x.may(Change{Owner: owner, What: wasUnwanted,
				Object: object("port", name, tapBridge.Name)}) {
				continue
			}
			x.out.Txn.MovePort(port.UUID, home.UUID)
			x.mirrors = true
		}
		x.notes[name] = ""
	}
}

// withNotes puts the notes of this transaction among the external_ids of the tap bridge.
func (x *differ) withNotes(ids vswitch.Pairs) vswitch.Pairs {
	for port, note := range x.notes {
		if note == "" {
			ids = ids.Without(movedPrefix + port)
		} else {
			ids = ids.With(movedPrefix+port, note)
		}
	}
	return ids
}

// putAllBack moves all ports that were moved to a tap bridge back to where they stood, before the
// bridge goes.
func putAllBack(txn *vswitch.Txn, snap *vswitch.Snapshot, tapBridge *vswitch.Bridge) {
	for key, note := range tapBridge.ExternalIDs.All() {
		name, is := strings.CutPrefix(key, movedPrefix)
		if !is {
			continue
		}

		from, _, _ := strings.Cut(note, " ")
		port, here := snap.PortOnBridge(tapBridge.Name, name)
		home, exists := snap.Bridge(from)
		if here && exists {
			txn.MovePort(port.UUID, home.UUID)
		}
	}
}
