package kind

import (
	"fmt"
	"io"
	"strings"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/tapctl/format"
)

// Kind is a kind of resources: T is one of them, L the answer to a list request.
type Kind[T, L any] struct {
	Word    string // in commands: tap-flow
	Noun    string // in sentences: tap flow
	Columns []format.Column[T]
	Items   func(L) []T
	ID      func(T) string
	Name    func(T) string
	Health  func(T) Health            // nil if the kind has no status
	Lines   func(T) []T               // rows of a table for one resource; nil: the resource itself
	Texts   func(T) map[string]string // fields whose JSON form reads badly; may be nil
}

// Deleting is the status of a resource that was deleted and whose traces are not gone from every
// switch yet.
const Deleting = api.Deleting

// Health is how a resource is doing.
type Health struct {
	Status api.Status
	Reason string
}

// String is the status and, behind a colon, the reason.
func (h Health) String() string {
	if h.Reason == "" {
		return string(h.Status)
	}
	return string(h.Status) + ": " + h.Reason
}

// Plural is the noun for several resources.
func (k Kind[T, L]) Plural() string { return k.Noun + "s" }

// WriteList writes the answer to a list request.
func (k Kind[T, L]) WriteList(w io.Writer, s format.Style, list L) error {
	if encode := s.Encoder(); encode != nil {
		return encode(w, list)
	}
	return k.writeRows(w, s, k.Items(list))
}

// Write writes one resource with all its fields, and several as rows. An encoding writes them one
// after the other.
func (k Kind[T, L]) Write(w io.Writer, s format.Style, resources ...T) error {
	switch {
	case s.Encoder() != nil:
		return format.EncodeAll(w, s, resources)
	case len(resources) == 0:
		return nil
	case s.Format != "table" && s.Format != "wide", len(resources) > 1, len(s.Columns) > 0:
		return k.writeRows(w, s, resources)
	}

	var texts map[string]string
	if k.Texts != nil {
		texts = k.Texts(resources[0])
	}
	return format.Fields(w, resources[0], texts)
}

func (k Kind[T, L]) writeRows(w io.Writer, s format.Style, resources []T) error {
	if s.IDs() || s.Names() {
		var b strings.Builder
		for _, v := range resources {
			if s.IDs() {
				fmt.Fprintln(&b, k.ID(v))
			} else {
				fmt.Fprintf(&b, "%s/%s\n", k.Word, format.Printable(k.Name(v)))
			}
		}

		_, err := io.WriteString(w, b.String())
		return err
	}

	rows := resources
	if k.Lines != nil {
		rows = nil
		for _, v := range resources {
			rows = append(rows, k.Lines(v)...)
		}
	}

	if s.Format == "csv" {
		return format.CSV(w, k.Columns, rows, s)
	}

	return format.Table(w, k.Columns, rows, s)
}
