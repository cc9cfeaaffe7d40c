package intent

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/tapline-sdn/tapline/controller/engine/view"
)

// word matches ids, and the names of hosts and wires, which are used in URLs, addresses and
// certificates.
var word = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._:@-]{0,127}$`)

// CheckWord returns an Invalid error if a string is no id, and no name of a host or a wire.
func CheckWord(field, s string) error {
	if !word.MatchString(s) {
		return view.Errorf(view.Invalid, field,
			"%q is not accepted: want 1 to 128 letters, digits, '.', '_', ':', '@' or '-', the "+
				"first a letter or digit", s)
	}
	return nil
}

// CheckName returns an Invalid error if a string is no name of a guest, tap service or tap flow: it
// must fit as the last part of a URL path and as an argument of a command.
func CheckName(name string) error {
	good := utf8.ValidString(name) && name != "" && utf8.RuneCountInString(name) <= 128 &&
		strings.TrimSpace(name) == name &&
		!strings.HasPrefix(name, "-") && name != "." && name != ".."
	for _, r := range name {
		good = good && unicode.IsPrint(r) && r != '/' && r != utf8.RuneError
	}
	if !good {
		return view.Errorf(view.Invalid, "name",
			"%q is not a name: want 1 to 128 printable characters without '/', a '-' at the "+
				"beginning, or blanks at its ends", name)
	}
	return nil
}
