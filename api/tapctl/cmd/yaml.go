package cmd

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"unicode"
)

// field is a field of a JSON object; an object is a []field, in the order of its JSON form.
type field struct {
	name  string
	value any // []field, []any, string, bool, json.Number or nil
}

// tree is the JSON form of v with its order kept.
func tree(v any) (any, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	return readValue(d)
}

func readValue(d *json.Decoder) (any, error) {
	t, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch t {
	case json.Delim('{'):
		out := []field{}
		for d.More() {
			name, err := d.Token()
			if err != nil {
				return nil, err
			}
			value, err := readValue(d)
			if err != nil {
				return nil, err
			}
			out = append(out, field{fmt.Sprint(name), value})
		}
		_, err := d.Token()
		return out, err
	case json.Delim('['):
		out := []any{}
		for d.More() {
			value, err := readValue(d)
			if err != nil {
				return nil, err
			}
			out = append(out, value)
		}
		_, err := d.Token()
		return out, err
	}
	return t, nil
}

// writeYAML writes v so that readers of YAML 1.1 and 1.2 agree on it: whatever is not plainly a word is quoted, since
// 1.1 takes "no" for false and a MAC address such as 52:54:00:12:34:56 for a number of base 60.
func writeYAML(w io.Writer, v any) error {
	root, err := tree(v)
	if err != nil {
		return err
	}
	var b strings.Builder
	writeNode(&b, root, "")
	_, err = io.WriteString(w, strings.TrimPrefix(b.String(), "\n"))
	return err
}

// writeNode writes what follows "name:" or "-": a scalar on the same line, or lines of their own.
func writeNode(b *strings.Builder, v any, indent string) {
	switch v := v.(type) {
	case []field:
		if len(v) == 0 {
			b.WriteString(" {}\n")
			return
		}
		b.WriteString("\n")
		for _, f := range v {
			writeField(b, f, indent, indent)
		}
	case []any:
		if len(v) == 0 {
			b.WriteString(" []\n")
			return
		}
		b.WriteString("\n")
		for _, item := range v {
			fields, ok := item.([]field)
			if !ok || len(fields) == 0 {
				b.WriteString(indent + "-")
				writeNode(b, item, indent+"  ")
				continue
			}
			for i, f := range fields {
				lead := indent + "  "
				if i == 0 {
					lead = indent + "- "
				}
				writeField(b, f, lead, indent+"  ")
			}
		}
	case string:
		writeText(b, v, indent)
	case nil:
		b.WriteString(" null\n")
	default:
		fmt.Fprintf(b, " %v\n", v)
	}
}

func writeField(b *strings.Builder, f field, lead, indent string) {
	b.WriteString(lead + scalar(f.name) + ":")
	if _, list := f.value.([]any); list {
		writeNode(b, f.value, indent)
		return
	}
	writeNode(b, f.value, indent+"  ")
}

// writeText writes a string; one of several printable lines as a literal block (YAML 1.2.2, 8.1.2).
func writeText(b *strings.Builder, s, indent string) {
	body, chomp := s, "-"
	if strings.HasSuffix(s, "\n") {
		body, chomp = strings.TrimSuffix(s, "\n"), ""
	}
	odd := func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }
	if !strings.Contains(body, "\n") || strings.ContainsFunc(body, odd) || strings.HasPrefix(body, " ") ||
		strings.HasPrefix(body, "\n") || strings.HasSuffix(body, "\n") || indent == "" {
		b.WriteString(" " + scalar(s) + "\n")
		return
	}
	b.WriteString(" |" + chomp + "\n")
	for line := range strings.SplitSeq(body, "\n") {
		b.WriteString(strings.TrimRight(indent+line, " ") + "\n")
	}
}

// scalar is a string as a word if no reader can take it for anything else, else in double quotes.
func scalar(s string) string {
	word := regexp.MustCompile(`^[A-Za-z_]([A-Za-z0-9_./ -]*[A-Za-z0-9_./-])?$`)
	special := regexp.MustCompile(`^(?i:y|yes|n|no|on|off|true|false|null)$`)
	if word.MatchString(s) && !special.MatchString(s) {
		return s
	}
	return strconv.QuoteToGraphic(s)
}
