package api

import "encoding/json"

// Field is a field of a JSON merge patch (RFC 7396) that can be removed. The zero Field leaves the
// value alone, [Remove] removes it and [Set] sets it. Its struct tag must have omitzero.
type Field[T any] struct {
	Given bool
	Value *T // nil removes
}

// Set returns a Field that sets the value to v.
func Set[T any](v T) Field[T] { return Field[T]{Given: true, Value: &v} }

// Remove returns a Field that removes the value.
func Remove[T any]() Field[T] { return Field[T]{Given: true} }

// MarshalJSON implements json.Marshaler.
func (f Field[T]) MarshalJSON() ([]byte, error) { return json.Marshal(f.Value) }

// UnmarshalJSON implements json.Unmarshaler.
func (f *Field[T]) UnmarshalJSON(data []byte) error {
	f.Given = true

	return json.Unmarshal(data, &f.Value)
}
