package oneline

import (
	"encoding/hex"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestDescribe(t *testing.T) {
	const macs = "525400000002" + "525400000001"
	const ends = "0a000001" + "0a000002"
	for name, tc := range map[string]struct{ frame, want string }{
		"arp": {macs + "0806" + "0001080006040001" + "525400000001" + "0a000001" +
			"000000000000" + "0a000002", "ARP, Request who-has 10.0.0.2 tell 10.0.0.1"},
		"udp in a VLAN": {macs + "8100001e" + "0800" + "4500001c00010000401100" + "00" + ends +
			"04d20035" + "00080000", "vlan 30, IP 10.0.0.1.1234 > 10.0.0.2.53: UDP, length 0"},
		"tcp": {macs + "0800" + "4500002c000100004006" + "0000" + ends +
			"04d201bb" + "0000000a" + "00000014" + "50180200" + "00000000" + "61626364",
			"IP 10.0.0.1.1234 > 10.0.0.2.443: Flags [P.], seq 10:14, ack 20, win 512, length 4"},
		"fragment": {macs + "0800" + "4500001c000100014011" + "0000" + ends + "0000000000000000",
			"IP 10.0.0.1 > 10.0.0.2: fragment at 8"},
		"another": {macs + "88b7" + "00", "52:54:00:00:00:01 > 52:54:00:00:00:02, " +
			"ethertype 0x88b7, length 15"},
		"spanning tree": {"0180c2000000" + macs[:12] + "0026" + "424203" + "0000",
			"52:54:00:00:00:02 > 01:80:c2:00:00:00, 802.3, length 19"},
		"cut": {macs[:20], "a frame of 10 octets that is no Ethernet"},
	} {
		frame, err := hex.DecodeString(tc.frame)
		require.NoError(t, err)
		assert.Equal(t, tc.want, describe(frame, len(frame), false), name)
		assert.NotEmpty(t, describe(frame, len(frame), true), name)
	}
}

// FuzzDescribe: no frame stops the program.
func FuzzDescribe(f *testing.F) {
	f.Add([]byte("RT\x00\x00\x00\x02RT\x00\x00\x00\x01\x08\x00E"))
	f.Fuzz(func(t *testing.T, frame []byte) {
		if describe(frame, len(frame), true) == "" {
			t.Error("nothing is said")
		}
	})
}
