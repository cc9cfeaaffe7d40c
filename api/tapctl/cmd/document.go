package cmd

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/controller/config"
)

// wanted is a resource as a file describes it.
type wanted struct {
	kind   string // host, guest, tap_service or tap_flow
	name   string
	fields map[string]any // given, and settable; numbers are json.Number
	doc    *config.Document
	path   string // of the resource within its document
}

// fault is an error about a field of the resource, or about the whole with "".
func (w *wanted) fault(field, format string, args ...any) *config.Error {
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

// shape is what documents of a kind may hold.
type shape struct {
	list   string   // name of a list of them
	fields []string // settable
	known  []string // what the API also shows of it, which is no error and means nothing here
}

// shapes follow the types of package api.
func shapes() map[string]shape {
	of := func(list string, create, shown any, more ...string) shape {
		s := shape{list: list, fields: slices.Concat(fieldNames(create), more), known: fieldNames(shown)}
		s.fields = slices.DeleteFunc(s.fields, func(f string) bool { return f == "applied_by" })
		return s
	}
	return map[string]shape{
		"host":        of("hosts", api.HostCreate{}, api.Host{}),
		"guest":       of("guests", api.GuestCreate{}, api.Guest{}),
		"tap_service": of("tap_services", api.TapServiceCreate{}, api.TapService{}, "enabled"),
		"tap_flow":    of("tap_flows", api.TapFlowCreate{}, api.TapFlow{}),
	}
}

// kindOrder is the order in which resources are made.
var kindOrder = [...]string{"host", "guest", "tap_service", "tap_flow"}

// fieldNames are the names of a struct's JSON form.
func fieldNames(v any) []string {
	var out []string
	for f := range reflectFields(v) {
		out = append(out, f)
	}
	return slices.Sorted(slices.Values(out))
}

func reflectFields(v any) map[string]struct{} {
	out := map[string]struct{}{}
	t := reflect.TypeOf(v)
	for i := range t.NumField() {
		if name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ","); name != "" && name != "-" {
			out[name] = struct{}{}
		}
	}
	return out
}

// readFiles reads what -f names: files, directories (their .yaml, .yml and .json files), and - for standard input. Everything
// that is wrong with them is told at once.
func (a *App) readFiles(paths []string) ([]*wanted, error) {
	var out []*wanted
	var errs config.Errors
	for _, path := range paths {
		files, err := expand(path)
		if err != nil {
			return nil, &localError{err: err, next: "name a file, a directory, or - for standard input with -f"}
		}
		for _, file := range files {
			var data []byte
			if file == "-" {
				data, err = io.ReadAll(a.In)
				file = "<stdin>"
			} else {
				data, err = os.ReadFile(file)
			}
			if err != nil {
				return nil, &localError{err: err, next: "name a file, a directory, or - for standard input with -f"}
			}
			found, wrong := readResources(file, data)
			out = append(out, found...)
			errs = append(errs, wrong...)
		}
	}
	errs = append(errs, twice(out)...)
	if len(errs) > 0 {
		return nil, &documentErrors{errs}
	}
	if len(out) == 0 {
		return nil, &localError{err: fmt.Errorf("%s: there are no documents", strings.Join(paths, ", ")),
			next: "nothing was changed; what export prints shows how documents look"}
	}
	return out, nil
}

func expand(path string) ([]string, error) {
	info, err := os.Stat(path)
	if path == "-" || err == nil && !info.IsDir() {
		return []string{path}, nil
	}
	if err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, e := range entries {
		if ext := filepath.Ext(e.Name()); !e.IsDir() && (ext == ".yaml" || ext == ".yml" || ext == ".json") {
			out = append(out, filepath.Join(path, e.Name()))
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("%s has no file that ends in .yaml, .yml or .json", path)
	}
	return out, nil
}

// documentErrors is everything that is wrong with files.
type documentErrors struct{ config.Errors }

func (e *documentErrors) Unwrap() error { return e.Errors }

// readResources reads the resources of one file.
func readResources(file string, data []byte) ([]*wanted, config.Errors) {
	docs, err := config.ReadDocuments(file, data)
	if err != nil {
		var errs config.Errors
		errors.As(err, &errs)
		return nil, errs
	}
	var out []*wanted
	var errs config.Errors
	for i := range docs {
		var value any
		d := json.NewDecoder(bytes.NewReader(docs[i].JSON))
		d.UseNumber()
		if err := d.Decode(&value); err != nil {
			errs = append(errs, docs[i].Error("", "%v", err))
			continue
		}
		found, wrong := resources(&docs[i], "", value, "")
		out = append(out, found...)
		errs = append(errs, wrong...)
	}
	return out, errs
}

// resources reads a resource, a list of them, or an object with lists by kind, as the API answers. The kind is known within the
// latter.
func resources(doc *config.Document, path string, value any, kind string) (out []*wanted, errs config.Errors) {
	if list, ok := value.([]any); ok {
		for i, item := range list {
			found, wrong := resources(doc, fmt.Sprintf("%s[%d]", path, i), item, kind)
			out, errs = append(out, found...), append(errs, wrong...)
		}
		return out, errs
	}
	object, ok := value.(map[string]any)
	if !ok {
		return nil, config.Errors{doc.Error(path, "this is no resource: want a mapping with kind and name, or a list of them")}
	}
	said, given := object["kind"]
	if items, isList := object["items"]; isList && (!given || strings.EqualFold(fmt.Sprint(said), "list")) {
		return resources(doc, join(path, "items"), items, "")
	}
	if !given && kind == "" {
		lists := 0
		for _, k := range kindOrder {
			if items, ok := object[shapes()[k].list]; ok {
				lists++
				found, wrong := resources(doc, join(path, shapes()[k].list), items, k)
				out, errs = append(out, found...), append(errs, wrong...)
			}
		}
		for name := range maps.Keys(object) {
			isList := slices.ContainsFunc(kindOrder[:], func(k string) bool { return shapes()[k].list == name })
			if lists > 0 && !isList && name != "total" {
				errs = append(errs, doc.Error(join(path, name), "is no list of resources: want hosts, guests, tap_services or tap_flows"))
			}
		}
		if lists > 0 {
			return out, errs
		}
	}
	w, wrong := newWanted(doc, path, object, kind)
	if len(wrong) > 0 {
		return nil, wrong
	}
	return []*wanted{w}, nil
}

func newWanted(doc *config.Document, path string, object map[string]any, kind string) (*wanted, config.Errors) {
	w := &wanted{doc: doc, path: path, fields: map[string]any{}, kind: kind}
	if said, given := object["kind"]; given || kind == "" {
		k, found := findKind(fmt.Sprint(said))
		switch {
		case !given:
			return nil, config.Errors{w.fault("", "kind is missing: want one of %s", strings.Join(kindOrder[:], ", "))}
		case !found || k.word == "wire":
			return nil, config.Errors{w.fault("kind", "%q is no kind of resource: want one of %s", fmt.Sprint(said), strings.Join(kindOrder[:], ", "))}
		}
		w.kind = k.key()
	}
	var errs config.Errors
	if declared, told := object["declared_tunnel_ip"]; told && w.kind == "host" {
		object["tunnel_ip"] = declared // It is as the API shows it, and tunnel_ip may only have been learned.
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
func (w *wanted) fitType() *config.Error {
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

// twice finds resources that are described more than once.
func twice(all []*wanted) config.Errors {
	var errs config.Errors
	seen := map[string]*wanted{}
	for _, w := range all {
		key := w.kind + " " + w.name
		if other := seen[key]; other != nil {
			first := other.fault("", "")
			errs = append(errs, w.fault("", "%s %q is described twice, first at %s:%d:%d", noun(w.kind), w.name, first.File, first.Line, first.Column))
			continue
		}
		seen[key] = w
	}
	return errs
}

func noun(kind string) string { return strings.ReplaceAll(kind, "_", " ") }
