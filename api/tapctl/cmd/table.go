package cmd

import (
	"io"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/width"
)

// column is a column of a table of T.
type column[T any] struct {
	title string
	value func(T) string
	wide  bool // only in wide tables
	flex  bool // may be cut to fit the terminal
	drop  bool // left out before anything is cut
}

const (
	gap     = "  "
	minCell = 8 // columns that are cut keep so many characters
)

// table says how a table is written.
type table struct {
	wide     bool
	bare     bool     // without titles
	columns  []string // titles of the columns to show, in this order; none: the usual ones
	terminal int      // its columns; 0 if there is none
}

// writeTable writes rows under their titles. On a terminal it leaves out and cuts what does not fit; otherwise everything is
// written.
func writeTable[T any](w io.Writer, columns []column[T], rows []T, t table) error {
	shown, err := chosen(columns, t)
	if err != nil {
		return err
	}
	cells := make([][]string, len(rows)+1)
	for _, c := range shown {
		cells[0] = append(cells[0], c.title)
		for i, r := range rows {
			cells[i+1] = append(cells[i+1], orDash(printable(c.value(r))))
		}
	}
	widths := make([]int, len(shown))
	for _, row := range cells {
		for i, cell := range row {
			widths[i] = max(widths[i], cellWidth(cell))
		}
	}
	if t.terminal > 0 && !t.wide {
		fit(shown, widths, t.terminal)
	}
	if t.bare {
		cells = cells[1:]
	}
	var b strings.Builder
	for _, row := range cells {
		line := ""
		for i, cell := range row {
			if widths[i] == 0 {
				continue
			}
			cell = cut(cell, widths[i])
			line += cell + strings.Repeat(" ", widths[i]-cellWidth(cell)) + gap
		}
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	_, err = io.WriteString(w, b.String())
	return err
}

// chosen are the columns that a table shows.
func chosen[T any](columns []column[T], t table) ([]column[T], error) {
	var shown []column[T]
	if len(t.columns) == 0 {
		for _, c := range columns {
			if t.wide || !c.wide {
				shown = append(shown, c)
			}
		}
		return shown, nil
	}
	for _, title := range t.columns {
		at := slices.IndexFunc(columns, func(c column[T]) bool {
			return strings.EqualFold(strings.NewReplacer("_", " ", "-", " ").Replace(title), c.title)
		})
		if at < 0 {
			var known []string
			for _, c := range columns {
				known = append(known, c.title)
			}
			return nil, usage("--columns: there is no column %q: want some of %s", title, strings.Join(known, ", "))
		}
		c := columns[at]
		c.drop = false
		shown = append(shown, c)
	}
	return shown, nil
}

// fit makes a table fit a terminal: columns that may go get width 0, then the widest that may be cut lose a character.
func fit[T any](columns []column[T], widths []int, terminal int) {
	total := func() int {
		n := -len(gap)
		for _, w := range widths {
			if w > 0 {
				n += w + len(gap)
			}
		}
		return n
	}
	for i := len(columns) - 1; i >= 0 && total() > terminal; i-- {
		if columns[i].drop {
			widths[i] = 0
		}
	}
	for total() > terminal {
		widest := -1
		for i, c := range columns {
			if c.flex && widths[i] > minCell && (widest < 0 || widths[i] > widths[widest]) {
				widest = i
			}
		}
		if widest < 0 {
			return
		}
		widths[widest]--
	}
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// printable takes the control characters out of a text, which may come from a switch, before a terminal obeys them.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == unicode.ReplacementChar {
			return '?'
		}
		return r
	}, s)
}

// cellWidth counts the columns that a terminal needs: two for East Asian wide characters, none for combining marks.
func cellWidth(s string) int {
	n := 0
	for _, r := range s {
		n += runeWidth(r)
	}
	return n
}

func runeWidth(r rune) int {
	if unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf) {
		return 0
	}
	if k := width.LookupRune(r).Kind(); k == width.EastAsianWide || k == width.EastAsianFullwidth {
		return 2
	}
	return 1
}

// cut shortens a text to a width, and shows that it did.
func cut(s string, most int) string {
	if cellWidth(s) <= most {
		return s
	}
	out, n := "", 1 // for the ellipsis
	for _, r := range s {
		if n += runeWidth(r); n > most {
			break
		}
		out += string(r)
	}
	return out + "…"
}
