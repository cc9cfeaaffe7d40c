package engine

import (
	"context"
	"log/slog"
	"maps"
	"sync"
	"time"

	"github.com/tapline-sdn/tapline/controller/engine/forecast"
	"github.com/tapline-sdn/tapline/controller/engine/trial"
	"github.com/tapline-sdn/tapline/controller/engine/view"
	"github.com/tapline-sdn/tapline/plugin"
)

const (
	// maxSimulations is how many changes may be tried out at the same time; each costs a process
	// and a copy of what is known.
	maxSimulations = 2
	// simulationTime bounds one of them.
	simulationTime = 30 * time.Second
)

// Rehearse tells what a change would do. The change is made to an imagined engine that knows what
// this one knows now, stores nothing, has no connection to any switch, and asks a plugin of its
// own. Errors of change are returned as they are; whatever it has done until then is not told.
func (e *Engine) Rehearse(ctx context.Context,
	change func(ctx context.Context, imagined *Engine) error) (forecast.Forecast, error) {
	ctx, cancel := context.WithTimeout(ctx, simulationTime)
	defer cancel()
	select {
	case e.trials <- struct{}{}:
		defer func() { <-e.trials }()
	case <-ctx.Done():
		return forecast.Forecast{}, view.Errorf(view.Unavailable, "",
			"%d other plans are being made; try again", maxSimulations)
	}

	imagined, err := e.imagine(ctx)
	if err != nil {
		return forecast.Forecast{}, err
	}

	var result forecast.Forecast
	var refused error
	err = e.config.Plugin.Aside(ctx, func(ctx context.Context, mirror plugin.Mirror) error {
		var failed error
		result, refused, failed = imagined.rehearse(ctx, mirror, change)
		return failed
	})

	switch {
	case refused != nil:
		return forecast.Forecast{}, refused
	case err != nil && ctx.Err() != nil:
		return forecast.Forecast{}, view.Errorf(view.Unavailable, "",
			"the plan was not made within %v; try again", simulationTime)
	case err != nil:
		return forecast.Forecast{}, &view.Error{Kind: view.Unavailable,
			Message: "the mirror plugin does not plan: " + err.Error(), Err: err}
	}

	return result, nil
}

// rehearse makes a change to an imagined engine that asks a plugin of its own, and tells what came
// of it. Refused is the error of the change.
func (e *Engine) rehearse(ctx context.Context, mirror plugin.Mirror,
	change func(context.Context, *Engine) error) (result forecast.Forecast, refused, err error) {
	var running sync.WaitGroup
	defer running.Wait()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	running.Go(func() { cancel(e.feed(ctx, mirror)) })
	if err := e.planEverything(ctx); err != nil {
		return result, nil, err
	}

	before := e.outlook()
	if err := e.planToTheEnd(ctx); err != nil {
		return result, nil, err
	}

	before.Hosts = e.outlook().Hosts // What is on its way already comes of no change.
	if refused := change(ctx, e); refused != nil {
		return result, refused, nil
	}
	if err := e.planToTheEnd(ctx); err != nil {
		return result, nil, err
	}

	return forecast.Compare(before, e.outlook()), nil, nil
}

// imagine is an engine that knows what this one knows, whose hosts have no session.
func (e *Engine) imagine(ctx context.Context) (*Engine, error) {
	e.write.Lock() // What is stored and what is known are the same.
	defer e.write.Unlock()

	state, err := e.config.Store.Load(ctx)
	if err != nil {
		return nil, err
	}

	out, err := New(ctx, Config{ // It has nothing that acts.
		Store: trial.NewStore(state), TapBridge: e.config.TapBridge, Keys: e.config.Keys,
		TunnelNetworks: e.config.TunnelNetworks,
		Logger:         slog.New(slog.DiscardHandler), Observer: unobserved{},
		Hypervisor: e.config.Hypervisor, imagined: true,
	})
	if err != nil {
		return nil, err
	}

	out.ctx = ctx
	e.mu.Lock()
	defer e.mu.Unlock()

	for id, fact := range e.fleet.Lessons.All() { // Some may not be stored yet.
		out.fleet.Lessons.Learn(id, fact)
	}
	for id, h := range e.fleet.Running {
		record := out.intent.Hosts.ByID[id]
		if record == nil {
			continue
		}

		out.mu.Lock()
		out.startHost(record)
		at := out.fleet.Running[id]
		maps.Copy(at.SeenMAC, h.SeenMAC)
		out.mu.Unlock()
		out.observe(at, h.Report)
		out.heard(at, h.Guests)
	}

	return out, nil
}

// outlook tells how everything stands, and will stand once the switches have what is planned. It
// takes mu.
func (e *Engine) outlook() forecast.Outlook {
	e.mu.Lock()
	defer e.mu.Unlock()

	return e.present.Outlook()
}

// planEverything waits until the plugin has answered everything.
func (e *Engine) planEverything(ctx context.Context) error {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		e.mu.Lock()
		done := e.mirror != nil && e.planning.Idle()
		e.mu.Unlock()
		if done {
			return nil
		}

		select {
		case <-tick.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// unobserved counts nothing.
type unobserved struct{}

func (unobserved) Converged(time.Duration) {}
func (unobserved) Applied(int, int, bool)  {}
