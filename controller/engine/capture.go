package engine

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/tapline-sdn/tapline/controller/audit"
	"github.com/tapline-sdn/tapline/controller/capture"
	"github.com/tapline-sdn/tapline/controller/engine/fleet"
	"github.com/tapline-sdn/tapline/controller/engine/intent"
	"github.com/tapline-sdn/tapline/controller/engine/view"
	"github.com/tapline-sdn/tapline/controller/meter"
	"github.com/tapline-sdn/tapline/openflow"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

const (
	// captureReady is how long a capture may take until it stands.
	captureReady = 10 * time.Second
	// captureGone is how long its source may be away, as while a guest restarts.
	captureGone = time.Minute
	captureTend = time.Second // between looks whether it still stands
)

// StartCapture begins a live capture. It returns once the capture stands on the switches, or its
// first packet has come. It is ended by [Engine.StopCapture]; when the context ends before it
// stands, nothing of it stays. A *capture.LimitError says that there is no room for it.
//
// A capture is a tap service and a tap flow that are never stored. So whatever becomes of the
// controller, nothing of it is planned afterwards, and what is left of it on switches goes.
func (e *Engine) StartCapture(ctx context.Context, r capture.Request) (*capture.Capture, error) {
	r.Rate = cmp.Or(r.Rate, capture.DefaultRate)
	r.Flow.Direction = cmp.Or(r.Flow.Direction, tap.Both)
	if err := e.locked(func() error { return e.checker.ResolveSource(&r.Flow) }); err != nil {
		return nil, err
	}

	c, err := e.captures.Begin(r)
	if err != nil {
		return nil, err
	}

	err = e.planCapture(ctx, c)
	if err == nil {
		err = e.awaitCapture(ctx, c)
	}
	if err != nil {
		e.dropCapture(c)
		return nil, err
	}

	e.running.Go(func() { e.tendCapture(c) })
	return c, nil
}

// CheckCapture returns the error of a capture that cannot begin. It begins none.
func (e *Engine) CheckCapture(ctx context.Context, r capture.Request) error {
	r.Rate = cmp.Or(r.Rate, capture.DefaultRate)
	if err := e.locked(func() error { return e.checker.ResolveSource(&r.Flow) }); err != nil {
		return err
	}

	c := capture.New(r)
	defer e.dropCapture(c)
	_, err := e.checkCapture(ctx, c)
	return err
}

// checkCapture has the plugin check a capture, of which it has told the plugin. It returns the tap
// flow with what the plugin has filled in.
func (e *Engine) checkCapture(ctx context.Context, c *capture.Capture) (*tap.Flow, error) {
	live := &intent.Capture{Service: tap.Service{
		ID: c.ID, Name: "capture " + c.ID, Type: tap.ServiceController, Enabled: true,
		RateLimit: tap.RateLimit{Packets: c.Request.Rate},
	}}
	e.mu.Lock()
	e.intent.Captures[c.ID] = live
	e.planning.MarkService(c.ID)
	e.mu.Unlock()

	f := c.Request.Flow
	f.ID, f.Name, f.TapID, f.Enabled, f.Created = c.ID, "", c.ID, true, c.Started
	checked, err := e.check(ctx, tap.Resource{Flow: &f})
	return checked.Flow, err
}

// planCapture has a capture checked, records who captures what, and has it planned.
func (e *Engine) planCapture(ctx context.Context, c *capture.Capture) error {
	checked, err := e.checkCapture(ctx, c)
	if err != nil {
		return err
	}
	if err := e.auditCapture(ctx, c, false); err != nil {
		return err
	}

	e.mu.Lock()
	defer e.mu.Unlock()
	if e.ctx == nil || e.ctx.Err() != nil {
		return view.Errorf(view.Unavailable, "", "the controller is stopping")
	}
	e.intent.Captures[c.ID].Flow = checked
	e.standing.Add(intent.FlowRef(c.ID))
	e.planning.MarkFlow(c.ID)
	e.standing.MarkChanged(intent.FlowRef(c.ID), e.planning.Last())
	return nil
}

// awaitCapture waits until a capture stands on all hosts where its source is, and the switches have
// made their connections for it.
func (e *Engine) awaitCapture(ctx context.Context, c *capture.Capture) error {
	ctx, cancel := context.WithTimeout(ctx, captureReady)
	defer cancel()

	health, err := wait(ctx, e, c.ID, func() (view.Health, bool, error) {
		hosts, health, connected := e.captureHealth(c)
		if health.State == tap.StateError {
			return health, false, captureError(health)
		}
		if err := e.captures.Place(c, hosts, e.HostName); err != nil {
			return health, false, err
		}
		stands := health.State == tap.StateReady && connected
		return health, stands || c.Received() > 0, nil
	})
	if err == nil || ctx.Err() == nil || !errors.Is(err, ctx.Err()) {
		return err
	}

	if health.State == tap.StateReady {
		health = view.Pending(view.CodeSwitchWaiting,
			"the switch has made no connection for captures")
	}
	return captureError(health)
}

// captureConnected has captures looked at that wait for a connection of their switch.
func (e *Engine) captureConnected() {
	e.captures.Each(func(c *capture.Capture) { e.events.Touch(c.ID) })
}

// captureError says that a capture cannot run.
func captureError(h view.Health) error {
	return &view.Error{Kind: view.Conflict, Code: h.Code,
		Message: "nothing can be captured there: " + h.Reason}
}

// HostName is the name of a host, or its id if there is no such host. It takes mu.
func (e *Engine) HostName(id string) string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.intent.HostName(id)
}

// captureHealth tells how a capture stands, on which hosts it is, and whether these have made their
// connections for captures. It takes mu.
func (e *Engine) captureHealth(c *capture.Capture) (hosts []string, h view.Health, connected bool) {
	e.mu.Lock()
	defer e.mu.Unlock()

	id := intent.FlowRef(c.ID)
	connected = true
	for _, need := range e.standing.Needs(id) {
		if slices.Contains(hosts, need.Host) {
			continue
		}
		hosts = append(hosts, need.Host)
		running := e.fleet.Running[need.Host]
		connected = connected && running != nil && running.Session.Captures()
	}
	return hosts, e.standing.Health(id), connected
}

// tendCapture ends a capture when the controller does, or its source has been away for too long.
func (e *Engine) tendCapture(c *capture.Capture) {
	tick := time.NewTicker(captureTend)
	defer tick.Stop()
	stood := time.Now()
	for {
		select {
		case <-c.Ended():
			return
		case <-e.ctx.Done():
			c.End(errors.New("the controller is stopping"))
			return
		case now := <-tick.C:
			hosts, health, connected := e.captureHealth(c)
			_ = e.captures.Place(c, hosts, e.HostName) // A guest that has migrated has its room.
			switch {
			case health.State == tap.StateReady && connected:
				stood = now
			case now.Sub(stood) > captureGone:
				c.End(fmt.Errorf("nothing could be captured for %v: %s", captureGone,
					cmp.Or(health.Reason, "the switch has made no connection for captures")))
			}
		}
	}
}

// StopCapture ends a capture, and returns what became of its packets. What the switches have of it
// goes as soon as they can be reached.
func (e *Engine) StopCapture(ctx context.Context, c *capture.Capture) capture.Totals {
	c.End(nil)
	hosts, _, _ := e.captureHealth(c)
	for _, host := range hosts {
		e.mu.Lock()
		h := e.fleet.Running[host]
		e.mu.Unlock()
		if h != nil {
			_ = h.Session.Sample(ctx, 0) // What cannot be read is as it was read last.
		}
	}

	if err := e.auditCapture(ctx, c, true); err != nil {
		e.log.Error("the end of a capture could not be recorded", "error", err)
	}
	e.dropCapture(c)
	return c.Totals()
}

// Capture returns a capture that runs, or nil.
func (e *Engine) Capture(id string) *capture.Capture { return e.captures.Get(id) }

// dropCapture takes a capture out of what is planned. It takes mu.
func (e *Engine) dropCapture(c *capture.Capture) {
	c.End(nil)
	e.mu.Lock()
	defer e.mu.Unlock()

	delete(e.intent.Captures, c.ID)
	e.planning.MarkFlow(c.ID)
	e.planning.MarkService(c.ID)
	e.standing.Forget(intent.FlowRef(c.ID))
	e.captures.Remove(c)
}

// captureOf returns the capture for the packets that a flow of a host's switch sends; nil if there
// is none. It takes mu for the first packet only.
func (e *Engine) captureOf(h *fleet.Host, cookie openflow.Cookie) *capture.Capture {
	if c := e.captures.Route(h.ID, cookie); c != nil {
		return c
	}

	e.mu.Lock()
	defer e.mu.Unlock()
	if h.Program == nil {
		return nil
	}
	for _, f := range h.Program.Expiring() {
		if f.Flow.Cookie != cookie {
			continue
		}
		if c := e.captureBy(h, f.Owner); c != nil {
			e.captures.SetRoute(h.ID, cookie, c)
			return c
		}
	}
	return nil
}

// captureBy returns the live capture that an owner on a host serves, or nil. The caller holds mu.
func (e *Engine) captureBy(h *fleet.Host, owner string) *capture.Capture {
	for id := range e.standing.NeededBy(tap.Need{Host: h.ID, Owner: owner}) {
		if e.intent.Captures[id.ID] != nil {
			return e.captures.Get(id.ID)
		}
	}
	return nil
}

// countCaptures notes what a switch has counted of live captures. The caller holds mu.
func (e *Engine) countCaptures(h *fleet.Host, r *meter.Reading) {
	if len(e.intent.Captures) == 0 {
		return
	}

	counts := map[*capture.Capture]capture.Count{}
	for i := range r.Flows {
		if f := &r.Flows[i]; f.Leaves {
			if c := e.captureBy(h, f.Owner); c != nil {
				counts[c] = capture.Count{Sent: counts[c].Sent + f.Count.Packets}
			}
		}
	}
	for i := range r.Limits {
		for c, count := range counts {
			if c.ID == r.Limits[i].Service {
				counts[c] = capture.Count{Sent: count.Sent, Limited: r.Limits[i].Packets}
			}
		}
	}
	for c, count := range counts {
		c.Counted(h.ID, count)
	}
}

// captureRecord is what the audit log has of a capture.
type captureRecord struct {
	Source    tap.Flow        `json:"source"`
	Snaplen   int             `json:"snaplen,omitempty"`
	RateLimit string          `json:"rate_limit"`
	Duration  string          `json:"duration,omitempty"`
	Totals    *capture.Totals `json:"totals,omitempty"`
}

// auditCapture records the beginning of a capture, or its end.
func (e *Engine) auditCapture(ctx context.Context, c *capture.Capture, ended bool) error {
	if e.config.Audit == nil {
		return nil
	}

	record := captureRecord{Source: c.Request.Flow, Snaplen: c.Request.Snaplen,
		RateLimit: tap.RateLimit{Packets: c.Request.Rate}.String()}
	if ended {
		totals := c.Totals()
		record.Totals = &totals
		record.Duration = time.Since(c.Started).Round(time.Millisecond).String()
	}
	text, err := json.Marshal(record)
	if err != nil {
		return err
	}

	entry := audit.Change{Kind: "capture", ID: c.ID,
		Name: cmp.Or(c.Request.Flow.GuestID, c.Request.Flow.WireID)}
	if ended {
		entry.Before = text
	} else {
		entry.After = text
	}
	if err := e.config.Audit.Change(ctx, entry); err != nil {
		return &view.Error{Kind: view.Unavailable, Message: err.Error(), Err: err}
	}
	return nil
}
