package engine

import (
	"cmp"
	"context"
	"sync"
	"time"

	"github.com/tapline-sdn/tapline/controller/engine/explain"
)

// ExplainFlow explains a tap flow. The switches of both ends are asked for their flows, for as long
// as ctx lasts.
func (e *Engine) ExplainFlow(ctx context.Context, name string) (explain.Explanation, error) {
	e.SampleFlows(ctx, name)
	return e.explain(ctx, func() (*explain.Scene, error) { return e.present.FlowScene(name) })
}

// ExplainService explains a tap service.
func (e *Engine) ExplainService(ctx context.Context, name string) (explain.Explanation, error) {
	e.SampleServices(ctx, name)
	return e.explain(ctx, func() (*explain.Scene, error) { return e.present.ServiceScene(name) })
}

// explain looks twice, since a switch must not be asked while mu is held: first which hosts matter,
// and after their switches have answered at everything.
func (e *Engine) explain(ctx context.Context,
	look func() (*explain.Scene, error)) (explain.Explanation, error) {
	scene, err := e.scene(look)
	if err != nil {
		return explain.Explanation{}, err
	}

	asked := scene.Hosts
	e.readFlows(ctx, asked)

	if scene, err = e.scene(look); err != nil {
		return explain.Explanation{}, err
	}

	for id, h := range scene.Hosts {
		if answered := asked[id]; answered != nil {
			h.OFFlows, h.Err = answered.OFFlows, answered.Err
		}
	}

	return explain.Explain(scene), nil
}

// scene copies what an explanation is made from. It takes mu.
func (e *Engine) scene(look func() (*explain.Scene, error)) (*explain.Scene, error) {
	e.mu.Lock()
	defer e.mu.Unlock()

	scene, err := look()
	if err == nil {
		scene.PluginProblem = e.pluginProblem()
	}
	return scene, err
}

// readFlows asks the switches of hosts for their flows. It takes mu, and does not hold it
// meanwhile.
func (e *Engine) readFlows(ctx context.Context, of map[string]*explain.Host) {
	var reading sync.WaitGroup
	defer reading.Wait()

	e.mu.Lock()
	defer e.mu.Unlock()

	for id, at := range of {
		if h := e.fleet.Running[id]; h != nil {
			reading.Go(func() { at.OFFlows, at.Err = h.Session.Flows(ctx) })
		}
	}
}

// pluginProblem says why the plugin does not answer; "" if it does. The caller holds mu.
func (e *Engine) pluginProblem() string {
	silence := e.liveness.Silence(time.Now())
	if e.mirror != nil && silence == nil {
		return ""
	}
	if err := cmp.Or(e.config.Plugin.Err(), silence); err != nil {
		return err.Error()
	}
	return "it is being started"
}
