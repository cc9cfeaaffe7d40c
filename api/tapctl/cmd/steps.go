package cmd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"regexp"
	"strconv"
	"strings"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/client"
	"github.com/tapline-sdn/tapline/api/document"
)

// applyStep is one request of many that make a change.
type applyStep struct {
	api.PlannedChange
	of    *change
	match string // ETag that what is changed must still have; "" of what is made
}

// steps are the requests that make changes, in an order in which none is refused because of another: what goes goes first, from
// what refers to what is referred to, and what comes comes the other way round.
func steps(changes []*change, set string) ([]applyStep, error) {
	var out []applyStep
	add := func(c *change, action, ref string, body map[string]any) error {
		st := applyStep{of: c, PlannedChange: api.PlannedChange{Action: action, Kind: c.Kind, Ref: ref}}
		if body != nil {
			var err error
			if st.Body, err = json.Marshal(body); err != nil {
				return err
			}
		}
		out = append(out, st)
		return nil
	}
	for at := len(kindOrder) - 1; at >= 0; at-- {
		for _, c := range changes {
			if c.Kind == kindOrder[at] && (c.Action == "delete" || c.Action == "replace") {
				if err := add(c, "delete", c.have.id, nil); err != nil {
					return nil, err
				}
			}
		}
	}
	for _, kind := range kindOrder {
		for _, c := range changes {
			if c.Kind != kind {
				continue
			}
			var err error
			switch c.Action {
			case "create", "replace":
				body := maps.Clone(c.want.fields)
				body["name"] = c.Name
				body["applied_by"] = set
				if c.have != nil { // It stays who made it.
					delete(body, "applied_by")
					if c.have.set != "" {
						body["applied_by"] = c.have.set
					}
					if body["enabled"] == nil {
						body["enabled"] = c.have.fields["enabled"]
					}
				}
				enabled, switched := body["enabled"].(bool)
				if kind == "tap_service" {
					delete(body, "enabled")
				}
				err = add(c, "create", "", body)
				if kind == "tap_service" && switched && enabled && err == nil {
					err = add(c, "enable", c.Name, nil)
				}
			case "update":
				if kind == "tap_service" { // There is nothing else that can be changed.
					action := "disable"
					if c.want.fields["enabled"] == true {
						action = "enable"
					}
					err = add(c, action, c.have.id, nil)
					break
				}
				err = add(c, "update", c.have.id, c.patch())
			}
			if err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

// patch is the merge patch of an update: of maps it names what is to go.
func (c *change) patch() map[string]any {
	out := map[string]any{}
	for _, f := range c.Fields {
		is := c.want.fields[f.Name]
		if f.Name == "direction" && is == nil {
			is = "BOTH"
		}
		if now, ok := is.(map[string]any); ok {
			merge := maps.Clone(now)
			before, _ := c.have.fields[f.Name].(map[string]any)
			for name := range before {
				if _, stays := now[name]; !stays {
					merge[name] = nil
				}
			}
			is = merge
		}
		out[f.Name] = is
	}
	return out
}

// hold reads again what the steps are about to change. It must be as it was when the changes were worked out; the requests then
// carry its ETag, so that nothing is overwritten that somebody else changes meanwhile.
func hold(ctx context.Context, c *client.Client, seen cloud, list []applyStep) error {
	for i := range list {
		st := &list[i]
		if st.of.have == nil {
			continue
		}
		now, etag, err := readOne(ctx, c, seen, st.Kind, st.of.have.id)
		switch {
		case err != nil && !client.IsStatus(err, http.StatusNotFound):
			return err
		case err != nil || !reflect.DeepEqual(now.fields, st.of.have.fields) || now.name != st.of.have.name:
			return fmt.Errorf("%s %q was changed by somebody else in this moment: nothing is changed; apply again", noun(st.Kind), printable(st.of.Name))
		}
		if st.Action != "create" { // What replaces it is another.
			st.match = etag
		}
	}
	return nil
}

// readOne reads a resource, in the words of documents, and its ETag.
func readOne(ctx context.Context, c *client.Client, seen cloud, kind, id string) (*existing, string, error) {
	var etag string
	var err error
	only := cloud{wires: seen.wires}
	switch kind {
	case "host":
		var v api.Host
		v, err = c.Hosts().Get(ctx, id)
		only.hosts, etag = []api.Host{v}, v.ETag
	case "guest":
		var v api.Guest
		v, err = c.Guests().Get(ctx, id)
		only.guests, etag = map[string]api.Guest{v.ID: v}, v.ETag
		if !v.Declared {
			err = errors.Join(err, fmt.Errorf("guest %q is not declared any more: apply again", id))
		}
	case "tap_service":
		var v api.TapService
		v, err = c.TapServices().Get(ctx, id)
		only.services, etag = []api.TapService{v}, v.ETag
	default:
		var v api.TapFlow
		v, err = c.TapFlows().Get(ctx, id)
		only.flows, etag = []api.TapFlow{v}, v.ETag
	}
	if err != nil {
		return nil, "", err
	}
	return newStock(only).all[0], etag, nil
}

// planned are the steps as a plan takes them.
func planned(list []applyStep) []api.PlannedChange {
	out := make([]api.PlannedChange, len(list))
	for i, st := range list {
		out[i] = st.PlannedChange
	}
	return out
}

// try has the controller look at all steps, so that nothing is changed if one of them would be refused.
func try(ctx context.Context, c *client.Client, list []applyStep) (api.Plan, error) {
	if len(list) == 0 {
		return api.Plan{Hosts: []api.PlannedHost{}, Resources: []api.PlannedResource{}}, nil
	}
	plan, err := c.Plan(ctx, planned(list))
	var refused *client.Error
	if !errors.As(err, &refused) {
		return plan, err
	}
	var errs document.Errors
	for _, f := range refused.Problem.Errors {
		if e := placed(list, f); e != nil {
			errs = append(errs, e)
		}
	}
	if len(errs) == 0 || len(errs) < len(refused.Problem.Errors) {
		return plan, err
	}
	return plan, &documentErrors{errs}
}

// placed is a field's fault at its place in a file; nil if it is in none.
func placed(list []applyStep, f api.FieldProblem) *document.Error {
	at := regexp.MustCompile(`^changes\[(\d+)\](?:\.body)?\.?(.*)$`).FindStringSubmatch(f.Field)
	if at == nil {
		return nil
	}
	i, err := strconv.Atoi(at[1])
	if err != nil || i >= len(list) {
		return nil
	}
	c := list[i].of
	if c.want == nil {
		return &document.Error{Message: fmt.Sprintf("%s %q cannot be deleted: %s", noun(c.Kind), c.Name, f.Detail)}
	}
	return c.want.fault(at[2], "%s", f.Detail)
}

// do sends a step.
func (st applyStep) do(ctx context.Context, c *client.Client) error {
	switch st.Kind {
	case "host":
		return send(ctx, c.Hosts(), st)
	case "guest":
		return send(ctx, c.Guests(), st)
	case "tap_service":
		if done, err := sendSwitch(ctx, c.TapServices(), st); done {
			return err
		}
		return send(ctx, c.TapServices().Resource, st)
	case "tap_flow":
		return send(ctx, c.TapFlows().Resource, st)
	}
	return fmt.Errorf("%s is no kind that can be applied", st.Kind)
}

func send[T, L, C, P any](ctx context.Context, r client.Resource[T, L, C, P], st applyStep) error {
	switch st.Action {
	case "create":
		var body C
		if err := json.Unmarshal(st.Body, &body); err != nil {
			return err
		}
		_, err := r.Create(ctx, body)
		return err
	case "update":
		var patch P
		if err := json.Unmarshal(st.Body, &patch); err != nil {
			return err
		}
		_, err := r.Update(ctx, st.Ref, patch, client.IfMatch(st.match))
		return err
	}
	return r.Delete(ctx, st.Ref, client.IfMatch(st.match))
}

func sendSwitch[T, L, C, P any](ctx context.Context, r client.Switchable[T, L, C, P], st applyStep) (done bool, err error) {
	switch st.Action {
	case "enable":
		_, err = r.Enable(ctx, st.Ref, client.IfMatch(st.match))
	case "disable":
		_, err = r.Disable(ctx, st.Ref, client.IfMatch(st.match))
	default:
		return false, nil
	}
	return true, err
}

// plainText is a value in a line.
func plainText(v any) string {
	switch v := v.(type) {
	case nil:
		return "-"
	case string:
		return v
	}
	data, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return strings.NewReplacer(`"`, "", ",", ", ").Replace(string(data))
}
