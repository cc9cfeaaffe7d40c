package plugin

import (
	"fmt"
	"math"
	"net/netip"
	"time"

	pb "github.com/tapline-sdn/tapline/plugin/mirrorpb"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// This file and convertresult.go convert between package tap and the wire. To the wire nothing can fail but the encoding of a flow-mod;
// from the wire everything is checked, since the peer is another program.

// each converts a slice; nil stays nil.
func each[A, B any](in []A, f func(*A) B) []B {
	if in == nil {
		return nil
	}
	out := make([]B, len(in))
	for i := range in {
		out[i] = f(&in[i])
	}
	return out
}

// eachErr converts a slice of messages until one fails.
func eachErr[A, B any](in []A, f func(A) (B, error)) ([]B, error) {
	if len(in) == 0 {
		return nil, nil
	}
	out := make([]B, len(in))
	for i := range in {
		var err error
		if out[i], err = f(in[i]); err != nil {
			return nil, fmt.Errorf("[%d]: %w", i, err)
		}
	}
	return out, nil
}

// reader converts fields that may be malformed and keeps the first error.
type reader struct{ err error }

func (r *reader) fail(field string, err error) {
	if r.err == nil {
		r.err = fmt.Errorf("%s: %w", field, err)
	}
}

func (r *reader) mac(field string, b []byte) (m tap.MAC) {
	if len(b) != 0 && len(b) != len(m) {
		r.fail(field, fmt.Errorf("%d octets: want 6", len(b)))
		return m
	}
	copy(m[:], b)
	return m
}

func (r *reader) addr(field string, b []byte) netip.Addr {
	if len(b) == 0 {
		return netip.Addr{}
	}
	a, ok := netip.AddrFromSlice(b)
	if !ok {
		r.fail(field, fmt.Errorf("%d octets: want 4 or 16", len(b)))
	}
	return a
}

func (r *reader) uint16(field string, v uint32) uint16 {
	if v > math.MaxUint16 {
		r.fail(field, fmt.Errorf("%d does not fit 16 bits", v))
		return 0
	}
	return uint16(v)
}

func macToPB(m tap.MAC) []byte {
	if m.IsZero() {
		return nil
	}
	return m[:]
}

func addrToPB(a netip.Addr) []byte { return a.AsSlice() }

func widen(v *uint16) uint32 { return uint32(*v) }

func serviceToPB(s *tap.Service) *pb.Service {
	return &pb.Service{
		Id: s.ID, Name: s.Name, Type: string(s.Type), TargetId: s.TargetID, Mac: macToPB(s.MAC),
		Ifname: s.IfName, Enabled: s.Enabled, Key: s.Key,
	}
}

func serviceFromPB(m *pb.Service) (tap.Service, error) {
	var r reader
	s := tap.Service{
		ID: m.GetId(), Name: m.GetName(), Type: tap.ServiceType(m.GetType()), TargetID: m.GetTargetId(),
		MAC: r.mac("mac", m.GetMac()), IfName: m.GetIfname(), Enabled: m.GetEnabled(), Key: m.GetKey(),
	}
	return s, r.err
}

func flowToPB(f *tap.Flow) *pb.Flow {
	m := &pb.Flow{
		Id: f.ID, Name: f.Name, TapId: f.TapID, Type: string(f.Type), GuestId: f.GuestID, Mac: macToPB(f.MAC), Ip: addrToPB(f.IP),
		HostId: f.HostID, WireId: f.WireID, Vlan: uint32(f.VLAN), Direction: string(f.Direction), Enabled: f.Enabled,
	}
	if !f.Created.IsZero() {
		m.CreatedUnixNano = f.Created.UnixNano()
	}
	return m
}

func flowFromPB(m *pb.Flow) (tap.Flow, error) {
	var r reader
	f := tap.Flow{
		ID: m.GetId(), Name: m.GetName(), TapID: m.GetTapId(), Type: tap.FlowType(m.GetType()), GuestID: m.GetGuestId(),
		MAC: r.mac("mac", m.GetMac()), IP: r.addr("ip", m.GetIp()), HostID: m.GetHostId(), WireID: m.GetWireId(),
		VLAN: r.uint16("vlan", m.GetVlan()), Direction: tap.Direction(m.GetDirection()), Enabled: m.GetEnabled(),
	}
	if m.GetCreatedUnixNano() != 0 {
		f.Created = time.Unix(0, m.GetCreatedUnixNano()).UTC()
	}
	return f, r.err
}

func hostToPB(h *tap.Host) *pb.Host {
	return &pb.Host{
		Id: h.ID, Name: h.Name, TunnelIp: addrToPB(h.TunnelIP), Wires: h.Wires, Observed: h.Observed, Connected: h.Connected,
		Refused: h.Refused,
		Bridges: each(h.Bridges, func(b *tap.Bridge) *pb.Bridge {
			return &pb.Bridge{Name: b.Name, DatapathType: b.DatapathType, Uplinks: b.Uplinks, OtherMirrors: int32(b.OtherMirrors), OurMirrors: b.OurMirrors}
		}),
		TapPorts: each(h.TapPorts, func(p *tap.TapPort) *pb.TapPort {
			return &pb.TapPort{Name: p.Name, Ofport: p.OFPort, Mac: macToPB(p.MAC), Error: p.Error, Down: p.Down}
		}),
		Nics: each(h.NICs, func(n *tap.HostNIC) *pb.HostNIC {
			return &pb.HostNIC{Name: n.Name, Mac: macToPB(n.MAC), UsedBy: n.UsedBy, SeenMac: macToPB(n.SeenMAC)}
		}),
	}
}

func hostFromPB(m *pb.Host) (tap.Host, error) {
	var r reader
	h := tap.Host{
		ID: m.GetId(), Name: m.GetName(), TunnelIP: r.addr("tunnel_ip", m.GetTunnelIp()), Wires: m.GetWires(),
		Observed: m.GetObserved(), Connected: m.GetConnected(), Refused: m.GetRefused(),
	}
	for _, b := range m.GetBridges() {
		if b.GetOtherMirrors() < 0 {
			r.fail("bridges.other_mirrors", fmt.Errorf("%d: want 0 or more", b.GetOtherMirrors()))
		}
		h.Bridges = append(h.Bridges, tap.Bridge{
			Name: b.GetName(), DatapathType: b.GetDatapathType(), Uplinks: b.GetUplinks(), OtherMirrors: int(b.GetOtherMirrors()), OurMirrors: b.GetOurMirrors(),
		})
	}
	for _, p := range m.GetTapPorts() {
		h.TapPorts = append(h.TapPorts, tap.TapPort{
			Name: p.GetName(), OFPort: p.GetOfport(), MAC: r.mac("tap_ports.mac", p.GetMac()), Error: p.GetError(), Down: p.GetDown(),
		})
	}
	for _, n := range m.GetNics() {
		h.NICs = append(h.NICs, tap.HostNIC{
			Name: n.GetName(), MAC: r.mac("nics.mac", n.GetMac()), UsedBy: n.GetUsedBy(), SeenMAC: r.mac("nics.seen_mac", n.GetSeenMac()),
		})
	}
	return h, r.err
}

func locationToPB(l *tap.Location) *pb.Location {
	return &pb.Location{Host: l.Host, Bridge: l.Bridge, Port: l.Port, Ofport: l.OFPort}
}

func locationFromPB(m *pb.Location) (tap.Location, error) {
	return tap.Location{Host: m.GetHost(), Bridge: m.GetBridge(), Port: m.GetPort(), OFPort: m.GetOfport()}, nil
}

func guestToPB(g *tap.Guest) *pb.Guest {
	return &pb.Guest{Id: g.ID, Name: g.Name, Nics: each(g.NICs, func(n *tap.NIC) *pb.NIC {
		return &pb.NIC{
			Mac: macToPB(n.MAC), Ips: each(n.IPs, func(a *netip.Addr) []byte { return addrToPB(*a) }),
			Ifname: n.IfName, Locations: each(n.Locations, locationToPB),
		}
	})}
}

func guestFromPB(m *pb.Guest) (tap.Guest, error) {
	var r reader
	g := tap.Guest{ID: m.GetId(), Name: m.GetName()}
	for _, n := range m.GetNics() {
		nic := tap.NIC{MAC: r.mac("nics.mac", n.GetMac()), IfName: n.GetIfname()}
		for _, ip := range n.GetIps() {
			nic.IPs = append(nic.IPs, r.addr("nics.ips", ip))
		}
		nic.Locations, _ = eachErr(n.GetLocations(), locationFromPB)
		g.NICs = append(g.NICs, nic)
	}
	return g, r.err
}

func attachmentToPB(a *tap.Attachment) *pb.Attachment {
	return &pb.Attachment{ServiceId: a.ServiceID, Locations: each(a.Locations, locationToPB)}
}

func attachmentFromPB(m *pb.Attachment) (tap.Attachment, error) {
	locations, err := eachErr(m.GetLocations(), locationFromPB)
	return tap.Attachment{ServiceID: m.GetServiceId(), Locations: locations}, err
}

func changeToPB(c *tap.Change) *pb.Change {
	return &pb.Change{
		Revision: c.Revision, Reset_: c.Reset,
		Hosts: each(c.Hosts, hostToPB), Guests: each(c.Guests, guestToPB), Attachments: each(c.Attachments, attachmentToPB),
		Services: each(c.Services, serviceToPB), Flows: each(c.Flows, flowToPB),
		GoneHosts: c.Gone.Hosts, GoneGuests: c.Gone.Guests, GoneServices: c.Gone.Services, GoneFlows: c.Gone.Flows,
	}
}

func changeFromPB(m *pb.Change) (c tap.Change, err error) {
	c = tap.Change{
		Revision: m.GetRevision(), Reset: m.GetReset_(),
		Gone: tap.Gone{Hosts: m.GetGoneHosts(), Guests: m.GetGoneGuests(), Services: m.GetGoneServices(), Flows: m.GetGoneFlows()},
	}
	if c.Hosts, err = eachErr(m.GetHosts(), hostFromPB); err != nil {
		return tap.Change{}, fmt.Errorf("hosts%w", err)
	}
	if c.Guests, err = eachErr(m.GetGuests(), guestFromPB); err != nil {
		return tap.Change{}, fmt.Errorf("guests%w", err)
	}
	if c.Attachments, err = eachErr(m.GetAttachments(), attachmentFromPB); err != nil {
		return tap.Change{}, fmt.Errorf("attachments%w", err)
	}
	if c.Services, err = eachErr(m.GetServices(), serviceFromPB); err != nil {
		return tap.Change{}, fmt.Errorf("services%w", err)
	}
	if c.Flows, err = eachErr(m.GetFlows(), flowFromPB); err != nil {
		return tap.Change{}, fmt.Errorf("flows%w", err)
	}
	return c, nil
}
