package pcapng_test

import (
	"bytes"
	"io"
	"testing"
	"time"

	"github.com/gopacket/gopacket/pcapgo"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/api/pcapng"
)

// TestStream: what is written is read by another implementation, statistics included.
func TestStream(t *testing.T) {
	var out bytes.Buffer
	w, err := pcapng.NewWriter(&out, pcapng.Interface{Name: "web", Filter: "tcp", Snaplen: 96}, "x")
	require.NoError(t, err)
	require.NoError(t, w.Flush())
	start := time.Unix(1_800_000_000, 123_456_789)
	for _, size := range []int{60, 61, 62, 63} {
		require.NoError(t, w.Frame(start, bytes.Repeat([]byte{1}, size), 1400))
	}
	end := start.Add(time.Second)
	require.NoError(t, w.Statistics(pcapng.Statistics{Start: start, End: end, Received: 9,
		Dropped: 3, Overflowed: 2, Comment: "the count was reached"}))

	r, err := pcapgo.NewNgReader(&out, pcapgo.NgReaderOptions{})
	require.NoError(t, err)
	for _, size := range []int{60, 61, 62, 63} {
		data, info, err := r.ReadPacketData()
		require.NoError(t, err)
		assert.Len(t, data, size)
		assert.Equal(t, 1400, info.Length)
		assert.True(t, start.Equal(info.Timestamp))
	}
	_, _, err = r.ReadPacketData()
	require.ErrorIs(t, err, io.EOF)

	of, err := r.Interface(0)
	require.NoError(t, err)
	assert.Equal(t, "web", of.Name)
	assert.Equal(t, "tcp", of.Filter)
	assert.EqualValues(t, 96, of.SnapLength)
	assert.EqualValues(t, 9, of.Statistics.PacketsReceived)
	assert.EqualValues(t, 3, of.Statistics.PacketsDropped)
	assert.Equal(t, "the count was reached", of.Statistics.Comment)
	assert.True(t, end.Equal(of.Statistics.EndTime))
}
