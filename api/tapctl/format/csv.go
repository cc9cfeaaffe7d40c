package format

import (
	"encoding/csv"
	"io"
)

// CSV writes rows as comma-separated values (RFC 4180, with line breaks of one character): the
// columns that were asked for, else all of them. Cells are written whole.
func CSV[T any](w io.Writer, columns []Column[T], rows []T, s Style) error {
	s.Format = "wide" // for all columns
	shown, err := choose(columns, s)
	if err != nil {
		return err
	}

	out := csv.NewWriter(w)
	if !s.NoHeaders {
		if err := out.Write(titles(shown)); err != nil {
			return err
		}
	}

	for _, row := range rows {
		var cells []string
		for _, c := range shown {
			cells = append(cells, Printable(c.Value(row)))
		}
		if err := out.Write(cells); err != nil {
			return err
		}
	}

	out.Flush()
	return out.Error()
}
