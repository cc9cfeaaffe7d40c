package decap

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// frame is an ARP request without its padding.
const frame = "ffffffffffff 525400000001 0806 0001080006040001 525400000001 0a000001 " +
	"000000000000 0a000002"

// octets reads hexadecimal digits; spaces are for the eye.
func octets(t testing.TB, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(text, " ", ""))
	require.NoError(t, err)
	return b
}

func TestFramesAreTakenOut(t *testing.T) {
	for name, c := range map[string]struct {
		encap, header string
		key           uint32
	}{
		"GRE as Open vSwitch sends it": {"gre", "2000 6558 00000007", 7},
		"GRE without a key":            {"gre", "0000 6558", 0},
		"GRE with checksum and sequence": {
			"gre", "b000 6558 12340000 ffffffff 00000001", 1<<32 - 1,
		},
		"VXLAN":  {"vxlan", "08000000 345678 00", 0x345678},
		"Geneve": {"geneve", "0000 6558 00002a 00", 42},
		"Geneve with an option": {
			"geneve", "0200 6558 00002a 00 0102 80 01 00000000", 42,
		},
		"ERSPAN type I": {"erspan1", "0000 88be", 0},
		"ERSPAN type II": {
			"erspan1", "1000 88be 00000001 1000 1bff 00000005", 1023,
		},
		"ERSPAN type III": {
			"erspan2", "1000 22eb 00000001 2000 0003 11223344 00000000", 3,
		},
		"ERSPAN type III with a subheader": {
			"erspan2", "1000 22eb 00000001 2000 0003 11223344 00000001 0102030405060708", 3,
		},
		"ERSPAN type II with a VLAN inside": {
			"erspan1", "1000 88be 0000ffff 101e 1864 00000005", 100,
		},
	} {
		t.Run(name, func(t *testing.T) {
			encap, ok := find(c.encap)
			require.True(t, ok)

			got, err := encap.take(octets(t, c.header+frame))
			require.NoError(t, err)
			assert.Equal(t, c.key, got.key)
			assert.Equal(t, octets(t, frame), got.frame)
		})
	}
}

func TestWhatIsNoCopyIsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		encap, packet string
		want          error
	}{
		"GRE with IPv4 inside": {"gre", "0000 0800" + frame, errProtocol},
		"ERSPAN where GRE is wanted": {
			"gre", "1000 88be 00000001 1000 0001 00000005" + frame, errProtocol,
		},
		"PPTP":                           {"gre", "2001 880b 00000000" + frame, errVersion},
		"GRE with source routing":        {"gre", "4000 6558 00000000" + frame, errVersion},
		"GRE without its key":            {"gre", "2000 6558 0000", errShort},
		"GRE with a frame of ten octets": {"gre", "0000 6558 00112233445566778899", errShort},
		"VXLAN without a VNI":            {"vxlan", "00000000 00000000" + frame, errProtocol},
		"seven octets of VXLAN":          {"vxlan", "08000000 000000", errShort},
		"Geneve of another version":      {"geneve", "4000 6558 00000000" + frame, errVersion},
		"Geneve with a critical option": {
			"geneve", "0140 6558 00000000 01028000" + frame, errOptions,
		},
		"Geneve for the endpoint":    {"geneve", "0080 6558 00000000" + frame, errProtocol},
		"Geneve with IPv4 inside":    {"geneve", "0000 0800 00000000" + frame, errProtocol},
		"Geneve without its options": {"geneve", "3f00 6558 00000000" + frame, errShort},
		"ERSPAN type II as type III": {
			"erspan2", "1000 88be 00000001 1000 0001 00000005" + frame, errProtocol,
		},
		"ERSPAN type II of version 2": {
			"erspan1", "1000 88be 00000001 2000 0001 00000005" + frame, errVersion,
		},
		"ERSPAN type III, cut": {
			"erspan2", "1000 22eb 00000001 2000 0003 11223344 0000", errShort,
		},
		"ERSPAN type III, subheader lost": {
			"erspan2", "1000 22eb 00000001 2000 0003 11223344 00000001 0102", errShort,
		},
	} {
		t.Run(name, func(t *testing.T) {
			encap, ok := find(c.encap)
			require.True(t, ok)

			_, err := encap.take(octets(t, c.packet))
			require.ErrorIs(t, err, c.want)
		})
	}
}

func TestIPv4HeadersAreTakenOff(t *testing.T) {
	options := octets(t, "46000020 00000000 402f0000 0a000001 0a000002 01010101 2000")
	rest, err := withoutIPv4(options)
	require.NoError(t, err)
	assert.Equal(t, []byte{0x20, 0}, rest)

	for _, wrong := range []string{"", "45000014", "44" + strings.Repeat("00", 30),
		"4f" + strings.Repeat("00", 30)} {
		_, err := withoutIPv4(octets(t, wrong))
		require.ErrorIs(t, err, errShort, wrong)
	}
}

// Whatever arrives, a frame that is taken out is the end of what arrived, and long enough.
func FuzzTake(f *testing.F) {
	f.Add(octets(f, "2000 6558 00000007"+frame))
	f.Add(octets(f, "1000 22eb 00000001 2000 0003 11223344 00000001 0102030405060708"+frame))
	f.Add(octets(f, "0200 6558 00002a 00 0102 80 01 00000000"+frame))
	f.Fuzz(func(t *testing.T, packet []byte) {
		for _, encap := range encapsulations {
			got, err := encap.take(packet)
			if err != nil {
				continue
			}
			assert.GreaterOrEqual(t, len(got.frame), ethernetHeader)
			assert.True(t, bytes.HasSuffix(packet, got.frame))
		}
	})
}
