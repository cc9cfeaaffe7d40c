package format

import (
	"strings"
	"unicode"

	"golang.org/x/text/width"
)

// Printable replaces control characters by question marks. Text may come from a switch, and a
// terminal would obey the control characters in it.
func Printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == unicode.ReplacementChar {
			return '?'
		}
		return r
	}, s)
}

// PrintableLines is [Printable] for text of several lines: line breaks stay.
func PrintableLines(s string) string {
	lines := strings.Split(s, "\n")
	for i, line := range lines {
		lines[i] = Printable(line)
	}
	return strings.Join(lines, "\n")
}

// Width counts the terminal columns that a text takes: two for each East Asian wide character, none
// for combining marks.
func Width(s string) int {
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

	kind := width.LookupRune(r).Kind()
	if kind == width.EastAsianWide || kind == width.EastAsianFullwidth {
		return 2
	}
	return 1
}

// Cut shortens a text to a number of terminal columns. A text that was cut ends in an ellipsis.
func Cut(s string, columns int) string {
	if Width(s) <= columns {
		return s
	}

	var kept strings.Builder
	used := 1 // the ellipsis
	for _, r := range s {
		used += runeWidth(r)
		if used > columns {
			break
		}
		kept.WriteRune(r)
	}

	return kept.String() + "…"
}
