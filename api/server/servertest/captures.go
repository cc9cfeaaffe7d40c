package servertest

import (
	"context"

	"github.com/tapline-sdn/tapline/controller/capture"
)

// Captures is a hub of captures that stand at once. Tests feed them by [capture.Capture.Take].
type Captures struct {
	Hub *capture.Hub
	// Started receives each capture that has begun. It may be nil.
	Started chan *capture.Capture
	// Fail, if set, is what StartCapture returns.
	Fail error
}

func (e *Captures) StartCapture(_ context.Context, r capture.Request) (*capture.Capture, error) {
	if e.Fail != nil {
		return nil, e.Fail
	}
	c, err := e.Hub.Begin(r)
	if err == nil && e.Started != nil {
		e.Started <- c
	}
	return c, err
}

func (e *Captures) CheckCapture(context.Context, capture.Request) error { return e.Fail }

func (e *Captures) StopCapture(_ context.Context, c *capture.Capture) capture.Totals {
	c.End(nil)
	e.Hub.Remove(c)
	return c.Totals()
}

func (e *Captures) Capture(id string) *capture.Capture { return e.Hub.Get(id) }
