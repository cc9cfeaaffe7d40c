package ovsdb

import (
	"errors"
	"fmt"
	"math"

	"github.com/tapline-sdn/tapline/ovsdb/internal/jsontext"
)

// AtomType is an <atomic-type> (RFC 7047, 3.2).
type AtomType uint8

// The atomic types. TypeAny stands for a type that is not known.
const (
	TypeAny AtomType = iota
	TypeInteger
	TypeReal
	TypeBoolean
	TypeString
	TypeUUID
)

var atomTypeNames = [...]string{"any", "integer", "real", "boolean", "string", "uuid"}

// String is the type's name in a schema.
func (t AtomType) String() string { return atomTypeNames[t] }

func atomType(a Atom) AtomType {
	switch a.(type) {
	case Integer:
		return TypeInteger
	case Real:
		return TypeReal
	case Boolean:
		return TypeBoolean
	case String:
		return TypeString
	case UUID:
		return TypeUUID
	case NamedUUID:
		return TypeUUID + 1 // after every UUID, so that both may stand in one set
	}

	return TypeAny
}

// Unlimited is the Max of a column that may hold any number of elements.
const Unlimited = math.MaxInt

// ColumnType is the <type> of a column. With Value it is a map; without, a
// scalar where Min and Max are 1, else a set.
type ColumnType struct {
	Key      BaseType
	Value    *BaseType
	Min, Max int // number of elements: 0 or 1, and 1 to Unlimited
}

// BaseType is the <base-type> of keys or values. Nil pointers and zero values
// constrain nothing.
type BaseType struct {
	Type       AtomType
	Enum       Set
	MinInteger *int64
	MaxInteger *int64
	MinReal    *float64
	MaxReal    *float64
	MinLength  *int64 // in characters
	MaxLength  *int64
	RefTable   string // of a UUID: the table that it must point into
	WeakRef    bool   // a reference that does not keep the row alive
}

// IsScalar reports whether the column holds exactly one atom.
func (t *ColumnType) IsScalar() bool { return t.Value == nil && t.Min == 1 && t.Max == 1 }

// String describes the type for an error message.
func (t *ColumnType) String() string {
	switch {
	case t.Value != nil:
		return fmt.Sprintf("a map from %v to %v", t.Key.Type, t.Value.Type)
	case t.IsScalar():
		return t.Key.Type.String()
	}

	return fmt.Sprintf("a set of %v", t.Key.Type)
}

var defaultAtoms = [...]Atom{
	TypeAny: Integer(0), TypeInteger: Integer(0), TypeReal: Real(0),
	TypeBoolean: Boolean(false), TypeString: String(""), TypeUUID: UUID{},
}

// Default is what a column of this type holds in a row that was inserted
// without it (RFC 7047, 5.2.1). update2 leaves such columns out.
func (t *ColumnType) Default() Value {
	key := defaultAtoms[t.Key.Type]
	switch {
	case t.IsScalar():
		return key
	case t.Value != nil && t.Min > 0:
		return Map{{key, defaultAtoms[t.Value.Type]}}
	case t.Value != nil:
		return Map{}
	case t.Min > 0:
		return Set{key}
	}

	return Set{}
}

// parseColumnType consumes a <type>.
func parseColumnType(c *jsontext.Cursor) ColumnType {
	t := ColumnType{Min: 1, Max: 1}
	if c.Kind() == jsontext.String {
		t.Key.Type = parseAtomType(c)
		return t
	}

	for name := range c.Object() {
		switch string(name) {
		case "key":
			t.Key = parseBaseType(c)
		case "value":
			v := parseBaseType(c)
			t.Value = &v
		case "min":
			t.Min = int(c.Int())
		case "max":
			t.Max = parseMax(c)
		}
	}

	switch {
	case t.Key.Type == TypeAny:
		c.Fail(errors.New("type of a column without a key"))
	case t.Min != 0 && t.Min != 1, t.Max < 1:
		c.Fail(fmt.Errorf("a column of %d to %d elements; min must be 0 or 1, and max 1 or more",
			t.Min, t.Max))
	}

	return t
}

func parseMax(c *jsontext.Cursor) int {
	if c.Kind() != jsontext.String {
		return int(c.Int())
	}

	if s := c.String(); s != "unlimited" {
		c.Fail(fmt.Errorf(`max is %.20q, neither a number nor "unlimited"`, s))
	}

	return Unlimited
}

func parseAtomType(c *jsontext.Cursor) AtomType {
	name := c.String()
	for t := TypeInteger; t <= TypeUUID; t++ {
		if t.String() == name {
			return t
		}
	}

	c.Fail(fmt.Errorf("type %.20q is none of integer, real, boolean, string, uuid", name))
	return TypeAny
}

func parseBaseType(c *jsontext.Cursor) BaseType {
	if c.Kind() == jsontext.String {
		return BaseType{Type: parseAtomType(c)}
	}

	var t BaseType
	integers := map[string]**int64{
		"minInteger": &t.MinInteger, "maxInteger": &t.MaxInteger, "minLength": &t.MinLength,
		"maxLength": &t.MaxLength,
	}
	reals := map[string]**float64{"minReal": &t.MinReal, "maxReal": &t.MaxReal}
	var enum []byte // read once the type is known, which may stand behind it
	for raw := range c.Object() {
		switch name := string(raw); {
		case name == "type":
			t.Type = parseAtomType(c)
		case name == "enum":
			enum = c.Raw()
		case integers[name] != nil:
			*integers[name] = new(c.Int())
		case reals[name] != nil:
			*reals[name] = new(c.Float())
		case name == "refTable":
			t.RefTable = parseID(c)
		case name == "refType":
			t.WeakRef = parseRefType(c)
		}
	}

	if t.Type == TypeAny {
		c.Fail(errors.New("base type without a type"))
	}

	if enum != nil && c.Err() == nil {
		v, err := ParseValue(enum, &ColumnType{Key: BaseType{Type: t.Type}, Max: Unlimited})
		if err != nil {
			c.Fail(fmt.Errorf("enum: %w", err))
			return BaseType{}
		}
		t.Enum = v.(Set)
	}

	return t
}

func parseRefType(c *jsontext.Cursor) (weak bool) {
	s := c.String()
	if s != "strong" && s != "weak" {
		c.Fail(fmt.Errorf("refType %.20q is neither strong nor weak", s))
	}
	return s == "weak"
}
