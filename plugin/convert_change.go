package plugin

import (
	"fmt"
	"net/netip"
	"time"

	pb "github.com/tapline-sdn/tapline/plugin/mirrorpb"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// This file converts what a controller sends: intent, topology, and their changes.

func serviceToPB(s *tap.Service) *pb.Service {
	return &pb.Service{
		Id: s.ID, Name: s.Name, Type: string(s.Type), TargetId: s.TargetID,
		Mac: macToPB(s.MAC), Ifname: s.IfName, Enabled: s.Enabled, Key: s.Key,
		RateBits: s.RateLimit.Bits, RatePackets: s.RateLimit.Packets,
		Address: addrToPB(s.Address), Encap: string(s.Encap), Port: uint32(s.Port),
		Members: s.Members, Dedup: s.Dedup,
	}
}

func serviceFromPB(m *pb.Service) (tap.Service, error) {
	var r fieldReader
	s := tap.Service{
		ID: intern(m.GetId()), Name: m.GetName(), Type: tap.ServiceType(intern(m.GetType())),
		TargetID: intern(m.GetTargetId()), MAC: r.mac("mac", m.GetMac()),
		IfName: intern(m.GetIfname()), Enabled: m.GetEnabled(), Key: m.GetKey(),
		RateLimit: tap.RateLimit{Bits: m.GetRateBits(), Packets: m.GetRatePackets()},
		Address:   r.addr("address", m.GetAddress()), Encap: tap.Encap(intern(m.GetEncap())),
		Port: r.uint16("port", m.GetPort()), Members: m.GetMembers(), Dedup: m.GetDedup(),
	}
	return s, r.err
}

func flowToPB(f *tap.Flow) *pb.Flow {
	m := &pb.Flow{
		Id: f.ID, Name: f.Name, TapId: f.TapID, Type: string(f.Type),
		GuestId: f.GuestID, Mac: macToPB(f.MAC), Ip: addrToPB(f.IP),
		HostId: f.HostID, WireId: f.WireID, Vlan: uint32(f.VLAN), Selector: f.Selector,
		Direction: string(f.Direction), Enabled: f.Enabled,
		Filter: f.Filter, Snaplen: f.Snaplen, Sample: f.Sample, VlanAction: uint32(f.Tag),
	}

	if !f.Created.IsZero() {
		m.CreatedUnixNano = f.Created.UnixNano()
	}
	return m
}

func flowFromPB(m *pb.Flow) (tap.Flow, error) {
	var r fieldReader
	f := tap.Flow{
		ID: m.GetId(), Name: m.GetName(), TapID: intern(m.GetTapId()),
		Type:    tap.FlowType(intern(m.GetType())),
		GuestID: intern(m.GetGuestId()), MAC: r.mac("mac", m.GetMac()), IP: r.addr("ip", m.GetIp()),
		HostID: intern(m.GetHostId()), WireID: intern(m.GetWireId()), Selector: m.GetSelector(),
		VLAN:      r.uint16("vlan", m.GetVlan()),
		Direction: tap.Direction(intern(m.GetDirection())), Enabled: m.GetEnabled(),
		Options: tap.Options{
			Filter: m.GetFilter(), Snaplen: m.GetSnaplen(), Sample: m.GetSample(),
			Tag: tap.VLANAction(r.uint16("vlan_action", m.GetVlanAction())),
		},
	}

	if m.GetCreatedUnixNano() != 0 {
		f.Created = time.Unix(0, m.GetCreatedUnixNano()).UTC()
	}

	return f, r.err
}

func hostToPB(h *tap.Host) *pb.Host {
	return &pb.Host{
		Id: h.ID, Name: h.Name, TunnelIp: addrToPB(h.TunnelIP), Wires: h.Wires,
		Observed: h.Observed, Connected: h.Connected, Refused: h.Refused,
		NoGre: h.NoGRE, TapDatapath: h.TapDatapath, UnderlayDatapath: h.UnderlayDatapath,
		UserspaceTso: h.UserspaceTSO, UnderlayMtu: h.UnderlayMTU,
		Paths: convertAll(h.Paths, func(p *tap.Path) *pb.Path {
			return &pb.Path{Addr: addrToPB(p.Addr), Frame: p.Frame, Cut: p.Cut}
		}),
		ForeignTunnels: convertAll(h.ForeignTunnels, foreignTunnelToPB),
		Bridges:        convertAll(h.Bridges, bridgeToPB),
		FakeBridges: convertAll(h.FakeBridges, func(b *tap.FakeBridge) *pb.FakeBridge {
			return &pb.FakeBridge{Name: b.Name, Parent: b.Parent, Vlan: uint32(b.VLAN)}
		}),
		Lacking: convertAll(h.Lacking, func(l *tap.Lack) *pb.Lack {
			return &pb.Lack{Code: string(l.Code), Datapath: l.Datapath, Possible: l.Possible}
		}),
		TapPorts: convertAll(h.TapPorts, tapPortToPB),
		Nics:     convertAll(h.NICs, hostNICToPB),
	}
}

func foreignTunnelToPB(t *tap.ForeignTunnel) *pb.ForeignTunnel {
	return &pb.ForeignTunnel{
		Name: t.Name, Bridge: t.Bridge, Type: t.Type,
		LocalIp: addrToPB(t.LocalIP), RemoteIp: addrToPB(t.RemoteIP),
		Key: t.Key, DstPort: uint32(t.DstPort),
	}
}

func bridgeToPB(b *tap.Bridge) *pb.Bridge {
	return &pb.Bridge{
		Name: b.Name, DatapathType: b.DatapathType, Uplinks: b.Uplinks,
		OtherMirrors: int32(b.OtherMirrors), OurMirrors: b.OurMirrors,
		Patched: b.Patched,
	}
}

func tapPortToPB(p *tap.TapPort) *pb.TapPort {
	return &pb.TapPort{
		Name: p.Name, Ofport: p.OFPort, Mac: macToPB(p.MAC), Mtu: p.MTU,
		Error: p.Error, Down: p.Down,
	}
}

func hostNICToPB(n *tap.HostNIC) *pb.HostNIC {
	return &pb.HostNIC{
		Name: n.Name, Mac: macToPB(n.MAC), UsedBy: n.UsedBy, SeenMac: macToPB(n.SeenMAC),
	}
}

func hostFromPB(m *pb.Host) (tap.Host, error) {
	var r fieldReader
	h := tap.Host{
		ID: intern(m.GetId()), Name: intern(m.GetName()),
		TunnelIP: r.addr("tunnel_ip", m.GetTunnelIp()), Wires: m.GetWires(),
		Observed: m.GetObserved(), Connected: m.GetConnected(), Refused: m.GetRefused(),
		NoGRE: m.GetNoGre(), TapDatapath: intern(m.GetTapDatapath()),
		UnderlayDatapath: intern(m.GetUnderlayDatapath()),
		UserspaceTSO:     m.GetUserspaceTso(),
		UnderlayMTU:      m.GetUnderlayMtu(),
	}

	for _, l := range m.GetLacking() {
		h.Lacking = append(h.Lacking, tap.Lack{Code: tap.LackCode(intern(l.GetCode())),
			Datapath: intern(l.GetDatapath()), Possible: l.GetPossible()})
	}

	for _, p := range m.GetPaths() {
		h.Paths = append(h.Paths, tap.Path{
			Addr: r.addr("paths.addr", p.GetAddr()), Frame: p.GetFrame(), Cut: p.GetCut(),
		})
	}

	for _, t := range m.GetForeignTunnels() {
		h.ForeignTunnels = append(h.ForeignTunnels, tap.ForeignTunnel{
			Name: t.GetName(), Bridge: t.GetBridge(), Type: intern(t.GetType()),
			LocalIP:  r.addr("foreign_tunnels.local_ip", t.GetLocalIp()),
			RemoteIP: r.addr("foreign_tunnels.remote_ip", t.GetRemoteIp()),
			Key:      t.GetKey(), DstPort: r.uint16("foreign_tunnels.dst_port", t.GetDstPort()),
		})
	}

	r.bridges(&h, m)
	for _, p := range m.GetTapPorts() {
		h.TapPorts = append(h.TapPorts, tap.TapPort{
			Name: p.GetName(), OFPort: p.GetOfport(), MAC: r.mac("tap_ports.mac", p.GetMac()),
			MTU: p.GetMtu(), Error: p.GetError(), Down: p.GetDown(),
		})
	}

	for _, n := range m.GetNics() {
		h.NICs = append(h.NICs, tap.HostNIC{
			Name: n.GetName(), MAC: r.mac("nics.mac", n.GetMac()), UsedBy: n.GetUsedBy(),
			SeenMAC: r.mac("nics.seen_mac", n.GetSeenMac()),
		})
	}

	return h, r.err
}

// bridges reads the bridges of a host.
func (r *fieldReader) bridges(h *tap.Host, m *pb.Host) {
	for _, b := range m.GetBridges() {
		if b.GetOtherMirrors() < 0 {
			r.fail("bridges.other_mirrors", fmt.Errorf("%d: want 0 or more", b.GetOtherMirrors()))
		}
		h.Bridges = append(h.Bridges, tap.Bridge{
			Name: intern(b.GetName()), DatapathType: intern(b.GetDatapathType()),
			Uplinks: b.GetUplinks(), OtherMirrors: int(b.GetOtherMirrors()),
			OurMirrors: b.GetOurMirrors(), Patched: b.GetPatched(),
		})
	}

	for _, b := range m.GetFakeBridges() {
		h.FakeBridges = append(h.FakeBridges, tap.FakeBridge{
			Name: b.GetName(), Parent: intern(b.GetParent()),
			VLAN: r.uint16("fake_bridges.vlan", b.GetVlan()),
		})
	}
}

func locationToPB(l *tap.Location) *pb.Location {
	return &pb.Location{
		Host: l.Host, Bridge: l.Bridge, Port: l.Port, Ofport: l.OFPort, Mtu: l.MTU, Down: l.Down,
		UsedBy: l.UsedBy,
	}
}

func locationsFromPB(list []*pb.Location) []tap.Location {
	return convertAll(list, func(m **pb.Location) tap.Location {
		return tap.Location{
			Host: intern((*m).GetHost()), Bridge: intern((*m).GetBridge()),
			Port: intern((*m).GetPort()), OFPort: (*m).GetOfport(), MTU: (*m).GetMtu(),
			Down: intern((*m).GetDown()), UsedBy: intern((*m).GetUsedBy()),
		}
	})
}

func guestToPB(g *tap.Guest) *pb.Guest {
	return &pb.Guest{Id: g.ID, Name: g.Name, Nics: convertAll(g.NICs, nicToPB)}
}

func nicToPB(n *tap.NIC) *pb.NIC {
	return &pb.NIC{
		Mac: macToPB(n.MAC), Ifname: n.IfName, Disputed: n.Disputed,
		Ips:       convertAll(n.IPs, func(a *netip.Addr) []byte { return addrToPB(*a) }),
		Locations: convertAll(n.Locations, locationToPB),
	}
}

func guestFromPB(m *pb.Guest) (tap.Guest, error) {
	var r fieldReader
	g := tap.Guest{ID: intern(m.GetId()), Name: intern(m.GetName())}
	for _, n := range m.GetNics() {
		nic := tap.NIC{
			MAC: r.mac("nics.mac", n.GetMac()), IfName: n.GetIfname(),
			Disputed: n.GetDisputed(), Locations: locationsFromPB(n.GetLocations()),
		}
		for _, ip := range n.GetIps() {
			nic.IPs = append(nic.IPs, r.addr("nics.ips", ip))
		}
		g.NICs = append(g.NICs, nic)
	}

	return g, r.err
}

func attachmentToPB(a *tap.Attachment) *pb.Attachment {
	return &pb.Attachment{
		ServiceId: a.ServiceID, Locations: convertAll(a.Locations, locationToPB),
		Claims: convertAll(a.Claims, locationToPB),
	}
}

func attachmentFromPB(m *pb.Attachment) (tap.Attachment, error) {
	return tap.Attachment{
		ServiceID: intern(m.GetServiceId()), Locations: locationsFromPB(m.GetLocations()),
		Claims: locationsFromPB(m.GetClaims()),
	}, nil
}

func changeToPB(c *tap.Change) *pb.Change {
	return &pb.Change{
		Revision: c.Revision, Reset_: c.Reset, Secret: c.Secret,
		Hosts:       convertAll(c.Hosts, hostToPB),
		Guests:      convertAll(c.Guests, guestToPB),
		Attachments: convertAll(c.Attachments, attachmentToPB),
		Services:    convertAll(c.Services, serviceToPB),
		Flows:       convertAll(c.Flows, flowToPB),
		GoneHosts:   c.Gone.Hosts, GoneGuests: c.Gone.Guests,
		GoneServices: c.Gone.Services, GoneFlows: c.Gone.Flows,
	}
}

func changeFromPB(m *pb.Change) (c tap.Change, err error) {
	c = tap.Change{
		Revision: m.GetRevision(), Reset: m.GetReset_(), Secret: m.GetSecret(),
		Gone: tap.Gone{
			Hosts: m.GetGoneHosts(), Guests: m.GetGoneGuests(),
			Services: m.GetGoneServices(), Flows: m.GetGoneFlows(),
		},
	}

	if c.Hosts, err = tryConvertAll(m.GetHosts(), hostFromPB); err != nil {
		return tap.Change{}, fmt.Errorf("hosts%w", err)
	}
	if c.Guests, err = tryConvertAll(m.GetGuests(), guestFromPB); err != nil {
		return tap.Change{}, fmt.Errorf("guests%w", err)
	}
	if c.Attachments, err = tryConvertAll(m.GetAttachments(), attachmentFromPB); err != nil {
		return tap.Change{}, fmt.Errorf("attachments%w", err)
	}
	if c.Services, err = tryConvertAll(m.GetServices(), serviceFromPB); err != nil {
		return tap.Change{}, fmt.Errorf("services%w", err)
	}
	if c.Flows, err = tryConvertAll(m.GetFlows(), flowFromPB); err != nil {
		return tap.Change{}, fmt.Errorf("flows%w", err)
	}

	return c, nil
}
