package ovsdb

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/tapline-sdn/tapline/ovsdb/internal/jsontext"
)

// Value is what a column holds: an Atom, a Set or a Map (RFC 7047, 5.1).
type Value interface{ value() }

// Atom is a scalar: Integer, Real, Boolean, String, UUID or NamedUUID. Atoms
// are comparable with ==.
type Atom interface {
	Value
	atom()
}

// The atoms of RFC 7047.
type (
	// Integer is a signed integer of 64 bits.
	Integer int64
	// Real is a finite floating-point number.
	Real float64
	// Boolean is true or false.
	Boolean bool
	// String is a UTF-8 string.
	String string
	// NamedUUID stands, in a request only, for the UUID of the row that the
	// Insert with this UUIDName creates in the same transaction. It is an <id>:
	// letters, digits and underscores, not beginning with a digit.
	NamedUUID string
)

// Set is a set of atoms of one type, sorted and without duplicates.
type Set []Atom

// Map is a map between atoms, sorted by key, each key once.
type Map []Pair

// Pair is an element of a Map.
type Pair struct{ Key, Value Atom }

// Row is a row, or those of its columns that matter.
type Row map[string]Value

func (Integer) value()   {}
func (Real) value()      {}
func (Boolean) value()   {}
func (String) value()    {}
func (UUID) value()      {}
func (NamedUUID) value() {}
func (Set) value()       {}
func (Map) value()       {}

func (Integer) atom()   {}
func (Real) atom()      {}
func (Boolean) atom()   {}
func (String) atom()    {}
func (UUID) atom()      {}
func (NamedUUID) atom() {}

// NewSet returns the set of the atoms given.
func NewSet[A Atom](atoms ...A) Set {
	s := make(Set, len(atoms))
	for i, a := range atoms {
		s[i] = a
	}
	return s.sort()
}

// NewMap returns the map of the pairs given. Of pairs with the same key the
// last remains.
func NewMap(pairs ...Pair) Map {
	m := Map(slices.Clone(pairs))
	slices.Reverse(m) // so that the last of equal keys comes first, and stays
	return m.sort()
}

// StringMap returns m as a Map from string to string.
func StringMap(m map[string]string) Map {
	out := make(Map, 0, len(m))
	for k, v := range m {
		out = append(out, Pair{String(k), String(v)})
	}
	return out.sort()
}

// StringSet returns the set of the strings given.
func StringSet(strings ...string) Set {
	s := make(Set, len(strings))
	for i, a := range strings {
		s[i] = String(a)
	}
	return s.sort()
}

func (s Set) sort() Set {
	slices.SortFunc(s, CompareAtoms)
	return slices.Compact(s)
}

func (m Map) sort() Map {
	slices.SortStableFunc(m, func(a, b Pair) int { return CompareAtoms(a.Key, b.Key) })
	return slices.CompactFunc(m, func(a, b Pair) bool { return a.Key == b.Key })
}

// CompareAtoms is a total order of atoms: by type, then by value.
func CompareAtoms(a, b Atom) int {
	if c := cmp.Compare(atomType(a), atomType(b)); c != 0 {
		return c
	}

	switch a := a.(type) {
	case Integer:
		return cmp.Compare(a, b.(Integer))
	case Real:
		return cmp.Compare(a, b.(Real))
	case Boolean:
		return cmp.Compare(boolRank(a), boolRank(b.(Boolean)))
	case String:
		return strings.Compare(string(a), string(b.(String)))
	case UUID:
		return a.Compare(b.(UUID))
	case NamedUUID:
		return strings.Compare(string(a), string(b.(NamedUUID)))
	}

	return 0
}

func boolRank(b Boolean) int {
	if b {
		return 1
	}
	return 0
}

// Equal reports whether a and b are the same value. A set of one element is not
// equal to its element.
func Equal(a, b Value) bool {
	switch a := a.(type) {
	case Set:
		b, ok := b.(Set)
		return ok && slices.Equal(a, b)
	case Map:
		b, ok := b.(Map)
		return ok && slices.Equal(a, b)
	}

	switch b.(type) {
	case Set, Map:
		return false
	}

	return a == b
}

var (
	errNotFinite = errors.New("a real must be finite")
	errNotUTF8   = errors.New("a string must be UTF-8")
	errNoValue   = errors.New("nil is no value")
)

// AppendValue appends the JSON text of v (RFC 7047, 5.1). It fails where v
// holds a NaN, an infinity, a string that is not UTF-8 or nil.
func AppendValue(b []byte, v Value) ([]byte, error) {
	switch v := v.(type) {
	case Integer:
		return strconv.AppendInt(b, int64(v), 10), nil
	case Real:
		return appendReal(b, float64(v))
	case Boolean:
		return strconv.AppendBool(b, bool(v)), nil
	case String:
		if !utf8.ValidString(string(v)) {
			return nil, fmt.Errorf("%q: %w", v, errNotUTF8)
		}
		return jsontext.AppendString(b, string(v)), nil

	case UUID:
		return v.appendJSON(b), nil
	case NamedUUID:
		if !isID(string(v)) {
			return nil, fmt.Errorf("named UUID %q: not letters, digits and underscores", v)
		}
		return append(append(append(b, `["named-uuid","`...), v...), `"]`...), nil

	case Set:
		return appendList(append(b, `["set",[`...), v, appendAtom)
	case Map:
		return appendList(append(b, `["map",[`...), v, appendPair)
	}

	return nil, errNoValue
}

func appendAtom(b []byte, a Atom) ([]byte, error) { return AppendValue(b, a) }

func appendPair(b []byte, p Pair) ([]byte, error) {
	b, err := AppendValue(append(b, '['), p.Key)
	if err != nil {
		return nil, err
	}

	b, err = AppendValue(append(b, ','), p.Value)
	return append(b, ']'), err
}

// appendList appends the elements of a set or a map and closes both brackets.
func appendList[E any](
	b []byte, list []E, appendElement func([]byte, E) ([]byte, error),
) ([]byte, error) {
	var err error
	for i, e := range list {
		if i > 0 {
			b = append(b, ',')
		}

		if b, err = appendElement(b, e); err != nil {
			return nil, err
		}
	}

	return append(b, `]]`...), nil
}

// appendReal writes a real so that it is not taken for an integer.
func appendReal(b []byte, f float64) ([]byte, error) {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return nil, errNotFinite
	}

	start := len(b)
	b = strconv.AppendFloat(b, f, 'g', -1, 64)
	for _, c := range b[start:] {
		if c == '.' || c == 'e' {
			return b, nil
		}
	}

	return append(b, '.', '0'), nil
}

// AppendRow appends the JSON text of r, its columns in the order of their
// names.
func AppendRow(b []byte, r Row) ([]byte, error) {
	columns := make([]string, 0, len(r))
	for name := range r {
		columns = append(columns, name)
	}

	slices.Sort(columns)
	b = append(b, '{')
	for i, name := range columns {
		if i > 0 {
			b = append(b, ',')
		}

		b = append(jsontext.AppendString(b, name), ':')
		var err error
		if b, err = AppendValue(b, r[name]); err != nil {
			return nil, fmt.Errorf("column %s: %w", name, err)
		}
	}

	return append(b, '}'), nil
}

// isID reports whether s is an <id> (RFC 7047, 3.1).
func isID(s string) bool {
	for i := range len(s) {
		c := s[i]
		letter := c == '_' || 'a' <= c|0x20 && c|0x20 <= 'z'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}

	return s != ""
}
