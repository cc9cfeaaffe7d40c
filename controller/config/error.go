package config

import (
	"fmt"

	"github.com/tapline-sdn/tapline/api/document"
)

// Error is one mistake in a configuration.
type Error = document.Error

// Errors lists all mistakes in a configuration, sorted by place. It is never empty.
type Errors = document.Errors

// Position returns the place of the value at a path in the file: of a key the key itself, of an
// element of a list its beginning. If the file has no such value, it is the place of the innermost
// value around it. It is not ok if nothing around it is in the file.
func (c *Config) Position(path string) (line, column int, ok bool) {
	if c.source == nil {
		return 0, 0, false
	}

	return c.source.Position(path)
}

// Error returns an error about the value at a path, with its place in the file.
func (c *Config) Error(path, format string, args ...any) *Error {
	e := &Error{Path: path, Message: fmt.Sprintf(format, args...)}
	if c.source != nil {
		e.File = c.source.Name
	}
	e.Line, e.Column, _ = c.Position(path)

	return e
}
