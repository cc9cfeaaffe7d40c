package config

import (
	"bytes"
	"encoding/json"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// Document is one document of a YAML or JSON stream, for other programs that read such files: its JSON form, and where
// everything in it stands.
type Document struct {
	JSON   json.RawMessage
	source *source
}

// Error is an error about the value at a path, such as nics[0].mac, or about what holds it if there is none. "" is the whole.
func (d *Document) Error(path, format string, args ...any) *Error {
	at, known := d.source.at[path]
	for near := path; !known && near != ""; at, known = d.source.at[near] {
		near = near[:max(0, strings.LastIndexAny(near, ".["))]
	}
	return d.source.fail(at, path, format, args...)
}

// ReadDocuments reads the documents of a stream: YAML, or JSON values one after the other. Empty documents are left out. The name
// is for errors, which are always [Errors].
func ReadDocuments(name string, data []byte) ([]Document, error) {
	var out []Document
	var errs Errors
	for _, part := range jsonValues(data) {
		docs, wrong := readDocuments(name, part)
		out = append(out, docs...)
		errs = append(errs, wrong...)
	}
	if len(errs) > 0 {
		return nil, errs.sorted()
	}
	return out, nil
}

// jsonValues splits a stream of JSON values, each with as many blank lines and blanks before it as keep it in its place.
// Whatever is not such a stream stays whole.
func jsonValues(data []byte) [][]byte {
	whole := [][]byte{data}
	if first := bytes.TrimSpace(data); len(first) == 0 || first[0] != '{' {
		return whole
	}
	var out [][]byte
	d := json.NewDecoder(bytes.NewReader(data))
	for d.More() {
		begin := int(d.InputOffset())
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return whole
		}
		begin += bytes.IndexByte(data[begin:], value[0])
		before := data[:begin]
		line := begin - (bytes.LastIndexByte(before, '\n') + 1)
		lead := strings.Repeat("\n", bytes.Count(before, []byte("\n"))) + strings.Repeat(" ", line)
		out = append(out, append([]byte(lead), bytes.ReplaceAll(value, []byte("\t"), []byte(" "))...))
	}
	return out
}

func readDocuments(name string, data []byte) ([]Document, Errors) {
	whole := &source{name: name}
	if len(data) > maxFile {
		return nil, Errors{whole.fail(position{}, "", "it has %d bytes: want at most %d", len(data), maxFile)}
	}
	if at, ok := firstInvalid(data); ok {
		return nil, Errors{whole.fail(at, "", "it is not UTF-8 here: save the file as UTF-8")}
	}
	file, err := parse(data)
	if err != nil {
		return nil, Errors{whole.syntax(err)}
	}
	var out []Document
	var errs Errors
	for _, doc := range file.Docs {
		switch doc.Body.(type) {
		case nil, *ast.DirectiveNode, *ast.NullNode, *ast.CommentGroupNode:
			continue
		}
		s := &source{name: name, at: map[string]position{"": place(doc.Body)}}
		root := s.value("", doc.Body, 0)
		errs = append(errs, s.errs...)
		out = append(out, Document{JSON: root.json(nil), source: s})
	}
	return out, errs
}
