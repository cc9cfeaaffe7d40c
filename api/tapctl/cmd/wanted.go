package cmd

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

// wanted is a resource as a file describes it.
type wanted struct {
	kind   string // host, guest, tap_service or tap_flow
	name   string
	fields map[string]any // given, and settable; numbers are json.Number
	doc    *document.Document
	path   string // of the resource within its document
}

// fault is an error about a field of the resource, or about the whole with "".
func (w *wanted) fault(field, format string, args ...any) *document.Error {
	return w.doc.Error(join(w.path, field), format, args...)
}

func join(path, field string) string {
	if path == "" || field == "" {
		return path + field
	}
	return path + "." + field
}

// text is a field that holds text, or "".
func (w *wanted) text(field string) string {
	s, _ := w.fields[field].(string)
	return s
}

// newWanted reads a resource of a document.
func newWanted(doc *document.Document, path string, object map[string]any, kind string) (*wanted, document.Errors) {
	w := &wanted{doc: doc, path: path, fields: map[string]any{}, kind: kind}
	if said, given := object["kind"]; given || kind == "" {
		k, found := findKind(fmt.Sprint(said))
		switch {
		case !given:
			return nil, document.Errors{w.fault("", "kind is missing: want one of %s", strings.Join(kindOrder[:], ", "))}
		case !found || k.word == "wire":
			return nil, document.Errors{w.fault("kind", "%q is no kind of resource: want one of %s", fmt.Sprint(said), strings.Join(kindOrder[:], ", "))}
		}
		w.kind = k.key()
	}
	var errs document.Errors
	if declared, told := object["declared_tunnel_ip"]; told && w.kind == "host" {
		object["tunnel_ip"] = declared // It is as the API shows it, and tunnel_ip may only have been learned.
	}
	if declared, told := object["declared_nics"]; told && w.kind == "guest" {
		object["nics"] = declared // The same with its NICs.
	}
	is := shapes()[w.kind]
	for _, name := range slices.Sorted(maps.Keys(object)) {
		value := object[name]
		switch {
		case name == "kind" || value == nil || value == "" && name != "name":
		case slices.Contains(is.fields, name):
			w.fields[name] = value
		case slices.Contains(is.known, name):
		default:
			errs = append(errs, w.fault(name, "is not a field of a %s: want some of %s", noun(w.kind), strings.Join(is.fields, ", ")))
		}
	}
	name, isText := object["name"].(string)
	switch {
	case object["name"] == nil:
		errs = append(errs, w.fault("", "name is missing: want the name of the %s", noun(w.kind)))
	case !isText || name == "":
		errs = append(errs, w.fault("name", "%v is not a name: want text", object["name"]))
	}
	w.name = name
	if err := w.fitType(); err != nil {
		errs = append(errs, err)
	}
	w.normalize()
	return w, errs
}

// fitType holds the types of the fields against those of the API.
func (w *wanted) fitType() *document.Error {
	fields := maps.Clone(w.fields)
	var err error
	switch w.kind {
	case "host":
		err = refit(fields, &api.HostCreate{})
	case "guest":
		err = refit(fields, &api.GuestCreate{})
	case "tap_service":
		if _, isBool := fields["enabled"].(bool); fields["enabled"] != nil && !isBool {
			return w.fault("enabled", "%v is not accepted: want true or false", fields["enabled"])
		}
		delete(fields, "enabled")
		err = refit(fields, &api.TapServiceCreate{})
	case "tap_flow":
		err = refit(fields, &api.TapFlowCreate{})
	}
	var mismatch *json.UnmarshalTypeError
	var unknown *unknownField
	switch {
	case err == nil:
		return nil
	case errors.As(err, &mismatch):
		return w.fault(mismatch.Field, "this is a %s: want %s", mismatch.Value, goType(mismatch.Type))
	case errors.As(err, &unknown):
		return w.fault(unknown.within, "%q is not a field here", unknown.name)
	}
	return w.fault("", "%v", err)
}

func goType(t reflect.Type) string {
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

// unknownField is a field within a field that does not exist.
type unknownField struct{ within, name string }

func (e *unknownField) Error() string { return "unknown field " + e.name }

// refit writes fields as JSON and reads them as a type.
func refit(fields map[string]any, to any) error {
	data, err := json.Marshal(fields)
	if err != nil {
		return err
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	err = d.Decode(to)
	if err == nil {
		return nil
	}
	if _, name, found := strings.Cut(err.Error(), `json: unknown field "`); found {
		unknown := &unknownField{name: strings.TrimSuffix(name, `"`)}
		for _, field := range slices.Sorted(maps.Keys(fields)) {
			if mentions(fields[field], unknown.name) {
				unknown.within = field
			}
		}
		return unknown
	}
	return err
}

// mentions reports whether a mapping within a value has a key.
func mentions(value any, key string) bool {
	switch v := value.(type) {
	case map[string]any:
		if _, has := v[key]; has {
			return true
		}
		for _, sub := range v {
			if mentions(sub, key) {
				return true
			}
		}
	case []any:
		return slices.ContainsFunc(v, func(sub any) bool { return mentions(sub, key) })
	}
	return false
}

// normalize brings what can be written in several ways into the way that the API answers.
func (w *wanted) normalize() {
	if w.text("direction") != "" {
		w.fields["direction"] = strings.ToUpper(w.text("direction"))
	}
	if n, ok := w.fields["vlan_id"].(json.Number); ok && n == "0" {
		delete(w.fields, "vlan_id") // As the API shows that there is none.
	}
	lower(w.fields)
	nics, _ := w.fields["nics"].([]any)
	for _, nic := range nics {
		if fields, ok := nic.(map[string]any); ok {
			lower(fields)
			for name, value := range fields {
				if value == "" || value == nil || value == json.Number("0") {
					delete(fields, name)
				}
			}
		}
	}
}

// lower writes MAC addresses as the API does.
func lower(fields map[string]any) {
	for _, name := range []string{"mac", "mac_addr"} {
		if s, ok := fields[name].(string); ok {
			fields[name] = strings.ToLower(strings.ReplaceAll(s, "-", ":"))
		}
	}
}
