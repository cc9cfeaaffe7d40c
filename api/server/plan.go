package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/server/contract"
	"github.com/tapline-sdn/tapline/api/server/convert"
	"github.com/tapline-sdn/tapline/api/server/problem"
	"github.com/tapline-sdn/tapline/controller/engine"
	"github.com/tapline-sdn/tapline/controller/engine/forecast"
	"github.com/tapline-sdn/tapline/controller/engine/view"
)

// planTime is the longest that a plan may take. It exceeds the deadline of the plan itself.
const planTime = time.Minute

// Rehearse makes changes to an imagined engine, and returns what they would do; see
// engine.Rehearse.
type Rehearse func(
	ctx context.Context, change func(ctx context.Context, imagined Resources) error,
) (forecast.Forecast, error)

// RehearseWith returns a Rehearse of the real engine.
func RehearseWith(e *engine.Engine) Rehearse {
	return func(
		ctx context.Context, change func(context.Context, Resources) error,
	) (forecast.Forecast, error) {
		return e.Rehearse(ctx, func(ctx context.Context, imagined *engine.Engine) error {
			return change(ctx, imagined)
		})
	}
}

// step is a change of a plan that satisfies the document.
type step struct {
	api.PlannedChange
	fields map[string]any // of the body
}

func (s *server) mountPlan() { s.route(http.MethodPost, api.Prefix+"/plan", s.plan) }

// plan answers what changes would do. It stores nothing and touches no switch.
func (s *server) plan(c echo.Context, req request) error {
	if s.rehearse == nil {
		return problem.Refuse(http.StatusNotFound, "", "this controller makes no plans")
	}

	body, err := contract.Decode[api.PlanRequest](req.Body)
	if err != nil {
		return err
	}
	steps, faults := s.readSteps(body.Changes)
	if len(faults) > 0 {
		return problem.RefuseAll(faults)
	}

	end, err := s.planners.begin(c, identity(c))
	if err != nil {
		return err
	}
	defer end()

	allow(c, planTime)
	change := func(ctx context.Context, imagined Resources) error {
		return applyAll(ctx, imagined, steps)
	}
	found, err := s.rehearse(c.Request().Context(), change)
	if err != nil {
		return err
	}
	return answer(c, http.StatusOK, convert.Plan(found))
}

// readSteps checks each change against the document: its body as that of the request which would
// make the change.
func (s *server) readSteps(changes []api.PlannedChange) ([]step, []api.FieldProblem) {
	var steps []step
	var faults []api.FieldProblem

	for i, change := range changes {
		st, wrong := s.readStep(change, fmt.Sprintf("changes[%d]", i))
		steps, faults = append(steps, st), append(faults, wrong...)
	}
	return steps, faults
}

// readStep checks the change at a path of the request.
func (s *server) readStep(change api.PlannedChange, at string) (step, []api.FieldProblem) {
	kind := s.kinds[change.Kind]
	var faults []api.FieldProblem
	refuse := func(field, format string, args ...any) {
		faults = append(faults, api.FieldProblem{
			Field: at + "." + field, Detail: fmt.Sprintf(format, args...),
		})
	}

	var op *contract.Operation // whose body the change has; nil: the change has none
	switch change.Action {
	case "create":
		op = s.contract.Operation(http.MethodPost, kind.path())
	case "update":
		op = s.contract.Operation(http.MethodPatch, kind.path()+"/{ref}")
	case "enable", "disable":
		if !kind.canEnable() {
			refuse("action", "a %s cannot be %sd", noun(change.Kind), change.Action)
			return step{}, faults
		}
	}

	switch creates := change.Action == "create"; {
	case creates && change.Ref != "":
		refuse("ref", "is not a field of create: leave it out")
	case !creates && change.Ref == "":
		refuse("ref", "is missing: want the id or name of a %s", noun(change.Kind))
	}

	if op == nil {
		if change.Body != nil {
			refuse("body", "is not a field of %s: leave it out", change.Action)
		}
		return step{PlannedChange: change}, faults
	}

	if change.Body == nil {
		change.Body = json.RawMessage("{}")
	}
	var value any
	if err := json.Unmarshal(change.Body, &value); err != nil {
		refuse("body", "%v", err)
		return step{}, faults
	}
	faults = append(faults, op.BodyFaults(value, at+".body")...)

	fields, _ := value.(map[string]any)
	return step{PlannedChange: change, fields: fields}, faults
}

// applyAll makes all changes. Its error lists everything that is wrong with them, except what is
// wrong only because an earlier change has failed.
func applyAll(ctx context.Context, r Resources, steps []step) error {
	kinds := kindsByName(r)
	failed := map[string]bool{} // names of resources whose creation has failed
	status := 0                 // of the first failure
	var faults []api.FieldProblem

	for i, st := range steps {
		err := kinds[st.Kind].apply(ctx, st.PlannedChange)
		if err == nil {
			continue
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}

		p, internal := problem.Of(err)
		if internal || p.Status == http.StatusServiceUnavailable {
			return err
		}

		follows := st.follows(err, failed)
		if name, ok := st.fields["name"].(string); ok && st.Action == "create" {
			failed[name] = true
		}
		if follows {
			continue
		}

		if status == 0 {
			status = p.Status
		}
		faults = append(faults, stepFaults(p, fmt.Sprintf("changes[%d]", i))...)
	}

	if len(faults) > 0 {
		return &problem.Refusal{Status: status, Fields: faults}
	}
	return nil
}

// follows reports whether a change fails because a resource that it names could not be created.
func (st step) follows(err error, failed map[string]bool) bool {
	var failure *view.Error
	if !errors.As(err, &failure) {
		return false
	}

	switch failure.Kind {
	case view.NotFound:
		return failed[st.Ref]

	case view.Invalid:
		// The field holds the name, as tap_id does, or its last part is the name, as in bridges.h1.
		if name, ok := st.fields[failure.Field].(string); ok {
			return failed[name]
		}
		_, key, nested := strings.Cut(failure.Field, ".")
		return nested && failed[key]

	default:
		return false
	}
}

// stepFaults returns what is wrong with the change at a path of the request.
func stepFaults(p api.Problem, at string) []api.FieldProblem {
	if len(p.Errors) == 0 {
		return []api.FieldProblem{{Field: at, Detail: p.Detail}}
	}

	out := make([]api.FieldProblem, len(p.Errors))
	for i, f := range p.Errors {
		out[i] = api.FieldProblem{Field: at + ".body." + f.Field, Detail: f.Detail}
		if wrong := p.FilterError; f.Field == "filter" && wrong != nil && wrong.Length > 0 {
			out[i].Detail = fmt.Sprintf("at octet %d: %s", wrong.Offset+1, f.Detail)
		}
	}
	return out
}

// kindsByName returns the table of kinds by name.
func kindsByName(r Resources) map[string]kind {
	out := map[string]kind{}
	for _, k := range kindsOf(r) {
		out[k.name()] = k
	}

	return out
}
