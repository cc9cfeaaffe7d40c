package fault_test

import (
	"net/netip"
	"testing"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/testenv/fault"
	"github.com/tapline-sdn/tapline/testenv/lab"
)

// TestStation: what a station forges is what an independent decoder reads.
func TestStation(t *testing.T) {
	inner := lab.UDP{Src: lab.MAC{2, 0, 0, 0, 0, 1}, Dst: lab.MAC{2, 0, 0, 0, 0, 2}, Tag: 7}.Frame()
	for name, addrs := range map[string][2]string{
		"IPv4": {"10.0.0.1", "10.0.0.2"},
		"IPv6": {"fd00::1", "fd00::2"},
	} {
		t.Run(name, func(t *testing.T) {
			s := fault.Station{
				EthSrc: [6]byte{2, 0xee, 0, 0, 0, 1}, EthDst: [6]byte{2, 0xee, 0, 0, 0, 2},
				From: netip.MustParseAddr(addrs[0]), To: netip.MustParseAddr(addrs[1]),
			}
			decode := func(frame []byte) gopacket.Packet {
				t.Helper()
				p := gopacket.NewPacket(frame, layers.LayerTypeEthernet, gopacket.Default)
				if failed := p.ErrorLayer(); failed != nil {
					t.Fatal(failed.Error())
				}
				require.Equal(t, addrs[0], p.NetworkLayer().NetworkFlow().Src().String())
				require.Equal(t, addrs[1], p.NetworkLayer().NetworkFlow().Dst().String())
				return p
			}

			gre := decode(s.GRE(0xdeadbeef, inner)).Layer(layers.LayerTypeGRE).(*layers.GRE)
			require.True(t, gre.KeyPresent)
			require.EqualValues(t, 0xdeadbeef, gre.Key)
			require.Equal(t, inner, gre.LayerPayload())

			udp := decode(s.VXLAN(0xabcdef, 4789, inner)).Layer(layers.LayerTypeUDP).(*layers.UDP)
			require.EqualValues(t, 4789, udp.DstPort)
			require.EqualValues(t, 8+len(udp.Payload), udp.Length)
			vxlan := gopacket.NewPacket(udp.Payload, layers.LayerTypeVXLAN, gopacket.Default).
				Layer(layers.LayerTypeVXLAN).(*layers.VXLAN)
			require.True(t, vxlan.ValidIDFlag)
			require.EqualValues(t, 0xabcdef, vxlan.VNI)
			require.Equal(t, inner, vxlan.LayerPayload())
		})
	}
}
