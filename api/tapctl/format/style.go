package format

import (
	"encoding/json"
	"io"
)

// Style says how results are written.
type Style struct {
	Format    string   // table, wide, json, yaml, id, or a name that only one command knows
	NoHeaders bool     // tables without their titles
	Columns   []string // titles of the columns to show, in this order; none: the usual ones
	Terminal  int      // columns of the terminal that is written to; 0 if it is none
}

// Wide reports whether tables show all their columns.
func (s Style) Wide() bool { return s.Format == "wide" }

// IDs reports whether only ids are written.
func (s Style) IDs() bool { return s.Format == "id" }

// Encoder returns the function that writes values in the style's format, or nil if the format is
// not an encoding, such as a table.
func (s Style) Encoder() func(io.Writer, any) error {
	switch s.Format {
	case "json":
		return JSON
	case "yaml":
		return YAML
	}
	return nil
}

// Separator is what stands between two encoded values of a stream.
func (s Style) Separator() string {
	if s.Format == "yaml" {
		return "---\n"
	}
	return ""
}

// JSON writes a value as indented JSON.
func JSON(w io.Writer, v any) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)

	return encoder.Encode(v)
}

// EncodeAll writes values one after the other, with the style's separator between them.
func EncodeAll[T any](w io.Writer, s Style, values []T) error {
	encode := s.Encoder()

	for i, v := range values {
		if i > 0 {
			if _, err := io.WriteString(w, s.Separator()); err != nil {
				return err
			}
		}
		if err := encode(w, v); err != nil {
			return err
		}
	}

	return nil
}
