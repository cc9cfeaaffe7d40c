package reconcile

import (
	"strings"

	"github.com/tapline-sdn/tapline/ovsdb/vswitch"
)

// Nudge makes a switch that is not connected to us try at once: our row names the same place,
// written otherwise, and for Open vSwitch that is another controller. It is empty where no row of
// ours stands, or the switch is connected.
//
// Nothing less does it (tried on 3.1.0). Left alone, a switch that was never connected tries after
// 1, 2, 4 and then 8 seconds: it heeds max_backoff only once it was. A row that is written anew
// with the same target changes nothing, nor does any other column of it; other protocols do, but
// for every controller of the bridge; and a bridge whose last controller goes loses its flows, even
// with fail_mode secure.
func Nudge(snap *vswitch.Snapshot, self Self, tapBridge string) *vswitch.Txn {
	txn := vswitch.NewTxn(snap, self.owner())
	row := ourController(snap, self, tapBridge)
	if row == nil || row.IsConnected {
		return txn
	}
	want := *row
	want.Target = respelled(row.Target)
	txn.UpdateController(want)
	return txn
}

// NeverConnected reports whether the switch says that it tries to reach us and never has since it
// started, or since our row stands.
func NeverConnected(snap *vswitch.Snapshot, self Self, tapBridge string) bool {
	row := ourController(snap, self, tapBridge)
	if row == nil || row.IsConnected || row.Status.Get("state") == "" {
		return false
	}
	_, once := row.Status.Lookup("sec_since_connect")
	return !once
}

func ourController(snap *vswitch.Snapshot, self Self, tapBridge string) *vswitch.Controller {
	bridge, exists := snap.Bridge(tapBridge)
	if !exists || !self.owns(bridge.ExternalIDs) {
		return nil
	}

	for _, c := range snap.Controllers(bridge) {
		if self.owns(c.ExternalIDs) && self.leadsHere(c.Target) {
			return c
		}
	}

	return nil
}

// leadsHere reports whether a target is ours, in either spelling.
func (s Self) leadsHere(target string) bool {
	return sameTarget(s.Target, target)
}

// sameTarget reports whether a row has a target, in either spelling.
func sameTarget(want, have string) bool { return have == want || have == respelled(want) }

// respelled writes the port of a target with a zero before it, or without if it has one.
func respelled(target string) string {
	at := strings.LastIndexByte(target, ':') + 1
	if port, is := strings.CutPrefix(target[at:], "0"); is {
		return target[:at] + port
	}
	return target[:at] + "0" + target[at:]
}
