package format

import (
	"fmt"
	"io"
	"strings"
)

// Fields writes an object as lines of field and value, in the order of its JSON form. A field that
// has an entry in texts shows that text instead of its value.
func Fields(w io.Writer, v any, texts map[string]string) error {
	root, err := Tree(v)
	if err != nil {
		return err
	}

	object, ok := root.(Object)
	if !ok {
		return fmt.Errorf("%T has no fields", v)
	}

	longest := 0
	for _, f := range object {
		longest = max(longest, len(f.Name))
	}

	var b strings.Builder
	for _, f := range object {
		if text, ok := texts[f.Name]; ok {
			f.Value = text
		}

		// The name stands on the first line of a value alone.
		name := f.Name
		for _, line := range valueLines(f.Value) {
			fmt.Fprintf(&b, "%-*s%s%s\n", longest, name, gap, Printable(line))
			name = ""
		}
	}

	_, err = io.WriteString(w, b.String())
	return err
}

// valueLines returns a value as one line for each of its parts, "-" for an empty one.
func valueLines(v any) []string {
	var lines []string
	switch v := v.(type) {
	case Object:
		for _, f := range v {
			lines = append(lines, f.Name+"="+inline(f.Value))
		}
	case []any:
		for _, item := range v {
			lines = append(lines, inline(item))
		}
	case nil:
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

// inline is a value within a line. Fields without a value are left out.
func inline(v any) string {
	var parts []string
	switch v := v.(type) {
	case Object:
		for _, f := range v {
			if s := inline(f.Value); s != "" {
				parts = append(parts, f.Name+"="+s)
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
