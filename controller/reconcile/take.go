package reconcile

import (
	"github.com/tapline-sdn/tapline/controller/reconcile/epoch"
	"github.com/tapline-sdn/tapline/ovsdb/vswitch"
)

// Take makes a switch that of an epoch, in one transaction with where it connects: its main
// Controller row, which may lead to an earlier controller, leads to us. That closes the connection
// to the earlier one, and the switch makes one to us at once; its flows stay (tried on 3.1.0). Rows
// for live captures lead to who takes the packets, so those of others go.
//
// The transaction conflicts unless external_ids of the switch are as in the snapshot. anew has the
// switch connect anew where its row leads to us already, as an address may that wanders from one
// controller to the next.
func Take(snap *vswitch.Snapshot, self Self, tapBridge string, n uint64, anew bool) *vswitch.Txn {
	txn := vswitch.NewTxn(snap, self.owner())
	txn.GuardSystemIDs()
	if system := snap.System(); system != nil {
		want := *system
		want.ExternalIDs = want.ExternalIDs.With(epoch.Key(self.Cluster), epoch.Text(n))
		txn.UpdateSystem(want)
	}

	if bridge, exists := snap.Bridge(tapBridge); exists && self.owns(bridge.ExternalIDs) {
		lead(txn, snap.Controllers(bridge), self, anew)
	}
	return txn
}

// Foreign reports whether somebody else has a bridge with the tap bridge's name. Nothing is written
// to such a switch.
func Foreign(snap *vswitch.Snapshot, self Self, tapBridge string) bool {
	bridge, exists := snap.Bridge(tapBridge)
	return exists && !self.owns(bridge.ExternalIDs)
}

// lead makes one of the Controller rows of ours lead to us, and deletes others that do not.
func lead(txn *vswitch.Txn, rows []*vswitch.Controller, self Self, anew bool) {
	var elsewhere []*vswitch.Controller
	found := false
	for _, row := range rows {
		switch {
		case !self.owns(row.ExternalIDs), row.Target == self.captureTarget() && !anew:
		case isForCaptures(row):
			txn.DeleteController(row.UUID)
		case !self.leadsHere(row.Target):
			elsewhere = append(elsewhere, row)
		default:
			found = true
			if anew {
				retarget(txn, row, respelled(row.Target))
			}
		}
	}

	for _, row := range elsewhere {
		if found {
			txn.DeleteController(row.UUID)
			continue
		}
		retarget(txn, row, self.Target)
		found = true
	}
}

// isForCaptures reports whether a row is the second one, for live captures.
func isForCaptures(row *vswitch.Controller) bool {
	return row.AsyncMessages != nil && !*row.AsyncMessages
}

func retarget(txn *vswitch.Txn, row *vswitch.Controller, target string) {
	want := *row
	want.Target = target
	txn.UpdateController(want)
}

// Masters are the targets of foreign Controller rows by which somebody is master of the tap bridge
// now, as the switch says.
func Masters(snap *vswitch.Snapshot, self Self, tapBridge string) (targets []string) {
	bridge, exists := snap.Bridge(tapBridge)
	if !exists {
		return nil
	}
	for _, row := range snap.Controllers(bridge) {
		if !self.owns(row.ExternalIDs) && row.IsConnected && row.Role == "master" {
			targets = append(targets, row.Target)
		}
	}
	return targets
}
