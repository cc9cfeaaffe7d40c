package decap

import (
	"net"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestDroppedAtTheEnd: what the kernel drops is counted though no packet is read afterwards, as
// when a capture ends in the middle of a burst.
func TestDroppedAtTheEnd(t *testing.T) {
	r, err := listenUDP(t.Context(), netip.MustParseAddr("127.0.0.1"), 0)
	require.NoError(t, err)
	defer r.conn.Close()
	require.NoError(t, r.conn.(*net.UDPConn).SetReadBuffer(8<<10))
	assert.Zero(t, r.dropped())

	from, err := net.Dial("udp", r.conn.LocalAddr().String())
	require.NoError(t, err)
	defer from.Close()
	const sent = 200
	for range sent {
		_, err := from.Write(make([]byte, 1000))
		require.NoError(t, err)
	}

	lost := r.dropped()
	assert.Greater(t, lost, uint32(sent/2), "the buffer takes few of them")
	buffer, oob := make([]byte, 2000), make([]byte, 128)
	for range sent - lost {
		_, err := r.next(buffer, oob)
		require.NoError(t, err)
	}
	assert.Equal(t, lost, r.dropped())
}
