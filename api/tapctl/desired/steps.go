package desired

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/tapctl/kind"
)

// The actions of steps beside Create, Update and Delete.
const (
	enable  = "enable"
	disable = "disable"
)

// Step is one request of those that make the changes.
type Step struct {
	api.PlannedChange
	change  *Change
	ifMatch string // ETag that the resource must still have; "" for a creation
}

// Noun is the kind of the step's resource in sentences.
func (s Step) Noun() string { return kind.Noun(s.Kind) }

// Name is the name of the step's resource.
func (s Step) Name() string { return s.change.Name }

// String is the resource that the step is about.
func (s Step) String() string { return fmt.Sprintf("%s %q", s.Noun(), s.Name()) }

// Steps returns the requests that make changes, in an order in which none is refused because of
// another: first deletions, each kind before those it refers to; then the rest, the other way
// round.
func Steps(changes []*Change, set string) ([]Step, error) {
	var steps []Step
	for _, key := range slices.Backward(Kinds[:]) {
		for _, c := range changes {
			if c.Kind == key && (c.Action == Delete || c.Action == Replace) {
				steps = append(steps, c.step(Delete, c.have.ID))
			}
		}
	}

	for _, key := range Kinds {
		for _, c := range changes {
			if c.Kind != key {
				continue
			}
			more, err := c.steps(set)
			if err != nil {
				return nil, err
			}
			steps = append(steps, more...)
		}
	}

	return steps, nil
}

func (c *Change) step(action, ref string) Step {
	return Step{change: c, PlannedChange: api.PlannedChange{Action: action, Kind: c.Kind, Ref: ref}}
}

func (c *Change) stepWithBody(action, ref string, body map[string]any) (Step, error) {
	step := c.step(action, ref)
	var err error
	step.Body, err = json.Marshal(body)
	return step, err
}

// steps are the requests of a change, apart from deletions.
func (c *Change) steps(set string) ([]Step, error) {
	switch {
	case c.Action == Create || c.Action == Replace:
		return c.createSteps(set)

	case c.Action == Update && c.Kind == tapService && len(c.Fields) == 1 &&
		c.Fields[0].Name == "enabled":
		action := disable
		if c.want.fields["enabled"] == true {
			action = enable
		}
		return []Step{c.step(action, c.have.ID)}, nil

	case c.Action == Update:
		step, err := c.stepWithBody(Update, c.have.ID, c.patch())
		return []Step{step}, err
	}
	return nil, nil
}

// createSteps are the requests that create a resource. A tap service takes another to be enabled.
func (c *Change) createSteps(set string) ([]Step, error) {
	body := maps.Clone(c.want.fields)
	body["name"] = c.Name
	body["applied_by"] = set

	// What takes the place of another keeps its apply set, and stays enabled or disabled.
	if c.have != nil {
		delete(body, "applied_by")
		if c.have.Set != "" {
			body["applied_by"] = c.have.Set
		}
		if body["enabled"] == nil {
			body["enabled"] = c.have.fields["enabled"]
		}
	}

	enabled, _ := body["enabled"].(bool)
	if c.Kind == tapService {
		delete(body, "enabled")
	}

	step, err := c.stepWithBody(Create, "", body)
	if err != nil {
		return nil, err
	}

	steps := []Step{step}
	if c.Kind == tapService && enabled {
		steps = append(steps, c.step(enable, c.Name))
	}

	return steps, nil
}

// patch is the merge patch of an update (RFC 7396): of a mapping it names the keys to remove.
func (c *Change) patch() map[string]any {
	out := map[string]any{}
	for _, f := range c.Fields {
		is := c.want.fields[f.Name]
		if f.Name == "direction" && is == nil {
			is = "BOTH"
		}
		if mapping, ok := is.(map[string]any); ok {
			before, _ := c.have.fields[f.Name].(map[string]any)
			is = mergeMapping(before, mapping)
		}
		out[f.Name] = is
	}

	return out
}

// mergeMapping is the merge patch that makes one mapping of another.
func mergeMapping(before, after map[string]any) map[string]any {
	merge := maps.Clone(after)
	for name := range before {
		if _, stays := after[name]; !stays {
			merge[name] = nil
		}
	}
	return merge
}

// Planned are steps in the form that a plan takes.
func Planned(steps []Step) []api.PlannedChange {
	out := make([]api.PlannedChange, len(steps))
	for i, step := range steps {
		out[i] = step.PlannedChange
	}
	return out
}
