package desired

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/document"
)

// checkTypes checks that the fields have the types of the API.
func (r *Resource) checkTypes() *document.Error {
	fields := maps.Clone(r.fields)
	var body any
	switch r.Kind {
	case host:
		body = &api.HostCreate{}
	case guest:
		body = &api.GuestCreate{}
	case tapFlow:
		body = &api.TapFlowCreate{}
	case tapService:
		// Creation has no enabled: a service is enabled by a request of its own.
		if _, isBool := fields["enabled"].(bool); fields["enabled"] != nil && !isBool {
			return r.fault("enabled", "%v is not accepted: want true or false", fields["enabled"])
		}
		delete(fields, "enabled")
		body = &api.TapServiceCreate{}
	}

	err := convert(fields, body)
	var mismatch *json.UnmarshalTypeError
	var unknown *unknownFieldError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &mismatch):
		found, _, _ := strings.Cut(mismatch.Value, " ") // A number is followed by its digits.
		return r.fault(mismatch.Field, "%s is not accepted: want %s", jsonNames[found],
			typeName(mismatch.Type))
	case errors.As(err, &unknown):
		return r.fault(unknown.within, "%q is not a field here", unknown.name)
	}

	return r.fault("", "%v", err)
}

// typeName is what a Go type is called in a message about a document.
func typeName(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Uint16:
		return "a whole number"
	case reflect.String:
		return "text; write it in quotes"
	case reflect.Slice:
		return "a list"
	}
	return "a mapping"
}

// jsonNames are the names of JSON's types (encoding/json, UnmarshalTypeError.Value) in a message
// about a document.
var jsonNames = map[string]string{
	"array": "a list", "bool": "true or false", "number": "a number", "object": "a mapping",
	"string": "text",
}

// unknownFieldError reports a field inside a field that does not exist.
type unknownFieldError struct{ within, name string }

// Error implements error.
func (e *unknownFieldError) Error() string { return "unknown field " + e.name }

// convert writes fields as JSON and reads them as a type.
func convert(fields map[string]any, to any) error {
	data, err := json.Marshal(fields)
	if err != nil {
		return err
	}

	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if err = decoder.Decode(to); err == nil {
		return nil
	}

	// encoding/json has no type for this error.
	_, name, found := strings.Cut(err.Error(), `json: unknown field "`)
	if !found {
		return err
	}

	unknown := &unknownFieldError{name: strings.TrimSuffix(name, `"`)}
	for _, field := range slices.Sorted(maps.Keys(fields)) {
		if hasKey(fields[field], unknown.name) {
			unknown.within = field
		}
	}

	return unknown
}

// hasKey reports whether a mapping anywhere in a value has a key.
func hasKey(value any, key string) bool {
	switch v := value.(type) {
	case map[string]any:
		if _, ok := v[key]; ok {
			return true
		}
		for _, inner := range v {
			if hasKey(inner, key) {
				return true
			}
		}
	case []any:
		return slices.ContainsFunc(v, func(inner any) bool { return hasKey(inner, key) })
	}
	return false
}

// toBody reads the body of a request from its JSON form.
func toBody[B any](data json.RawMessage) (B, error) {
	var body B
	if err := json.Unmarshal(data, &body); err != nil {
		return body, fmt.Errorf("the body of a request: %w", err)
	}
	return body, nil
}
