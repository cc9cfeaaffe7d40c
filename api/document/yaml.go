package document

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

const (
	// MaxSize is the size of the largest file that is read, in bytes; 10,000 hosts fit well.
	MaxSize = 4 << 20
	// maxDepth bounds how deep values nest.
	maxDepth = 32
)

// parseNodes parses a file into the root nodes of its documents.
func parseNodes(name string, data []byte) ([]ast.Node, Errors) {
	if len(data) > MaxSize {
		return nil, Errors{
			errorAt(name, position{}, "", "it has %d bytes: want at most %d", len(data), MaxSize),
		}
	}
	if at, ok := firstInvalid(data); ok {
		return nil, Errors{errorAt(name, at, "", "it is not UTF-8 here: save the file as UTF-8")}
	}

	file, err := parseYAML(data)
	if err != nil {
		return nil, Errors{syntaxError(name, err)}
	}

	var out []ast.Node
	for _, doc := range file.Docs {
		if _, directive := doc.Body.(*ast.DirectiveNode); !directive && doc.Body != nil {
			out = append(out, doc.Body)
		}
	}
	return out, nil
}

// parseYAML calls the parser. A panic of the parser becomes an error, since some mistakes in a file
// cause one.
func parseYAML(data []byte) (file *ast.File, err error) {
	defer func() {
		if p := recover(); p != nil {
			file, err = nil, fmt.Errorf(
				"the YAML parser gave up (%v): look for an unfinished construct", p)
		}
	}()

	return parser.ParseBytes(data, 0, parser.AllowDuplicateMapKey())
}

// firstInvalid returns the place of the first byte that is not UTF-8; it is not ok if all are.
func firstInvalid(data []byte) (at position, ok bool) {
	if utf8.Valid(data) {
		return position{}, false
	}

	at = position{1, 1}
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

func errorAt(name string, at position, path, format string, args ...any) *Error {
	return &Error{
		File: name, Line: at.line, Column: at.column, Path: path,
		Message: fmt.Sprintf(format, args...),
	}
}

// syntaxError turns an error of the parser into one of ours.
func syntaxError(name string, err error) *Error {
	var at position

	if y := yaml.Error(nil); errors.As(err, &y) {
		if tk := y.GetToken(); tk != nil && tk.Position != nil {
			at = position{tk.Position.Line, tk.Position.Column}
		}
		return errorAt(name, at, "", "this is not YAML: %s", y.GetMessage())
	}

	message, _, _ := strings.Cut(err.Error(), "\n")
	return errorAt(name, at, "", "this is not YAML: %s", message)
}

// place returns the position at which a node begins.
func place(n ast.Node) position {
	// The token of a block mapping is its first colon; it begins with its first key.
	if m, ok := n.(*ast.MappingNode); ok && !m.IsFlowStyle && len(m.Values) > 0 {
		n = m.Values[0].Key
	}

	if tk := n.GetToken(); tk != nil && tk.Position != nil {
		return position{tk.Position.Line, tk.Position.Column}
	}
	return position{}
}

// converter turns the nodes of one document into values. It collects their places and what is wrong
// with them.
type converter struct {
	name   string // of the file
	places map[string]position
	errs   Errors
}

// newDocument converts a root node. A node that is refused becomes null.
func newDocument(name string, root ast.Node) (*Document, Errors) {
	c := converter{name: name, places: map[string]position{"": place(root)}}
	value := c.value("", root, 0)

	return &Document{Name: name, Root: value, places: c.places}, c.errs
}

func (c *converter) fail(at position, path, format string, args ...any) {
	c.errs = append(c.errs, errorAt(c.name, at, path, format, args...))
}

func (c *converter) value(path string, n ast.Node, depth int) Value {
	if depth > maxDepth {
		c.fail(place(n), path, "it is nested too deeply: want at most %d levels", maxDepth)
		return Value{Kind: Null}
	}

	switch n := n.(type) {
	case nil, *ast.NullNode:
		return Value{Kind: Null}
	case *ast.BoolNode:
		return Value{Kind: Bool, Text: strconv.FormatBool(n.Value)}
	case *ast.IntegerNode:
		return Value{Kind: Number, Text: fmt.Sprint(n.Value)}
	case *ast.FloatNode:
		return c.float(path, n)
	case *ast.StringNode:
		// The parser returns 1e3, and integers that need more than 64 bits, as strings.
		if n.Token.Type == token.StringType && isNumber(n.Value) {
			return Value{Kind: Number, Text: n.Value}
		}
		return Value{Kind: Text, Text: n.Value}
	case *ast.LiteralNode:
		return Value{Kind: Text, Text: n.Value.Value}
	case *ast.SequenceNode:
		return c.list(path, n.Values, depth)
	case *ast.MappingNode:
		return c.object(path, n.Values, depth)
	case *ast.MappingValueNode:
		return c.object(path, []*ast.MappingValueNode{n}, depth)
	default:
		return c.refuse(path, n)
	}
}

func (c *converter) float(path string, n *ast.FloatNode) Value {
	switch {
	case isNumber(n.Token.Value):
		return Value{Kind: Number, Text: n.Token.Value} // The source text keeps all digits.
	case math.IsInf(n.Value, 0) || math.IsNaN(n.Value):
		return c.refuse(path, n)
	default:
		return Value{Kind: Number, Text: strconv.FormatFloat(n.Value, 'g', -1, 64)}
	}
}

// isNumber reports whether text is a JSON number (RFC 8259, section 6).
func isNumber(text string) bool {
	if text == "" || text[0] != '-' && (text[0] < '0' || text[0] > '9') {
		return false
	}

	return json.Valid([]byte(text))
}

func (c *converter) list(path string, values []ast.Node, depth int) Value {
	list := Value{Kind: List}

	for i, item := range values {
		itemPath := fmt.Sprintf("%s[%d]", path, i)
		c.places[itemPath] = place(item)
		list.Items = append(list.Items, c.value(itemPath, item, depth+1))
	}
	return list
}

func (c *converter) object(path string, values []*ast.MappingValueNode, depth int) Value {
	object := Value{Kind: Object}
	first := make(map[string]position, len(values))

	for _, v := range values {
		at := place(v.Key)
		name, ok := keyName(v.Key)
		if !ok {
			c.fail(at, path, "this key cannot be used: want a plain word")
			continue
		}

		keyPath := JoinPath(path, name)
		if other, twice := first[name]; twice {
			c.fail(at, keyPath, "the key stands twice, first in line %d: want it once", other.line)
			continue
		}

		first[name], c.places[keyPath] = at, at
		object.Fields = append(object.Fields, Field{name, c.value(keyPath, v.Value, depth+1)})
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

// refuse reports a construct of YAML that is not supported. Its value is null.
func (c *converter) refuse(path string, n ast.Node) Value {
	what := "this construct of YAML is"
	switch n.(type) {
	case *ast.AnchorNode, *ast.AliasNode:
		what = "anchors and aliases are"
	case *ast.TagNode:
		what = "tags are"
	case *ast.InfinityNode, *ast.NanNode, *ast.FloatNode:
		what = "infinite numbers and .nan are"
	}

	c.fail(place(n), path, "%s not supported: write the value itself", what)
	return Value{Kind: Null}
}
