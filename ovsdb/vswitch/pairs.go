package vswitch

import (
	"encoding/binary"
	"fmt"
	"iter"
	"maps"
	"slices"

	"github.com/tapline-sdn/tapline/ovsdb"
)

// Pairs is the value of a column that maps strings to strings, such as external_ids. It is
// immutable and comparable with ==. It is packed because there are many rows with few pairs each: a
// Go map takes ten times the memory. The zero value is empty. The keys are sorted; each string is
// preceded by its length as a uvarint.
type Pairs struct{ packed string }

// PairsOf packs a map.
func PairsOf(m map[string]string) Pairs {
	var room [256]byte
	b := room[:0]
	for _, key := range slices.Sorted(maps.Keys(m)) {
		b = appendText(appendText(b, key), m[key])
	}

	return Pairs{string(b)}
}

func appendText[S ~string](b []byte, s S) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// cutText splits the first string off.
func cutText(packed string) (first, rest string) {
	n, i := 0, 0
	for shift := 0; ; shift += 7 {
		b := packed[i]
		n |= int(b&0x7f) << shift
		if i++; b < 0x80 {
			return packed[i : i+n], packed[i+n:]
		}
	}
}

// All yields the pairs in the order of their keys.
func (p Pairs) All() iter.Seq2[string, string] {
	return func(yield func(key, value string) bool) {
		for rest := p.packed; rest != ""; {
			var key, value string
			key, rest = cutText(rest)
			if value, rest = cutText(rest); !yield(key, value) {
				return
			}
		}
	}
}

// Lookup returns the value of a key. It looks through the pairs before it.
func (p Pairs) Lookup(key string) (value string, has bool) {
	for k, v := range p.All() {
		if k >= key {
			return v, k == key
		}
	}

	return "", false
}

// Get returns the value of a key; "" where there is none.
func (p Pairs) Get(key string) string {
	if value, has := p.Lookup(key); has {
		return value
	}
	return ""
}

// Empty reports whether there are no pairs.
func (p Pairs) Empty() bool { return p == Pairs{} }

// Map returns the pairs as a new map.
func (p Pairs) Map() map[string]string { return maps.Collect(p.All()) }

// With returns the pairs with key set to value.
func (p Pairs) With(key, value string) Pairs {
	if have, has := p.Lookup(key); has && have == value {
		return p
	}

	m := p.Map()
	m[key] = value
	return PairsOf(m)
}

// Without returns the pairs without key.
func (p Pairs) Without(key string) Pairs {
	if _, has := p.Lookup(key); !has {
		return p
	}

	m := p.Map()
	delete(m, key)
	return PairsOf(m)
}

// String formats the pairs as a map.
func (p Pairs) String() string { return fmt.Sprintf("%q", p.Map()) }

func pairs() codec[Pairs] {
	return codec[Pairs]{
		encode: func(p Pairs) ovsdb.Value {
			m := ovsdb.Map{}
			for key, value := range p.All() {
				m = append(m, ovsdb.Pair{Key: ovsdb.String(key), Value: ovsdb.String(value)})
			}
			return m
		},
		decode: func(v ovsdb.Value) (Pairs, error) {
			m, ok := v.(ovsdb.Map)
			if !ok {
				return Pairs{}, mismatch(ok, v, "a map")
			}

			var room [256]byte
			b := room[:0]
			for _, pair := range m {
				key, isKey := pair.Key.(ovsdb.String)
				value, ok := pair.Value.(ovsdb.String)
				if !isKey || !ok {
					return Pairs{}, fmt.Errorf("a pair of %T and %T where %T and %T should be",
						pair.Key, pair.Value, key, value)
				}
				b = appendText(appendText(b, key), value)
			}

			return Pairs{string(b)}, nil
		},
		equal: same[Pairs],
	}
}
