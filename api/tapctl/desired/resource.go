package desired

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/tapline-sdn/tapline/api/document"
	"github.com/tapline-sdn/tapline/api/tapctl/kind"
)

// Resource is a resource as a document describes it.
type Resource struct {
	Kind string // one of [Kinds]
	Name string

	fields map[string]any     // that are given and can be set; numbers are json.Number
	doc    *document.Document // where it stands
	path   string             // of the resource within the document
}

// fault is an error about a field of the resource, or about all of it with "".
func (r *Resource) fault(field, message string, args ...any) *document.Error {
	return r.doc.Error(join(r.path, field), message, args...)
}

// join is the path of a field of what is at a path; either may be "".
func join(path, field string) string {
	if path == "" || field == "" {
		return path + field
	}
	return path + "." + field
}

// text is the text of a field, or "".
func (r *Resource) text(field string) string {
	s, _ := r.fields[field].(string)
	return s
}

// newResource reads a resource of a document. The kind is "" unless the document's structure says
// it.
func newResource(
	doc *document.Document, path string, object map[string]any, kindKey string,
) (*Resource, document.Errors) {
	r := &Resource{Kind: kindKey, fields: map[string]any{}, doc: doc, path: path}
	if err := r.readKind(object); err != nil {
		return nil, document.Errors{err}
	}

	object = declaredFields(r.Kind, object)
	errs := r.readFields(object)
	if err := r.readName(object); err != nil {
		errs = append(errs, err)
	}
	errs = append(errs, r.checkTimes()...)
	if err := r.checkTypes(); err != nil {
		errs = append(errs, err)
	}

	r.normalize()
	return r, errs
}

func (r *Resource) readKind(object map[string]any) *document.Error {
	word, given := object["kind"]
	if !given {
		if r.Kind == "" {
			return r.fault("", "kind is missing: want one of %s", kindNames)
		}
		return nil
	}

	key, ok := FindKind(fmt.Sprint(word))
	if !ok {
		return r.fault("kind", "%q is no kind of resource: want one of %s", fmt.Sprint(word),
			kindNames)
	}

	r.Kind = key
	return nil
}

// declaredFields puts what was declared in the place of what the API shows: the tunnel address of a
// host, or the NICs of a guest, may only have been detected.
func declaredFields(kindKey string, object map[string]any) map[string]any {
	field := map[string]string{host: "tunnel_ip", guest: "nics"}[kindKey]
	if declared, ok := object["declared_"+field]; ok && field != "" {
		object = maps.Clone(object)
		object[field] = declared
	}
	return object
}

// readFields takes over the fields that can be set.
func (r *Resource) readFields(object map[string]any) document.Errors {
	var errs document.Errors
	shape := shapes[r.Kind]
	for _, name := range slices.Sorted(maps.Keys(object)) {
		value := object[name]
		isEmpty := value == nil || value == ""

		switch {
		case name == "kind" || isEmpty && name != "name":
		case slices.Contains(shape.settable, name):
			r.fields[name] = value
		case slices.Contains(shape.readOnly, name):
		default:
			errs = append(errs, r.fault(name, "is not a field of a %s: want some of %s",
				kind.Noun(r.Kind), strings.Join(shape.settable, ", ")))
		}
	}

	return errs
}

func (r *Resource) readName(object map[string]any) *document.Error {
	name, isText := object["name"].(string)
	switch {
	case object["name"] == nil:
		return r.fault("", "name is missing: want the name of the %s", kind.Noun(r.Kind))
	case !isText || name == "":
		return r.fault("name", "%v is not a name: want text", object["name"])
	}

	r.Name = name
	return nil
}

// normalize writes values in the form of the API, where there are several.
func (r *Resource) normalize() {
	if r.text("direction") != "" {
		r.fields["direction"] = strings.ToUpper(r.text("direction"))
	}
	normalizeOptions(r.fields)

	normalizeMACs(r.fields)

	nics, _ := r.fields["nics"].([]any)
	for _, nic := range nics {
		if fields, ok := nic.(map[string]any); ok {
			normalizeMACs(fields)
			maps.DeleteFunc(fields, func(_ string, v any) bool {
				return v == nil || v == "" || isZero(v)
			})
		}
	}
}

func isZero(v any) bool { return v == json.Number("0") }

// normalizeMACs writes MAC addresses as the API does: 52:54:00:12:34:56.
func normalizeMACs(fields map[string]any) {
	for _, name := range []string{"mac", "mac_addr"} {
		if s, ok := fields[name].(string); ok {
			fields[name] = strings.ToLower(strings.ReplaceAll(s, "-", ":"))
		}
	}
}

// effectiveFields are the fields that the resource is to have. A field that the document does not
// have stays as it is. The exceptions are fields that narrow a tap flow: a document without them
// does not narrow it.
func (r *Resource) effectiveFields() map[string]any {
	out := maps.Clone(r.fields)
	delete(out, "name")

	if r.Kind == tapFlow {
		if out["direction"] == nil {
			out["direction"] = "BOTH"
		}
		for _, name := range narrowing {
			if out[name] == nil {
				out[name] = nil
			}
		}
	}
	return out
}
