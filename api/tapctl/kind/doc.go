// Package kind says what the command line knows of each kind of resource: what it is called, the
// columns of its tables, and how one, or all, of them are read.
//
// A [Kind] knows the Go types of its resources. An [Any] has forgotten them, for commands that take
// resources of every kind, such as wait. Nothing here parses a command line.
package kind
