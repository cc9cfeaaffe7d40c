package config

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/tapline-sdn/tapline/api/document"
)

// reader reads the value at a path into the field for which it was made.
type reader func(d *decoder, path string, v document.Value)

// decoder collects the errors of readers.
type decoder struct {
	config *Config
	errs   Errors
}

func (d *decoder) fail(path, format string, args ...any) {
	d.errs = append(d.errs, d.config.Error(path, format, args...))
}

// object reads a mapping with a fixed set of keys.
func object(fields map[string]reader) reader {
	names := strings.Join(slices.Sorted(maps.Keys(fields)), ", ")

	return func(d *decoder, path string, v document.Value) {
		if !expect(d, path, v, document.Object, " with the keys "+names) {
			return
		}

		for _, f := range v.Fields {
			fieldPath := document.JoinPath(path, f.Name)
			if read, ok := fields[f.Name]; ok {
				read(d, fieldPath, f.Value)
			} else {
				d.fail(fieldPath, "there is no such key: want one of %s", names)
			}
		}
	}
}

// list reads a list, which replaces the default.
func list[T any](to *[]T, element func(*T) reader) reader {
	return func(d *decoder, path string, v document.Value) {
		if !expect(d, path, v, document.List, "") {
			return
		}
		*to = make([]T, len(v.Items))
		for i, item := range v.Items {
			element(&(*to)[i])(d, fmt.Sprintf("%s[%d]", path, i), item)
		}
	}
}

func text[T ~string](to *T) reader {
	return func(d *decoder, path string, v document.Value) {
		if (v.Kind == document.Number || v.Kind == document.Bool) && v.Text != "" {
			d.fail(path, "%s is %s: want text, so write it in quotes", v.Text, v.Kind)
			return
		}
		if expect(d, path, v, document.Text, "") {
			*to = T(v.Text)
		}
	}
}

// boolean reads true or false.
func boolean(to *bool) reader {
	return func(d *decoder, path string, v document.Value) {
		if expect(d, path, v, document.Bool, ", true or false") {
			*to = v.Text == "true"
		}
	}
}

// texts reads a mapping from any name to text.
func texts[T ~string](to *map[string]T) reader {
	return func(d *decoder, path string, v document.Value) {
		if !expect(d, path, v, document.Object, "") {
			return
		}
		*to = make(map[string]T, len(v.Fields))
		for _, f := range v.Fields {
			var s T
			text(&s)(d, document.JoinPath(path, f.Name), f.Value)
			(*to)[f.Name] = s
		}
	}
}

// mapping reads a mapping from any name to something else than text.
func mapping[K ~string, T any](to *map[K]T, value func(*T) reader) reader {
	return func(d *decoder, path string, v document.Value) {
		if !expect(d, path, v, document.Object, "") {
			return
		}
		*to = make(map[K]T, len(v.Fields))
		for _, f := range v.Fields {
			var read T
			value(&read)(d, document.JoinPath(path, f.Name), f.Value)
			(*to)[K(f.Name)] = read
		}
	}
}

// parsed reads text and parses it.
func parsed[T any](to *T, parse func(string) (T, error)) reader {
	return func(d *decoder, path string, v document.Value) {
		var s string
		before := len(d.errs)
		text(&s)(d, path, v)
		if v.Kind == document.Null || len(d.errs) > before {
			return
		}

		parsed, err := parse(s)
		if err != nil {
			d.fail(path, "%v", err)
			return
		}

		*to = parsed
	}
}

// raw reads a mapping of any content as JSON.
func raw(to *json.RawMessage) reader {
	return func(d *decoder, path string, v document.Value) {
		if expect(d, path, v, document.Object, "") {
			*to = v.JSON()
		}
	}
}

// expect reports whether there is a value of the wanted kind. A missing value is no error: the
// default stays.
func expect(d *decoder, path string, v document.Value, want document.Kind, more string) bool {
	if v.Kind != want && v.Kind != document.Null {
		d.fail(path, "this is %s: want %s%s", v.Kind, want, more)
	}
	return v.Kind == want
}
