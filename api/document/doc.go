// Package document reads YAML and JSON documents strictly, and knows where each value stands.
//
// It serves programs that report mistakes in files that people write. Each [Error] has the file,
// line, column and path of a value, and all errors of a file are reported together ([Errors]).
// Anchors, aliases, tags and merge keys are refused, and so is a key that stands twice: what is
// written at a place is what counts there.
//
// The package does not know what the documents mean, and opens no files. It follows YAML 1.2.2 as
// far as goccy/go-yaml does, and RFC 8259 for JSON. It has no goroutines and no state; values keep
// no reference to the bytes that they were read from.
package document
