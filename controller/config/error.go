package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Error is one thing that is wrong with a configuration.
type Error struct {
	File         string // "" if the configuration does not come from a file
	Line, Column int    // from 1; 0 if the place is not known. Columns count characters.
	Path         string // such as plugins[0].sha256; "" for the whole
	Message      string // what is wrong, and what would be right
}

// Error implements error: FILE:LINE:COLUMN: PATH: MESSAGE, without what is not known.
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

// Errors is everything that is wrong with a configuration, sorted by place; never empty.
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

func (es Errors) sorted() Errors {
	slices.SortStableFunc(es, func(a, b *Error) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return es
}

// near reports whether one of the errors is about the path, about what is in it, or about what it is in.
func (es Errors) near(path string) bool {
	return slices.ContainsFunc(es, func(e *Error) bool { return within(e.Path, path) || within(path, e.Path) })
}

// within reports whether path is outer or a part of it.
func within(path, outer string) bool {
	rest, ok := strings.CutPrefix(path, outer)
	return ok && (rest == "" || rest[0] == '.' || rest[0] == '[')
}

// Position returns where a path stands in the file: of a key the key itself, of an element of a list its beginning.
// What is not in the file is where the innermost thing around it is. It is not ok if nothing around it is in the file.
func (c *Config) Position(path string) (line, column int, ok bool) {
	if c.source == nil {
		return 0, 0, false
	}
	at, ok := c.source.at[path]
	for !ok {
		if path = path[:max(0, strings.LastIndexAny(path, ".["))]; path == "" {
			return 0, 0, false
		}
		at, ok = c.source.at[path]
	}
	return at.line, at.column, true
}

// Error returns an error about a path, with its place in the file.
func (c *Config) Error(path, format string, args ...any) *Error {
	e := &Error{Path: path, Message: fmt.Sprintf(format, args...)}
	if c.source != nil {
		e.File = c.source.name
	}
	e.Line, e.Column, _ = c.Position(path)
	return e
}
