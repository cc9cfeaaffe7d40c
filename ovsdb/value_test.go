package ovsdb_test

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tapline-sdn/tapline/ovsdb"
)

const (
	text1 = "11111111-1111-4111-8111-111111111111"
	text2 = "22222222-2222-4222-8222-22222222abcd"
)

func mustUUID(s string) ovsdb.UUID {
	u, err := ovsdb.ParseUUID(s)
	if err != nil {
		panic(err)
	}
	return u
}

var (
	id1 = mustUUID(text1)
	id2 = mustUUID(text2)
)

func scalar(t ovsdb.AtomType) *ovsdb.ColumnType {
	return &ovsdb.ColumnType{Key: ovsdb.BaseType{Type: t}, Min: 1, Max: 1}
}

func optional(t ovsdb.AtomType) *ovsdb.ColumnType {
	return &ovsdb.ColumnType{Key: ovsdb.BaseType{Type: t}, Max: 1}
}

func setOf(t ovsdb.AtomType) *ovsdb.ColumnType {
	return &ovsdb.ColumnType{Key: ovsdb.BaseType{Type: t}, Max: ovsdb.Unlimited}
}

func mapOf(k, v ovsdb.AtomType) *ovsdb.ColumnType {
	return &ovsdb.ColumnType{Key: ovsdb.BaseType{Type: k}, Value: &ovsdb.BaseType{Type: v},
		Max: ovsdb.Unlimited}
}

// values are a value of each kind, its text, and its type; nil is none.
var values = []struct {
	name  string
	typ   *ovsdb.ColumnType
	value ovsdb.Value
	text  string
	also  []string // other texts of the value
}{
	{"integer", scalar(ovsdb.TypeInteger), ovsdb.Integer(math.MinInt64), `-9223372036854775808`,
		nil},
	{"integer in another form", scalar(ovsdb.TypeInteger), ovsdb.Integer(100), `100`,
		[]string{"1e2", "100.0"}},
	{"real", scalar(ovsdb.TypeReal), ovsdb.Real(0.1), `0.1`, []string{"1e-1"}},
	{"whole real", scalar(ovsdb.TypeReal), ovsdb.Real(5), `5.0`, []string{"5"}},
	{"large real", scalar(ovsdb.TypeReal), ovsdb.Real(1e300), `1e+300`, nil},
	{"negative zero", scalar(ovsdb.TypeReal), ovsdb.Real(0), `0.0`, []string{"-0.0"}},
	{"boolean", scalar(ovsdb.TypeBoolean), ovsdb.Boolean(true), `true`, nil},
	{"string", scalar(ovsdb.TypeString), ovsdb.String("a\"é\n😀\x7f"), "\"a\\\"é\\n😀\x7f\"",
		[]string{`"a\u0022\u00e9\n\ud83d\ude00\u007f"`}},
	{"uuid", scalar(ovsdb.TypeUUID), id2, `["uuid","` + text2 + `"]`,
		[]string{`[ "uuid" , "` + strings.ToUpper(text2) + `" ]`}},
	{"named uuid", scalar(ovsdb.TypeUUID), ovsdb.NamedUUID("_row1"), `["named-uuid","_row1"]`, nil},
	{"empty optional", optional(ovsdb.TypeString), ovsdb.Set{}, `["set",[]]`, nil},
	{"optional", optional(ovsdb.TypeString), ovsdb.Set{ovsdb.String("x")}, `["set",["x"]]`,
		[]string{`"x"`}},
	{"optional uuid", optional(ovsdb.TypeUUID), ovsdb.Set{id1}, `["set",[["uuid","` + text1 +
		`"]]]`, []string{`["uuid","` + text1 + `"]`}},
	{"set of integers", setOf(ovsdb.TypeInteger),
		ovsdb.NewSet(ovsdb.Integer(10), ovsdb.Integer(9),
			ovsdb.Integer(10)), `["set",[9,10]]`, []string{`["set",[10,9]]`}},
	{"set of booleans", setOf(ovsdb.TypeBoolean),
		ovsdb.NewSet(ovsdb.Boolean(true), ovsdb.Boolean(false)), `["set",[false,true]]`, nil},
	{"set of uuids", setOf(ovsdb.TypeUUID), ovsdb.NewSet(id2, id1), `["set",[["uuid","` + text1 +
		`"],["uuid","` + text2 + `"]]]`, nil},
	{"map of strings", mapOf(ovsdb.TypeString, ovsdb.TypeString),
		ovsdb.StringMap(map[string]string{"b": "2", "a": "1"}), `["map",[["a","1"],["b","2"]]]`,
		[]string{`["map",[["b","2"],["a","1"]]]`}},
	{"map of integers to uuids", mapOf(ovsdb.TypeInteger, ovsdb.TypeUUID),
		ovsdb.NewMap(ovsdb.Pair{Key: ovsdb.Integer(1), Value: id1}), `["map",[[1,["uuid","` +
			text1 + `"]]]]`, nil},
	{"empty map", mapOf(ovsdb.TypeString, ovsdb.TypeReal), ovsdb.Map{}, `["map",[]]`, nil},
	{"no type: integer", nil, ovsdb.Integer(5), `5`, nil},
	{"no type: real", nil, ovsdb.Real(5), `5.0`, []string{"5e0"}},
	{"no type: set", nil, ovsdb.NewSet(ovsdb.Integer(1), ovsdb.Integer(2)), `["set",[1,2]]`, nil},
	{"no type: map", nil,
		ovsdb.NewMap(ovsdb.Pair{Key: ovsdb.Integer(1), Value: ovsdb.Boolean(true)}),
		`["map",[[1,true]]]`, nil},
}

func TestValueRoundTrip(t *testing.T) {
	for _, tc := range values {
		t.Run(tc.name, func(t *testing.T) {
			text, err := ovsdb.AppendValue(nil, tc.value)
			if err != nil || string(text) != tc.text {
				t.Fatalf("text is %s, %v; want %s", text, err, tc.text)
			}

			for _, text := range append(tc.also, tc.text) {
				v, err := ovsdb.ParseValue([]byte(text), tc.typ)
				if err != nil || !ovsdb.Equal(v, tc.value) {
					t.Errorf("%s is %#v, %v; want %#v", text, v, err, tc.value)
				}
			}

			for _, other := range values {
				if same := tc.text == other.text; ovsdb.Equal(tc.value, other.value) != same {
					t.Errorf("Equal(%v, %v) is %v", tc.value, other.value, !same)
				}
			}
		})
	}
}

func TestParseValueRefuses(t *testing.T) {
	for _, tc := range []struct {
		name string
		typ  *ovsdb.ColumnType
		text string
	}{
		{"nothing", nil, ``},
		{"null", nil, `null`},
		{"object", nil, `{}`},
		{"empty array", nil, `[]`},
		{"tag alone", nil, `["uuid"]`},
		{"unknown tag", nil, `["list",[]]`},
		{"three elements", nil, `["set",[],1]`},
		{"no UUID", scalar(ovsdb.TypeUUID), `["uuid","1"]`},
		{"misplaced hyphens", scalar(ovsdb.TypeUUID),
			`["uuid","111111111111-4111-8111-1111-11111111"]`},
		{"no hexadecimal", scalar(ovsdb.TypeUUID),
			`["uuid","g1111111-1111-4111-8111-111111111111"]`},
		{"no id", scalar(ovsdb.TypeUUID), `["named-uuid","a b"]`},
		{"string for integer", scalar(ovsdb.TypeInteger), `"1"`},
		{"fraction for integer", scalar(ovsdb.TypeInteger), `1.5`},
		{"uuid for string", scalar(ovsdb.TypeString), `["uuid","` + text1 + `"]`},
		{"set for map", mapOf(ovsdb.TypeString, ovsdb.TypeString), `["set",[]]`},
		{"atom for map", mapOf(ovsdb.TypeString, ovsdb.TypeString), `"a"`},
		{"uuid for map", mapOf(ovsdb.TypeUUID, ovsdb.TypeUUID), `["uuid","` + text1 + `"]`},
		{"map for set", setOf(ovsdb.TypeString), `["map",[]]`},
		{"set for scalar", scalar(ovsdb.TypeString), `["set",["a"]]`},
		{"set in a set", nil, `["set",[["set",[]]]]`},
		{"element twice", setOf(ovsdb.TypeInteger), `["set",[1,2,1]]`},
		{"element twice in a row", setOf(ovsdb.TypeInteger), `["set",[1,1]]`},
		{"key twice", mapOf(ovsdb.TypeString, ovsdb.TypeString), `["map",[["a","1"],["a","2"]]]`},
		{"half a pair", mapOf(ovsdb.TypeString, ovsdb.TypeString), `["map",[["a"]]]`},
		{"three of a pair", mapOf(ovsdb.TypeString, ovsdb.TypeString), `["map",[["a","b","c"]]]`},
		{"infinite real", scalar(ovsdb.TypeReal), `1e999`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if v, err := ovsdb.ParseValue([]byte(tc.text), tc.typ); err == nil || v != nil {
				t.Fatalf("%s became %#v, %v", tc.text, v, err)
			}
		})
	}
}

func TestAppendValueRefuses(t *testing.T) {
	for name, v := range map[string]ovsdb.Value{
		"nil": nil, "NaN": ovsdb.Real(math.NaN()), "infinity": ovsdb.Set{ovsdb.Real(math.Inf(1))},
		"not UTF-8": ovsdb.String("\xff"), "no id": ovsdb.NamedUUID("1a"),
		"empty id":     ovsdb.NamedUUID(""),
		"nil in a map": ovsdb.Map{{ovsdb.String("a"), nil}}, "nil in a set": ovsdb.Set{nil},
	} {
		if text, err := ovsdb.AppendValue(nil, v); err == nil {
			t.Errorf("%s became %s", name, text)
		}
	}
}

func TestUUIDJSON(t *testing.T) {
	text, err := json.Marshal(map[string]ovsdb.UUID{"a": id1})
	if want := `{"a":["uuid","` + text1 + `"]}`; err != nil || string(text) != want {
		t.Fatalf("got %s, %v; want %s", text, err, want)
	}

	var back map[string]ovsdb.UUID
	if err := json.Unmarshal(text, &back); err != nil || back["a"] != id1 {
		t.Fatalf("got %v, %v", back, err)
	}

	if err := json.Unmarshal([]byte(`{"a":["named-uuid","x"]}`), &back); err == nil {
		t.Fatal("a named UUID passes for a UUID")
	}
}

func TestNewMapLastWins(t *testing.T) {
	m := ovsdb.NewMap(ovsdb.Pair{Key: ovsdb.String("a"), Value: ovsdb.Integer(1)},
		ovsdb.Pair{Key: ovsdb.String("a"), Value: ovsdb.Integer(2)})
	if d := cmp.Diff(ovsdb.Map{{ovsdb.String("a"), ovsdb.Integer(2)}}, m); d != "" {
		t.Fatal(d)
	}
}

// TestLargeText: in a large text the same string is one string in memory, and
// different ones stay different.
func TestLargeText(t *testing.T) {
	want := make(map[string]string)
	for i := range 5000 {
		want[strings.Repeat("k", i%7)+strconv.Itoa(i)] = strconv.Itoa(i % 3)
	}

	text, err := ovsdb.AppendValue(nil, ovsdb.StringMap(want))
	if err != nil {
		t.Fatal(err)
	}

	got, err := ovsdb.ParseValue(text, mapOf(ovsdb.TypeString, ovsdb.TypeString))
	if err != nil || !ovsdb.Equal(got, ovsdb.StringMap(want)) {
		t.Fatalf("differs, %v", err)
	}

	allocs := testing.AllocsPerRun(5, func() {
		if _, err := ovsdb.ParseValue(text, nil); err != nil {
			t.Fatal(err)
		}
	})
	if perPair := allocs / 5000; perPair > 4 { // pair, key, its box, a little
		t.Errorf("%.1f allocations for each pair", perPair)
	}
}
