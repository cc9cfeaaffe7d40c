//go:build linux

package lab_test

import (
	"encoding/hex"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"

	"github.com/tapline-sdn/tapline/testenv/lab"
)

func TestUDPFrame(t *testing.T) {
	src, dst := lab.MAC{2, 0, 0, 0, 0, 1}, lab.MAC{2, 0, 0, 0, 0, 2}
	tests := []struct {
		name   string
		udp    lab.UDP
		length int
	}{
		{"shortest", lab.UDP{Src: src, Dst: dst}, 60},
		{"tagged shortest", lab.UDP{Src: src, Dst: dst, VLAN: 1}, 62},
		{"too short", lab.UDP{Src: src, Dst: dst, Len: 10}, 60},
		{"odd", lab.UDP{Src: src, Dst: dst, Tag: 3, Seq: 1 << 40, Len: 61}, 61},
		{"full", lab.UDP{Src: src, Dst: dst, SrcIP: netip.MustParseAddr("10.0.0.1"), DstPort: 5000,
			Len: 1514}, 1514},
		{"full tagged", lab.UDP{Src: src, Dst: dst, VLAN: 4094, PCP: 7, Len: 1518}, 1518},
	}

	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			frame := test.udp.Frame()
			if len(frame) != test.length {
				t.Errorf("%d bytes, want %d", len(frame), test.length)
			}
			if vlan := lab.VLANOf(frame); vlan != test.udp.VLAN {
				t.Errorf("VLAN %d, want %d", vlan, test.udp.VLAN)
			}
			if tag, seq, ok := lab.Sequence(frame); !ok || tag != test.udp.Tag ||
				seq != test.udp.Seq {
				t.Errorf("sequence %d %d %v, want %d %d", tag, seq, ok, test.udp.Tag, test.udp.Seq)
			}
			if !lab.ChecksumsRight(frame) {
				t.Error("the checksums are wrong")
			}

			checkByGopacket(t, frame)
			frame[len(frame)-1]++
			if lab.ChecksumsRight(frame) {
				t.Error("the checksum of a changed frame is right")
			}
		})
	}
}

// checkByGopacket lets another implementation compute lengths and checksums.
func checkByGopacket(t *testing.T, frame []byte) {
	t.Helper()
	packet := gopacket.NewPacket(frame, layers.LayerTypeEthernet, gopacket.Default)
	if failure := packet.ErrorLayer(); failure != nil {
		t.Fatal(failure.Error())
	}

	udp, ok := packet.TransportLayer().(*layers.UDP)
	if !ok {
		t.Fatalf("no UDP: %s", packet)
	}

	want := []uint16{packet.NetworkLayer().(*layers.IPv4).Checksum, udp.Checksum}
	if err := udp.SetNetworkLayerForChecksum(packet.NetworkLayer()); err != nil {
		t.Fatal(err)
	}

	var parts []gopacket.SerializableLayer
	for _, layer := range packet.Layers() {
		parts = append(parts, layer.(gopacket.SerializableLayer))
	}

	buffer := gopacket.NewSerializeBuffer()
	options := gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}
	if err := gopacket.SerializeLayers(buffer, options, parts...); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(hex.Dump(buffer.Bytes()), hex.Dump(frame)); diff != "" {
		t.Errorf("gopacket builds another frame than %v (-gopacket +ours):\n%s", want, diff)
	}
}

func TestARPFrame(t *testing.T) {
	frame := lab.ARP{Src: lab.MAC{2, 0, 0, 0, 0, 1}, Target: netip.MustParseAddr("10.0.0.9"),
		VLAN: 5}.Frame()

	packet := gopacket.NewPacket(frame, layers.LayerTypeEthernet, gopacket.Default)
	arp, ok := packet.Layer(layers.LayerTypeARP).(*layers.ARP)
	if !ok || arp.Operation != layers.ARPRequest ||
		netip.AddrFrom4([4]byte(arp.DstProtAddress)).String() != "10.0.0.9" {
		t.Errorf("no ARP request for 10.0.0.9: %s", packet)
	}
	if len(frame) != lab.MinFrame || lab.VLANOf(frame) != 5 {
		t.Errorf("%d bytes on VLAN %d, want %d on 5", len(frame), lab.VLANOf(frame), lab.MinFrame)
	}
	if _, _, ok := lab.Sequence(frame); ok {
		t.Error("an ARP request has a sequence number")
	}
}

func TestDiff(t *testing.T) {
	a := lab.UDP{Tag: 1, Seq: 1}.Frame()
	b := lab.UDP{Tag: 1, Seq: 2, VLAN: 9}.Frame()
	tests := []struct {
		name      string
		want, got [][]byte
		lines     []string
	}{
		{"equal in another order", [][]byte{a, b, a}, [][]byte{b, a, a}, nil},
		{"nothing", nil, nil, nil},
		{"missing", [][]byte{a, b}, [][]byte{a},
			[]string{"want 2 frames, got 1", "want 1, got 0: ",
				"vlan 9 udp tag 1 seq 2, 62 bytes"}},
		{"twice", [][]byte{a}, [][]byte{a, a}, []string{"want 1 frames, got 2", "want 1, got 2: "}},
		{"strange", nil, [][]byte{{1, 2}}, []string{"want 0, got 1: 2 bytes 0102"}},
	}

	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			diff := lab.Diff(lab.MultisetOf(test.want), lab.MultisetOf(test.got))
			if (diff == "") != (test.lines == nil) {
				t.Errorf("diff %q", diff)
			}
			for _, line := range test.lines {
				if !strings.Contains(diff, line) {
					t.Errorf("diff %q, want %q in it", diff, line)
				}
			}
		})
	}
}

func TestMACText(t *testing.T) {
	for _, bad := range []string{"", "52:54:00", "02:00:5e:10:00:00:00:01", "x"} {
		if mac, err := lab.ParseMAC(bad); err == nil || mac != (lab.MAC{}) {
			t.Errorf("ParseMAC(%q): %v, %v", bad, mac, err)
		}
	}

	var mac lab.MAC
	if err := mac.UnmarshalText([]byte("52:54:00:0a:0b:0c")); err != nil ||
		mac.String() != "52:54:00:0a:0b:0c" {
		t.Errorf("%v, %v", mac, err)
	}
}
