package cmd

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/document"
)

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
	var errs document.Errors
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
type documentErrors struct{ document.Errors }

func (e *documentErrors) Unwrap() error { return e.Errors }

// readResources reads the resources of one file.
func readResources(file string, data []byte) ([]*wanted, document.Errors) {
	docs, errs := document.ReadAll(file, data)
	var out []*wanted
	for _, doc := range docs {
		var value any
		d := json.NewDecoder(bytes.NewReader(doc.Root.JSON()))
		d.UseNumber()
		if err := d.Decode(&value); err != nil {
			errs = append(errs, doc.Error("", "%v", err))
			continue
		}
		found, wrong := resources(doc, "", value, "")
		out = append(out, found...)
		errs = append(errs, wrong...)
	}
	return out, errs
}

// resources reads a resource, a list of them, or an object with lists by kind, as the API answers. The kind is known within the
// latter.
func resources(doc *document.Document, path string, value any, kind string) (out []*wanted, errs document.Errors) {
	if list, ok := value.([]any); ok {
		for i, item := range list {
			found, wrong := resources(doc, fmt.Sprintf("%s[%d]", path, i), item, kind)
			out, errs = append(out, found...), append(errs, wrong...)
		}
		return out, errs
	}
	object, ok := value.(map[string]any)
	if !ok {
		return nil, document.Errors{doc.Error(path, "this is no resource: want a mapping with kind and name, or a list of them")}
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
	if w.kind == "guest" && object["declared"] == false {
		return nil, nil // As the API shows one that the switches or a hypervisor tell of: there is nothing to make.
	}
	return []*wanted{w}, nil
}

// twice finds resources that are described more than once.
func twice(all []*wanted) document.Errors {
	var errs document.Errors
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
