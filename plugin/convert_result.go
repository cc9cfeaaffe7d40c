package plugin

import (
	"fmt"
	"slices"

	pb "github.com/tapline-sdn/tapline/plugin/mirrorpb"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// This file converts what a plugin answers: programs and statuses. In all of it "last" is the
// program of a host before the one that is converted: see delta.go.

func portToPB(p *tap.Port) *pb.Port {
	return &pb.Port{
		Owner: p.Owner, Bridge: p.Bridge, Name: p.Name, Type: p.Type, Options: p.Options,
		OfportRequest: p.OFPortRequest, VlanMode: p.VLANMode,
		Trunks: convertAll(p.Trunks, uint16ToPB), Plugged: p.Plugged,
	}
}

func portFromPB(m *pb.Port) (tap.Port, error) {
	var r fieldReader
	p := tap.Port{
		Owner: intern(m.GetOwner()), Bridge: intern(m.GetBridge()), Name: intern(m.GetName()),
		Type: intern(m.GetType()), Options: m.GetOptions(), OFPortRequest: m.GetOfportRequest(),
		VLANMode: intern(m.GetVlanMode()), Plugged: m.GetPlugged(),
	}

	for _, v := range m.GetTrunks() {
		p.Trunks = append(p.Trunks, r.uint16("trunks", v))
	}

	return p, r.err
}

func mirrorToPB(m *tap.Mirror) *pb.MirrorRecord {
	return &pb.MirrorRecord{
		Owner: m.Owner, Bridge: m.Bridge, Name: m.Name,
		SelectAll: m.SelectAll, Leaving: m.Leaving, SelectSrc: m.SelectSrc, SelectDst: m.SelectDst,
		SelectVlan: convertAll(m.SelectVLAN, uint16ToPB), Output: m.Output,
	}
}

func mirrorFromPB(m *pb.MirrorRecord) (tap.Mirror, error) {
	var r fieldReader
	out := tap.Mirror{
		Owner: intern(m.GetOwner()), Bridge: intern(m.GetBridge()), Name: intern(m.GetName()),
		SelectAll: m.GetSelectAll(), Leaving: m.GetLeaving(),
		SelectSrc: internAll(m.GetSelectSrc()),
		SelectDst: internAll(m.GetSelectDst()), Output: intern(m.GetOutput()),
	}

	for _, v := range m.GetSelectVlan() {
		out.SelectVLAN = append(out.SelectVLAN, r.uint16("select_vlan", v))
	}

	return out, r.err
}

func tunnelToPB(t *tap.Tunnel) *pb.Tunnel {
	return &pb.Tunnel{
		Port: t.Port, Ports: t.Ports,
		Peers: convertAll(t.Peers, func(p *tap.Peer) *pb.Peer {
			return &pb.Peer{
				Addr: addrToPB(p.Addr), Port: p.Port, ProbeKey: p.ProbeKey, Owners: p.Owners,
				FrameSize: p.FrameSize,
			}
		}),
		Collectors: convertAll(t.Collectors, func(c *tap.Collector) *pb.Collector {
			return &pb.Collector{
				Addr: addrToPB(c.Addr), Port: c.Port, KeepAliveKey: c.KeepAliveKey,
				Erspan: uint32(c.ERSPAN), Owners: c.Owners,
			}
		}),
		Senders: convertAll(t.Senders, func(s *tap.Sender) *pb.Sender {
			return &pb.Sender{Addr: addrToPB(s.Addr), Port: s.Port, ProbeKey: s.ProbeKey}
		}),
	}
}

func tunnelFromPB(m *pb.Tunnel) (tap.Tunnel, error) {
	var r fieldReader
	t := tap.Tunnel{Port: m.GetPort(), Ports: m.GetPorts()}
	for _, p := range m.GetPeers() {
		t.Peers = append(t.Peers, tap.Peer{
			Addr: r.addr("tunnel.peers.addr", p.GetAddr()), Port: intern(p.GetPort()),
			ProbeKey: p.GetProbeKey(), Owners: p.GetOwners(), FrameSize: p.GetFrameSize(),
		})
	}

	for _, c := range m.GetCollectors() {
		t.Collectors = append(t.Collectors, tap.Collector{
			Addr: r.addr("tunnel.collectors.addr", c.GetAddr()), Port: c.GetPort(),
			KeepAliveKey: c.GetKeepAliveKey(), ERSPAN: uint8(c.GetErspan()),
			Owners: internAll(c.GetOwners()),
		})
	}
	for _, s := range m.GetSenders() {
		t.Senders = append(t.Senders, tap.Sender{
			Addr: r.addr("tunnel.senders.addr", s.GetAddr()), Port: intern(s.GetPort()),
			ProbeKey: s.GetProbeKey(),
		})
	}

	return t, r.err
}

func statusToPB(s *tap.Status) *pb.Status {
	return &pb.Status{
		Kind: string(s.Kind), Id: s.ID, State: string(s.State), Reason: s.Reason,
		Code: string(s.Code),
		Needs: convertAll(s.Needs, func(n *tap.Need) *pb.Need {
			return &pb.Need{Host: n.Host, Owner: n.Owner}
		}),
		Cut: cutToPB(s.Cut),
	}
}

func cutToPB(c *tap.Cut) *pb.Cut {
	if c == nil {
		return nil
	}
	return &pb.Cut{Size: c.Size, SourceMtu: c.SourceMTU, Mtu: c.MTU, Text: c.Text}
}

func cutFromPB(m *pb.Cut) *tap.Cut {
	if m == nil {
		return nil
	}
	return &tap.Cut{
		Size: m.GetSize(), SourceMTU: m.GetSourceMtu(), MTU: m.GetMtu(), Text: intern(m.GetText()),
	}
}

func statusFromPB(m *pb.Status) tap.Status {
	s := tap.Status{
		Kind: tap.Kind(intern(m.GetKind())), ID: m.GetId(),
		State: tap.State(intern(m.GetState())), Reason: intern(m.GetReason()),
		Code: tap.Code(intern(m.GetCode())),
		Cut:  cutFromPB(m.GetCut()),
	}

	for _, n := range m.GetNeeds() {
		s.Needs = append(s.Needs, tap.Need{Host: intern(n.GetHost()), Owner: intern(n.GetOwner())})
	}

	return s
}

// resultToPB converts a result; last are the programs that were sent before, by host.
func resultToPB(r *tap.Result, last map[string]tap.Program) (*pb.Result, error) {
	m := &pb.Result{Revision: r.Revision, Statuses: convertAll(r.Statuses, statusToPB)}
	for i := range r.Programs {
		before := last[r.Programs[i].Host]
		p, err := programToPB(&r.Programs[i], &before)
		if err != nil {
			return nil, err
		}
		m.Programs = append(m.Programs, p)
	}

	return m, nil
}

// resultFromPB converts a result, and keeps last, the programs received before by host, up to date.
func resultFromPB(m *pb.Result, last map[string]tap.Program) (r tap.Result, err error) {
	r.Revision = m.GetRevision()
	r.Programs, err = tryConvertAll(m.GetPrograms(), func(m *pb.Program) (tap.Program, error) {
		before := last[m.GetHost()]
		return programFromPB(m, &before)
	})
	if err != nil {
		return tap.Result{}, fmt.Errorf("programs%w", err)
	}

	for _, p := range r.Programs {
		last[p.Host] = p
	}

	for _, host := range m.GetForgottenHosts() {
		delete(last, host)
	}

	// Flows of one capture have the same needs and often follow each other: they share one slice.
	var shared []tap.Need
	for _, message := range m.GetStatuses() {
		s := statusFromPB(message)
		if !slices.Equal(s.Needs, shared) {
			shared = s.Needs
		}
		s.Needs = shared
		r.Statuses = append(r.Statuses, s)
	}

	return r, nil
}
