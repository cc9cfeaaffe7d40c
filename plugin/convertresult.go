package plugin

import (
	"fmt"
	"slices"

	"github.com/tapline-sdn/tapline/openflow"
	pb "github.com/tapline-sdn/tapline/plugin/mirrorpb"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

func portToPB(p *tap.Port) *pb.Port {
	return &pb.Port{
		Owner: p.Owner, Bridge: p.Bridge, Name: p.Name, Type: p.Type, Options: p.Options, OfportRequest: p.OFPortRequest,
		VlanMode: p.VLANMode, Trunks: each(p.Trunks, widen), Plugged: p.Plugged,
	}
}

func portFromPB(m *pb.Port) (tap.Port, error) {
	var r reader
	p := tap.Port{
		Owner: m.GetOwner(), Bridge: m.GetBridge(), Name: m.GetName(), Type: m.GetType(), Options: m.GetOptions(),
		OFPortRequest: m.GetOfportRequest(), VLANMode: m.GetVlanMode(), Plugged: m.GetPlugged(),
	}
	for _, v := range m.GetTrunks() {
		p.Trunks = append(p.Trunks, r.uint16("trunks", v))
	}
	return p, r.err
}

func mirrorToPB(m *tap.Mirror) *pb.MirrorRecord {
	return &pb.MirrorRecord{
		Owner: m.Owner, Bridge: m.Bridge, Name: m.Name, SelectAll: m.SelectAll, SelectSrc: m.SelectSrc, SelectDst: m.SelectDst,
		SelectVlan: each(m.SelectVLAN, widen), Output: m.Output,
	}
}

func mirrorFromPB(m *pb.MirrorRecord) (tap.Mirror, error) {
	var r reader
	out := tap.Mirror{
		Owner: m.GetOwner(), Bridge: m.GetBridge(), Name: m.GetName(), SelectAll: m.GetSelectAll(), SelectSrc: m.GetSelectSrc(),
		SelectDst: m.GetSelectDst(), Output: m.GetOutput(),
	}
	for _, v := range m.GetSelectVlan() {
		out.SelectVLAN = append(out.SelectVLAN, r.uint16("select_vlan", v))
	}
	return out, r.err
}

func flowEntryFromPB(m *pb.FlowEntry) (tap.FlowEntry, error) {
	message, _, err := openflow.Parse(m.GetFlowMod())
	if err != nil {
		return tap.FlowEntry{}, fmt.Errorf("flow_mod: %w", err)
	}
	mod, ok := message.(*openflow.FlowMod)
	if !ok {
		return tap.FlowEntry{}, fmt.Errorf("flow_mod: the message is a %T", message)
	}
	return tap.FlowEntry{Owner: m.GetOwner(), Mod: *mod}, nil
}

func flowEntryToPB(f *tap.FlowEntry) (*pb.FlowEntry, error) {
	b, err := openflow.AppendMessage(nil, 0, &f.Mod)
	if err != nil {
		return nil, fmt.Errorf("flow of %s: %w", f.Owner, err)
	}
	return &pb.FlowEntry{Owner: f.Owner, FlowMod: b}, nil
}

// programToPB converts a program, of which what stands as in the one before is told by its place there.
func programToPB(p *tap.Program, before *tap.Program) (*pb.Program, error) {
	m := &pb.Program{
		Host: p.Host,
		Bridge: &pb.TapBridge{
			Name: p.Bridge.Name, DatapathType: p.Bridge.DatapathType, FailMode: p.Bridge.FailMode, Protocols: p.Bridge.Protocols,
			OtherConfig: p.Bridge.OtherConfig,
		},
		Tunnel: &pb.Tunnel{Port: p.Tunnel.Port, Peers: each(p.Tunnel.Peers, func(t *tap.Peer) *pb.Peer {
			return &pb.Peer{Addr: addrToPB(t.Addr), Owners: t.Owners}
		})},
		Held: each(p.Held, func(h *tap.Hold) *pb.Hold { return &pb.Hold{Owner: h.Owner, Cookie: uint64(h.Cookie)} }),
	}
	var err error
	m.Ports, err = listToPB(before.Ports, p.Ports, (*tap.Port).Equal,
		func(n, from uint32) *pb.Port { return &pb.Port{Kept: n, KeptFrom: from} },
		func(o *tap.Port) (*pb.Port, error) { return portToPB(o), nil })
	if err == nil {
		m.Mirrors, err = listToPB(before.Mirrors, p.Mirrors, (*tap.Mirror).Equal,
			func(n, from uint32) *pb.MirrorRecord { return &pb.MirrorRecord{Kept: n, KeptFrom: from} },
			func(o *tap.Mirror) (*pb.MirrorRecord, error) { return mirrorToPB(o), nil })
	}
	if err == nil {
		m.Flows, err = listToPB(before.Flows, p.Flows, (*tap.FlowEntry).Equal,
			func(n, from uint32) *pb.FlowEntry { return &pb.FlowEntry{Kept: n, KeptFrom: from} }, flowEntryToPB)
	}
	if err != nil {
		return nil, fmt.Errorf("program of host %s: %w", p.Host, err)
	}
	return m, nil
}

// programFromPB converts a program; before is the one that was told of the host before.
func programFromPB(m *pb.Program, before *tap.Program) (p tap.Program, err error) {
	b := m.GetBridge()
	p = tap.Program{
		Host: m.GetHost(),
		Bridge: tap.TapBridge{
			Name: b.GetName(), DatapathType: b.GetDatapathType(), FailMode: b.GetFailMode(), Protocols: b.GetProtocols(),
			OtherConfig: b.GetOtherConfig(),
		},
	}
	for _, h := range m.GetHeld() {
		p.Held = append(p.Held, tap.Hold{Owner: h.GetOwner(), Cookie: openflow.Cookie(h.GetCookie())})
	}
	var r reader
	p.Tunnel.Port = m.GetTunnel().GetPort()
	for _, t := range m.GetTunnel().GetPeers() {
		p.Tunnel.Peers = append(p.Tunnel.Peers, tap.Peer{Addr: r.addr("tunnel.peers.addr", t.GetAddr()), Owners: t.GetOwners()})
	}
	if r.err != nil {
		return tap.Program{}, r.err
	}
	if p.Ports, err = listFromPB(before.Ports, m.GetPorts(), portFromPB); err != nil {
		return tap.Program{}, fmt.Errorf("ports%w", err)
	}
	if p.Mirrors, err = listFromPB(before.Mirrors, m.GetMirrors(), mirrorFromPB); err != nil {
		return tap.Program{}, fmt.Errorf("mirrors%w", err)
	}
	if p.Flows, err = listFromPB(before.Flows, m.GetFlows(), flowEntryFromPB); err != nil {
		return tap.Program{}, fmt.Errorf("flows%w", err)
	}
	return p, nil
}

// resultToPB converts a result; told are the programs that were told before, by host.
func resultToPB(r *tap.Result, told map[string]tap.Program) (*pb.Result, error) {
	m := &pb.Result{Revision: r.Revision}
	for i := range r.Programs {
		before := told[r.Programs[i].Host]
		p, err := programToPB(&r.Programs[i], &before)
		if err != nil {
			return nil, err
		}
		m.Programs = append(m.Programs, p)
	}
	for _, s := range r.Statuses {
		m.Statuses = append(m.Statuses, &pb.Status{
			Kind: string(s.Kind), Id: s.ID, State: string(s.State), Reason: s.Reason,
			Needs: each(s.Needs, func(n *tap.Need) *pb.Need { return &pb.Need{Host: n.Host, Owner: n.Owner} }),
		})
	}
	return m, nil
}

// resultFromPB converts a result, and remembers its programs, by host, among those that were told before.
func resultFromPB(m *pb.Result, told map[string]tap.Program) (r tap.Result, err error) {
	r.Revision = m.GetRevision()
	r.Programs, err = eachErr(m.GetPrograms(), func(m *pb.Program) (tap.Program, error) {
		before := told[m.GetHost()]
		return programFromPB(m, &before)
	})
	if err != nil {
		return tap.Result{}, fmt.Errorf("programs%w", err)
	}
	for _, p := range r.Programs {
		told[p.Host] = p
	}
	for _, host := range m.GetForgottenHosts() {
		delete(told, host)
	}
	var last []tap.Need // Flows of one capture need the same, and often stand side by side.
	for _, s := range m.GetStatuses() {
		needs := slices.Grow([]tap.Need(nil), len(s.GetNeeds()))
		for _, n := range s.GetNeeds() {
			needs = append(needs, tap.Need{Host: n.GetHost(), Owner: n.GetOwner()})
		}
		if !slices.Equal(needs, last) {
			last = needs
		}
		r.Statuses = append(r.Statuses, tap.Status{
			Kind: tap.Kind(s.GetKind()), ID: s.GetId(), State: tap.State(s.GetState()), Reason: s.GetReason(), Needs: last,
		})
	}
	return r, nil
}
