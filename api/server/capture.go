package server

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/pcapng"
	"github.com/tapline-sdn/tapline/api/server/contract"
	"github.com/tapline-sdn/tapline/api/server/listing"
	"github.com/tapline-sdn/tapline/api/server/problem"
	"github.com/tapline-sdn/tapline/controller/access"
	"github.com/tapline-sdn/tapline/controller/capture"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// capturePath is the path of live captures.
const capturePath = api.Prefix + "/capture"

const (
	// flushPause is between two writes of a stream, so that many packets share one. The first
	// packet after a pause is written at once.
	flushPause = time.Millisecond
	// countTime bounds the last reading of the switches' counters.
	countTime = 2 * time.Second
)

// IsStream reports whether a path is that of a stream, which has no end of its own.
func IsStream(path string) bool { return path == watchPath || path == capturePath }

func (s *server) mountCapture(captures Captures) {
	s.route(http.MethodGet, capturePath, func(c echo.Context, req request) error {
		return s.capture(captures, c, req)
	})
	s.route(http.MethodDelete, capturePath+"/{ref}", func(c echo.Context, req request) error {
		running := captures.Capture(req.ref)
		id := identity(c)
		if running == nil || running.Request.Owner != ownerOf(id) && id.Role != access.Admin {
			return problem.Refuse(http.StatusNotFound, "", "you have no capture %q that runs",
				req.ref)
		}
		running.End(nil)
		return c.NoContent(http.StatusNoContent)
	})
}

// capture streams the packets of a live capture as pcapng until its time is over, it has enough
// packets, somebody stops it, or the client leaves.
func (s *server) capture(captures Captures, c echo.Context, req request) error {
	id := identity(c)
	end, err := s.streams.begin(c, id)
	if err != nil {
		return err
	}
	defer end()

	asked, until, err := captureRequest(req)
	if err != nil {
		return err
	}
	asked.Owner = ownerOf(id)

	ctx, cancel := context.WithCancel(c.Request().Context())
	defer cancel()
	defer context.AfterFunc(Stopping(ctx), cancel)()
	allow(c, writeTimeout)

	if req.Query["check"] == "true" {
		if err := captures.CheckCapture(ctx, asked); err != nil {
			return err
		}
		return c.NoContent(http.StatusNoContent)
	}

	running, err := captures.StartCapture(ctx, asked)
	var full *capture.LimitError
	if errors.As(err, &full) {
		return problem.Refuse(http.StatusTooManyRequests, "", "%v", full)
	}
	if err != nil {
		return err
	}

	s.observer.Streaming(1)
	defer s.observer.Streaming(-1)
	out := &captureStream{c: c, of: running, until: until, version: s.version}
	how, err := out.run(ctx)

	counting, stop := context.WithTimeout(context.WithoutCancel(ctx), countTime)
	defer stop()
	totals := captures.StopCapture(counting, running)
	if c.Request().Context().Err() != nil || err != nil {
		return nil // The client has left.
	}
	return out.finish(how, totals)
}

// ownerOf names the token or certificate of an identity.
func ownerOf(id access.Identity) string { return id.Kind + " " + id.ID }

// captureLimits are when a capture ends by itself; zero for never.
type captureLimits struct {
	count    uint64
	duration time.Duration
}

// captureRequest reads the parameters of a capture.
func captureRequest(req request) (r capture.Request, until captureLimits, err error) {
	f := &r.Flow
	f.GuestID, f.HostID, f.WireID = req.Query["guest_id"], req.Query["host_id"],
		req.Query["wire_id"]
	f.VLAN = uint16(listing.Number(req.Query["vlan_id"]))
	f.Filter = req.Query["filter"]
	f.Direction = cmp.Or(tap.Direction(req.Query["direction"]), tap.Both)
	switch {
	case f.GuestID != "" && (f.HostID != "" || f.WireID != ""):
		return r, until, problem.Refuse(http.StatusBadRequest, "",
			"want guest_id, or host_id and wire_id, not both")
	case f.GuestID != "":
		f.Type = tap.FlowVNIC
	case f.HostID != "" && f.WireID != "":
		f.Type = tap.FlowVSwitch
	default:
		return r, until, problem.Refuse(http.StatusBadRequest, "",
			"want guest_id for a guest's NIC, or host_id and wire_id for a virtual switch")
	}

	if text := req.Query["mac_addr"]; text != "" {
		if f.MAC, err = contract.ParseMAC(text); err != nil {
			return r, until, problem.Invalid("mac_addr", err)
		}
	}

	r.Snaplen = listing.Number(req.Query["snaplen"])
	until.count = uint64(listing.Number(req.Query["count"]))
	if text := req.Query["duration"]; text != "" {
		until.duration, err = time.ParseDuration(text)
		if err != nil || until.duration <= 0 {
			return r, until, problem.Refuse(http.StatusBadRequest, "duration",
				"%q is not a duration such as 60s or 5m", text)
		}
	}
	r.Rate, err = captureRate(req.Query["rate_limit"])
	return r, until, err
}

// captureRate reads a rate limit in packets a second; 0 for the default.
func captureRate(text string) (uint64, error) {
	limit, err := tap.ParseRateLimit(text)
	switch {
	case err != nil:
		return 0, problem.Invalid("rate_limit", err)
	case text != "" && limit.Packets == 0:
		return 0, problem.Refuse(http.StatusBadRequest, "rate_limit",
			"a capture is limited in packets a second, such as %dpps", capture.DefaultRate)
	case limit.Packets > capture.MaxRate:
		return 0, problem.Refuse(http.StatusBadRequest, "rate_limit",
			"%s is more than a capture may have: at most %dpps; for more, mirror to a tap service",
			text, capture.MaxRate)
	}
	return limit.Packets, nil
}

// captureStream is the answer that carries a capture.
type captureStream struct {
	c       echo.Context
	of      *capture.Capture
	until   captureLimits
	version string

	out  *pcapng.Writer
	sent uint64
}

// ending is how a capture ended.
type ending struct{ how, detail string }

// run writes packets until the capture ends. An error says that the client does not take them.
func (o *captureStream) run(ctx context.Context) (ending, error) {
	if err := o.begin(); err != nil {
		return ending{}, err
	}

	var over <-chan time.Time
	if o.until.duration > 0 {
		timer := time.NewTimer(o.until.duration)
		defer timer.Stop()
		over = timer.C
	}

	for {
		select {
		case <-o.of.Ready():
			enough, err := o.write()
			if enough || err != nil {
				return ending{how: api.CaptureCount}, err
			}
			time.Sleep(flushPause)
			continue
		case <-over:
			return ending{how: api.CaptureDuration}, nil
		case <-o.of.Ended():
		case <-ctx.Done():
			return ending{api.CaptureFailed, "the controller is stopping"}, nil
		}

		if why := o.of.Err(); why != nil {
			return ending{api.CaptureFailed, why.Error()}, nil
		}
		return ending{how: api.CaptureStopped}, nil
	}
}

// begin writes what comes before the first packet.
func (o *captureStream) begin() (err error) {
	header := o.c.Response().Header()
	header.Set(echo.HeaderContentType, pcapng.MediaType)
	header.Set(echo.HeaderCacheControl, "no-store")
	header.Set("X-Accel-Buffering", "no") // nginx would hold packets back.
	header.Set(api.CaptureHeader, o.of.ID)
	header.Set("Trailer", api.CaptureResultTrailer)
	o.c.Response().WriteHeader(http.StatusOK)

	f := &o.of.Request.Flow
	o.out, err = pcapng.NewWriter(o.c.Response(), pcapng.Interface{
		Name: cmp.Or(o.c.QueryParam("guest_id"), o.c.QueryParam("wire_id")), Filter: f.Filter,
		Description: "copied by Open vSwitch; times are those of arrival at the controller, " +
			"about a millisecond later",
		Snaplen: uint32(o.of.Request.Snaplen),
	}, "tapline "+o.version)
	if err != nil {
		return err
	}
	return o.flush()
}

// write writes the packets that wait, and reports whether there are enough.
func (o *captureStream) write() (enough bool, err error) {
	for _, f := range o.of.Frames() {
		if err := o.out.Frame(f.At, f.Data, f.Length); err != nil {
			return false, err
		}
		if o.sent++; o.sent == o.until.count {
			return true, o.flush()
		}
	}
	return false, o.flush()
}

// flush sends what was written. The stream ends if the client does not accept it in time.
func (o *captureStream) flush() error {
	allow(o.c, writeTimeout)
	if err := o.out.Flush(); err != nil {
		return err
	}
	return http.NewResponseController(o.c.Response()).Flush()
}

// finish writes what has come meanwhile, and what became of all packets.
func (o *captureStream) finish(how ending, totals capture.Totals) error {
	if o.until.count == 0 || o.sent < o.until.count {
		if _, err := o.write(); err != nil {
			return nil // The client has left.
		}
	}

	result := api.CaptureResult{
		Captured: o.sent, Received: totals.Received, Limited: totals.Limited, Lost: totals.Lost,
		Dropped: totals.Dropped, End: how.how, Detail: how.detail,
	}
	err := o.out.Statistics(pcapng.Statistics{
		Start: o.of.Started, End: time.Now(), Received: totals.Received,
		Dropped: totals.Limited + totals.Lost, Overflowed: totals.Dropped,
		Comment: "the capture ended: " + cmp.Or(how.detail, how.how),
	})
	if err != nil {
		return nil // The client has left.
	}

	text, err := json.Marshal(result)
	if err != nil {
		return err
	}
	o.c.Response().Header().Set(api.CaptureResultTrailer, string(text))
	return nil
}
