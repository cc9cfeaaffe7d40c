package reconcile_test

import (
	"encoding/binary"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/controller/reconcile"
	"github.com/tapline-sdn/tapline/openflow"
	"github.com/tapline-sdn/tapline/openflow/action"
	"github.com/tapline-sdn/tapline/openflow/oxm"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

const echoKey = 0x00c0ffee // fits a VNI

// sending makes the capture of a program send into a tunnel, between two addresses.
func sending(from, to netip.Addr) func(*tap.Program) {
	return func(p *tap.Program) {
		for i := range p.Ports {
			if port := &p.Ports[i]; port.Type == "gre" {
				port.Options = map[string]string{"remote_ip": "flow", "key": "flow",
					"local_ip": from.String()}
			}
		}
		p.Ports = append(p.Ports, tap.Port{
			Owner: "tunnel-vxlan", Bridge: tapBridge, Name: "tl-vxlan", Type: "vxlan",
			Options: map[string]string{"remote_ip": "flow", "key": "flow",
				"local_ip": from.String(), "dst_port": "24789"},
		})
		p.Tunnel.Ports = []string{"tl-gre", "tl-vxlan"}
		p.Flows[len(p.Flows)-1] = flow("cap1", 2, 100, oxm.Match{oxm.Metadata(1)},
			action.GotoTable{Table: 3})
		p.Flows = append(p.Flows, flow("cap1", 3, 100, oxm.Match{oxm.Metadata(1)},
			apply(action.Clone{Actions: []action.Action{
				action.SetField{Field: oxm.TunnelID(echoKey)},
				action.SetField{Field: oxm.TunDst(to)},
				action.OutputTrunc{Port: 100, MaxLen: 1400},
			}})))
	}
}

// inner is a frame with a copy of another frame inside.
func inner(from, to netip.Addr, vxlan bool, key uint32, copied []byte) []byte {
	b := make([]byte, 12) // Ethernet addresses
	if from.Is4() {
		b = binary.BigEndian.AppendUint16(b, 0x0800)
		b = append(b, make([]byte, 12)...)
	} else {
		b = binary.BigEndian.AppendUint16(b, 0x86dd)
		b = append(b, make([]byte, 8)...)
	}
	b = append(append(b, from.AsSlice()...), to.AsSlice()...)
	if vxlan {
		b = append(b, 0xc0, 0x01, 0x60, 0xd5, 0, 0, 0, 0, 8, 0, 0, 0)
		return append(binary.BigEndian.AppendUint32(b, key<<8), copied...)
	}
	b = append(b, 0x20, 0, 0x65, 0x58)
	return append(binary.BigEndian.AppendUint32(b, key), copied...)
}

// TestEcho: a capture's own copies are told by addresses and key, however deep they are, and
// nothing else is taken for them.
func TestEcho(t *testing.T) {
	four := [2]netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")}
	six := [2]netip.Addr{netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("2001:db8::2")}
	other := netip.MustParseAddr("198.51.100.1")
	payload := make([]byte, 64)
	for _, addrs := range [][2]netip.Addr{four, six} {
		from, to := addrs[0], addrs[1]
		echoes := desired(t, program(sending(from, to))).Echoes()
		require.Len(t, echoes, 1)
		echo := &echoes[0]
		assert.Equal(t, "cap1", echo.Owner)

		for _, vxlan := range []bool{false, true} {
			own := inner(from, to, vxlan, echoKey, payload)
			for _, tc := range []struct {
				name  string
				frame []byte
				want  bool
			}{
				{"own copy", own, true},
				{"behind two tags", append(make([]byte, 8), own...), true},
				{"in another tunnel", inner(other, four[0], true, 9, own), true},
				{"in the copy of another", inner(to, from, false, 3, own), true},
				{"cut behind the key", own[:len(own)-len(payload)], true},
				{"cut before the key", own[:len(own)-len(payload)-8], false},
				{"another key", inner(from, to, vxlan, echoKey+1, payload), false},
				{"the other way", inner(to, from, vxlan, echoKey, payload), false},
				{"a guest's frame", payload, false},
				{"nothing", nil, false},
			} {
				assert.Equal(t, tc.want, echo.In(tc.frame), "%v, VXLAN %v: %s", from, vxlan,
					tc.name)
			}
		}
	}
}

// TestSampledFlows: copies are sampled by a flow of its own, which goes on as the flow below it
// does, expires by itself and is nobody's drift.
func TestSampledFlows(t *testing.T) {
	from, to := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
	d := desired(t, program(sending(from, to)))
	echo := d.Echoes()[0]

	mods := echo.Sampled()
	require.Len(t, mods, 1)
	sampled := &mods[0]
	assert.Equal(t, openflow.TableID(2), sampled.Table)
	assert.Equal(t, uint16(101), sampled.Priority)
	assert.Equal(t, uint16(reconcile.SampleTime), sampled.HardTimeout)
	require.Len(t, sampled.Instructions, 2)
	output := sampled.Instructions[0].(action.ApplyActions)[0].(action.Output)
	assert.Equal(t, openflow.PortController, output.Port)
	assert.Equal(t, action.GotoTable{Table: 3}, sampled.Instructions[1])
	assert.True(t, echo.Sent(&openflow.PacketIn{Cookie: sampled.Cookie}))
	assert.False(t, echo.Sent(&openflow.PacketIn{Cookie: echo.Cookie()}))

	probes := reconcile.NewProbes(nil, nil, nil)
	have := reconcile.Applied(nil, reconcile.DiffFlows(nil, d, probes, true, reconcile.Open).Mods)
	have = reconcile.Applied(have, mods)
	assert.Empty(t, reconcile.DiffFlows(have, d, probes, true, reconcile.Open).Mods)
	for i := range have {
		have[i].HardTimeout = 0
	}
	assert.Len(t, reconcile.DiffFlows(have, d, probes, true, reconcile.Open).Mods, 1,
		"one that does not expire is none of ours")

	have = reconcile.Applied(have, echo.Unsampled())
	assert.Len(t, have, len(d.Flows))
}

// TestNoEcho: captures that send into no tunnel have no echo.
func TestNoEcho(t *testing.T) {
	assert.Empty(t, desired(t, program()).Echoes())
	assert.Equal(t, "br0", desired(t, program()).SourceBridge("cap1"))
	assert.Empty(t, desired(t, program()).SourceBridge("tunnel"))
	var none reconcile.Echo
	assert.False(t, none.In(make([]byte, 100)))
}

// TestSamplerOfAGroup: copies that pass a group on their way are looked at before it.
func TestSamplerOfAGroup(t *testing.T) {
	p := program(without("cap1"))
	send := []action.Action{
		action.SetField{Field: oxm.TunnelID(7)},
		action.SetField{Field: oxm.TunDst(netip.MustParseAddr("192.0.2.9"))},
		action.Output{Port: 100},
	}
	p.Ports[0].Options["local_ip"] = "192.0.2.8"
	p.Groups = []tap.GroupEntry{{Owner: "cap", Mod: openflow.GroupMod{
		Group: openflow.GroupTypeSelect, ID: 3, Buckets: []openflow.Bucket{{Weight: 1,
			Actions: []action.Action{action.Resubmit{InPort: openflow.PortInPort, Table: 8}}}},
	}}}
	p.Meters = []tap.MeterEntry{{Owner: "cap", Mod: openflow.MeterMod{ID: 2,
		Flags: openflow.MeterPktps, Bands: []openflow.Band{{Kind: openflow.BandDrop, Rate: 1}}}}}
	p.Flows = append(p.Flows,
		flow("cap", 4, 100, nil, action.Meter{ID: 2}, apply(action.Group{ID: 3})),
		flow("cap", 8, 100, nil, apply(send...)))

	echoes := desired(t, p).Echoes()
	require.Len(t, echoes, 1)
	mods := echoes[0].Sampled()
	require.Len(t, mods, 1)
	assert.Equal(t, []action.Instruction{
		action.ApplyActions{
			action.Output{Port: openflow.PortController, MaxLen: 384}, action.Group{ID: 3},
		},
		action.Meter{ID: 2},
	}, mods[0].Instructions)
}
