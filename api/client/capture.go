package client

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/tapline-sdn/tapline/api"
)

// Capture is the stream of a live capture: pcapng, until the capture ends.
type Capture struct {
	c    *Client
	id   string
	resp *http.Response
	stop context.CancelFunc
}

// Capture begins a live capture, and returns once the switches copy packets. The parameters are
// those of the API, such as guest_id and filter; see [Where]. When ctx ends the capture does.
func (c *Client) Capture(ctx context.Context, opts ...Option) (*Capture, error) {
	ctx, cancel := context.WithCancel(ctx)
	req, err := c.newRequest(ctx, http.MethodGet, api.Prefix+"/capture", collect(opts), nil)
	if err != nil {
		cancel()
		return nil, err
	}

	// The timeout covers the header of the answer alone.
	late := time.AfterFunc(c.timeout, cancel)
	resp, err := c.http.Do(req)
	if !late.Stop() && err == nil {
		_ = resp.Body.Close()
		err = context.DeadlineExceeded
	}
	if err != nil {
		cancel()
		return nil, fmt.Errorf("%s %s: %w", req.Method, req.URL, cause(err))
	}

	if resp.StatusCode != http.StatusOK {
		defer cancel()
		defer resp.Body.Close()
		return nil, readError(req, resp)
	}
	return &Capture{c: c, id: resp.Header.Get(api.CaptureHeader), resp: resp, stop: cancel}, nil
}

// CheckCapture asks whether a capture with these parameters could begin. It captures nothing.
func (c *Client) CheckCapture(ctx context.Context, opts ...Option) error {
	opts = append(opts, Where("check", "true"))
	_, err := c.do(ctx, http.MethodGet, api.Prefix+"/capture", opts, nil, nil)
	return err
}

// Read implements io.Reader.
func (s *Capture) Read(b []byte) (int, error) { return s.resp.Body.Read(b) }

// Stop ends the capture on the controller. What it still has to say can be read afterwards.
func (s *Capture) Stop(ctx context.Context) error {
	_, err := s.c.do(ctx, http.MethodDelete, api.Prefix+"/capture/"+url.PathEscape(s.id), nil, nil,
		nil)
	return err
}

// Result is what became of the packets, once the stream was read to its end. It is false where the
// controller, or a proxy before it, has not told.
func (s *Capture) Result() (r api.CaptureResult, known bool) {
	text := s.resp.Trailer.Get(api.CaptureResultTrailer)
	return r, text != "" && json.Unmarshal([]byte(text), &r) == nil
}

// Close ends the stream.
func (s *Capture) Close() error {
	s.stop()
	return s.resp.Body.Close()
}

var _ io.ReadCloser = (*Capture)(nil)
