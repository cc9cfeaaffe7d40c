package server

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/controller/engine"
	"github.com/tapline-sdn/tapline/controller/store"
)

// planTime is how long a plan may take to be answered, with room for its own deadline.
const planTime = time.Minute

// Rehearse makes a change to an imagined engine and tells what it would do; see engine.Rehearse.
type Rehearse func(ctx context.Context, change func(ctx context.Context, imagined Engine) error) (engine.Forecast, error)

// planKind is how changes of a kind are made.
type planKind struct {
	noun           string
	create, update string // schemas of the bodies
	makeOne        func(ctx context.Context, e Engine, body []byte) error
	changeOne      func(ctx context.Context, e Engine, ref string, body []byte) error
	deleteOne      func(ctx context.Context, e Engine, ref string) error
	enableOne      func(ctx context.Context, e Engine, ref string, on bool) error // nil: cannot be enabled
}

func planKinds() map[string]planKind {
	return map[string]planKind{
		"host": {
			noun: "host", create: "HostCreate", update: "HostPatch",
			makeOne: creating(newHost, Engine.CreateHost),
			changeOne: func(ctx context.Context, e Engine, ref string, body []byte) error {
				p, err := decode[api.HostPatch](body)
				if err == nil {
					_, err = e.UpdateHost(ctx, ref, 0, func(h *store.Host) error { return editHost(h, p) })
				}
				return err
			},
			deleteOne: func(ctx context.Context, e Engine, ref string) error { return e.DeleteHost(ctx, ref, 0) },
		},
		"guest": {
			noun: "guest", create: "GuestCreate", update: "GuestPatch",
			makeOne: creating(newGuest, Engine.CreateGuest),
			changeOne: func(ctx context.Context, e Engine, ref string, body []byte) error {
				p, err := decode[api.GuestPatch](body)
				if err == nil {
					_, err = e.UpdateGuest(ctx, ref, 0, func(g *store.Guest) error { return editGuest(g, p) })
				}
				return err
			},
			deleteOne: func(ctx context.Context, e Engine, ref string) error { return e.DeleteGuest(ctx, ref, 0) },
		},
		"wire": {
			noun: "wire", create: "WireCreate", update: "WirePatch",
			makeOne: func(ctx context.Context, e Engine, body []byte) error {
				b, err := decode[api.WireCreate](body)
				if err == nil {
					_, err = createWire(ctx, e, b)
				}
				return err
			},
			changeOne: func(ctx context.Context, e Engine, ref string, body []byte) error {
				p, err := decode[api.WirePatch](body)
				if err == nil {
					_, err = e.UpdateWire(ctx, ref, p.Bridges)
				}
				return err
			},
			deleteOne: func(ctx context.Context, e Engine, ref string) error { return e.DeleteWire(ctx, ref) },
		},
		"tap_service": {
			noun: "tap service", create: "TapServiceCreate", update: "TapServicePatch",
			makeOne: creating(newService, Engine.CreateService),
			changeOne: func(ctx context.Context, e Engine, ref string, body []byte) error {
				p, err := decode[api.TapServicePatch](body)
				if err == nil {
					_, err = e.UpdateService(ctx, ref, 0, func(v *store.Service) error { editService(v, p); return nil })
				}
				return err
			},
			deleteOne: func(ctx context.Context, e Engine, ref string) error { return e.DeleteService(ctx, ref, 0) },
			enableOne: func(ctx context.Context, e Engine, ref string, on bool) error {
				_, err := e.UpdateService(ctx, ref, 0, func(v *store.Service) error { v.Enabled = on; return nil })
				return err
			},
		},
		"tap_flow": {
			noun: "tap flow", create: "TapFlowCreate", update: "TapFlowPatch",
			makeOne: creating(newFlow, Engine.CreateFlow),
			changeOne: func(ctx context.Context, e Engine, ref string, body []byte) error {
				p, err := decode[api.TapFlowPatch](body)
				if err == nil {
					_, err = e.UpdateFlow(ctx, ref, 0, func(v *store.Flow) error { return editFlow(v, p) })
				}
				return err
			},
			deleteOne: func(ctx context.Context, e Engine, ref string) error { return e.DeleteFlow(ctx, ref, 0) },
			enableOne: func(ctx context.Context, e Engine, ref string, on bool) error {
				_, err := e.UpdateFlow(ctx, ref, 0, func(v *store.Flow) error { v.Enabled = on; return nil })
				return err
			},
		},
	}
}

// creating makes a record of a body and has the engine take it.
func creating[B, R, V any](record func(B) (R, error), create func(Engine, context.Context, R) (V, error)) func(context.Context, Engine, []byte) error {
	return func(ctx context.Context, e Engine, body []byte) error {
		b, err := decode[B](body)
		if err != nil {
			return err
		}
		r, err := record(b)
		if err == nil {
			_, err = create(e, ctx, r)
		}
		return err
	}
}

// step is a change that satisfies the document.
type step struct {
	api.PlannedChange
	kind planKind
	name string // of what is created
}

func (st step) do(ctx context.Context, e Engine) error {
	switch st.Action {
	case "create":
		return st.kind.makeOne(ctx, e, st.Body)
	case "update":
		return st.kind.changeOne(ctx, e, st.Ref, st.Body)
	case "delete":
		return st.kind.deleteOne(ctx, e, st.Ref)
	default:
		return st.kind.enableOne(ctx, e, st.Ref, st.Action == "enable")
	}
}

func (s *server) mountPlan() { s.route(http.MethodPost, api.Prefix+"/plan", s.plan) }

// plan tells what changes would do; nothing is stored and no switch is touched.
func (s *server) plan(c echo.Context, req request) error {
	if s.rehearse == nil {
		return refuse(http.StatusNotFound, "", "this controller makes no plans")
	}
	body, err := decode[api.PlanRequest](req.body)
	if err != nil {
		return err
	}
	steps, faults := s.readSteps(body.Changes)
	if len(faults) > 0 {
		return refuseAll(faults)
	}
	allow(c, planTime)
	forecast, err := s.rehearse(c.Request().Context(), func(ctx context.Context, imagined Engine) error {
		return makeAll(ctx, imagined, steps)
	})
	if err != nil {
		return err
	}
	return answer(c, http.StatusOK, planJSON(forecast))
}

// readSteps holds each change against the schema of the request that would make it.
func (s *server) readSteps(changes []api.PlannedChange) ([]step, []api.FieldProblem) {
	var steps []step
	var faults []api.FieldProblem
	kinds := planKinds()
	for i, change := range changes {
		at := fmt.Sprintf("changes[%d]", i)
		st := step{PlannedChange: change, kind: kinds[change.Kind]}
		schema := ""
		switch change.Action {
		case "create":
			schema = st.kind.create
		case "update":
			schema = st.kind.update
		case "enable", "disable":
			if st.kind.enableOne == nil {
				faults = append(faults, api.FieldProblem{Field: at + ".action", Detail: fmt.Sprintf("a %s cannot be %sd", st.kind.noun, change.Action)})
				continue
			}
		}
		if (change.Ref == "") != (change.Action == "create") {
			detail := "is missing: want the id or name of a " + st.kind.noun
			if change.Ref != "" {
				detail = "is nothing that create takes: leave it out"
			}
			faults = append(faults, api.FieldProblem{Field: at + ".ref", Detail: detail})
		}
		switch {
		case schema == "" && change.Body != nil:
			faults = append(faults, api.FieldProblem{Field: at + ".body", Detail: "is nothing that " + change.Action + " takes: leave it out"})
		case schema != "":
			var value any
			if change.Body == nil {
				change.Body = json.RawMessage("{}")
			}
			if err := json.Unmarshal(change.Body, &value); err != nil {
				faults = append(faults, api.FieldProblem{Field: at + ".body", Detail: err.Error()})
				continue
			}
			faults = append(faults, faultsOf(s.contract.doc.Components.Schemas[schema].Value, value, at+".body")...)
			if object, ok := value.(map[string]any); ok {
				st.name, _ = object["name"].(string)
			}
		}
		steps = append(steps, st)
	}
	return steps, faults
}

// makeAll makes all changes, and tells everything that is wrong with them. What goes wrong only because something before it did
// is left out.
func makeAll(ctx context.Context, e Engine, steps []step) error {
	var faults []api.FieldProblem
	status := 0
	failed := map[string]bool{}
	for i, st := range steps {
		err := st.do(ctx, e)
		if err == nil {
			continue
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		problem, ours := problemOf(err)
		if ours || problem.Status == http.StatusServiceUnavailable {
			return err
		}
		follows := false
		for what := range failed {
			follows = follows || strings.Contains(problem.Detail, what)
		}
		if st.Action == "create" {
			failed[fmt.Sprintf("there is no %s %q", st.kind.noun, st.name)] = true
		}
		if follows && len(faults) > 0 {
			continue
		}
		if status == 0 {
			status = problem.Status
		}
		at := fmt.Sprintf("changes[%d]", i)
		if len(problem.Errors) == 0 {
			faults = append(faults, api.FieldProblem{Field: at, Detail: problem.Detail})
		}
		for _, f := range problem.Errors {
			faults = append(faults, api.FieldProblem{Field: at + ".body." + f.Field, Detail: f.Detail})
		}
	}
	if len(faults) > 0 {
		return &refusal{status: status, faults: faults}
	}
	return nil
}

func planJSON(f engine.Forecast) api.Plan {
	out := api.Plan{Hosts: []api.PlannedHost{}, Resources: []api.PlannedResource{}}
	for _, h := range f.Hosts {
		host := api.PlannedHost{ID: h.ID, Name: h.Name, Items: []api.PlannedItem{}}
		for _, i := range h.Items {
			host.Items = append(host.Items, api.PlannedItem{
				Action: i.Action, Kind: i.Kind, Name: i.Name, Text: i.Text, Was: i.Was, For: orNone(i.For),
			})
		}
		out.Hosts = append(out.Hosts, host)
	}
	for _, r := range f.Resources {
		out.Resources = append(out.Resources, api.PlannedResource{
			Kind: r.Kind, ID: r.ID, Name: r.Name, Action: r.Action,
			Before: api.Standing{Status: status(r.Before.State), Reason: r.Before.Reason},
			After:  api.Standing{Status: status(r.After.State), Reason: r.After.Reason},
		})
	}
	return out
}

// RehearseWith has the real engine rehearse.
func RehearseWith(e *engine.Engine) Rehearse {
	return func(ctx context.Context, change func(context.Context, Engine) error) (engine.Forecast, error) {
		return e.Rehearse(ctx, func(ctx context.Context, imagined *engine.Engine) error { return change(ctx, imagined) })
	}
}
