package plugin

import (
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/tapline-sdn/tapline/openflow"
	"github.com/tapline-sdn/tapline/openflow/action"
	"github.com/tapline-sdn/tapline/openflow/oxm"
	pb "github.com/tapline-sdn/tapline/plugin/mirrorpb"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// filler gives every field of a value a content of its own, so that a field that a conversion
// forgets or swaps shows.
type filler struct{ n int }

func (f *filler) fill(t *testing.T, v reflect.Value) {
	t.Helper()
	f.n++
	switch p := v.Addr().Interface().(type) {
	case *tap.MAC:
		*p = tap.MAC{2, 0, 0, 0, byte(f.n >> 8), byte(f.n)}
		return
	case *netip.Addr:
		*p = netip.AddrFrom4([4]byte{10, 0, byte(f.n >> 8), byte(f.n)})
		if f.n%2 == 0 {
			*p = netip.AddrFrom16([16]byte{0x20, 1, 14: byte(f.n >> 8), 15: byte(f.n)})
		}
		return
	case *time.Time:
		*p = time.Unix(int64(f.n), int64(f.n)).UTC()
		return
	case *openflow.FlowMod:
		*p = openflow.FlowMod{
			Cookie: openflow.Cookie(f.n), Table: openflow.TableID(f.n % 200), Priority: uint16(f.n),
			Match:        oxm.Match{oxm.InPort(openflow.PortNo(f.n)), oxm.Metadata(uint64(f.n))},
			Instructions: []action.Instruction{action.GotoTable{Table: 201}},
		}
		return
	case *openflow.GroupMod:
		*p = openflow.GroupMod{Group: openflow.GroupTypeSelect, ID: uint32(f.n),
			Buckets: []openflow.Bucket{{Weight: uint16(f.n)}}}
		return
	case *openflow.MeterMod:
		*p = openflow.MeterMod{Flags: openflow.MeterPktps, ID: uint32(f.n),
			Bands: []openflow.Band{{Kind: openflow.BandDrop, Rate: uint32(f.n)}}}
		return
	}

	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			f.fill(t, v.Field(i))
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		f.fill(t, v.Elem())
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range v.Len() {
			f.fill(t, v.Index(i))
		}
	case reflect.Map:
		v.Set(reflect.ValueOf(map[string]string{fmt.Sprint("key-", f.n): fmt.Sprint("value-", f.n),
			"empty": ""}))
	case reflect.String:
		v.SetString(fmt.Sprint("text-", f.n))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int:
		v.SetInt(int64(f.n))
	case reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		v.SetUint(uint64(f.n))
	default:
		t.Fatalf("the filler knows no %s", v.Type())
	}
}

// requireAllSet fails where a field of a message, or of a message in it, is not set.
func requireAllSet(t *testing.T, m protoreflect.Message) {
	t.Helper()
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		f := fields.Get(i)
		if slices.Contains([]protoreflect.Name{"kept", "kept_from", "forgotten_hosts",
			"remembers_programs"}, f.Name()) {
			continue // See TestKeptPrograms.
		}

		assert.True(t, m.Has(f), "%s is never written", f.FullName())
		switch v := m.Get(f); {
		case f.IsMap():
		case f.IsList() && f.Message() != nil:
			for j := range v.List().Len() {
				requireAllSet(t, v.List().Get(j).Message())
			}
		case f.Message() != nil && m.Has(f):
			requireAllSet(t, v.Message())
		}
	}
}

// overTheWire writes a message and reads it.
func overTheWire[M proto.Message](t *testing.T, m, into M) M {
	t.Helper()
	b, err := proto.Marshal(m)
	require.NoError(t, err)
	require.NoError(t, proto.Unmarshal(b, into))
	return into
}

func TestConvertChange(t *testing.T) {
	var full tap.Change
	new(filler).fill(t, reflect.ValueOf(&full).Elem())
	for name, c := range map[string]tap.Change{"full": full, "zero": {}, "zero objects": {
		Hosts: []tap.Host{{}}, Guests: []tap.Guest{{NICs: []tap.NIC{{}}}},
		Attachments: []tap.Attachment{{}}, Services: []tap.Service{{}}, Flows: []tap.Flow{{}},
	}} {
		t.Run(name, func(t *testing.T) {
			m := changeToPB(&c)
			if name == "full" {
				requireAllSet(t, m.ProtoReflect())
			}
			back, err := changeFromPB(overTheWire(t, m, &pb.Change{}))
			require.NoError(t, err)
			assert.Equal(t, c, back)
		})
	}
}

func TestConvertResult(t *testing.T) {
	var full tap.Result
	new(filler).fill(t, reflect.ValueOf(&full).Elem())
	for name, r := range map[string]tap.Result{"full": full, "zero": {}, "zero objects": {
		Programs: []tap.Program{{Ports: []tap.Port{{}}, Mirrors: []tap.Mirror{{}},
			Flows: []tap.FlowEntry{{}}, Held: []tap.Hold{{}}}},
		Statuses: []tap.Status{{}},
	}} {
		t.Run(name, func(t *testing.T) {
			m, err := resultToPB(&r, nil)
			require.NoError(t, err)
			if name == "full" {
				requireAllSet(t, m.ProtoReflect())
			}
			back, err := resultFromPB(overTheWire(t, m, &pb.Result{}), map[string]tap.Program{})
			require.NoError(t, err)
			assert.Equal(t, r, back)
		})
	}
}

func TestConvertFlowModThatCannotBeEncoded(t *testing.T) {
	_, err := resultToPB(&tap.Result{Programs: []tap.Program{{Host: "h1", Flows: []tap.FlowEntry{
		{Owner: "t1", Mod: openflow.FlowMod{Instructions: []action.Instruction{nil}}}}}}}, nil)
	assert.ErrorContains(t, err, "program of host h1: flow of t1: ")
}

func TestConvertMalformedChange(t *testing.T) {
	for _, test := range []struct {
		name string
		give *pb.Change
		want string
	}{
		{"tunnel address", &pb.Change{Hosts: []*pb.Host{{}, {TunnelIp: make([]byte, 5)}}},
			"hosts[1]: tunnel_ip: 5 octets: want 4 or 16"},
		{"address of a tap port",
			&pb.Change{Hosts: []*pb.Host{{TapPorts: []*pb.TapPort{{Mac: make([]byte, 5)}}}}},
			"hosts[0]: tap_ports.mac: 5 octets: want 6"},
		{"address of a NIC", &pb.Change{Hosts: []*pb.Host{{Nics: []*pb.HostNIC{{Mac: make([]byte,
			7)}}}}}, "hosts[0]: nics.mac: 7 octets: want 6"},
		{"seen address of a NIC",
			&pb.Change{Hosts: []*pb.Host{{Nics: []*pb.HostNIC{{SeenMac: make([]byte, 1)}}}}},
			"hosts[0]: nics.seen_mac: 1 octets: want 6"},
		{"number of mirrors",
			&pb.Change{Hosts: []*pb.Host{{Bridges: []*pb.Bridge{{OtherMirrors: -1}}}}},
			"hosts[0]: bridges.other_mirrors: -1: want 0 or more"},
		{"address of a guest", &pb.Change{Guests: []*pb.Guest{{Nics: []*pb.NIC{{Mac: make([]byte,
			5)}}}}}, "guests[0]: nics.mac: 5 octets: want 6"},
		{"IP of a guest",
			&pb.Change{Guests: []*pb.Guest{{Nics: []*pb.NIC{{Ips: [][]byte{make([]byte, 3)}}}}}},
			"guests[0]: nics.ips: 3 octets: want 4 or 16"},
		{"address of a service", &pb.Change{Services: []*pb.Service{{Mac: make([]byte, 5)}}},
			"services[0]: mac: 5 octets: want 6"},
		{"address of a flow", &pb.Change{Flows: []*pb.Flow{{Mac: make([]byte, 5)}}},
			"flows[0]: mac: 5 octets: want 6"},
		{"IP of a flow", &pb.Change{Flows: []*pb.Flow{{Ip: make([]byte, 5)}}},
			"flows[0]: ip: 5 octets: want 4 or 16"},
		{"VLAN of a flow", &pb.Change{Flows: []*pb.Flow{{}, {}, {Vlan: 65536}}},
			"flows[2]: vlan: 65536 does not fit 16 bits"},
		{"VLAN action of a flow", &pb.Change{Flows: []*pb.Flow{{VlanAction: 65536}}},
			"flows[0]: vlan_action: 65536 does not fit 16 bits"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c, err := changeFromPB(test.give)
			assert.EqualError(t, err, test.want)
			assert.Equal(t, tap.Change{}, c)
		})
	}
}

func TestConvertMalformedResult(t *testing.T) {
	hello, err := openflow.AppendMessage(nil, 0, &openflow.Hello{})
	require.NoError(t, err)
	flow, err := openflow.AppendMessage(nil, 0, &openflow.FlowMod{})
	require.NoError(t, err)
	program := func(p *pb.Program) *pb.Result { return &pb.Result{Programs: []*pb.Program{{}, p}} }
	for _, test := range []struct {
		name string
		give *pb.Result
		want string
	}{
		{"tunnel address",
			program(&pb.Program{Tunnel: &pb.Tunnel{Peers: []*pb.Peer{{Addr: []byte{1}}}}}),
			"programs[1]: tunnel.peers.addr: 1 octets: want 4 or 16"},
		{"trunk", program(&pb.Program{Ports: []*pb.Port{{Trunks: []uint32{1, 70000}}}}),
			"programs[1]: ports[0]: trunks: 70000 does not fit 16 bits"},
		{"VLAN", program(&pb.Program{Mirrors: []*pb.MirrorRecord{{SelectVlan: []uint32{70000}}}}),
			"programs[1]: mirrors[0]: select_vlan: 70000 does not fit 16 bits"},
		{"no flow", program(&pb.Program{Flows: []*pb.FlowEntry{{}}}),
			"programs[1]: flows[0]: flow_mod: "},
		{"a flow cut short",
			program(&pb.Program{Flows: []*pb.FlowEntry{{FlowMod: flow[:len(flow)-1]}}}),
			"programs[1]: flows[0]: flow_mod: "},
		{"two flows in one",
			program(&pb.Program{Flows: []*pb.FlowEntry{{FlowMod: append(flow[:len(flow):len(flow)],
				flow...)}}}), "programs[1]: flows[0]: flow_mod: "},
		{"kept of nothing", program(&pb.Program{Ports: []*pb.Port{{}, {Kept: 1}}}),
			"programs[1]: ports[1]: 1 are kept from place 0 of 0"},
		{"no group", program(&pb.Program{Groups: []*pb.GroupEntry{{GroupMod: flow}}}),
			"programs[1]: groups[0]: group_mod: the message is a *openflow.FlowMod"},
		{"no meter", program(&pb.Program{Meters: []*pb.MeterEntry{{MeterMod: flow}}}),
			"programs[1]: meters[0]: meter_mod: the message is a *openflow.FlowMod"},
		{"another message", program(&pb.Program{Flows: []*pb.FlowEntry{{FlowMod: hello}}}),
			"programs[1]: flows[0]: flow_mod: the message is a *openflow.Hello"},
	} {
		t.Run(test.name, func(t *testing.T) {
			r, err := resultFromPB(test.give, map[string]tap.Program{})
			require.ErrorContains(t, err, test.want)
			assert.Equal(t, tap.Result{}, r)
		})
	}
}

// FuzzChangeFromPB: no message of a peer does harm, and what is accepted says the same after
// another journey.
func FuzzChangeFromPB(f *testing.F) {
	var full tap.Change
	new(filler).fill(new(testing.T), reflect.ValueOf(&full).Elem())
	seed, err := proto.Marshal(changeToPB(&full))
	if err != nil {
		f.Fatal(err)
	}

	f.Add(seed)
	f.Fuzz(func(t *testing.T, data []byte) {
		var m pb.Change
		if proto.Unmarshal(data, &m) != nil {
			return
		}

		c, err := changeFromPB(&m)
		if err != nil {
			return
		}

		again, err := changeFromPB(overTheWire(t, changeToPB(&c), &pb.Change{}))
		if err != nil || !assert.ObjectsAreEqual(c, again) {
			t.Fatalf("%+v becomes %+v, %v", c, again, err)
		}
	})
}
