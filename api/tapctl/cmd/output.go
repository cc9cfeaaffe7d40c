package cmd

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/tapline-sdn/tapline/api"
)

// kind is what the command line knows of a kind of resources: T is one, L the answer of a list.
type kind[T, L any] struct {
	word    string // in commands: tap-flow
	noun    string // in sentences: tap flow
	columns []column[T]
	items   func(L) []T
	id      func(T) string
	name    func(T) string
	health  func(T) (api.Status, string) // nil: has no status
	lines   func(T) []T                  // what stands on lines of their own in a table; nil: the object
	texts   func(T) map[string]string    // of fields whose JSON form people read badly; may be nil
}

// format writes objects in one way.
type format struct {
	encode func(io.Writer, any) error // of an object or a list answer; nil: as a table
	wide   bool
	ids    bool
}

func formats() map[string]format {
	return map[string]format{
		"table": {},
		"wide":  {wide: true},
		"json":  {encode: writeJSON},
		"yaml":  {encode: writeYAML},
		"id":    {ids: true},
	}
}

func writeJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

func (k kind[T, L]) printList(a *App, list L) error {
	f := formats()[a.output]
	if f.encode != nil {
		return f.encode(a.Out, list)
	}
	return k.printRows(a, f, k.items(list))
}

// printRows writes a line for each object.
func (k kind[T, L]) printRows(a *App, f format, rows []T) error {
	if !f.ids {
		if k.lines != nil {
			var lines []T
			for _, v := range rows {
				lines = append(lines, k.lines(v)...)
			}
			rows = lines
		}
		return writeTable(a.Out, k.columns, rows, a.table(f.wide))
	}
	for _, v := range rows {
		if _, err := fmt.Fprintln(a.Out, k.id(v)); err != nil {
			return err
		}
	}
	return nil
}

func (a *App) table(wide bool) table {
	return table{wide: wide, bare: a.bare, columns: a.columns, terminal: a.Width}
}

// print writes one object with all its fields, several as rows (or, encoded, one after the other).
func (k kind[T, L]) print(a *App, objects ...T) error {
	f := formats()[a.output]
	switch {
	case f.encode != nil:
		for i, v := range objects {
			if i > 0 && a.output == "yaml" {
				if _, err := fmt.Fprintln(a.Out, "---"); err != nil {
					return err
				}
			}
			if err := f.encode(a.Out, v); err != nil {
				return err
			}
		}
		return nil
	case f.ids || len(objects) != 1 || len(a.columns) > 0:
		if len(objects) == 0 {
			return nil
		}
		return k.printRows(a, f, objects)
	}
	var texts map[string]string
	if k.texts != nil {
		texts = k.texts(objects[0])
	}
	return printFields(a.Out, objects[0], texts)
}

// settle tells how objects stand that a write was to wait for.
func (k kind[T, L]) settle(a *App, v T) {
	if k.health != nil {
		status, reason := k.health(v)
		a.settle(k.noun, k.name(v), status, reason)
	}
}

// printFields writes an object as lines of field and value, in the order of its JSON form. Some fields have a text of their own.
func printFields(w io.Writer, v any, texts map[string]string) error {
	root, err := tree(v)
	if err != nil {
		return err
	}
	fields, ok := root.([]field)
	if !ok {
		return fmt.Errorf("%T has no fields", v)
	}
	longest := 0
	for _, f := range fields {
		longest = max(longest, len(f.name))
	}
	var b strings.Builder
	for _, f := range fields {
		name := f.name
		if text, has := texts[name]; has {
			f.value = text
		}
		for _, line := range valueLines(f.value) {
			fmt.Fprintf(&b, "%-*s%s%s\n", longest, name, gap, printable(line))
			name = ""
		}
	}
	_, err = io.WriteString(w, b.String())
	return err
}

// valueLines is a value in as many lines as it has parts.
func valueLines(v any) []string {
	var lines []string
	switch v := v.(type) {
	case []field:
		for _, f := range v {
			lines = append(lines, f.name+"="+inline(f.value))
		}
	case []any:
		for _, item := range v {
			lines = append(lines, inline(item))
		}
	case string:
		lines = strings.Split(strings.TrimRight(v, "\n"), "\n")
	default:
		lines = []string{fmt.Sprint(v)}
	}
	if len(lines) == 0 || (len(lines) == 1 && lines[0] == "") {
		return []string{"-"}
	}
	return lines
}

// inline is a value within a line; fields without a value are left out.
func inline(v any) string {
	var parts []string
	switch v := v.(type) {
	case []field:
		for _, f := range v {
			if s := inline(f.value); s != "" {
				parts = append(parts, f.name+"="+s)
			}
		}
		return strings.Join(parts, " ")
	case []any:
		for _, item := range v {
			parts = append(parts, inline(item))
		}
		return strings.Join(parts, ",")
	}
	return fmt.Sprint(v)
}
