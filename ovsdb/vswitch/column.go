package vswitch

import (
	"fmt"
	"maps"
	"slices"

	"github.com/tapline-sdn/tapline/ovsdb"
)

// access says who writes a column.
type access uint8

const (
	config    access = iota // a manager: a Txn writes it
	status                  // ovs-vswitchd: a Txn leaves it alone
	reference               // strong references: a Txn changes them by Insert, Move and Delete
)

// column connects a column of the database with a field of the row type T.
type column[T any] struct {
	name   string
	access access
	value  func(*T) ovsdb.Value
	set    func(*T, ovsdb.Value) error
	equal  func(a, b *T) bool
	empty  func(*T) bool
	text   func(*T) string // for people
	// apply, if set, applies a difference without converting the elements that stay.
	apply func(*T, ovsdb.Value) error
	// pairs is set if the column is a map of strings.
	pairs func(*T) Pairs
	// refs is set if the column is a set of references that a Txn changes element by element.
	refs func(*T) []UUID
}

// codec converts between a column's value and the Go type F.
type codec[F any] struct {
	encode func(F) ovsdb.Value
	decode func(ovsdb.Value) (F, error)
	equal  func(a, b F) bool
	// apply applies a difference (ovsdb-server(7), 4.1.14); nil: ovsdb.ApplyDiff does.
	apply func(F, ovsdb.Value) (F, error)
}

// col describes a column by its name, its field and its codec.
func col[T, F any](name string, field func(*T) *F, c codec[F], a access) column[T] {
	var zero F
	out := column[T]{
		name: name, access: a,
		value: func(row *T) ovsdb.Value { return c.encode(*field(row)) },
		set: func(row *T, v ovsdb.Value) (err error) {
			*field(row), err = c.decode(v)
			return err
		},
		equal: func(a, b *T) bool { return c.equal(*field(a), *field(b)) },
		empty: func(row *T) bool { return c.equal(*field(row), zero) },
		text:  func(row *T) string { return show(*field(row)) },
	}
	if c.apply != nil {
		out.apply = func(row *T, diff ovsdb.Value) (err error) {
			*field(row), err = c.apply(*field(row), diff)
			return err
		}
	}

	return out
}

// mapCol is col for a map of strings, which a Txn changes key by key.
func mapCol[T any](name string, field func(*T) *Pairs, a access) column[T] {
	c := col(name, field, pairs(), a)
	c.pairs = func(row *T) Pairs { return *field(row) }
	return c
}

// refsCol is col for a set of references that may be large, such as the ports that a mirror
// selects. A Txn writes only the elements that are added and removed.
func refsCol[T any](name string, field func(*T) *[]UUID) column[T] {
	c := col(name, field, uuids(), config)
	c.refs = func(row *T) []UUID { return *field(row) }
	return c
}

func same[F comparable](a, b F) bool { return a == b }

func samePointer[F comparable](a, b *F) bool { return a == b || a != nil && b != nil && *a == *b }

// only returns the one atom of v, or nil where v is an empty set. A column may
// be scalar in one version of the schema and optional in another.
func only(v ovsdb.Value) (ovsdb.Atom, error) {
	switch v := v.(type) {
	case ovsdb.Atom:
		return v, nil
	case ovsdb.Set:
		switch len(v) {
		case 0:
			return nil, nil
		case 1:
			return v[0], nil
		}
	}

	return nil, fmt.Errorf("%T where at most one element should be", v)
}

// as returns the one atom of v as an A; none is the zero value.
func as[A ovsdb.Atom](v ovsdb.Value) (a A, present bool, err error) {
	atom, err := only(v)
	if err != nil || atom == nil {
		return a, false, err
	}

	a, ok := atom.(A)
	if !ok {
		return a, false, fmt.Errorf("%T where %T should be", atom, a)
	}

	return a, true, nil
}

// scalar is the codec of a column of exactly one element.
func scalar[F comparable, A ovsdb.Atom](wrap func(F) A, unwrap func(A) F) codec[F] {
	return codec[F]{
		encode: func(f F) ovsdb.Value { return wrap(f) },
		decode: func(v ovsdb.Value) (F, error) {
			a, _, err := as[A](v)
			return unwrap(a), err
		},
		equal: same[F],
	}
}

// optional is the codec of a column of at most one element, whose absence is
// the zero value of F.
func optional[F comparable, A ovsdb.Atom](wrap func(F) A, unwrap func(A) F) codec[F] {
	c := scalar(wrap, unwrap)
	c.encode = func(f F) ovsdb.Value {
		var zero F
		if f == zero {
			return ovsdb.Set{}
		}
		return ovsdb.Set{wrap(f)}
	}
	return c
}

// pointer is the codec of a column of at most one element, whose absence is
// nil.
func pointer[F comparable, A ovsdb.Atom](wrap func(F) A, unwrap func(A) F) codec[*F] {
	return codec[*F]{
		encode: func(f *F) ovsdb.Value {
			if f == nil {
				return ovsdb.Set{}
			}
			return ovsdb.Set{wrap(*f)}
		},
		decode: func(v ovsdb.Value) (*F, error) {
			a, present, err := as[A](v)
			if !present {
				return nil, err
			}
			return new(unwrap(a)), nil
		},
		equal: samePointer[F],
	}
}

// set is the codec of a set; empty is nil.
func set[F comparable, A ovsdb.Atom](wrap func(F) A, unwrap func(A) F) codec[[]F] {
	return codec[[]F]{
		encode: func(fs []F) ovsdb.Value {
			atoms := make([]A, len(fs))
			for i, f := range fs {
				atoms[i] = wrap(f)
			}
			return ovsdb.NewSet(atoms...)
		},
		decode: func(v ovsdb.Value) ([]F, error) {
			atoms, ok := v.(ovsdb.Set)
			if !ok || len(atoms) == 0 {
				return nil, mismatch(ok, v, "a set")
			}

			fs := make([]F, len(atoms))
			for i, atom := range atoms {
				a, ok := atom.(A)
				if !ok {
					return nil, mismatch(false, atom, fmt.Sprintf("%T", a))
				}
				fs[i] = unwrap(a)
			}

			return fs, nil
		},
		equal: slices.Equal[[]F],
	}
}

// mapping is the codec of a map; empty is nil.
func mapping[K, F comparable, KA, A ovsdb.Atom](
	wrapKey func(K) KA, unwrapKey func(KA) K, wrap func(F) A, unwrap func(A) F,
) codec[map[K]F] {
	return codec[map[K]F]{
		encode: func(m map[K]F) ovsdb.Value {
			pairs := make(ovsdb.Map, 0, len(m))
			for k, f := range m {
				pairs = append(pairs, ovsdb.Pair{Key: wrapKey(k), Value: wrap(f)})
			}
			return ovsdb.NewMap(pairs...)
		},
		decode: func(v ovsdb.Value) (map[K]F, error) {
			pairs, ok := v.(ovsdb.Map)
			if !ok || len(pairs) == 0 {
				return nil, mismatch(ok, v, "a map")
			}

			m := make(map[K]F, len(pairs))
			for _, p := range pairs {
				k, isKey := p.Key.(KA)
				a, ok := p.Value.(A)
				if !isKey || !ok {
					return nil, fmt.Errorf("a pair of %T and %T where %T and %T should be", p.Key,
						p.Value, k, a)
				}
				m[unwrapKey(k)] = unwrap(a)
			}

			return m, nil
		},
		equal: maps.Equal[map[K]F, map[K]F],
	}
}

func mismatch(ok bool, v ovsdb.Value, want string) error {
	if ok {
		return nil
	}
	return fmt.Errorf("%T where %s should be", v, want)
}

// The conversions between the fields' types and the atoms.
func wrapString(s string) ovsdb.String   { return ovsdb.String(s) }
func unwrapString(a ovsdb.String) string { return string(a) }
func wrapBool(b bool) ovsdb.Boolean      { return ovsdb.Boolean(b) }
func unwrapBool(a ovsdb.Boolean) bool    { return bool(a) }
func wrapUUID(u UUID) UUID               { return u }

func wrapInt[I int | int64](i I) ovsdb.Integer   { return ovsdb.Integer(i) }
func unwrapInt[I int | int64](a ovsdb.Integer) I { return I(a) }

func text() codec[string]             { return scalar(wrapString, unwrapString) }
func optText() codec[string]          { return optional(wrapString, unwrapString) }
func flag() codec[bool]               { return scalar(wrapBool, unwrapBool) }
func number() codec[int64]            { return scalar(wrapInt[int64], unwrapInt[int64]) }
func count() codec[int]               { return scalar(wrapInt[int], unwrapInt[int]) }
func optInt[I int | int64]() codec[I] { return optional(wrapInt[I], unwrapInt[I]) }
func ptrInt() codec[*int]             { return pointer(wrapInt[int], unwrapInt[int]) }
func ptrBool() codec[*bool]           { return pointer(wrapBool, unwrapBool) }
func ptrUUID() codec[*UUID]           { return pointer(wrapUUID, wrapUUID) }
func texts() codec[[]string]          { return set(wrapString, unwrapString) }
func ints() codec[[]int]              { return set(wrapInt[int], unwrapInt[int]) }
func intMap() codec[map[string]int64] {
	return mapping(wrapString, unwrapString, wrapInt[int64], unwrapInt[int64])
}

// uuids is the codec of a set of references. A bridge or a mirror may have thousands, so a
// difference is applied directly.
func uuids() codec[[]UUID] {
	c := set(wrapUUID, wrapUUID)
	c.apply = func(have []UUID, diff ovsdb.Value) ([]UUID, error) {
		toggled, err := c.decode(diff)
		if err != nil {
			return nil, err
		}
		return toggle(have, toggled), nil
	}
	return c
}

func uuidsByName() codec[map[string]UUID] {
	return mapping(wrapString, unwrapString, wrapUUID, wrapUUID)
}

func uuidsByNumber() codec[map[int]UUID] {
	return mapping(wrapInt[int], unwrapInt[int], wrapUUID, wrapUUID)
}
