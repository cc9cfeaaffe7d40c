package format

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/tapline-sdn/tapline/api/tapctl/advice"
)

// Style says how results are written.
type Style struct {
	// table, wide, csv, json, yaml, jsonpath=EXPR, id, name, or one command's own
	Format    string
	NoHeaders bool     // tables without their titles
	Columns   []string // titles of the columns to show, in this order; none: the usual ones
	Terminal  int      // columns of the terminal that is written to; 0 if it is none
}

// Wide reports whether tables show all their columns.
func (s Style) Wide() bool { return s.Format == "wide" }

// IDs reports whether only ids are written.
func (s Style) IDs() bool { return s.Format == "id" }

// Names reports whether only KIND/NAME is written.
func (s Style) Names() bool { return s.Format == "name" }

// Encoder returns the function that writes values in the style's format, or nil if the format is
// not an encoding, such as a table.
func (s Style) Encoder() func(io.Writer, any) error {
	switch s.Format {
	case "json":
		return JSON
	case "yaml":
		return YAML
	}

	if expression, ok := strings.CutPrefix(s.Format, jsonPathPrefix); ok {
		return func(w io.Writer, v any) error {
			path, err := NewJSONPath(expression)
			if err != nil {
				return err
			}
			return path.Write(w, v)
		}
	}
	return nil
}

// Check checks a format against those that a command knows: a JSONPath is possible where JSON is.
func (s Style) Check(known []string) error {
	if expression, ok := strings.CutPrefix(s.Format, jsonPathPrefix); ok {
		if !slices.Contains(known, "json") {
			return errors.New("there is no JSON here to look into")
		}
		_, err := NewJSONPath(expression)
		return err
	}

	if !slices.Contains(known, s.Format) {
		last := len(known) - 1
		return fmt.Errorf("%q is not known: want %s or %s%s", s.Format,
			strings.Join(known[:last], ", "), known[last], advice.DidYouMean(s.Format, known))
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
