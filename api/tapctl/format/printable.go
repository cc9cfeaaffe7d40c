package format

import (
	"strings"
	"unicode"

	"golang.org/x/text/width"
)

// Printable replaces characters that nobody can see by question marks. Text may come from a switch.
// A terminal would obey the control characters in it, and format characters such as U+202E could
// show its parts, and what follows it, in another order.
func Printable(s string) string {
	return strings.Map(func(r rune) rune {
		if isHidden(r) {
			return '?'
		}
		return r
	}, s)
}

// isHidden reports whether a character is invisible and changes what is around it. The two joiners
// are left out, since some scripts need them within words.
func isHidden(r rune) bool {
	const nonJoiner, joiner = '\u200c', '\u200d'
	if r == nonJoiner || r == joiner {
		return false
	}

	return r == unicode.ReplacementChar ||
		unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp)
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
