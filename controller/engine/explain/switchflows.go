package explain

import (
	"fmt"

	"github.com/tapline-sdn/tapline/controller/engine/view"
	"github.com/tapline-sdn/tapline/controller/inventory"
	"github.com/tapline-sdn/tapline/controller/store"
	"github.com/tapline-sdn/tapline/ovsdb/vswitch"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// switchFlows says what the flows of a source bridge mean for its copies. A bridge whose fail mode
// is secure forwards by the flows of some controller, such as ovn-controller.
func (x *explainer) switchFlows(f *store.Flow) {
	for _, at := range x.scene.Sources {
		h := x.host(at.Host)
		if h == nil || h.Report.Snapshot == nil {
			continue
		}

		bridge, exists := h.Report.Snapshot.Bridge(at.Bridge)
		if !exists || bridge.FailMode != "secure" {
			continue
		}
		x.copiedAgain(f, h, bridge)
		x.fromPatches(f, h, bridge)
		x.tagElsewhere(f, h, bridge)
	}
}

// copiedAgain tells that packets may be copied again after they were changed. Where all that a tap
// flow copies enters the switch, the tap bridge prevents it; see [tap.Bridge.Patched].
func (x *explainer) copiedAgain(f *store.Flow, h *Host, bridge *vswitch.Bridge) {
	system := h.Report.Snapshot.System()
	if system == nil || !inventory.CopiesChangedPackets(system.OVSVersion) {
		return
	}

	observed := h.Observed.Bridge(bridge.Name)
	patched := observed != nil && observed.Patched
	switch {
	case f.Type == tap.FlowVNIC && f.Direction == tap.Both:
	case f.Type == tap.FlowVSwitch && f.Direction != tap.Out && patched:
	default:
		return
	}
	x.check(Check{Health: view.Ready(), HostID: h.ID, What: fmt.Sprintf(
		"packets may arrive twice: Open vSwitch %s mirrors a packet again after a flow of %s "+
			"has changed it and connection tracking has taken it up again, such as packets "+
			"of a connection that was not answered yet under OVN's ACLs", system.OVSVersion,
		bridge.Name)})
}

// fromPatches tells that a bridge shows little of what patch ports bring to it. Open vSwitch does
// not mirror that as it enters, and what leaves a bridge without uplinks is not selected where
// changed packets would be copied again.
func (x *explainer) fromPatches(f *store.Flow, h *Host, bridge *vswitch.Bridge) {
	observed := h.Observed.Bridge(bridge.Name)
	if f.Type != tap.FlowVSwitch || f.Direction != tap.Both || observed == nil ||
		!observed.Patched || len(observed.Uplinks) > 0 ||
		!h.Observed.Lacks(tap.LackSingleCopy, observed.DatapathType) {
		return
	}
	x.check(Check{Health: view.Ready(), HostID: h.ID, What: fmt.Sprintf(
		"of what patch ports bring to %s, only what connection tracking takes up is copied; "+
			"mirror the bridge with the uplinks as well", bridge.Name)})
}

// tagElsewhere tells that packets have no tag yet on the bridge that ovn-controller fills: it tags
// them where they leave for a physical network.
func (x *explainer) tagElsewhere(f *store.Flow, h *Host, bridge *vswitch.Bridge) {
	system := h.Report.Snapshot.System()
	if f.VLAN == 0 || system == nil || !inventory.RunsOVN(system.ExternalIDs) {
		return
	}
	x.check(Check{Health: view.Ready(), HostID: h.ID, What: fmt.Sprintf(
		"VLAN %d is looked for on %s, where OVN's packets have no tag: OVN tags them on their way "+
			"to the bridge of a physical network, so mirror the VLAN there", f.VLAN, bridge.Name)})
}
