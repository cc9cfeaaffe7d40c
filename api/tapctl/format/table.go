package format

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/tapline-sdn/tapline/api/tapctl/advice"
)

// Column is a column of a table whose rows are of type T.
type Column[T any] struct {
	Title string
	Value func(T) string
	Wide  bool // shown only in wide tables
	Flex  bool // may be cut to fit the terminal
	Drop  bool // left out of a narrow terminal before anything is cut
}

const (
	gap     = "  " // between two columns
	minCell = 8    // a column is never cut below this width
)

// UnknownColumnError reports that a table has no column of the title that was asked for.
type UnknownColumnError struct {
	Title string
	Known []string
}

// Error implements error.
func (e *UnknownColumnError) Error() string {
	return fmt.Sprintf("there is no column %q: want some of %s%s",
		e.Title, strings.Join(e.Known, ", "), advice.DidYouMean(e.Title, e.Known))
}

// Table writes rows under the titles of their columns. A terminal gets columns left out and cut
// until they fit, except in a wide table; anything else gets all of every cell.
func Table[T any](w io.Writer, columns []Column[T], rows []T, s Style) error {
	shown, err := choose(columns, s)
	if err != nil {
		return err
	}

	cells, widths := layout(shown, rows)

	if s.Terminal > 0 && !s.Wide() {
		fit(shown, widths, s.Terminal)
	}
	if s.NoHeaders {
		cells = cells[1:]
	}

	var b strings.Builder
	for _, row := range cells {
		writeRow(&b, row, widths)
	}

	_, err = io.WriteString(w, b.String())
	return err
}

// choose returns the columns that a table shows: those that were asked for, else the usual ones.
func choose[T any](columns []Column[T], s Style) ([]Column[T], error) {
	if len(s.Columns) == 0 {
		return slices.DeleteFunc(slices.Clone(columns), func(c Column[T]) bool {
			return c.Wide && !s.Wide()
		}), nil
	}

	var shown []Column[T]
	for _, title := range s.Columns {
		spelled := strings.NewReplacer("_", " ", "-", " ").Replace(title)
		i := slices.IndexFunc(columns, func(c Column[T]) bool {
			return strings.EqualFold(spelled, strings.ReplaceAll(c.Title, "-", " "))
		})
		if i < 0 {
			return nil, &UnknownColumnError{Title: title, Known: titles(columns)}
		}

		c := columns[i]
		c.Drop = false // It was asked for by name.
		shown = append(shown, c)
	}

	return shown, nil
}

func titles[T any](columns []Column[T]) []string {
	var out []string
	for _, c := range columns {
		out = append(out, c.Title)
	}
	return out
}

// layout returns the cells of a table, titles first, and the width of each column.
func layout[T any](columns []Column[T], rows []T) (cells [][]string, widths []int) {
	cells = make([][]string, len(rows)+1)
	for _, c := range columns {
		cells[0] = append(cells[0], c.Title)
		for i, row := range rows {
			cells[i+1] = append(cells[i+1], OrDash(Printable(c.Value(row))))
		}
	}

	widths = make([]int, len(columns))
	for _, row := range cells {
		for i, cell := range row {
			widths[i] = max(widths[i], Width(cell))
		}
	}

	return cells, widths
}

// fit reduces widths until the table fits the terminal: columns that may be dropped get width 0,
// then the widest column that may be cut loses one character at a time.
func fit[T any](columns []Column[T], widths []int, terminal int) {
	for i := len(columns) - 1; i >= 0 && lineWidth(widths) > terminal; i-- {
		if columns[i].Drop {
			widths[i] = 0
		}
	}

	for lineWidth(widths) > terminal {
		widest := -1
		for i, c := range columns {
			if c.Flex && widths[i] > minCell && (widest < 0 || widths[i] > widths[widest]) {
				widest = i
			}
		}

		if widest < 0 {
			return
		}

		widths[widest]--
	}
}

// lineWidth is the width of a line of columns, without those of width 0.
func lineWidth(widths []int) int {
	n := -len(gap)
	for _, width := range widths {
		if width > 0 {
			n += width + len(gap)
		}
	}
	return n
}

func writeRow(b *strings.Builder, row []string, widths []int) {
	var line strings.Builder
	for i, cell := range row {
		if widths[i] == 0 {
			continue
		}
		cell = Cut(cell, widths[i])
		line.WriteString(cell + strings.Repeat(" ", widths[i]-Width(cell)) + gap)
	}
	b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
}

// OrDash is a text, or "-" for an empty one.
func OrDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
