package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// maxDepth bounds how deep values nest; the configuration itself needs 5.
const maxDepth = 32

// source is a file and where everything in it stands.
type source struct {
	name string
	at   map[string]position // by path
	errs Errors
}

type position struct{ line, column int }

// value is a value of the file, free of how YAML writes it.
type value struct {
	kind   kind
	text   string // of text: what it says; of a number: its JSON form; of a bool: true or false
	fields []field
	items  []value
}

type field struct {
	name  string
	value value
}

type kind string

// The kinds of values, as error messages call them.
const (
	kindNull   kind = "nothing"
	kindBool   kind = "a boolean"
	kindNumber kind = "a number"
	kindText   kind = "text"
	kindList   kind = "a list"
	kindObject kind = "a mapping"
)

// read turns the file into its value, and keeps the positions. Where the file cannot be understood there is no value;
// other errors leave out what they are about.
func (s *source) read(data []byte) (root value, errs Errors) {
	if len(data) > maxFile {
		return value{}, Errors{s.fail(position{}, "", "it has %d bytes: want at most %d", len(data), maxFile)}
	}
	if at, ok := firstInvalid(data); ok {
		return value{}, Errors{s.fail(at, "", "it is not UTF-8 here: save the file as UTF-8")}
	}
	file, err := parse(data)
	if err != nil {
		return value{}, Errors{s.syntax(err)}
	}
	seen := false
	for _, doc := range file.Docs {
		if _, ok := doc.Body.(*ast.DirectiveNode); ok || doc.Body == nil {
			continue
		}
		if seen {
			return value{}, Errors{s.fail(place(doc.Body), "", "a second document begins here: want one")}
		}
		seen = true
		s.at[""] = place(doc.Body)
		root = s.value("", doc.Body, 0)
	}
	if !seen {
		root = value{kind: kindObject}
	}
	return root, s.errs
}

// parse calls the parser. What makes the parser panic is a mistake in the file all the same.
func parse(data []byte) (file *ast.File, err error) {
	defer func() {
		if p := recover(); p != nil {
			file, err = nil, fmt.Errorf("the YAML parser gave up (%v): look for an unfinished construct", p)
		}
	}()
	return parser.ParseBytes(data, 0, parser.AllowDuplicateMapKey())
}

func firstInvalid(data []byte) (position, bool) {
	if utf8.Valid(data) {
		return position{}, false
	}
	at := position{1, 1}
	for len(data) > 0 {
		r, size := utf8.DecodeRune(data)
		switch {
		case r == utf8.RuneError && size == 1:
			return at, true
		case r == '\n':
			at = position{at.line + 1, 1}
		default:
			at.column++
		}
		data = data[size:]
	}
	return position{}, false
}

func (s *source) fail(at position, path, format string, args ...any) *Error {
	return &Error{File: s.name, Line: at.line, Column: at.column, Path: path, Message: fmt.Sprintf(format, args...)}
}

func (s *source) syntax(err error) *Error {
	var at position
	if y := yaml.Error(nil); errors.As(err, &y) {
		if tk := y.GetToken(); tk != nil && tk.Position != nil {
			at = position{tk.Position.Line, tk.Position.Column}
		}
		return s.fail(at, "", "this is not YAML: %s", y.GetMessage())
	}
	message, _, _ := strings.Cut(err.Error(), "\n")
	return s.fail(at, "", "this is not YAML: %s", message)
}

// place is where a node begins.
func place(n ast.Node) position {
	if m, ok := n.(*ast.MappingNode); ok && !m.IsFlowStyle && len(m.Values) > 0 {
		n = m.Values[0].Key // the token of a block mapping is the first colon
	}
	if tk := n.GetToken(); tk != nil && tk.Position != nil {
		return position{tk.Position.Line, tk.Position.Column}
	}
	return position{}
}

func (s *source) value(path string, n ast.Node, depth int) value {
	if depth > maxDepth {
		s.errs = append(s.errs, s.fail(place(n), path, "it is nested too deeply: want at most %d levels", maxDepth))
		return value{kind: kindNull}
	}
	switch n := n.(type) {
	case nil, *ast.NullNode:
		return value{kind: kindNull}
	case *ast.BoolNode:
		return value{kind: kindBool, text: strconv.FormatBool(n.Value)}
	case *ast.IntegerNode:
		return value{kind: kindNumber, text: fmt.Sprint(n.Value)}
	case *ast.FloatNode:
		return s.float(path, n)
	case *ast.StringNode:
		// The parser takes 1e3 and what does not fit into 64 bits for text.
		if n.Token.Type == token.StringType && isNumber(n.Value) {
			return value{kind: kindNumber, text: n.Value}
		}
		return value{kind: kindText, text: n.Value}
	case *ast.LiteralNode:
		return value{kind: kindText, text: n.Value.Value}
	case *ast.SequenceNode:
		list := value{kind: kindList}
		for i, item := range n.Values {
			itemPath := fmt.Sprintf("%s[%d]", path, i)
			s.at[itemPath] = place(item)
			list.items = append(list.items, s.value(itemPath, item, depth+1))
		}
		return list
	case *ast.MappingNode:
		return s.object(path, n.Values, depth)
	case *ast.MappingValueNode:
		return s.object(path, []*ast.MappingValueNode{n}, depth)
	default:
		return s.refuse(path, n)
	}
}

func (s *source) float(path string, n *ast.FloatNode) value {
	switch {
	case isNumber(n.Token.Value):
		return value{kind: kindNumber, text: n.Token.Value} // no digit is lost
	case math.IsInf(n.Value, 0) || math.IsNaN(n.Value):
		return s.refuse(path, n)
	default:
		return value{kind: kindNumber, text: strconv.FormatFloat(n.Value, 'g', -1, 64)}
	}
}

// isNumber reports whether text is a number of JSON (RFC 8259, section 6).
func isNumber(text string) bool {
	return text != "" && (text[0] == '-' || text[0] >= '0' && text[0] <= '9') && json.Valid([]byte(text))
}

func (s *source) object(path string, values []*ast.MappingValueNode, depth int) value {
	object := value{kind: kindObject}
	first := make(map[string]position, len(values))
	for _, v := range values {
		at := place(v.Key)
		name, ok := keyName(v.Key)
		if !ok {
			s.errs = append(s.errs, s.fail(at, path, "this key cannot be used: want a plain word"))
			continue
		}
		keyPath := join(path, name)
		if other, twice := first[name]; twice {
			s.errs = append(s.errs, s.fail(at, keyPath, "the key stands twice, first in line %d: want it once", other.line))
			continue
		}
		first[name], s.at[keyPath] = at, at
		object.fields = append(object.fields, field{name, s.value(keyPath, v.Value, depth+1)})
	}
	return object
}

func keyName(key ast.MapKeyNode) (string, bool) {
	switch key := key.(type) {
	case *ast.StringNode:
		return key.Value, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.NullNode:
		return key.GetToken().Value, true
	default:
		return "", false
	}
}

// join adds a key to a path, in quotes if it would not be told apart otherwise.
func join(path, key string) string {
	if key == "" || strings.ContainsAny(key, ".[]\" \t\n") {
		return fmt.Sprintf("%s[%q]", path, key)
	}
	if path == "" {
		return key
	}
	return path + "." + key
}

// refuse reports a construct of YAML that is not used here.
func (s *source) refuse(path string, n ast.Node) value {
	what := "this construct of YAML is"
	switch n.(type) {
	case *ast.AnchorNode, *ast.AliasNode:
		what = "anchors and aliases are"
	case *ast.TagNode:
		what = "tags are"
	case *ast.InfinityNode, *ast.NanNode, *ast.FloatNode:
		what = "infinite numbers and .nan are"
	}
	s.errs = append(s.errs, s.fail(place(n), path, "%s not supported: write the value itself", what))
	return value{kind: kindNull}
}

// json appends the JSON form.
func (v value) json(b []byte) []byte {
	switch v.kind {
	case kindNull:
		return append(b, "null"...)
	case kindBool, kindNumber:
		return append(b, v.text...)
	case kindText:
		return append(b, quote(v.text)...)
	case kindList:
		b = append(b, '[')
		for i, item := range v.items {
			if i > 0 {
				b = append(b, ',')
			}
			b = item.json(b)
		}
		return append(b, ']')
	default:
		b = append(b, '{')
		for i, f := range v.fields {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(append(b, quote(f.name)...), ':')
			b = f.value.json(b)
		}
		return append(b, '}')
	}
}

func quote(text string) []byte {
	b, err := json.Marshal(text)
	if err != nil {
		panic("a string has no JSON form: " + err.Error()) // encoding/json has one for every string
	}
	return b
}
