package document

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Error is one mistake in a document.
type Error struct {
	File         string // "" if the value does not come from a file
	Line, Column int    // from 1; 0 if the place is not known. Columns count characters.
	Path         string // such as plugins[0].sha256; "" for the whole document
	Message      string // what is wrong, and what would be right
}

// Error implements error: FILE:LINE:COLUMN: PATH: MESSAGE, without the parts that are not known.
func (e *Error) Error() string {
	var b strings.Builder

	if e.File != "" {
		b.WriteString(e.File)
		if e.Line > 0 {
			fmt.Fprintf(&b, ":%d:%d", e.Line, e.Column)
		}
		b.WriteString(": ")
	}
	if e.Path != "" {
		b.WriteString(e.Path + ": ")
	}

	return b.String() + e.Message
}

// Errors lists all mistakes in a document. It is never empty.
type Errors []*Error

// Error implements error: one line for each.
func (es Errors) Error() string {
	lines := make([]string, len(es))
	for i, e := range es {
		lines[i] = e.Error()
	}

	return strings.Join(lines, "\n")
}

// Unwrap lets errors.As find each [Error].
func (es Errors) Unwrap() []error {
	errs := make([]error, len(es))
	for i, e := range es {
		errs[i] = e
	}

	return errs
}

// Sorted sorts the errors by their place in the file, and returns them.
func (es Errors) Sorted() Errors {
	slices.SortStableFunc(es, func(a, b *Error) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})

	return es
}

// Near reports whether one of the errors is about the value at a path, about a value inside it, or
// about a value that contains it.
func (es Errors) Near(path string) bool {
	return slices.ContainsFunc(es, func(e *Error) bool {
		return within(e.Path, path) || within(path, e.Path)
	})
}

// within reports whether path is outer or a part of it.
func within(path, outer string) bool {
	rest, ok := strings.CutPrefix(path, outer)

	return ok && (rest == "" || rest[0] == '.' || rest[0] == '[')
}
