package plugin

import (
	"fmt"

	"github.com/tapline-sdn/tapline/openflow"
	pb "github.com/tapline-sdn/tapline/plugin/mirrorpb"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// This file converts what a program has of OpenFlow, and programs as a whole.

func flowEntryToPB(f *tap.FlowEntry) (*pb.FlowEntry, error) {
	b, err := openflow.AppendMessage(nil, 0, &f.Mod)
	if err != nil {
		return nil, fmt.Errorf("flow of %s: %w", f.Owner, err)
	}
	return &pb.FlowEntry{Owner: f.Owner, FlowMod: b, Counts: string(f.Counts),
		TapFlows: f.TapFlows}, nil
}

func groupEntryToPB(g *tap.GroupEntry) (*pb.GroupEntry, error) {
	b, err := openflow.AppendMessage(nil, 0, &g.Mod)
	if err != nil {
		return nil, fmt.Errorf("group of %s: %w", g.Owner, err)
	}
	return &pb.GroupEntry{Owner: g.Owner, GroupMod: b}, nil
}

func meterEntryToPB(e *tap.MeterEntry) (*pb.MeterEntry, error) {
	b, err := openflow.AppendMessage(nil, 0, &e.Mod)
	if err != nil {
		return nil, fmt.Errorf("meter of %s: %w", e.Owner, err)
	}
	return &pb.MeterEntry{Owner: e.Owner, Counts: string(e.Counts), MeterMod: b}, nil
}

// modFromPB parses a message of a type.
func modFromPB[T any, P interface {
	*T
	openflow.Message
}](field string, data []byte) (T, error) {
	var none T
	message, _, err := openflow.Parse(data)
	if err != nil {
		return none, fmt.Errorf("%s: %w", field, err)
	}

	mod, ok := message.(P)
	if !ok {
		return none, fmt.Errorf("%s: the message is a %T", field, message)
	}
	return *mod, nil
}

func flowEntryFromPB(m *pb.FlowEntry) (tap.FlowEntry, error) {
	mod, err := modFromPB[openflow.FlowMod]("flow_mod", m.GetFlowMod())
	if err != nil {
		return tap.FlowEntry{}, err
	}

	return tap.FlowEntry{Owner: intern(m.GetOwner()), Mod: mod,
		Counts: tap.FlowCount(intern(m.GetCounts())), TapFlows: internAll(m.GetTapFlows())}, nil
}

func groupEntryFromPB(m *pb.GroupEntry) (tap.GroupEntry, error) {
	mod, err := modFromPB[openflow.GroupMod]("group_mod", m.GetGroupMod())
	if err != nil {
		return tap.GroupEntry{}, err
	}
	return tap.GroupEntry{Owner: intern(m.GetOwner()), Mod: mod}, nil
}

func meterEntryFromPB(m *pb.MeterEntry) (tap.MeterEntry, error) {
	mod, err := modFromPB[openflow.MeterMod]("meter_mod", m.GetMeterMod())
	if err != nil {
		return tap.MeterEntry{}, err
	}
	return tap.MeterEntry{
		Owner: intern(m.GetOwner()), Counts: tap.MeterCount(intern(m.GetCounts())), Mod: mod,
	}, nil
}

func tapBridgeToPB(b *tap.TapBridge) *pb.TapBridge {
	return &pb.TapBridge{
		Name: b.Name, DatapathType: b.DatapathType, FailMode: b.FailMode,
		Protocols: b.Protocols, OtherConfig: b.OtherConfig, MatchFragments: b.MatchFragments,
	}
}

func tapBridgeFromPB(m *pb.TapBridge) tap.TapBridge {
	return tap.TapBridge{
		Name: m.GetName(), DatapathType: m.GetDatapathType(), FailMode: m.GetFailMode(),
		Protocols: m.GetProtocols(), OtherConfig: m.GetOtherConfig(),
		MatchFragments: m.GetMatchFragments(),
	}
}

func programToPB(p *tap.Program, last *tap.Program) (*pb.Program, error) {
	m := &pb.Program{
		Host:   p.Host,
		Bridge: tapBridgeToPB(&p.Bridge),
		Tunnel: tunnelToPB(&p.Tunnel),
		Held: convertAll(p.Held, func(h *tap.Hold) *pb.Hold {
			return &pb.Hold{Owner: h.Owner, Cookie: uint64(h.Cookie)}
		}),
	}

	var err error
	m.Ports, err = listToPB(last.Ports, p.Ports, (*tap.Port).Equal,
		func(n, from uint32) *pb.Port { return &pb.Port{Kept: n, KeptFrom: from} },
		func(o *tap.Port) (*pb.Port, error) { return portToPB(o), nil })
	if err == nil {
		m.Mirrors, err = listToPB(last.Mirrors, p.Mirrors, (*tap.Mirror).Equal,
			func(n, from uint32) *pb.MirrorRecord {
				return &pb.MirrorRecord{Kept: n,
					KeptFrom: from}
			},
			func(o *tap.Mirror) (*pb.MirrorRecord, error) { return mirrorToPB(o), nil })
	}
	if err == nil {
		err = openFlowToPB(p, last, m)
	}

	if err != nil {
		return nil, fmt.Errorf("program of host %s: %w", p.Host, err)
	}

	return m, nil
}

// openFlowToPB converts the flows, groups and meters of a program.
func openFlowToPB(p, last *tap.Program, m *pb.Program) (err error) {
	m.Flows, err = listToPB(last.Flows, p.Flows, (*tap.FlowEntry).Equal,
		func(n, from uint32) *pb.FlowEntry { return &pb.FlowEntry{Kept: n, KeptFrom: from} },
		flowEntryToPB)
	if err != nil {
		return err
	}

	m.Groups, err = listToPB(last.Groups, p.Groups, (*tap.GroupEntry).Equal,
		func(n, from uint32) *pb.GroupEntry { return &pb.GroupEntry{Kept: n, KeptFrom: from} },
		groupEntryToPB)
	if err != nil {
		return err
	}

	m.Meters, err = listToPB(last.Meters, p.Meters, (*tap.MeterEntry).Equal,
		func(n, from uint32) *pb.MeterEntry { return &pb.MeterEntry{Kept: n, KeptFrom: from} },
		meterEntryToPB)
	return err
}

func programFromPB(m *pb.Program, last *tap.Program) (p tap.Program, err error) {
	p = tap.Program{Host: intern(m.GetHost()), Bridge: tapBridgeFromPB(m.GetBridge())}
	for _, h := range m.GetHeld() {
		p.Held = append(p.Held, tap.Hold{Owner: h.GetOwner(),
			Cookie: openflow.Cookie(h.GetCookie())})
	}

	if p.Tunnel, err = tunnelFromPB(m.GetTunnel()); err != nil {
		return tap.Program{}, err
	}
	if p.Ports, err = listFromPB(last.Ports, m.GetPorts(), portFromPB); err != nil {
		return tap.Program{}, fmt.Errorf("ports%w", err)
	}
	if p.Mirrors, err = listFromPB(last.Mirrors, m.GetMirrors(), mirrorFromPB); err != nil {
		return tap.Program{}, fmt.Errorf("mirrors%w", err)
	}
	if p.Flows, err = listFromPB(last.Flows, m.GetFlows(), flowEntryFromPB); err != nil {
		return tap.Program{}, fmt.Errorf("flows%w", err)
	}
	if p.Groups, err = listFromPB(last.Groups, m.GetGroups(), groupEntryFromPB); err != nil {
		return tap.Program{}, fmt.Errorf("groups%w", err)
	}
	if p.Meters, err = listFromPB(last.Meters, m.GetMeters(), meterEntryFromPB); err != nil {
		return tap.Program{}, fmt.Errorf("meters%w", err)
	}

	return p, nil
}
