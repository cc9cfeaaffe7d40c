package format

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"k8s.io/client-go/util/jsonpath"
)

// jsonPathPrefix begins the name of a format that is a JSONPath expression.
const jsonPathPrefix = "jsonpath="

// JSONPath is a parsed expression of kubectl's JSONPath: {.tap_flows[*].name}, or .name without
// braces.
type JSONPath struct{ parsed *jsonpath.JSONPath }

// NewJSONPath parses an expression.
func NewJSONPath(expression string) (*JSONPath, error) {
	template := expression
	if !strings.Contains(template, "{") {
		template = "{" + template + "}"
	}

	parsed := jsonpath.New("output").AllowMissingKeys(true)
	if err := parsed.Parse(template); err != nil {
		return nil, fmt.Errorf("the expression %q is not understood: %w", expression, err)
	}

	return &JSONPath{parsed}, nil
}

// Write writes what the expression finds in a value's JSON form, and a line break.
func (p *JSONPath) Write(w io.Writer, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}

	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	var root any
	if err := decoder.Decode(&root); err != nil {
		return err
	}

	var b bytes.Buffer
	if err := p.parsed.Execute(&b, plainNumbers(root)); err != nil {
		return err
	}
	if !bytes.HasSuffix(b.Bytes(), []byte("\n")) {
		b.WriteByte('\n')
	}

	_, err = w.Write(b.Bytes())
	return err
}

// plainNumbers has numbers as Go's types, so that expressions can compare them: whole ones as
// int64, which are printed without an exponent.
func plainNumbers(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for name, value := range v {
			v[name] = plainNumbers(value)
		}
	case []any:
		for i, value := range v {
			v[i] = plainNumbers(value)
		}
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return n
		}
		if f, err := v.Float64(); err == nil {
			return f
		}
	}
	return v
}
