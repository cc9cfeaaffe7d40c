package document

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
)

// Value is a value of a document. It does not depend on how YAML or JSON writes it.
type Value struct {
	Kind   Kind
	Text   string  // of Text: the text; of Number: its JSON form; of Bool: true or false
	Fields []Field // of Object, in the order of the document
	Items  []Value // of List
}

// Field is a key of a mapping, with its value.
type Field struct {
	Name  string
	Value Value
}

// Kind is the type of a value, as error messages call it.
type Kind string

// The kinds of values. [Null] is also the kind of a key without a value.
const (
	Null   Kind = "nothing"
	Bool   Kind = "a boolean"
	Number Kind = "a number"
	Text   Kind = "text"
	List   Kind = "a list"
	Object Kind = "a mapping"
)

// JSON returns the JSON form of the value. Fields keep their order.
func (v Value) JSON() json.RawMessage { return v.appendJSON(nil) }

func (v Value) appendJSON(b []byte) []byte {
	switch v.Kind {
	case Null:
		return append(b, "null"...)

	case Bool, Number:
		return append(b, v.Text...)

	case Text:
		return append(b, quote(v.Text)...)

	case List:
		b = append(b, '[')
		for i, item := range v.Items {
			if i > 0 {
				b = append(b, ',')
			}
			b = item.appendJSON(b)
		}
		return append(b, ']')

	default:
		b = append(b, '{')
		for i, f := range v.Fields {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(append(b, quote(f.Name)...), ':')
			b = f.Value.appendJSON(b)
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

// ParseJSON returns the value that JSON text describes. Numbers keep all their digits.
func ParseJSON(data []byte) (Value, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()

	return decodeValue(d)
}

func decodeValue(d *json.Decoder) (Value, error) {
	t, err := d.Token()
	if err != nil {
		return Value{}, err
	}

	switch t := t.(type) {
	case bool:
		return Value{Kind: Bool, Text: fmt.Sprint(t)}, nil
	case json.Number:
		return Value{Kind: Number, Text: t.String()}, nil
	case string:
		return Value{Kind: Text, Text: t}, nil
	case json.Delim:
		if t == '{' {
			return decodeObject(d)
		}
		return decodeList(d)
	default:
		return Value{Kind: Null}, nil
	}
}

// decodeObject decodes what follows "{", including "}".
func decodeObject(d *json.Decoder) (Value, error) {
	out := Value{Kind: Object}

	for d.More() {
		name, err := d.Token()
		if err != nil {
			return Value{}, err
		}
		value, err := decodeValue(d)
		if err != nil {
			return Value{}, err
		}
		out.Fields = append(out.Fields, Field{fmt.Sprint(name), value})
	}

	_, err := d.Token()
	return out, err
}

// decodeList decodes what follows "[", including "]".
func decodeList(d *json.Decoder) (Value, error) {
	out := Value{Kind: List}

	for d.More() {
		item, err := decodeValue(d)
		if err != nil {
			return Value{}, err
		}
		out.Items = append(out.Items, item)
	}

	_, err := d.Token()
	return out, err
}

// JoinPath appends a key to a path. The key is quoted if the path would be ambiguous otherwise.
func JoinPath(path, key string) string {
	switch {
	case key == "" || strings.ContainsAny(key, ".[]\" \t\n"):
		return fmt.Sprintf("%s[%q]", path, key)
	case path == "":
		return key
	default:
		return path + "." + key
	}
}
