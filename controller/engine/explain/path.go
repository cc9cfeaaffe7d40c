package explain

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tapline-sdn/tapline/controller/engine/view"
	"github.com/tapline-sdn/tapline/controller/meter"
	"github.com/tapline-sdn/tapline/controller/reconcile"
	"github.com/tapline-sdn/tapline/controller/store"
	"github.com/tapline-sdn/tapline/ovsdb/vswitch"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// source finds the places of a flow's source; there are two of them for moments of a migration.
func (x *explainer) source(f *store.Flow) []Hop {
	switch f.Type {
	case tap.FlowVSwitch:
		return x.wireSource(f)
	case tap.FlowSelector:
		return x.memberSources(f)
	}

	what, _ := x.sourceWords(f)
	var out []Hop
	for _, l := range x.scene.Sources {
		out = append(out, Hop{What: "source", HostID: l.Host, Host: x.hostName(l.Host),
			Bridge: l.Bridge, Port: l.Port, OFPort: l.OFPort, Text: what,
			Found: x.foundWords(l, f.MAC, f.GuestID), Health: view.Health{State: tap.StateReady}})
	}

	ok := view.Health{State: tap.StateReady}
	if len(out) == 0 {
		_, why := x.sourceWords(f)
		ok = view.Health{State: tap.StatePending, Reason: why}
	}

	x.check(Check{What: "the source, " + what + ", is plugged on a host that is connected",
		Health: ok, Next: fmt.Sprintf(
			"start the guest; if it runs, its port is not known by external_ids or address: "+
				"tapctl guest-show %s, and on its host ovs-vsctl find interface "+
				"external_ids:attached-mac='\"%s\"'; declare it with tapctl guest-create where "+
				"its port tells nothing",
			f.GuestID, f.MAC)})

	return out
}

func (x *explainer) wireSource(f *store.Flow) []Hop {
	what, _ := x.sourceWords(f)
	h := x.host(f.HostID)
	if h == nil {
		x.at(f.HostID)
		return nil
	}

	hop := Hop{What: "source", HostID: h.ID, Host: x.hostName(h.ID), Text: what,
		Health: view.Health{State: tap.StateReady}}

	bridge, told := h.Observed.Wires[f.WireID]
	record := h.Record
	switch {
	case record != nil && record.Wires[f.WireID] != "":
		hop.Found = "wire and bridge were declared for the host"
	case told:
		hop.Found = "external_ids:ovn-bridge-mappings of the switch"
	default:
		bridge, hop.Found = f.WireID, "the wire has the bridge's name"
	}

	hop.Bridge = bridge
	on, vlan := h.Observed.WireBridge(f.WireID)
	if on == nil {
		hop.Health = view.Health{State: tap.StatePending,
			Reason: fmt.Sprintf("host %s has no bridge %s", hop.Host, bridge)}
	} else {
		hop.Bridge = on.Name
		if vlan != 0 {
			hop.Text += fmt.Sprintf(", which is VLAN %d of bridge %s", vlan, on.Name)
		}
		if len(on.Uplinks) > 0 {
			hop.Text += ", uplinks " + strings.Join(on.Uplinks, " ")
		}
	}

	x.check(Check{What: fmt.Sprintf("a bridge of host %s carries wire %s", hop.Host, f.WireID),
		HostID: h.ID, Health: hop.Health,
		Next: fmt.Sprintf("tapctl wire-show %s; tapctl host-update %s --wire %s=BRIDGE", f.WireID,
			hop.Host, f.WireID)})

	return []Hop{hop}
}

// sourceWords says what a flow's source is, and why it is not there in case that it is not.
func (x *explainer) sourceWords(f *store.Flow) (what, absent string) {
	if f.Type == tap.FlowVSwitch {
		what = fmt.Sprintf("wire %s on host %s, %s", f.WireID, x.hostName(f.HostID), f.Direction)
		if f.VLAN != 0 {
			what += fmt.Sprintf(", VLAN %d", f.VLAN)
		}
		return what, "the host is not registered"
	}

	absent = "it is not plugged on any host"
	if unseen := x.scene.Disconnected; len(unseen) > 0 {
		absent += " that is connected; not connected: " + strings.Join(unseen, " ")
	}

	if f.Type == tap.FlowSelector {
		return fmt.Sprintf("NICs that match %q, %s", f.Selector, f.Direction),
			"no NIC that matches is plugged on any host" + strings.TrimPrefix(absent,
				"it is not plugged on any host")
	}
	return fmt.Sprintf("NIC %s of guest %s, %s", f.MAC, x.scene.SourceGuest, f.Direction), absent
}

// foundWords says how a NIC was found at a place.
func (x *explainer) foundWords(l tap.Location, mac tap.MAC, guest string) string {
	h := x.host(l.Host)
	if h == nil || h.Report.Snapshot == nil {
		return ""
	}

	row, stands := h.Report.Snapshot.PortOnBridge(l.Bridge, l.Port)
	if !stands {
		return ""
	}

	told := func(keys []string, is func(string) bool) string {
		for _, i := range h.Report.Snapshot.PortInterfaces(row) {
			for _, key := range keys {
				if is(i.ExternalIDs.Get(key)) {
					return key
				}
			}
		}
		return ""
	}

	isMAC := func(v string) bool {
		m, err := tap.ParseMAC(v)
		return err == nil && !m.IsZero() && m == mac
	}

	isGuest := func(v string) bool { return v != "" && v == guest }
	var by string
	if key := told(x.scene.Observer.Keys.MAC, isMAC); key != "" {
		by = "external_ids:" + key
	} else if i := h.Report.Snapshot.PortInterfaces(row); len(i) == 1 && isMAC(i[0].MACInUse) {
		by = "mac_in_use of its interface"
	} else {
		by = "the declared interface name"
	}

	if guest == "" {
		return by
	}
	if key := told(append(slices.Clone(x.scene.Observer.Keys.Guest),
		x.scene.Observer.Keys.Iface...), isGuest); key != "" {
		return by + ", guest by external_ids:" + key
	}

	return by + ", guest as declared"
}

// carry adds what takes a flow's packets from its source to the other end.
func (x *explainer) carry(f *store.Flow, from Hop) {
	h := x.at(from.HostID).host
	if h == nil || h.Program == nil || x.scene.Verdict.Status.State != tap.StateProgrammed {
		return
	}

	capture, remote := x.captureOf(f, h, from.Bridge)
	if capture == "" {
		return
	}

	x.addMirrors(h, capture)
	if !x.addPatchPort(h, from.Bridge, capture) || remote.Host == "" {
		return
	}

	x.addTunnel(h, capture, remote)
}

// captureOf finds the capture of a flow on a bridge of its source's host and, if the collector is
// on another host, the need there.
func (x *explainer) captureOf(f *store.Flow, h *Host, bridge string) (capture string,
	remote tap.Need) {
	for _, n := range x.scene.Verdict.Status.Needs {
		for i := range h.Program.Program.Ports {
			p := &h.Program.Program.Ports[i]
			if n.Host == h.ID && n.Owner == p.Owner && p.Bridge == bridge {
				capture = n.Owner
			}
		}
		if n.Owner == f.TapID && n.Host != h.ID {
			remote = n
		}
	}
	return capture, remote
}

// addMirrors adds the Mirror records of a capture.
func (x *explainer) addMirrors(h *Host, capture string) {
	health := x.needHealth(tap.Need{Host: h.ID, Owner: capture})
	for i := range h.Program.Program.Mirrors {
		m := &h.Program.Program.Mirrors[i]
		if m.Owner == capture {
			x.out.Path = append(x.out.Path, Hop{
				What: "mirror", HostID: h.ID, Host: h.Name, Bridge: m.Bridge, Port: m.Output,
				Text: m.Name + ": " + view.MirrorText(m), Health: health,
				Count: mirrored(h.Report.Snapshot, m),
			})
		}
	}
}

// addPatchPort adds the port by which the copies of a capture reach the tap bridge. It is false if
// there is none.
func (x *explainer) addPatchPort(h *Host, bridge, capture string) bool {
	tapBridge := x.scene.Observer.TapBridge
	i := slices.IndexFunc(h.Program.Program.Ports, func(p tap.Port) bool {
		return p.Owner == capture && p.Bridge == tapBridge
	})
	if i < 0 {
		return false
	}

	port := h.Program.Program.Ports[i].Name
	at := x.at(h.ID)
	hop := Hop{
		What: "tap bridge", HostID: h.ID, Host: h.Name, Bridge: tapBridge, Port: port,
		OFPort: ofport(h.Report.Snapshot, tapBridge, port), Text: "patch port from " + bridge,
		Health: x.needHealth(tap.Need{Host: h.ID, Owner: capture}),
		Count:  at.passed(capture, entering),
	}

	beyond := at.passed(capture, guarded)
	if beyond != nil && hop.Count != nil && beyond.Packets < hop.Count.Packets {
		hop.Text += fmt.Sprintf("; the guard leaves out %d packets of the tunnels",
			hop.Count.Packets-beyond.Packets)
	}

	if twice := at.passed(capture, duplicate); twice != nil && twice.Packets > 0 {
		hop.Text += fmt.Sprintf("; dedup leaves out %d packets that other captures copy",
			twice.Packets)
	}
	hop.Text += x.ownWords(at, capture)

	x.out.Path = append(x.out.Path, hop)
	x.addFilter(at, capture, hop)
	return true
}

// ownWords says which part of a capture is the tap flow's own; "" if all of it is, or it is not
// known.
func (x *explainer) ownWords(at *involved, capture string) string {
	f := x.scene.Flow
	if f == nil {
		return ""
	}

	counted := false
	own := at.passed(capture, func(m reconcile.Meter) bool {
		is := m.Counts != tap.CountsSelected && slices.Contains(m.TapFlows, f.ID)
		counted = counted || is
		return is
	})
	rest := at.passed(capture, func(m reconcile.Meter) bool {
		return m.Counts == tap.CountsUnexplained
	})
	if !counted || rest == nil {
		return ""
	}
	return fmt.Sprintf("; other tap flows share it: %d packets have the address of this NIC, and "+
		"%d that of no NIC which is mirrored here", own.Packets, rest.Packets)
}

// addFilter adds the filter of a tap flow: how many OpenFlow flows it takes, and what it has
// accepted and rejected. The flows with their counters are among those of the switch.
func (x *explainer) addFilter(at *involved, capture string, before Hop) {
	f := x.scene.Flow
	if f == nil || f.Filter == "" {
		return
	}

	hop := before
	hop.What, hop.OFPort, hop.Port = "filter", 0, ""
	hop.Text = fmt.Sprintf("%s: %d OpenFlow flows", f.Filter,
		at.host.Program.FilterFlows(capture))
	if rejected := at.passed(capture, rejecting); rejected != nil {
		hop.Text += fmt.Sprintf("; it has left out %d packets", rejected.Packets)
	}
	hop.Count = at.passed(capture, accepting)
	x.out.Path = append(x.out.Path, hop)
}

// These select the OpenFlow flows that count packets which enter an owner's part of the tap bridge,
// pass its guard, are accepted or rejected by its filter, and leave.
func entering(m reconcile.Meter) bool  { return m.Enters }
func guarded(m reconcile.Meter) bool   { return m.Selects || m.Rejects }
func accepting(m reconcile.Meter) bool { return m.Selects }
func rejecting(m reconcile.Meter) bool { return m.Rejects && !duplicate(m) }
func duplicate(m reconcile.Meter) bool { return m.Counts == tap.CountsDuplicates }
func leaving(m reconcile.Meter) bool   { return m.Leaves }

// needHealth is whether what an owner needs stands.
func (x *explainer) needHealth(n tap.Need) view.Health { return x.scene.Needs[n].Health }

// ofport is the OpenFlow number of a port; 0 if it has none.
func ofport(snap *vswitch.Snapshot, bridge, name string) uint32 {
	if snap == nil {
		return 0
	}
	if port, stands := snap.PortOnBridge(bridge, name); stands {
		for _, device := range snap.PortInterfaces(port) {
			return uint32(max(0, device.OFPort))
		}
	}
	return 0
}

// mirrored is what a mirror has copied, as the switch wrote within the last 5 seconds.
func mirrored(snap *vswitch.Snapshot, m *tap.Mirror) *meter.Count {
	if snap == nil {
		return nil
	}

	bridge, exists := snap.Bridge(m.Bridge)
	if !exists {
		return nil
	}

	for _, row := range snap.BridgeMirrors(bridge) {
		if row.Name == m.Name && row.ExternalIDs.Get(reconcile.OwnerKey) != "" &&
			len(row.Statistics) > 0 {
			return &meter.Count{Packets: uint64(row.Statistics["tx_packets"]),
				Bytes: uint64(row.Statistics["tx_bytes"])}
		}
	}

	return nil
}
