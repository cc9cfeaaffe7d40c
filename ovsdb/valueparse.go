package ovsdb

import (
	"bytes"
	"errors"
	"fmt"
	"hash/maphash"
	"slices"

	"github.com/tapline-sdn/tapline/ovsdb/internal/jsontext"
)

// ParseValue reads a value of type t. If t is nil it guesses from the text: a number with neither
// fraction nor exponent is an Integer, and a set of one element that was written as a bare atom is
// an Atom.
//
// The constraints of t (range, length, enumeration, number of elements) are
// the server's to enforce and are not checked.
func ParseValue(text []byte, t *ColumnType) (Value, error) {
	c := newReader(text)
	v := parseValue(c, t)
	if err := c.End(); err != nil {
		return nil, fmt.Errorf("value: %w", err)
	}
	return v, nil
}

// reader is a cursor over values. In a large text, equal strings share their memory: the keys of
// external_ids and words like "up" appear in thousands of rows.
type reader struct {
	*jsontext.Cursor
	seed maphash.Seed
	seen []Atom // by hash, the last string with it; nil: strings are not shared
}

const (
	sharePays       = 4 << 10 // bytes of text
	maxSharedLength = 32      // bytes of a string
	sharedHashes    = 256     // a power of two
)

func newReader(text []byte) *reader {
	r := &reader{Cursor: jsontext.NewCursor(text)}
	if len(text) > sharePays {
		r.seed, r.seen = maphash.MakeSeed(), make([]Atom, sharedHashes)
	}
	return r
}

// stringAtom consumes a string.
func (c *reader) stringAtom() Atom {
	text := c.StringBytes()
	if c.seen == nil || len(text) > maxSharedLength {
		return String(text)
	}

	slot := &c.seen[maphash.Bytes(c.seed, text)%sharedHashes]
	if s, ok := (*slot).(String); !ok || string(s) != string(text) {
		*slot = String(text)
	}

	return *slot
}

var errValue = errors.New(`an array that is none of ` +
	`["uuid",..], ["named-uuid",..], ["set",[..]], ["map",[..]]`)

// parseValue consumes a value of type t, or any value where t is nil.
func parseValue(c *reader, t *ColumnType) Value {
	if c.Kind() != jsontext.Array {
		if t != nil && t.Value != nil {
			c.Fail(fmt.Errorf("%v where %v should be", c.Kind(), t))
			return nil
		}
		return t.wrap(parseScalar(c, t.keyType()))
	}

	var v Value
	var tag []byte
	count := 0
	for i := range c.Array() {
		count++
		switch {
		case i == 0:
			tag = c.StringBytes()
		case i > 1:
			c.Fail(errValue)
		case string(tag) == "uuid", string(tag) == "named-uuid":
			v = t.wrap(parseTagged(c, tag, t.keyType()))
		case string(tag) == "set" && t.isSet():
			v = parseSet(c, t.keyType())
		case string(tag) == "map" && t.isMap():
			v = parseMap(c, t)
		default:
			c.Fail(t.mismatch(tag))
		}
	}

	if count < 2 || v == nil {
		c.Fail(errValue)
	}

	if c.Err() != nil {
		return nil
	}

	return v
}

// keyType is the type of t's keys, or TypeAny where t is nil.
func (t *ColumnType) keyType() AtomType {
	if t == nil {
		return TypeAny
	}
	return t.Key.Type
}

func (t *ColumnType) valueType() AtomType {
	if t == nil {
		return TypeAny
	}
	return t.Value.Type
}

// isSet and isMap report whether a ["set",..] or a ["map",..] may stand for a
// value of type t.
func (t *ColumnType) isSet() bool { return t == nil || t.Value == nil && !t.IsScalar() }
func (t *ColumnType) isMap() bool { return t == nil || t.Value != nil }

// wrap returns the value of type t that an atom stands for; nil if there is none.
func (t *ColumnType) wrap(a Atom) Value {
	switch {
	case a == nil:
		return nil
	case t == nil, t.IsScalar():
		return a
	case t.Value != nil:
		return nil
	}

	return Set{a}
}

func (t *ColumnType) mismatch(tag []byte) error {
	if t == nil {
		return errValue
	}
	return fmt.Errorf("a %.20q where %v should be", tag, t)
}

// parseScalar consumes an atom that is not an array.
func parseScalar(c *reader, want AtomType) Atom {
	kind := c.Kind()
	if want == TypeAny {
		want = map[jsontext.Kind]AtomType{
			jsontext.Number: TypeReal, jsontext.String: TypeString,
			jsontext.True: TypeBoolean, jsontext.False: TypeBoolean,
		}[kind]
		if kind == jsontext.Number && !looksReal(c) {
			want = TypeInteger
		}
	}

	var a Atom

	switch want {
	case TypeInteger:
		a = Integer(c.Int())
	case TypeReal:
		a = Real(c.Float() + 0) // +0 makes of -0 a 0
	case TypeBoolean:
		a = Boolean(c.Bool())
	case TypeString:
		a = c.stringAtom()
	default:
		c.Fail(fmt.Errorf("%v where %v should be", kind, want))
	}

	if c.Err() != nil {
		return nil
	}

	return a
}

// looksReal reports whether the number that comes next has a fraction or an
// exponent.
func looksReal(c *reader) bool {
	ahead := *c.Cursor
	return bytes.ContainsAny(ahead.NumberText(), ".eE")
}

// parseTagged consumes the second element of a <uuid> or <named-uuid>.
func parseTagged(c *reader, tag []byte, want AtomType) Atom {
	if want != TypeUUID && want != TypeAny {
		c.Fail(fmt.Errorf("a UUID where %v should be", want))
		return nil
	}

	text := c.StringBytes()
	if c.Err() != nil {
		return nil
	}
	if len(tag) > len("uuid") {
		if !isID(string(text)) {
			c.Fail(fmt.Errorf("named UUID %.40q: not letters, digits and underscores", text))
			return nil
		}
		return NamedUUID(text)
	}

	u, err := parseUUID(text)
	if err != nil {
		c.Fail(err)
		return nil
	}

	return u
}

// parseAtom consumes an atom.
func parseAtom(c *reader, want AtomType) Atom {
	if c.Kind() != jsontext.Array {
		return parseScalar(c, want)
	}

	var a Atom
	var tag []byte
	for i := range c.Array() {
		switch {
		case i == 0:
			tag = c.StringBytes()
			if string(tag) != "uuid" && string(tag) != "named-uuid" {
				c.Fail(fmt.Errorf("a %.20q where an atom should be", tag))
			}

		case i == 1:
			a = parseTagged(c, tag, want)
		default:
			c.Fail(errValue)
		}
	}

	if a == nil {
		c.Fail(errValue)
	}

	if c.Err() != nil {
		return nil
	}

	return a
}

var errDuplicate = errors.New("the same key or element twice")

// parseSet consumes the elements of a set.
func parseSet(c *reader, want AtomType) Value {
	s := Set{}
	sorted := true
	for range c.Array() {
		a := parseAtom(c, want)
		if a == nil {
			return nil
		}

		sorted = sorted && (len(s) == 0 || CompareAtoms(s[len(s)-1], a) < 0)
		s = append(s, a)
	}

	if c.Err() != nil {
		return nil
	}

	if !sorted {
		n := len(s)
		if s = s.sort(); len(s) < n {
			c.Fail(errDuplicate)
			return nil
		}
	}

	return slices.Clip(s)
}

// parseMap consumes the pairs of a map.
func parseMap(c *reader, t *ColumnType) Value {
	m := Map{}
	sorted := true
	for range c.Array() {
		var p Pair
		for i := range c.Array() {
			switch i {
			case 0:
				p.Key = parseAtom(c, t.keyType())
			case 1:
				p.Value = parseAtom(c, t.valueType())
			default:
				c.Fail(errors.New("a pair of a map has more than two elements"))
			}
		}

		if p.Key == nil || p.Value == nil {
			c.Fail(errors.New("a pair of a map has fewer than two elements"))
			return nil
		}

		sorted = sorted && (len(m) == 0 || CompareAtoms(m[len(m)-1].Key, p.Key) < 0)
		m = append(m, p)
	}

	if c.Err() != nil {
		return nil
	}

	if !sorted {
		n := len(m)
		if m = m.sort(); len(m) < n {
			c.Fail(errDuplicate)
			return nil
		}
	}

	return slices.Clip(m)
}
