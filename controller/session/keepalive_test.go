package session

import (
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/openflow"
	"github.com/tapline-sdn/tapline/openflow/ofconn"
	"github.com/tapline-sdn/tapline/ovsdb/vswitch"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// TestKeepAlives: each host that sends here gets a frame when it is new, when our connection or our
// addresses are, and every few seconds; never many at once.
func TestKeepAlives(t *testing.T) {
	snap := &vswitch.Snapshot{}
	one, other := new(ofconn.Conn), new(ofconn.Conn)
	number := func(string) openflow.PortNo { return 9 }
	now := time.Unix(1000, 0)
	var senders []tap.Sender
	for i := range 2*maxKeepAlives + 1 {
		addr := netip.AddrFrom4([4]byte{10, 0, byte(i / 256), byte(i)})
		senders = append(senders, tap.Sender{Addr: addr, Port: "tl-gre", ProbeKey: uint32(i)})
	}

	var k keepAlives
	look := func(conn *ofconn.Conn, n int) int {
		return len(k.look(conn, snap, senders[:n], number, now))
	}

	assert.Equal(t, 1, look(one, 1))
	assert.Equal(t, 0, look(one, 1))
	assert.Equal(t, 1, look(one, 2), "the new one")
	assert.Equal(t, 2, look(other, 2), "the switch may be another")
	k.addresses = "those of before"
	assert.Equal(t, 2, look(other, 2), "the host has other addresses")

	assert.WithinRange(t, k.next, now.Add(keepAliveTime*9/10), now.Add(keepAliveTime*11/10))
	now = now.Add(keepAliveTime * 11 / 10)
	assert.Equal(t, 2, look(other, 2))

	all := len(senders)
	for _, want := range []int{maxKeepAlives, all - 2 - maxKeepAlives, 0} {
		assert.Equal(t, want, look(other, all))
		now = now.Add(keepAlivePace)
	}

	message := keepAlive(9, &senders[3]).(*openflow.PacketOut)
	_, _, probe := ParseProbe(&openflow.PacketIn{Cookie: 0x7470 << 48, Data: message.Data})
	assert.False(t, probe, "it is no probe")
	require.Len(t, message.Data, minFrame)
	assert.Equal(t, []byte{0x88, 0xb6}, message.Data[12:14])
}
