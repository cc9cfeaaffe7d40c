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
	if f.Type == tap.FlowVSwitch {
		return x.wireSource(f)
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
	at := slices.IndexFunc(h.Observed.Bridges, func(b tap.Bridge) bool { return b.Name == bridge })
	if at < 0 {
		hop.Health = view.Health{State: tap.StatePending,
			Reason: fmt.Sprintf("host %s has no bridge %s", hop.Host, bridge)}
	} else if uplinks := h.Observed.Bridges[at].Uplinks; len(uplinks) > 0 {
		hop.Text += ", uplinks " + strings.Join(uplinks, " ")
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
func (x *explainer) captureOf(f *store.Flow, h *Host, bridge string) (capture string, remote tap.Need) {
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

	left := at.passed(capture, leaving)
	if left != nil && hop.Count != nil && left.Packets < hop.Count.Packets {
		hop.Text += fmt.Sprintf("; the guard leaves out %d packets of the tunnels",
			hop.Count.Packets-left.Packets)
	}

	x.out.Path = append(x.out.Path, hop)
	return true
}

// entering and leaving select the OpenFlow flows that count packets which enter, and leave, an
// owner's part of the tap bridge.
func entering(enters, _ bool) bool { return enters }

func leaving(_, leaves bool) bool { return leaves }

// needHealth is whether what an owner needs stands.
func (x *explainer) needHealth(n tap.Need) view.Health { return x.scene.Needs[n].Health }

// unplugged says how far a hypervisor has come with a tap NIC that no switch shows, and what to do
// about it.
func (x *explainer) unplugged(s *store.Service) (health view.Health, next string) {
	if !s.Enabled {
		return view.Health{State: tap.StatePending,
			Reason: "it is plugged when the tap service is enabled"}, ""
	}
	if x.scene.NIC == nil {
		return view.Pending(tap.CodeNICAbsent, "it is not plugged on any host that is connected"),
			""
	}

	health = *x.scene.NIC
	if off := x.scene.GuestOff; off != nil {
		return health, fmt.Sprintf("start guest %s, on host %s: its definition has the NIC",
			off.Guest, off.Host)
	}
	if health.State == tap.StateError {
		next = "mend what libvirt says; the NIC is then plugged by itself. tapctl guest-list and " +
			"host-list tell which guests and hosts libvirt shows"
	}

	return health, next
}

// destination adds a service's tap NIC.
func (x *explainer) destination(s *store.Service) {
	hop := Hop{What: "destination", Health: view.Health{State: tap.StateReady}}
	c := Check{What: "the tap NIC is on bridge " + x.scene.Observer.TapBridge}
	if s.Type == tap.ServiceGuest {
		name := x.scene.Collector
		hop.Text = fmt.Sprintf("NIC %s (%s) of guest %s", s.MAC, s.IfName, name)
		locations := x.scene.Attachments
		if len(locations) == 0 {
			hop.Health = view.Health{State: tap.StatePending,
				Reason: "it is not plugged on any host that is connected"}
			c.Next = fmt.Sprintf("plug it into the guest: tapctl tap-service-show %s -o json has "+
				"the libvirt element in nic_xml, for virsh attach-device %s FILE --live --config",
				s.Name, name)
			if x.scene.Plugged {
				hop.Health, c.Next = x.unplugged(s)
			}
		}

		for _, l := range locations {
			hop.HostID, hop.Host, hop.Bridge, hop.Port, hop.OFPort = l.Host, x.hostName(l.Host),
				l.Bridge, l.Port, l.OFPort
			hop.Found = x.foundWords(l, s.MAC, "")
		}
	} else {
		x.hostNIC(s, &hop, &c)
	}

	if hop.HostID != "" {
		at := x.at(hop.HostID, s.ID)
		x.linked(at, &hop, &c)
		hop.Count = x.delivered(at, s)
	}

	c.HostID, c.Health = hop.HostID, hop.Health
	x.check(c)
	x.out.Path = append(x.out.Path, hop)
}

func (x *explainer) hostNIC(s *store.Service, hop *Hop, c *Check) {
	hop.HostID, hop.Host, hop.Text = s.TargetID, x.hostName(s.TargetID),
		fmt.Sprintf("physical NIC %s of host %s", s.MAC, x.hostName(s.TargetID))

	hop.Found = "the host's facts"
	h := x.host(s.TargetID)
	if h == nil {
		return
	}

	i := slices.IndexFunc(h.Observed.NICs, func(n tap.HostNIC) bool { return n.MAC == s.MAC })
	if i < 0 {
		hop.Health = view.Health{State: tap.StateError,
			Reason: "the host has no NIC with this address"}
		c.Next = fmt.Sprintf("on host %s: tapctl host-facts | tapctl host-update %s --facts -",
			hop.Host, hop.Host)
		return
	}

	nic := h.Observed.NICs[i]
	hop.Port, hop.Bridge = nic.Name, x.scene.Observer.TapBridge
	hop.OFPort = ofport(h.Report.Snapshot, x.scene.Observer.TapBridge, nic.Name)
	if nic.UsedBy != "" {
		hop.Health = view.Health{State: tap.StateError, Reason: "it is in use: " + nic.UsedBy}
		c.Next = fmt.Sprintf("on host %s: take NIC %s out of use (%s), then send its facts "+
			"again: tapctl host-facts | tapctl host-update %s --facts -",
			hop.Host, nic.Name, nic.UsedBy, hop.Host)
	}
}

// linked looks at the tap NIC's port.
func (x *explainer) linked(at *involved, hop *Hop, c *Check) {
	if at.host == nil || hop.State != tap.StateReady {
		return
	}

	switch h := at.host; {
	case h.Observed.Refused != "":
		hop.Health = view.Health{State: tap.StateError, Reason: h.Observed.Refused}
		return
	case hop.Bridge != x.scene.Observer.TapBridge:
		hop.Health = view.Health{State: tap.StatePending,
			Reason: fmt.Sprintf("it is on bridge %s, and is moved once the host is connected",
				hop.Bridge)}
		return
	}

	for _, p := range at.host.Observed.TapPorts {
		if p.Name != hop.Port {
			continue
		}

		switch {
		case p.Error != "":
			hop.Health = view.Health{State: tap.StateError, Reason: "the switch says: " + p.Error}
			c.Next = fmt.Sprintf("on host %s: see with ip link whether device %s exists, and in "+
				"ovs-vswitchd.log why it cannot be opened", hop.Host, hop.Port)
		case p.Down != "":
			hop.Health = view.Health{State: tap.StatePending, Reason: p.Down}
			c.Next = fmt.Sprintf("on host %s: ip link set dev %s up; if that is so, look at the "+
				"cable, or the guest's side", hop.Host, hop.Port)
		}

		return
	}

	hop.Health = view.Health{State: tap.StatePending,
		Reason: fmt.Sprintf("it is not on bridge %s yet", x.scene.Observer.TapBridge)}
}

// delivered is what the tap NIC was given: what came by the tunnel, and what captures of its own
// host have.
func (x *explainer) delivered(at *involved, s *store.Service) *meter.Count {
	sum := at.passed(s.ID, leaving)
	if sum == nil {
		return nil
	}

	for capture := range x.scene.Captures[at.id] {
		if local := at.passed(capture, leaving); local != nil {
			sum.Packets, sum.Bytes = sum.Packets+local.Packets, sum.Bytes+local.Bytes
		}
	}

	return sum
}

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
