package server_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/gopacket/gopacket/pcapgo"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/pcapng"
	"github.com/tapline-sdn/tapline/api/server"
	"github.com/tapline-sdn/tapline/api/server/servertest"
	"github.com/tapline-sdn/tapline/controller/capture"
	"github.com/tapline-sdn/tapline/controller/engine/view"
	"github.com/tapline-sdn/tapline/openflow"
)

// captureServer serves an engine whose captures the test feeds.
func captureServer(t *testing.T) (*servertest.Engine, func(method, query string) *http.Response) {
	t.Helper()
	engine := servertest.New()
	engine.Started = make(chan *capture.Capture, 1)
	s := httptest.NewServer(server.New(server.Config{Engine: engine, Token: []byte("secret")}))
	t.Cleanup(s.Close)
	return engine, func(method, query string) *http.Response {
		req, err := http.NewRequestWithContext(t.Context(), method, s.URL+"/api/v1/capture"+query,
			nil)
		require.NoError(t, err)
		req.Header.Set("Authorization", "Bearer secret")
		resp, err := s.Client().Do(req)
		require.NoError(t, err)
		t.Cleanup(func() { _ = resp.Body.Close() })
		return resp
	}
}

func packetIn(size int) *openflow.PacketIn {
	return &openflow.PacketIn{Data: bytes.Repeat([]byte{7}, size), TotalLen: uint16(size)}
}

// TestCaptureStream: packets come at once, and how it ended stands in the trailer.
func TestCaptureStream(t *testing.T) {
	engine, send := captureServer(t)
	resp := send(http.MethodGet, "?guest_id=web&filter=tcp&snaplen=64&rate_limit=500pps")
	require.Equal(t, http.StatusOK, resp.StatusCode)
	assert.Equal(t, pcapng.MediaType, resp.Header.Get("Content-Type"))
	c := <-engine.Started
	assert.EqualValues(t, 500, c.Request.Rate)
	assert.Equal(t, "tcp", c.Request.Flow.Filter)

	c.Take(packetIn(100), time.Unix(1, 0))
	r, err := pcapgo.NewNgReader(resp.Body, pcapgo.NgReaderOptions{})
	require.NoError(t, err)
	data, info, err := r.ReadPacketData()
	require.NoError(t, err)
	assert.Len(t, data, 64)
	assert.Equal(t, 100, info.Length)

	other := send(http.MethodDelete, "/nonsense")
	assert.Equal(t, http.StatusNotFound, other.StatusCode)
	id := resp.Header.Get(api.CaptureHeader)
	assert.Equal(t, http.StatusNoContent, send(http.MethodDelete, "/"+id).StatusCode)
	_, _, err = r.ReadPacketData()
	require.ErrorIs(t, err, io.EOF)

	var result api.CaptureResult
	require.NoError(t, json.Unmarshal([]byte(resp.Trailer.Get(api.CaptureResultTrailer)), &result))
	assert.Equal(t, api.CaptureResult{Captured: 1, Received: 1, End: api.CaptureStopped}, result)
	assert.Nil(t, engine.Capture(id), "it was stopped")
}

// TestCaptureEnds: by count, by time, and by the controller.
func TestCaptureEnds(t *testing.T) {
	engine, send := captureServer(t)
	for name, tc := range map[string]struct {
		query string
		act   func(*capture.Capture)
		want  api.CaptureResult
	}{
		"count": {"&count=2", func(*capture.Capture) {},
			api.CaptureResult{Captured: 2, Received: 3, End: api.CaptureCount}},
		"time": {"&duration=50ms", func(*capture.Capture) {},
			api.CaptureResult{Captured: 3, Received: 3, End: api.CaptureDuration}},
		"controller": {"", func(c *capture.Capture) { c.End(errors.New("the guest is gone")) },
			api.CaptureResult{Captured: 3, Received: 3, End: api.CaptureFailed,
				Detail: "the guest is gone"}},
	} {
		t.Run(name, func(t *testing.T) {
			resp := send(http.MethodGet, "?guest_id=web"+tc.query)
			c := <-engine.Started
			for range 3 {
				c.Take(packetIn(60), time.Now())
			}
			tc.act(c)
			_, err := io.Copy(io.Discard, resp.Body)
			require.NoError(t, err)
			var got api.CaptureResult
			require.NoError(t, json.Unmarshal([]byte(resp.Trailer.Get(api.CaptureResultTrailer)),
				&got))
			assert.Equal(t, tc.want, got)
		})
	}
}

// TestCaptureRefused: what is wrong is said before the stream.
func TestCaptureRefused(t *testing.T) {
	engine, send := captureServer(t)
	for query, want := range map[string]int{
		"":                                   http.StatusBadRequest,
		"?guest_id=g&host_id=h&wire_id=w":    http.StatusBadRequest,
		"?host_id=h":                         http.StatusBadRequest,
		"?guest_id=g&rate_limit=10001pps":    http.StatusBadRequest,
		"?guest_id=g&rate_limit=10Mbit/s":    http.StatusBadRequest,
		"?guest_id=g&duration=soon":          http.StatusBadRequest,
		"?guest_id=g&direction=up":           http.StatusBadRequest,
		"?guest_id=g&mac_addr=ff:ff":         http.StatusBadRequest,
		"?guest_id=g&check=true":             http.StatusNoContent,
		"?host_id=h&wire_id=w&vlan_id=99999": http.StatusBadRequest,
	} {
		assert.Equal(t, want, send(http.MethodGet, query).StatusCode, query)
	}

	engine.Fail = &capture.LimitError{}
	assert.Equal(t, http.StatusTooManyRequests, send(http.MethodGet, "?guest_id=g").StatusCode)
	engine.Fail = view.Errorf(view.Conflict, "", "no")
	assert.Equal(t, http.StatusConflict, send(http.MethodGet, "?guest_id=g").StatusCode)
	assert.Equal(t, http.StatusMethodNotAllowed, send(http.MethodHead, "?guest_id=g").StatusCode)
}
