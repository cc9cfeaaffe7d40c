package openflow_test

import (
	"net/netip"
	"time"

	"github.com/tapline-sdn/tapline/openflow"
	"github.com/tapline-sdn/tapline/openflow/action"
	"github.com/tapline-sdn/tapline/openflow/oxm"
)

// allMatch has a field of every format, and one that is kept raw.
func allMatch() oxm.Match {
	raw, err := oxm.RawField([]byte{0x00, 0x01, 40 << 1, 4, 1, 2, 3, 4}) // tun_metadata0
	if err != nil {
		panic(err)
	}

	v4, v6 := netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("2001:db8::/32")
	return oxm.Match{
		oxm.InPort(openflow.PortLocal), oxm.MetadataMasked(0x100, 0xff00), oxm.TunnelID(5),
		oxm.TunSrc(netip.MustParseAddr("192.0.2.1")),
		oxm.TunDst(netip.MustParseAddr("2001:db8::1")),
		oxm.Reg(0, 7), oxm.RegMasked(15, 1, 3), oxm.XXReg(3, oxm.Uint128{Hi: 1, Lo: 2}),
		oxm.PktMark(3), oxm.CTState(0x22, 0x23), oxm.EthDst(openflow.MAC{1, 2, 3, 4, 5, 6}),
		oxm.EthSrcMasked(openflow.MAC{1}, openflow.MAC{1}), oxm.EthType(0x86dd), oxm.VLANVID(7),
		oxm.VLANPCP(3), oxm.IPDSCP(46), oxm.IPProto(6), oxm.IPv4Src(v4), oxm.IPv6Dst(v6),
		oxm.TCPSrc(80), oxm.TCPFlags(2, 0x12), oxm.ARPSPA(v4), raw,
	}
}

// allActions has every action.
func allActions() []action.Action {
	return []action.Action{
		action.Output{Port: 3}, action.Output{Port: openflow.PortController,
			MaxLen: action.MaxLenWhole},
		action.SetField{Field: oxm.TunDst(netip.MustParseAddr("192.0.2.2"))},
		action.SetField{Field: oxm.VLANVID(9)}, action.Group{ID: 4}, action.SetQueue{Queue: 5},
		action.PushVLAN{EtherType: 0x8100}, action.PopVLAN{}, action.PushMPLS{EtherType: 0x8847},
		action.PopMPLS{EtherType: 0x0800}, action.PushPBB{EtherType: 0x88e7}, action.PopPBB{},
		action.SetMPLSTTL{TTL: 9}, action.DecMPLSTTL{}, action.SetTTL{TTL: 8}, action.DecTTL{},
		action.CopyTTLOut{}, action.CopyTTLIn{}, action.RawAction{Type: 99, Data: "abcd"},
		action.Resubmit{InPort: openflow.PortInPort, Table: 3},
		action.OutputReg{Source: oxm.WholeField(oxm.FieldReg0), MaxLen: 64},
		action.OutputTrunc{Port: openflow.PortLocal, MaxLen: 128},
		action.RegLoad{Dst: oxm.Subfield{Field: oxm.FieldReg15, Offset: 4, Bits: 8}, Value: 0xab},
		action.RegMove{Src: oxm.WholeField(oxm.FieldIPv6Src), Dst: oxm.WholeField(oxm.FieldXXReg0)},
		action.Clone{Actions: []action.Action{action.Output{Port: 1}, action.Clone{}}},
		action.Conjunction{ID: 1, Clause: 2, Clauses: 3},
		action.Multipath{Fields: action.HashSymmetricL3L4UDP, Basis: 7, Links: 64,
			Dst: oxm.Subfield{Field: oxm.FieldReg0 + 3, Offset: 4, Bits: 6}},
		action.CheckPktLarger{Size: 1500,
			Dst: oxm.Subfield{Field: oxm.FieldReg0, Offset: 7, Bits: 1}},
		action.Learn{IdleTimeout: 1, HardTimeout: 2, Priority: 3, Cookie: 4, Flags: 1, Table: 5,
			FinIdleTimeout: 6,
			FinHardTimeout: 7, Specs: "\x00\x10\x00\x00\x00\x00\x00\x00"},
		action.Controller{MaxLen: 0xffff, ID: 7, Reason: action.ReasonAction},
		action.Exit{}, action.RawAction{Type: 0xffff,
			Data: "\x00\x00\x23\x20\x03\xe7\x00\x00\x00\x00\x00\x00"},
	}
}

// allInstructions has every instruction.
func allInstructions() []action.Instruction {
	return []action.Instruction{
		action.Meter{ID: 3}, action.ApplyActions(allActions()), action.ClearActions{},
		action.WriteActions{action.Output{Port: 2}}, action.WriteMetadata{Value: 1, Mask: 3},
		action.GotoTable{Table: 9}, action.RawInstruction{Type: 77, Data: "\x00\x00\x00\x01"},
	}
}

// messages has every type of message, with every field set.
func messages() map[string]openflow.Message {
	request := func(body openflow.MultipartRequestBody) openflow.Message {
		return &openflow.MultipartRequest{Body: body}
	}
	reply := func(body openflow.MultipartReplyBody) openflow.Message {
		return &openflow.MultipartReply{Flags: openflow.MultipartMore, Body: body}
	}
	const age = 3*time.Second + 5*time.Nanosecond
	port := openflow.Port{No: 1, HWAddr: openflow.MAC{1, 2, 3, 4, 5, 6}, Name: "tap0123456789ab",
		Config: openflow.PortDown,
		State:  openflow.PortLinkDown, Curr: 1, Advertised: 2, Supported: 3, Peer: 4, CurrSpeed: 5,
		MaxSpeed: 6}

	buckets := []openflow.Bucket{
		{Weight: 5, Actions: []action.Action{action.Output{Port: 1}}},
		{WatchPort: 3, WatchGroup: openflow.OnlyGroup(0),
			Actions: []action.Action{action.PopVLAN{}}},
	}

	bands := []openflow.Band{
		{Kind: openflow.BandDrop, Rate: 1000, BurstSize: 10},
		{Kind: openflow.BandDSCPRemark, Rate: 2000, BurstSize: 20, Param: 1 << 24},
	}

	async := openflow.AsyncConfig{
		Master: openflow.AsyncMasks{PacketIn: 1, PortStatus: 2, FlowRemoved: 3},
		Slave:  openflow.AsyncMasks{PacketIn: 4, PortStatus: 5, FlowRemoved: 6},
	}

	flow := openflow.FlowStats{Table: 1, Duration: age, Priority: 2, IdleTimeout: 3, HardTimeout: 4,
		Flags: openflow.FlowSendRemoved, Cookie: 5, PacketCount: 6, ByteCount: 7, Match: allMatch(),
		Instructions: allInstructions()}
	flowMod := &openflow.FlowMod{Cookie: 1, CookieMask: 2, Table: 3,
		Command: openflow.FlowDeleteStrict, IdleTimeout: 4,
		HardTimeout: 5, Priority: 6, BufferID: openflow.Buffer(0), OutPort: 7,
		OutGroup: openflow.OnlyGroup(0),
		Flags:    openflow.FlowResetCounts, Match: allMatch(), Instructions: allInstructions()}
	return map[string]openflow.Message{
		"hello":      &openflow.Hello{Versions: []uint8{1, 4, 6}},
		"hello bare": &openflow.Hello{},
		"hello far":  &openflow.Hello{Versions: []uint8{4, 33, 255}},
		"error": &openflow.Error{ErrType: openflow.ErrorFlowModFailed, Code: 1,
			Data: []byte("header")},
		"error experimenter": &openflow.Error{ErrType: openflow.ErrorExperimenter,
			Code: openflow.BundleErrMsgFailed, Experimenter: 0x4f4e4600, Data: []byte{1}},
		"echo request": &openflow.EchoRequest{Data: []byte("ping")},
		"echo reply":   &openflow.EchoReply{Data: []byte("ping")},
		"experimenter": &openflow.Experimenter{Experimenter: 7, ExpType: 8,
			Data: []byte("raw")},
		"features request": &openflow.FeaturesRequest{},
		"features reply": &openflow.FeaturesReply{DatapathID: 1, NBuffers: 2, NTables: 254,
			AuxID:        3,
			Capabilities: openflow.CapFlowStats | openflow.CapQueueStats, Reserved: 4},
		"get config request": &openflow.GetConfigRequest{},
		"get config reply": &openflow.GetConfigReply{
			SwitchConfig: openflow.SwitchConfig{Flags: openflow.FragDrop, MissSendLen: 128}},
		"set config": &openflow.SetConfig{
			SwitchConfig: openflow.SwitchConfig{Flags: openflow.FragReasm, MissSendLen: 0xffff}},
		"packet in": &openflow.PacketIn{TotalLen: 99, Reason: openflow.PacketInAction, Table: 1,
			Cookie: 2,
			Match:  oxm.Match{oxm.InPort(3)}, Data: []byte("frame")},
		"packet in buffered": &openflow.PacketIn{BufferID: openflow.Buffer(0)},
		"flow removed": &openflow.FlowRemoved{Cookie: 1, Priority: 2,
			Reason: openflow.RemovedDelete, Table: 3, Duration: age,
			IdleTimeout: 4, HardTimeout: 5, PacketCount: 6, ByteCount: 7, Match: allMatch()},
		"port status": &openflow.PortStatus{Reason: openflow.PortModified, Port: port},
		"packet out": &openflow.PacketOut{InPort: 3, Actions: allActions(),
			Data: []byte("frame")},
		"flow mod":     flowMod,
		"flow mod add": &openflow.FlowMod{},
		"group mod": &openflow.GroupMod{Command: openflow.GroupModify,
			Group: openflow.GroupTypeFF, ID: 1, Buckets: buckets},
		"port mod": &openflow.PortMod{Port: 1, HWAddr: openflow.MAC{6, 5},
			Config: openflow.PortDown, Mask: openflow.PortNoFwd,
			Advertise: 2},
		"table mod": &openflow.TableMod{Table: 1, Config: 3},
		"meter mod": &openflow.MeterMod{Command: openflow.MeterModify,
			Flags: openflow.MeterKbps | openflow.MeterBurst, ID: 1, Bands: bands},
		"barrier request": &openflow.BarrierRequest{},
		"barrier reply":   &openflow.BarrierReply{},
		"role request":    &openflow.RoleRequest{Role: openflow.RoleMaster, GenerationID: 1 << 60},
		"role reply":      &openflow.RoleReply{Role: openflow.RoleSlave, GenerationID: 7},
		"get async":       &openflow.GetAsyncRequest{},
		"get async reply": &openflow.GetAsyncReply{AsyncConfig: async},
		"set async":       &openflow.SetAsync{AsyncConfig: async},
		"queue config": &openflow.Raw{MessageType: openflow.TypeQueueConfigReq,
			Data: []byte{0, 0, 0, 1, 0, 0, 0, 0}},
		"type 99": &openflow.Raw{MessageType: 99, Data: []byte("?")},
		"bundle control": &openflow.BundleControl{BundleID: 1, Ctrl: openflow.BundleCommit,
			Flags: openflow.BundleAtomic, Properties: make([]byte, 8)},
		"bundle add": &openflow.BundleAdd{BundleID: 1, Flags: openflow.BundleOrdered,
			Message: flowMod},
		"bundle add padded": &openflow.BundleAdd{BundleID: 1,
			Message:    &openflow.EchoRequest{Data: []byte("x")},
			Properties: make([]byte, 8)},
		"monitor cancel":  &openflow.FlowMonitorCancel{ID: 5},
		"monitor paused":  &openflow.FlowMonitorPaused{},
		"monitor resumed": &openflow.FlowMonitorResumed{},
		"role status": &openflow.RoleStatus{Role: openflow.RoleSlave,
			Reason: openflow.RoleConfig, GenerationID: 1<<60 + 1},
		"controller id": &openflow.SetControllerID{ID: 7},

		"desc request": request(openflow.DescRequest{}),
		"flow stats request": request(openflow.FlowStatsRequest{Table: 1, OutPort: 2,
			OutGroup: openflow.OnlyGroup(3), Cookie: 4, CookieMask: 5, Match: allMatch()}),
		"aggregate request":   request(openflow.AggregateRequest{Table: openflow.TableAll}),
		"table stats request": request(openflow.TableStatsRequest{}),
		"port stats request":  request(openflow.PortStatsRequest{Port: 4}),
		"queue stats request": request(openflow.QueueStatsRequest{Port: 4,
			Queue: openflow.OnlyQueue(0)}),
		"group stats request":    request(openflow.GroupStatsRequest{ID: openflow.GroupAll}),
		"group desc request":     request(openflow.GroupDescRequest{}),
		"group features request": request(openflow.GroupFeaturesRequest{}),
		"meter stats request":    request(openflow.MeterStatsRequest{ID: openflow.MeterAll}),
		"meter config request":   request(openflow.MeterConfigRequest{ID: 3}),
		"meter features request": request(openflow.MeterFeaturesRequest{}),
		"port desc request":      request(openflow.PortDescRequest{}),
		"table features request": request(
			openflow.RawRequest{Multipart: openflow.MultipartTableFeatures}),
		"experimenter request": request(openflow.ExperimenterRequest{Experimenter: 1, ExpType: 2,
			Data: []byte{3}}),
		"flow monitor request": request(openflow.FlowMonitorRequest{ID: 1,
			Flags: openflow.MonitorAdd | openflow.MonitorOwn, OutPort: 4, Table: 5,
			Match: allMatch()}),
		"flow monitor everything": request(openflow.FlowMonitorRequest{ID: 1,
			Flags: openflow.MonitorInitial | openflow.MonitorAdd, Table: openflow.TableAll}),

		"desc reply": reply(openflow.Desc{Manufacturer: "m", Hardware: "h", Software: "s",
			SerialNum: "n", Datapath: "d"}),
		"flow stats reply": reply(openflow.FlowStatsReply{flow, {}}),
		"aggregate reply": reply(openflow.AggregateReply{PacketCount: 1, ByteCount: 2,
			FlowCount: 3}),
		"table stats reply": reply(openflow.TableStatsReply{{Table: 1, ActiveCount: 2,
			LookupCount: 3, MatchedCount: 4},
			{Table: 2}}),
		"port stats reply": reply(openflow.PortStatsReply{{Port: 1, RxPackets: 2, TxPackets: 3,
			RxBytes: 4, TxBytes: 5,
			RxDropped: 6, TxDropped: 7, RxErrors: 8, TxErrors: 9, RxFrameErr: 10, RxOverErr: 11,
			RxCRCErr:   12,
			Collisions: 13, Duration: age}}),
		"queue stats reply": reply(openflow.QueueStatsReply{{Port: 1, Queue: 2, TxBytes: 3,
			TxPackets: 4, TxErrors: 5, Duration: age},
			{Port: 2, Duration: openflow.DurationUnknown}}),
		"group stats reply": reply(openflow.GroupStatsReply{{ID: 1, RefCount: 2, PacketCount: 3,
			ByteCount: 4, Duration: age,
			Buckets: []openflow.BucketCounter{{PacketCount: 5, ByteCount: 6}}}}),
		"group desc reply": reply(openflow.GroupDescReply{{Group: openflow.GroupTypeSelect, ID: 1,
			Buckets: buckets}, {ID: 2}}),
		"group features reply": reply(openflow.GroupFeatures{Types: 1, Capabilities: 2,
			MaxGroups: [4]uint32{3, 4, 5, 6},
			Actions:   [4]uint32{7, 8, 9, 10}}),
		"meter stats reply": reply(openflow.MeterStatsReply{{ID: 1, FlowCount: 2, PacketCount: 3,
			ByteCount: 4, Duration: age,
			Bands: []openflow.BandCounter{{PacketCount: 5, ByteCount: 6}}}}),
		"meter config reply": reply(openflow.MeterConfigReply{{Flags: openflow.MeterPktps, ID: 1,
			Bands: bands}, {ID: 2}}),
		"meter features reply": reply(openflow.MeterFeatures{MaxMeter: 1, BandTypes: 2,
			Capabilities: 3, MaxBands: 4, MaxColor: 5}),
		"port desc reply": reply(openflow.PortDescReply{port,
			{No: openflow.PortLocal, Name: "br0"}}),
		"table features reply": reply(openflow.RawReply{Multipart: openflow.MultipartTableFeatures,
			Data: []byte{1, 2}}),
		"experimenter reply": reply(openflow.ExperimenterReply{Experimenter: 1, ExpType: 2,
			Data: []byte{3}}),
		"flow monitor reply": reply(openflow.FlowMonitorReply{
			{Event: openflow.FlowAdded, Priority: 1, IdleTimeout: 2, HardTimeout: 3, Table: 4,
				Cookie: 5,
				Match:  oxm.Match{oxm.InPort(6)}, Instructions: allInstructions()},
			{Event: openflow.FlowDeleted, Reason: openflow.RemovedDelete},
			{Event: openflow.FlowAbbrev, XID: 7},
		}),
	}
}
