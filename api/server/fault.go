package server

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/tapline-sdn/tapline/api"
)

const (
	// wantKey is the extension of a schema that says in words what is accepted.
	wantKey = "x-want"
	// immutableKey is the extension of a patch's schema that lists the fields of the resource that it cannot change.
	immutableKey = "x-immutable"
)

// faultsOf lists what of a value the schema refuses, in words. The root names the value itself, "" for a body.
func faultsOf(schema *openapi3.Schema, value any, root string) []api.FieldProblem {
	err := schema.VisitJSON(value, openapi3.MultiErrors(), openapi3.VisitAsRequest(), openapi3.EnableFormatValidation(),
		openapi3.WithStringFormatValidators(formats()))
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

// describe says what is wrong with one value and what would be right.
func describe(e *openapi3.SchemaError, root string) []api.FieldProblem {
	at := e.JSONPointer()
	object, _ := e.Value.(map[string]any)
	switch e.SchemaField {
	case "required":
		path := e.JSONPointer()
		missing := e.Schema.Properties[path[len(path)-1]].Value
		return []api.FieldProblem{fault(root, at, "is missing: want "+want(missing))}
	case "properties":
		var faults []api.FieldProblem
		for name := range object {
			if e.Schema.Properties[name] == nil {
				faults = append(faults, fault(root, append(e.JSONPointer(), name), unknown(e.Schema, name)))
			}
		}
		return faults
	case "minProperties":
		detail := "is empty: want " + want(e.Schema)
		if len(e.Schema.Properties) > 0 {
			detail = "nothing is given to change: want some of " + properties(e.Schema)
		}
		return []api.FieldProblem{fault(root, at, detail)}
	}
	detail := fmt.Sprintf("%s is not accepted: want %s", quote(e.Value), want(e.Schema))
	return []api.FieldProblem{fault(root, at, detail)}
}

// fault is what is wrong at a path; within a body, whose root is "", with a pointer to it.
func fault(root string, path []string, detail string) api.FieldProblem {
	f := api.FieldProblem{Field: fieldName(root, path), Detail: detail}
	if root == "" {
		f.Pointer = pointer(path)
	}
	return f
}

// pointer is a JSON pointer as a URI fragment (RFC 6901, 6): the whole body is "#".
func pointer(path []string) string {
	out := "#"
	for _, p := range path {
		out += "/" + url.PathEscape(strings.NewReplacer("~", "~0", "/", "~1").Replace(p))
	}
	return out
}

// pointerOf makes the pointer of a field whose name was written as users do.
func pointerOf(field string) string {
	return pointer(strings.FieldsFunc(field, func(r rune) bool { return strings.ContainsRune(".[]", r) }))
}

// unknown says what to do about a field that a schema does not have.
func unknown(schema *openapi3.Schema, name string) string {
	if fixed, ok := schema.Extensions[immutableKey].([]any); ok && slices.Contains(fixed, any(name)) {
		return "cannot be changed: what can be is " + properties(schema)
	}
	return "is not a field: want some of " + properties(schema)
}

func properties(schema *openapi3.Schema) string {
	return strings.Join(slices.Sorted(maps.Keys(schema.Properties)), ", ")
}

// want says what a schema accepts: in the document's words, or derived from it.
func want(schema *openapi3.Schema) string {
	if words, ok := schema.Extensions[wantKey].(string); ok {
		return words
	}
	if len(schema.Enum) > 0 {
		var values []string
		for _, v := range schema.Enum {
			values = append(values, fmt.Sprint(v))
		}
		return "one of " + strings.Join(values, ", ")
	}
	if schema.Type == nil {
		return "something else"
	}
	kind := map[string]string{
		openapi3.TypeBoolean: "true or false",
		openapi3.TypeInteger: "a whole number",
		openapi3.TypeString:  "a string",
		openapi3.TypeArray:   "a list",
		openapi3.TypeObject:  "an object",
	}[strings.Join(*schema.Type, " ")]
	if schema.Nullable {
		kind += " or null"
	}
	return kind
}

// fieldName writes a path as users do: nics[0].mac. The body as a whole is "body".
func fieldName(root string, path []string) string {
	name := root
	for _, p := range path {
		if _, err := strconv.Atoi(p); err == nil {
			name += "[" + p + "]"
			continue
		}
		if name != "" {
			name += "."
		}
		name += p
	}
	if name == "" {
		return "body"
	}
	return name
}

// quote shows a refused value, short enough for a line.
func quote(v any) string {
	const most = 80
	b, err := json.Marshal(v)
	if err != nil {
		return "this value"
	}
	if r := []rune(string(b)); len(r) > most {
		return string(r[:most]) + "…"
	}
	return string(b)
}
