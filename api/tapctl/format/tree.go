package format

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// Field is a field of an [Object].
type Field struct {
	Name  string
	Value any // Object, []any, string, bool, json.Number or nil
}

// Object is a JSON object whose fields keep their order.
type Object []Field

// MarshalJSON implements json.Marshaler.
func (o Object) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')

	for i, f := range o {
		if i > 0 {
			b.WriteByte(',')
		}

		name, err := json.Marshal(f.Name)
		if err != nil {
			return nil, err
		}

		value, err := json.Marshal(f.Value)
		if err != nil {
			return nil, err
		}

		b.Write(name)
		b.WriteByte(':')
		b.Write(value)
	}

	b.WriteByte('}')
	return b.Bytes(), nil
}

// Tree returns the JSON form of a value as an Object, []any, string, bool, json.Number or nil.
// Fields stay in the order of the JSON form.
func Tree(v any) (any, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}

	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	return readValue(decoder)
}

func readValue(d *json.Decoder) (any, error) {
	t, err := d.Token()
	if err != nil {
		return nil, err
	}

	switch t {
	case json.Delim('{'):
		return readObject(d)
	case json.Delim('['):
		return readList(d)
	}

	return t, nil
}

// readObject reads what follows an opening brace.
func readObject(d *json.Decoder) (Object, error) {
	out := Object{}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, err
		}
		value, err := readValue(d)
		if err != nil {
			return nil, err
		}
		out = append(out, Field{Name: fmt.Sprint(name), Value: value})
	}

	_, err := d.Token() // the closing brace
	return out, err
}

// readList reads what follows an opening bracket.
func readList(d *json.Decoder) ([]any, error) {
	out := []any{}
	for d.More() {
		value, err := readValue(d)
		if err != nil {
			return nil, err
		}
		out = append(out, value)
	}

	_, err := d.Token() // the closing bracket
	return out, err
}
