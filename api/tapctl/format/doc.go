// Package format writes results for people and for scripts: tables, lists of fields, JSON, YAML,
// and numbers with units.
//
// It is pure: it knows no resource, no command line and no controller. Text that comes from a
// switch passes [Printable] before it reaches a terminal. The writer belongs to the caller.
package format
