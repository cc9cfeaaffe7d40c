package cli

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/tapctl/format"
)

// reportFilter prints a filter with carets below the place that is wrong, and what would be
// possible.
func (a *App) reportFilter(filter string, wrong api.FilterError) {
	if start, length, known := place(filter, wrong); known {
		fmt.Fprintf(a.Err, "    %s\n    %s%s\n", filterLine(filter), strings.Repeat(" ", start),
			strings.Repeat("^", length))
	}
	if wrong.Hint != "" {
		fmt.Fprintf(a.Err, "  hint: %s\n", format.Printable(wrong.Hint))
	}
}

// place returns where a filter is wrong, in characters of [filterLine]. It is not known if the
// answer names no place, or one outside the filter. Where something is missing, the place has one
// character.
func place(filter string, wrong api.FilterError) (start, length int, known bool) {
	end := wrong.Offset + wrong.Length
	if wrong.Offset < 0 || wrong.Length < 0 || end > len(filter) || end == 0 {
		return 0, 0, false
	}

	start = utf8.RuneCountInString(filterLine(filter[:wrong.Offset]))
	length = utf8.RuneCountInString(filterLine(filter[wrong.Offset:end]))
	return start, max(length, 1), true
}

// filterLine writes a filter in one line, with a character for each of its own.
func filterLine(filter string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\r' || r == '\t':
			return ' '
		case format.Printable(string(r)) != string(r):
			return '?'
		}
		return r
	}, filter)
}
