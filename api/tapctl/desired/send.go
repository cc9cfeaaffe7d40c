package desired

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"regexp"
	"strconv"
	"time"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/client"
	"github.com/tapline-sdn/tapline/api/document"
	"github.com/tapline-sdn/tapline/api/tapctl/cloud"
	"github.com/tapline-sdn/tapline/api/tapctl/kind"
)

// Try has the controller check all steps without making them, and returns what they would do. What
// it refuses is reported at its place in the documents.
func Try(ctx context.Context, c *client.Client, steps []Step) (api.Plan, error) {
	if len(steps) == 0 {
		return api.Plan{Hosts: []api.PlannedHost{}, Resources: []api.PlannedResource{}}, nil
	}

	plan, err := c.Plan(ctx, Planned(steps))
	var refused *client.Error
	if !errors.As(err, &refused) || len(refused.Problem.Errors) == 0 {
		return plan, err
	}

	var errs document.Errors
	for _, problem := range refused.Problem.Errors {
		e, ok := locate(steps, problem)
		if !ok {
			return plan, err
		}
		errs = append(errs, e)
	}

	return plan, mistakes(errs)
}

// changeField is the field of a problem with a plan: changes[3].body.nics[0].mac.
var changeField = regexp.MustCompile(`^changes\[(\d+)\](?:\.body)?\.?(.*)$`)

// locate is a problem with a plan at its place in a document. It is not ok if the problem is not
// about one of the steps.
func locate(steps []Step, problem api.FieldProblem) (*document.Error, bool) {
	match := changeField.FindStringSubmatch(problem.Field)
	if match == nil {
		return nil, false
	}

	i, err := strconv.Atoi(match[1])
	if err != nil || i >= len(steps) {
		return nil, false
	}

	change := steps[i].change
	if change.want == nil {
		return &document.Error{Message: fmt.Sprintf("%s %q cannot be deleted: %s",
			kind.Noun(change.Kind), change.Name, problem.Detail)}, true
	}

	return change.want.fault(match[2], "%s", problem.Detail), true
}

// ErrChanged means that a resource is no longer as it was when the changes were found.
var ErrChanged = errors.New("was changed by somebody else at the same time; nothing was changed")

// Pin reads again what the steps are about to change. It must be as it was when the changes were
// found. From then on the steps carry its ETag, so that a change of somebody else is never
// overwritten.
func Pin(ctx context.Context, c *client.Client, current *Current, steps []Step) error {
	for i := range steps {
		step := &steps[i]
		have := step.change.have
		if have == nil {
			continue
		}

		now, etag, err := readAgain(ctx, c, current, have)
		gone := client.IsStatus(err, http.StatusNotFound)
		if err != nil && !gone {
			return err
		}

		if gone || !reflect.DeepEqual(now.fields, have.fields) || now.Name != have.Name {
			return fmt.Errorf("%s %q %w", step.Noun(), step.Name(), ErrChanged)
		}
		if step.Action != Create { // A replacement creates a new resource, without an ETag.
			step.ifMatch = etag
		}
	}
	return nil
}

// readAgain reads a resource and its ETag.
func readAgain(
	ctx context.Context, c *client.Client, current *Current, e *Existing,
) (*Existing, string, error) {
	var etag string
	var err error
	state := cloud.State{Wires: current.state.Wires}

	switch e.Kind {
	case host:
		var v api.Host
		v, err = c.Hosts().Get(ctx, e.ID)
		state.Hosts, etag = []api.Host{v}, v.ETag
	case guest:
		var v api.Guest
		v, err = c.Guests().Get(ctx, e.ID)
		if err == nil && !v.Declared {
			err = fmt.Errorf("guest %q %w: it is not declared any more", e.Name, ErrChanged)
		}
		state.Guests, etag = map[string]api.Guest{v.ID: v}, v.ETag
	case tapService:
		var v api.TapService
		v, err = c.TapServices().Get(ctx, e.ID)
		state.TapServices, etag = []api.TapService{v}, v.ETag
	case tapFlow:
		var v api.TapFlow
		v, err = c.TapFlows().Get(ctx, e.ID)
		state.TapFlows, etag = []api.TapFlow{v}, v.ETag
	}

	if err != nil {
		return nil, "", err
	}

	return NewCurrent(state).All[0], etag, nil
}

// Send makes the request of a step. A deletion waits for the switches; it is [client.ErrPending] if
// they have not followed in that time.
func (s Step) Send(ctx context.Context, c *client.Client, wait time.Duration) error {
	err := s.send(ctx, c, wait)
	if err != nil {
		return fmt.Errorf("%s: %w", s, err)
	}
	return nil
}

// Reason is why a resource that the step has deleted is not gone yet; "" if it cannot be said.
func (s Step) Reason(ctx context.Context, c *client.Client) string {
	k, _ := kind.Find(s.Kind)
	o, err := k.Get(ctx, c, s.Ref)
	if err != nil {
		return ""
	}
	return o.Health.Reason
}

func (s Step) send(ctx context.Context, c *client.Client, wait time.Duration) error {
	switch s.Kind {
	case host:
		return sendTo(ctx, c.Hosts(), s, wait)
	case guest:
		return sendTo(ctx, c.Guests(), s, wait)
	case tapFlow:
		return sendTo(ctx, c.TapFlows().Resource, s, wait)
	case tapService:
		var err error
		switch s.Action {
		case enable:
			_, err = c.TapServices().Enable(ctx, s.Ref, client.IfMatch(s.ifMatch))
		case disable:
			_, err = c.TapServices().Disable(ctx, s.Ref, client.IfMatch(s.ifMatch))
		default:
			err = sendTo(ctx, c.TapServices().Resource, s, wait)
		}

		return err
	}
	return fmt.Errorf("%s is no kind that can be applied", s.Kind)
}

// sendTo creates, updates or deletes a resource of one kind.
func sendTo[T, L, C, P any](
	ctx context.Context, r client.Resource[T, L, C, P], s Step, wait time.Duration,
) error {
	switch s.Action {
	case Create:
		body, err := toBody[C](s.Body)
		if err != nil {
			return err
		}
		_, err = r.Create(ctx, body)
		return err

	case Update:
		patch, err := toBody[P](s.Body)
		if err != nil {
			return err
		}
		_, err = r.Update(ctx, s.Ref, patch, client.IfMatch(s.ifMatch))
		return err
	}
	return r.Delete(ctx, s.Ref, client.IfMatch(s.ifMatch), client.Wait(wait))
}
