package document

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// Document is one document of a file.
type Document struct {
	Name   string // of the file, for errors
	Root   Value
	places map[string]position // by path
}

type position struct{ line, column int }

// Position returns the place of the value at a path: of a field its key, of an element of a list
// its beginning. If the document has no such value, it is the place of the innermost value around
// it. It is not ok if there is none below the root.
func (d *Document) Position(path string) (line, column int, ok bool) {
	at, ok := d.places[path]
	for !ok {
		if path = parentPath(path); path == "" {
			return 0, 0, false
		}
		at, ok = d.places[path]
	}

	return at.line, at.column, true
}

// parentPath returns the path without its last key or index.
func parentPath(path string) string { return path[:max(0, strings.LastIndexAny(path, ".["))] }

// Error returns an error about the value at a path such as nics[0].mac; "" is the whole document.
// If the document has no such value, the place is that of the innermost value around it.
func (d *Document) Error(path, format string, args ...any) *Error {
	line, column, ok := d.Position(path)
	if !ok {
		line, column, _ = d.Position("")
	}

	return &Error{
		File: d.Name, Line: line, Column: column, Path: path, Message: fmt.Sprintf(format, args...),
	}
}

// ReadOne reads a file that has one YAML document; an empty file is an empty mapping. The name is
// for errors. If there are errors, the document, if any, has null for each value that was refused,
// so that a caller can report what is wrong with the other values too.
func ReadOne(name string, data []byte) (*Document, Errors) {
	nodes, errs := parseNodes(name, data)
	if len(errs) > 0 {
		return nil, errs
	}

	switch len(nodes) {
	case 0:
		return &Document{Root: Value{Kind: Object}, Name: name}, nil
	case 1:
		return newDocument(name, nodes[0])
	default:
		second := place(nodes[1])
		return nil, Errors{errorAt(name, second, "", "a second document begins here: want one")}
	}
}

// ReadAll reads the documents of a stream: YAML, or JSON values one after the other. Empty
// documents are left out. The name is for errors.
func ReadAll(name string, data []byte) ([]*Document, Errors) {
	var out []*Document
	var errs Errors

	for _, part := range splitJSON(data) {
		nodes, wrong := parseNodes(name, part)
		errs = append(errs, wrong...)

		for _, node := range nodes {
			switch node.(type) {
			case *ast.NullNode, *ast.CommentGroupNode:
				continue
			}

			doc, wrong := newDocument(name, node)
			out, errs = append(out, doc), append(errs, wrong...)
		}
	}

	if len(errs) > 0 {
		return nil, errs.Sorted()
	}
	return out, nil
}

// splitJSON splits a stream of JSON values. Each part has as many newlines and spaces before its
// value as keep the value at its line and column. Data that is not such a stream stays whole.
func splitJSON(data []byte) [][]byte {
	whole := [][]byte{data}
	if first := bytes.TrimSpace(data); len(first) == 0 || first[0] != '{' {
		return whole
	}

	var out [][]byte
	for d := json.NewDecoder(bytes.NewReader(data)); d.More(); {
		begin := int(d.InputOffset())
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return whole
		}
		begin += bytes.IndexByte(data[begin:], value[0])

		before := data[:begin]
		column := begin - (bytes.LastIndexByte(before, '\n') + 1)
		newlines := bytes.Count(before, []byte("\n"))
		lead := strings.Repeat("\n", newlines) + strings.Repeat(" ", column)

		// YAML does not accept tabs between values, as JSON does.
		value = bytes.ReplaceAll(value, []byte("\t"), []byte(" "))
		out = append(out, append([]byte(lead), value...))
	}

	return out
}
