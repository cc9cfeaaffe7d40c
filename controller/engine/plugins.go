package engine

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/tapline-sdn/tapline/controller/audit"
	"github.com/tapline-sdn/tapline/controller/engine/contract"
	"github.com/tapline-sdn/tapline/controller/engine/fleet"
	"github.com/tapline-sdn/tapline/controller/engine/standing"
	"github.com/tapline-sdn/tapline/controller/engine/view"
	"github.com/tapline-sdn/tapline/controller/reconcile"
	"github.com/tapline-sdn/tapline/plugin"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// pluginErr is nil if the plugin runs and answers.
func (e *Engine) pluginErr() error {
	return cmp.Or(e.config.Plugin.Err(), e.liveness.Silence(time.Now()))
}

// PluginUp reports whether the plugin runs and answers.
func (e *Engine) PluginUp() bool { return e.pluginErr() == nil }

// Ready returns nil if the controller can do its work, and otherwise an error that says what is
// missing.
func (e *Engine) Ready() error { return cmp.Or(e.pluginErr(), e.refusedPrograms()) }

// Plugins returns all plugins. There is one.
func (e *Engine) Plugins() []view.Plugin {
	v := view.Plugin{Status: e.config.Plugin.Status(), Health: view.Health{State: tap.StateReady}}
	if v.Problem != "" {
		v.Health = view.Health{State: tap.StateError, Reason: v.Problem}
	} else if err := cmp.Or(e.liveness.Silence(time.Now()), e.refusedPrograms()); err != nil {
		v.Health = view.Health{State: tap.StateError, Reason: err.Error()}
	}
	return []view.Plugin{v}
}

// Plugin returns the plugin of a name.
func (e *Engine) Plugin(name string) (view.Plugin, error) {
	for _, v := range e.Plugins() {
		if v.Name == name {
			return v, nil
		}
	}
	return view.Plugin{}, view.Errorf(view.NotFound, "", "there is no plugin %q", name)
}

// ReloadPlugin starts a plugin anew, tries it, and has it take over from the running one. If
// anything is wrong with it, the running one goes on, and the error says what is wrong.
func (e *Engine) ReloadPlugin(ctx context.Context, name string) (view.Plugin, error) {
	before, err := e.Plugin(name)
	if err != nil {
		return view.Plugin{}, err
	}

	if err := e.auditReload(ctx, before); err != nil {
		return view.Plugin{}, err
	}

	if err := e.config.Plugin.Reload(ctx, e.try); err != nil {
		if ctx.Err() != nil {
			return view.Plugin{}, ctx.Err()
		}
		e.log.Error("plugin is not replaced: the one that runs goes on", "plugin", name, "error",
			err)
		return view.Plugin{}, &view.Error{Kind: view.Conflict,
			Message: fmt.Sprintf("%v; the plugin that runs goes on", err), Err: err}
	}

	return e.Plugin(name)
}

// auditReload records in the audit log that a plugin is about to be replaced.
func (e *Engine) auditReload(ctx context.Context, v view.Plugin) error {
	if e.config.Audit == nil {
		return nil
	}

	type program struct {
		Name    string `json:"name"`
		Path    string `json:"path"`
		Version string `json:"version,omitempty"`
	}
	before, err := json.Marshal(program{v.Name, v.Path, v.Version})
	if err != nil {
		return fmt.Errorf("plugin %s: %w", v.Name, err)
	}

	after, err := json.Marshal(program{Name: v.Name, Path: v.Path})
	if err != nil {
		return fmt.Errorf("plugin %s: %w", v.Name, err)
	}

	change := audit.Change{Kind: "plugin", ID: v.Name, Name: v.Name, Before: before, After: after}
	if err := e.config.Audit.Change(ctx, change); err != nil {
		return &view.Error{Kind: view.Unavailable, Message: err.Error(), Err: err}
	}

	return nil
}

// try has a plugin on trial plan everything, and checks its answer. Nothing is applied.
func (e *Engine) try(ctx context.Context, mirror plugin.Mirror) error {
	e.mu.Lock()
	snapshot := e.planning.Snapshot()
	e.mu.Unlock()

	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	told := contract.NewWorld()
	told.Tell(&snapshot)
	err := contract.Try(ctx, mirror, snapshot, func(p *tap.Program) error {
		return e.tryProgram(p, told)
	})
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("on trial it has not answered within %v", answerTime)
	}
	return err
}

// tryProgram checks a program of a plugin that was told a world against the contract. It takes mu.
func (e *Engine) tryProgram(p *tap.Program, told *contract.World) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	h := e.fleet.Running[p.Host]
	if h == nil {
		return nil // Deleted meanwhile, or made up; neither is applied.
	}
	_, err := e.accept(h, p, told)
	return err
}

// accept prepares a host's program, if it keeps the contract and follows from what the plugin was
// told. The caller holds mu.
func (e *Engine) accept(
	h *fleet.Host, p *tap.Program, told *contract.World,
) (*reconcile.Desired, error) {
	desired, err := prepareProgram(h, p, e.config.TapBridge)
	if err == nil {
		err = contract.CheckNICs(e.intent, e.places, h.ID, p)
	}
	if err == nil {
		err = told.Check(p)
	}

	if err != nil {
		return nil, fmt.Errorf("the plugin programs what it must not: host %s: %w",
			e.intent.HostName(h.ID), err)
	}

	return desired, nil
}

// prepareProgram makes the program that the session applies.
func prepareProgram(h *fleet.Host, p *tap.Program, tapBridge string) (*reconcile.Desired, error) {
	if h.Program == nil {
		return reconcile.NewDesired(p, tapBridge)
	}
	return h.Program.Next(p, tapBridge)
}

// refuse keeps a host at its last good program. Other hosts go on. The caller holds mu.
func (e *Engine) refuse(h *fleet.Host, why error, affected standing.Affected) {
	text := ""
	if why != nil {
		text = why.Error()
		if h.Refused != text {
			e.log.Error("a program is refused; what stands on the host stays", "host",
				e.intent.HostName(h.ID), "error", why)
		}
	}

	if h.Refused == text {
		return
	}

	h.Refused = text
	e.standing.AddAffectedByHost(h.ID, affected)
	e.publish.HostHealth(h)
}

// refusedPrograms is an error that names a host whose program was refused; nil if there is none. It
// takes mu.
func (e *Engine) refusedPrograms() error {
	e.mu.Lock()
	defer e.mu.Unlock()

	return e.fleet.RefusedPrograms()
}
