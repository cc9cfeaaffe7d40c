package engine

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tapline-sdn/tapline/controller/engine/explain"
	"github.com/tapline-sdn/tapline/controller/engine/intent"
	"github.com/tapline-sdn/tapline/controller/engine/view"
	"github.com/tapline-sdn/tapline/controller/meter"
	"github.com/tapline-sdn/tapline/controller/reconcile"
	"github.com/tapline-sdn/tapline/controller/store"
	"github.com/tapline-sdn/tapline/ovsdb/vswitch"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// source finds the places of a flow's source; there are two of them for moments of a migration.
func (x *explainer) source(f *store.Flow) []explain.Hop {
	if f.Type == tap.FlowVSwitch {
		return x.wireSource(f)
	}
	what, _ := x.sourceWords(f)
	var out []explain.Hop
	for _, l := range x.sourcePlaces(f) {
		out = append(out, explain.Hop{What: "source", HostID: l.Host, Host: x.intent.HostName(l.Host), Bridge: l.Bridge, Port: l.Port, OFPort: l.OFPort, Text: what,
			Found: x.foundWords(l, f.MAC, f.GuestID), Health: view.Health{State: tap.StateReady}})
	}
	ok := view.Health{State: tap.StateReady}
	if len(out) == 0 {
		_, why := x.sourceWords(f)
		ok = view.Health{State: tap.StatePending, Reason: why}
	}
	x.check(explain.Check{What: "the source, " + what + ", is plugged on a host that is connected", Health: ok, Next: fmt.Sprintf(
		"start the guest; if it runs, its port is not known by external_ids or address: tapctl guest-show %s, and on its host ovs-vsctl find interface external_ids:attached-mac='\"%s\"'; declare it with tapctl guest-create where its port tells nothing",
		f.GuestID, f.MAC)})
	return out
}

// sourcePlaces are the ports of a vnic's NIC, or the bridge of a vswitch.
func (x *explainer) sourcePlaces(f *store.Flow) []tap.Location {
	if f.Type == tap.FlowVSwitch {
		bridge := f.WireID
		if h := x.Engine.hosts[f.HostID]; h != nil && h.observed.Host.Wires[f.WireID] != "" {
			bridge = h.observed.Host.Wires[f.WireID]
		}
		return []tap.Location{{Host: f.HostID, Bridge: bridge}}
	}
	guest, _ := x.places.Guest(f.GuestID, x.intent.Guests.ByID[f.GuestID])
	for _, nic := range guest.NICs {
		if nic.MAC == f.MAC {
			return nic.Locations
		}
	}
	return nil
}

func (x *explainer) wireSource(f *store.Flow) []explain.Hop {
	what, _ := x.sourceWords(f)
	h := x.Engine.hosts[f.HostID]
	if h == nil {
		x.at(f.HostID)
		return nil
	}
	hop := explain.Hop{What: "source", HostID: h.id, Host: x.intent.HostName(h.id), Text: what, Health: view.Health{State: tap.StateReady}}
	bridge, told := h.observed.Host.Wires[f.WireID]
	record := x.intent.Hosts.ByID[h.id]
	switch {
	case record != nil && record.Wires[f.WireID] != "":
		hop.Found = "wire and bridge were declared for the host"
	case told:
		hop.Found = "external_ids:ovn-bridge-mappings of the switch"
	default:
		bridge, hop.Found = f.WireID, "the wire has the bridge's name"
	}
	hop.Bridge = bridge
	at := slices.IndexFunc(h.observed.Host.Bridges, func(b tap.Bridge) bool { return b.Name == bridge })
	if at < 0 {
		hop.Health = view.Health{State: tap.StatePending, Reason: fmt.Sprintf("host %s has no bridge %s", hop.Host, bridge)}
	} else if uplinks := h.observed.Host.Bridges[at].Uplinks; len(uplinks) > 0 {
		hop.Text += ", uplinks " + strings.Join(uplinks, " ")
	}
	x.check(explain.Check{What: fmt.Sprintf("a bridge of host %s carries wire %s", hop.Host, f.WireID), HostID: h.id, Health: hop.Health,
		Next: fmt.Sprintf("tapctl wire-show %s; tapctl host-update %s --wire %s=BRIDGE", f.WireID, hop.Host, f.WireID)})
	return []explain.Hop{hop}
}

// sourceWords says what a flow's source is, and why it is not there in case that it is not.
func (x *explainer) sourceWords(f *store.Flow) (what, absent string) {
	if f.Type == tap.FlowVSwitch {
		what = fmt.Sprintf("wire %s on host %s, %s", f.WireID, x.intent.HostName(f.HostID), f.Direction)
		if f.VLAN != 0 {
			what += fmt.Sprintf(", VLAN %d", f.VLAN)
		}
		return what, "the host is not registered"
	}
	absent = "it is not plugged on any host"
	var unseen []string
	for _, h := range x.Engine.hosts {
		if h.report.Snapshot == nil || !h.report.Connected {
			unseen = append(unseen, x.intent.HostName(h.id))
		}
	}
	if slices.Sort(unseen); len(unseen) > 0 {
		absent += " that is connected; not connected: " + strings.Join(unseen, " ")
	}
	return fmt.Sprintf("NIC %s of guest %s, %s", f.MAC, x.guestName(f.GuestID), f.Direction), absent
}

// foundWords says how a NIC was found at a place.
func (x *explainer) foundWords(l tap.Location, mac tap.MAC, guest string) string {
	h := x.Engine.hosts[l.Host]
	if h == nil || h.report.Snapshot == nil {
		return ""
	}
	row, stands := h.report.Snapshot.PortOnBridge(l.Bridge, l.Port)
	if !stands {
		return ""
	}
	told := func(keys []string, is func(string) bool) string {
		for _, i := range h.report.Snapshot.PortInterfaces(row) {
			for _, key := range keys {
				if is(i.ExternalIDs.Get(key)) {
					return key
				}
			}
		}
		return ""
	}
	isMAC := func(v string) bool { m, err := tap.ParseMAC(v); return err == nil && !m.IsZero() && m == mac }
	isGuest := func(v string) bool { return v != "" && v == guest }
	var by string
	if key := told(x.config.Keys.MAC, isMAC); key != "" {
		by = "external_ids:" + key
	} else if i := h.report.Snapshot.PortInterfaces(row); len(i) == 1 && isMAC(i[0].MACInUse) {
		by = "mac_in_use of its interface"
	} else {
		by = "the declared interface name"
	}
	if guest == "" {
		return by
	}
	if key := told(append(slices.Clone(x.config.Keys.Guest), x.config.Keys.Iface...), isGuest); key != "" {
		return by + ", guest by external_ids:" + key
	}
	return by + ", guest as declared"
}

// carry adds what takes a flow's packets from its source to the other end.
func (x *explainer) carry(f *store.Flow, from explain.Hop) {
	v := x.verdicts[intent.FlowRef(f.ID)]
	at := x.at(from.HostID)
	h := at.host
	if h == nil || h.program == nil || v.status.State != tap.StateProgrammed {
		return
	}
	var capture string
	remote := tap.Need{}
	for _, n := range v.status.Needs {
		for i := range h.program.Program.Ports {
			if p := &h.program.Program.Ports[i]; n.Host == h.id && n.Owner == p.Owner && p.Bridge == from.Bridge {
				capture = n.Owner
			}
		}
		if n.Owner == f.TapID && n.Host != h.id {
			remote = n
		}
	}
	if capture == "" {
		return
	}
	health := x.needHealth(tap.Need{Host: h.id, Owner: capture})
	for i := range h.program.Program.Mirrors {
		m := &h.program.Program.Mirrors[i]
		if m.Owner == capture {
			hop := explain.Hop{What: "mirror", HostID: h.id, Host: from.Host, Bridge: m.Bridge, Port: m.Output, Text: m.Name + ": " + mirrorWords(m), Health: health}
			hop.Count = mirrored(h.report.Snapshot, m)
			x.out.Path = append(x.out.Path, hop)
		}
	}
	var in *tap.Port
	for i := range h.program.Program.Ports {
		if p := &h.program.Program.Ports[i]; p.Owner == capture && p.Bridge == x.config.TapBridge {
			in = p
		}
	}
	if in == nil {
		return
	}
	hop := explain.Hop{What: "tap bridge", HostID: h.id, Host: from.Host, Bridge: x.config.TapBridge, Port: in.Name,
		OFPort: ofport(h.report.Snapshot, in.Bridge, in.Name), Text: "patch port from " + from.Bridge, Health: health,
		Count: at.passed(capture, func(enters, _ bool) bool { return enters })}
	if left := at.passed(capture, func(_, leaves bool) bool { return leaves }); left != nil && hop.Count != nil && left.Packets < hop.Count.Packets {
		hop.Text += fmt.Sprintf("; the guard leaves out %d packets of the tunnels", hop.Count.Packets-left.Packets)
	}
	x.out.Path = append(x.out.Path, hop)
	if remote.Host == "" {
		return
	}
	to := x.at(remote.Host)
	key := uint32(0)
	if s := x.intent.Services.ByID[f.TapID]; s != nil {
		key = s.Key
	}
	there := "?"
	if to.host != nil {
		there = to.host.observed.Host.TunnelIP.String()
	}
	tunnel := explain.Hop{What: "tunnel", HostID: h.id, Host: from.Host, Bridge: x.config.TapBridge, Port: h.program.Program.Tunnel.Port,
		OFPort: ofport(h.report.Snapshot, x.config.TapBridge, h.program.Program.Tunnel.Port),
		Text:   fmt.Sprintf("GRE from %s to %s, key %d", h.observed.Host.TunnelIP, there, key), Health: x.needHealth(tap.Need{Host: h.id, Owner: "tunnel"}),
		Count: at.passed(capture, func(_, leaves bool) bool { return leaves })}
	x.out.Path = append(x.out.Path, tunnel)
	if to.host != nil && to.host.program != nil {
		x.out.Path = append(x.out.Path, explain.Hop{What: "tap bridge", HostID: remote.Host, Host: x.intent.HostName(remote.Host), Bridge: x.config.TapBridge,
			Port:   to.host.program.Program.Tunnel.Port,
			OFPort: ofport(to.host.report.Snapshot, x.config.TapBridge, to.host.program.Program.Tunnel.Port),
			Text:   fmt.Sprintf("from the tunnel, key %d, all sources of the service", key), Health: x.needHealth(remote),
			Count: to.passed(f.TapID, func(enters, _ bool) bool { return enters })})
	}
}

// needHealth is whether what an owner needs stands.
func (x *explainer) needHealth(n tap.Need) view.Health {
	state, reason, busy := x.met(n)
	if busy {
		return view.Health{State: tap.StatePending, Reason: "the switch is being programmed"}
	}
	return view.Health{State: state, Reason: reason}
}

// unplugged says how far a hypervisor has come with a tap NIC that no switch shows, and what to do about it.
func (x *explainer) unplugged(s *store.Service) (health view.Health, next string) {
	if !s.Enabled {
		return view.Health{State: tap.StatePending, Reason: "it is plugged when the tap service is enabled"}, ""
	}
	health, told := x.plugging(intent.ServiceRef(s.ID), x.verdicts[intent.ServiceRef(s.ID)].status)
	if !told {
		return view.Health{State: tap.StatePending, Reason: "it is not plugged on any host that is connected"}, ""
	}
	if h, g := x.guestOff(s.ID); g != nil {
		return health, fmt.Sprintf("start guest %s, on host %s: its definition has the NIC", g.Name, x.intent.HostName(h.id))
	}
	if health.State == tap.StateError {
		next = "mend what libvirt says; the NIC is then plugged by itself. tapctl guest-list and host-list tell which guests and hosts libvirt shows"
	}
	return health, next
}

// destination adds a service's tap NIC.
func (x *explainer) destination(s *store.Service) {
	hop := explain.Hop{What: "destination", Health: view.Health{State: tap.StateReady}}
	c := explain.Check{What: "the tap NIC is on bridge " + x.config.TapBridge}
	if s.Type == tap.ServiceGuest {
		name := x.guestName(s.TargetID)
		hop.Text = fmt.Sprintf("NIC %s (%s) of guest %s", s.MAC, s.IfName, name)
		locations := x.places.Attachment(&s.Service).Locations
		if len(locations) == 0 {
			hop.Health = view.Health{State: tap.StatePending, Reason: "it is not plugged on any host that is connected"}
			c.Next = fmt.Sprintf("plug it into the guest: tapctl tap-service-show %s -o json has the libvirt element in nic_xml, for virsh attach-device %s FILE --live --config",
				s.Name, name)
			if x.config.Hypervisor != nil {
				hop.Health, c.Next = x.unplugged(s)
			}
		}
		for _, l := range locations {
			hop.HostID, hop.Host, hop.Bridge, hop.Port, hop.OFPort = l.Host, x.intent.HostName(l.Host), l.Bridge, l.Port, l.OFPort
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

func (x *explainer) hostNIC(s *store.Service, hop *explain.Hop, c *explain.Check) {
	hop.HostID, hop.Host, hop.Text = s.TargetID, x.intent.HostName(s.TargetID), fmt.Sprintf("physical NIC %s of host %s", s.MAC, x.intent.HostName(s.TargetID))
	hop.Found = "the host's facts"
	h := x.Engine.hosts[s.TargetID]
	if h == nil {
		return
	}
	i := slices.IndexFunc(h.observed.Host.NICs, func(n tap.HostNIC) bool { return n.MAC == s.MAC })
	if i < 0 {
		hop.Health = view.Health{State: tap.StateError, Reason: "the host has no NIC with this address"}
		c.Next = fmt.Sprintf("on host %s: tapctl host-facts | tapctl host-update %s --facts -", hop.Host, hop.Host)
		return
	}
	nic := h.observed.Host.NICs[i]
	hop.Port, hop.Bridge = nic.Name, x.config.TapBridge
	hop.OFPort = ofport(h.report.Snapshot, x.config.TapBridge, nic.Name)
	if nic.UsedBy != "" {
		hop.Health = view.Health{State: tap.StateError, Reason: "it is in use: " + nic.UsedBy}
		c.Next = fmt.Sprintf("on host %s: take NIC %s out of use (%s), then send its facts again: tapctl host-facts | tapctl host-update %s --facts -",
			hop.Host, nic.Name, nic.UsedBy, hop.Host)
	}
}

// linked looks at the tap NIC's port.
func (x *explainer) linked(at *explained, hop *explain.Hop, c *explain.Check) {
	if at.host == nil || hop.State != tap.StateReady {
		return
	}
	switch h := at.host; {
	case h.observed.Host.Refused != "":
		hop.Health = view.Health{State: tap.StateError, Reason: h.observed.Host.Refused}
		return
	case hop.Bridge != x.config.TapBridge:
		hop.Health = view.Health{State: tap.StatePending, Reason: fmt.Sprintf("it is on bridge %s, and is moved once the host is connected", hop.Bridge)}
		return
	}
	for _, p := range at.host.observed.Host.TapPorts {
		if p.Name != hop.Port {
			continue
		}
		switch {
		case p.Error != "":
			hop.Health = view.Health{State: tap.StateError, Reason: "the switch says: " + p.Error}
			c.Next = fmt.Sprintf("on host %s: see with ip link whether device %s exists, and in ovs-vswitchd.log why it cannot be opened", hop.Host, hop.Port)
		case p.Down != "":
			hop.Health = view.Health{State: tap.StatePending, Reason: p.Down}
			c.Next = fmt.Sprintf("on host %s: ip link set dev %s up; if that is so, look at the cable, or the guest's side", hop.Host, hop.Port)
		}
		return
	}
	hop.Health = view.Health{State: tap.StatePending, Reason: fmt.Sprintf("it is not on bridge %s yet", x.config.TapBridge)}
}

// delivered is what the tap NIC was given: what came by the tunnel, and what captures of its own host have.
func (x *explainer) delivered(at *explained, s *store.Service) *meter.Count {
	leaves := func(_, leaves bool) bool { return leaves }
	sum := at.passed(s.ID, leaves)
	if sum == nil {
		return nil
	}
	counted := map[string]bool{}
	for flow := range x.intent.FlowsOfService[s.ID] {
		for _, n := range x.verdicts[intent.FlowRef(flow)].status.Needs {
			if n.Host != at.id || n.Owner == s.ID || n.Owner == tap.OwnerBridge || counted[n.Owner] {
				continue
			}
			counted[n.Owner] = true
			if local := at.passed(n.Owner, leaves); local != nil {
				sum.Packets, sum.Bytes = sum.Packets+local.Packets, sum.Bytes+local.Bytes
			}
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
		if row.Name == m.Name && row.ExternalIDs.Get(reconcile.OwnerKey) != "" && len(row.Statistics) > 0 {
			return &meter.Count{Packets: uint64(row.Statistics["tx_packets"]), Bytes: uint64(row.Statistics["tx_bytes"])}
		}
	}
	return nil
}
