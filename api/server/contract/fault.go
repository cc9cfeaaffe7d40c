package contract

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/server/problem"
)

// faultsOf checks a value against a schema, and lists what is wrong with it. The root is the name
// of the value itself; "" is the body of a request.
func faultsOf(schema *openapi3.Schema, value any, root string) []api.FieldProblem {
	err := schema.VisitJSON(value, openapi3.MultiErrors(), openapi3.VisitAsRequest(),
		openapi3.EnableFormatValidation(), openapi3.WithStringFormatValidators(formats()))
	if err == nil {
		return nil
	}

	var faults []api.FieldProblem
	for _, e := range flatten(err) {
		faults = append(faults, describe(e, root)...)
	}
	return faults
}

// flatten lists the schema errors within err.
func flatten(err error) []*openapi3.SchemaError {
	var many openapi3.MultiError
	if errors.As(err, &many) {
		var out []*openapi3.SchemaError
		for _, e := range many {
			out = append(out, flatten(e)...)
		}
		return out
	}

	var one *openapi3.SchemaError
	if errors.As(err, &one) {
		return []*openapi3.SchemaError{one}
	}
	return []*openapi3.SchemaError{{Schema: &openapi3.Schema{}, Reason: err.Error()}}
}

// describe says what is wrong with one value, and what would be right.
func describe(e *openapi3.SchemaError, root string) []api.FieldProblem {
	path := e.JSONPointer()

	switch e.SchemaField {
	case "required":
		missing := e.Schema.Properties[path[len(path)-1]].Value
		return []api.FieldProblem{fault(root, path, "is missing: want "+want(missing))}

	case "properties":
		var faults []api.FieldProblem
		object, _ := e.Value.(map[string]any)
		for name := range object {
			if e.Schema.Properties[name] == nil {
				at := append(e.JSONPointer(), name)
				faults = append(faults, fault(root, at, unknown(e.Schema, name)))
			}
		}
		return faults

	case "minProperties":
		detail := "is empty: want " + want(e.Schema)
		if len(e.Schema.Properties) > 0 {
			detail = "nothing is given to change: want some of " + properties(e.Schema)
		}
		return []api.FieldProblem{fault(root, path, detail)}

	default:
		detail := fmt.Sprintf("%s is not accepted: want %s", Quote(e.Value), want(e.Schema))
		return []api.FieldProblem{fault(root, path, detail)}
	}
}

// fault returns what is wrong at a path. Only faults of a body, whose root is "", have a pointer.
func fault(root string, path []string, detail string) api.FieldProblem {
	f := api.FieldProblem{Field: fieldName(root, path), Detail: detail}
	if root == "" {
		f.Pointer = problem.Pointer(path)
	}

	return f
}

// unknown says what to do about a field that a schema does not have.
func unknown(schema *openapi3.Schema, name string) string {
	immutable, _ := schema.Extensions[immutableKey].([]any)
	if slices.Contains(immutable, any(name)) {
		return "cannot be changed: what can be is " + properties(schema)
	}

	return "is not a field: want some of " + properties(schema)
}

func properties(schema *openapi3.Schema) string {
	return strings.Join(slices.Sorted(maps.Keys(schema.Properties)), ", ")
}

// want says what a schema accepts: in the document's words, or else derived from the schema.
func want(schema *openapi3.Schema) string {
	if words, ok := schema.Extensions[wantKey].(string); ok {
		return words
	}

	if len(schema.Enum) > 0 {
		values := make([]string, len(schema.Enum))
		for i, v := range schema.Enum {
			values[i] = fmt.Sprint(v)
		}
		return "one of " + strings.Join(values, ", ")
	}

	if schema.Type == nil {
		return "something else"
	}
	words := map[string]string{
		openapi3.TypeBoolean: "true or false",
		openapi3.TypeInteger: "a whole number",
		openapi3.TypeString:  "a string",
		openapi3.TypeArray:   "a list",
		openapi3.TypeObject:  "an object",
	}[strings.Join(*schema.Type, " ")]
	if schema.Nullable {
		words += " or null"
	}
	return words
}

// fieldName returns a path as users write it: nics[0].mac. The body as a whole is "body".
func fieldName(root string, path []string) string {
	name := root
	for _, part := range path {
		if _, err := strconv.Atoi(part); err == nil {
			name += "[" + part + "]"
			continue
		}
		if name != "" {
			name += "."
		}
		name += part
	}

	if name == "" {
		return "body"
	}
	return name
}

// Quote returns a value as JSON that is short enough for a line of an error message.
func Quote(v any) string {
	const limit = 80 // characters

	text, err := json.Marshal(v)
	if err != nil {
		return "this value"
	}

	if characters := []rune(string(text)); len(characters) > limit {
		return string(characters[:limit]) + "…"
	}
	return string(text)
}
