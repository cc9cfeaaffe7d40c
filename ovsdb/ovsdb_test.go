package ovsdb_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"os"
	"strings"
	"testing"
	"time"

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
	return &ovsdb.ColumnType{Key: ovsdb.BaseType{Type: k}, Value: &ovsdb.BaseType{Type: v}, Max: ovsdb.Unlimited}
}

// values are a value of each kind, its text, and its type; nil is none.
var values = []struct {
	name  string
	typ   *ovsdb.ColumnType
	value ovsdb.Value
	text  string
	also  []string // other texts of the value
}{
	{"integer", scalar(ovsdb.TypeInteger), ovsdb.Integer(math.MinInt64), `-9223372036854775808`, nil},
	{"integer in another form", scalar(ovsdb.TypeInteger), ovsdb.Integer(100), `100`, []string{"1e2", "100.0"}},
	{"real", scalar(ovsdb.TypeReal), ovsdb.Real(0.1), `0.1`, []string{"1e-1"}},
	{"whole real", scalar(ovsdb.TypeReal), ovsdb.Real(5), `5.0`, []string{"5"}},
	{"large real", scalar(ovsdb.TypeReal), ovsdb.Real(1e300), `1e+300`, nil},
	{"negative zero", scalar(ovsdb.TypeReal), ovsdb.Real(0), `0.0`, []string{"-0.0"}},
	{"boolean", scalar(ovsdb.TypeBoolean), ovsdb.Boolean(true), `true`, nil},
	{"string", scalar(ovsdb.TypeString), ovsdb.String("a\"é\n😀\x7f"), "\"a\\\"é\\n😀\x7f\"", []string{`"a\u0022\u00e9\n\ud83d\ude00\u007f"`}},
	{"uuid", scalar(ovsdb.TypeUUID), id2, `["uuid","` + text2 + `"]`, []string{`[ "uuid" , "` + strings.ToUpper(text2) + `" ]`}},
	{"named uuid", scalar(ovsdb.TypeUUID), ovsdb.NamedUUID("_row1"), `["named-uuid","_row1"]`, nil},
	{"empty optional", optional(ovsdb.TypeString), ovsdb.Set{}, `["set",[]]`, nil},
	{"optional", optional(ovsdb.TypeString), ovsdb.Set{ovsdb.String("x")}, `["set",["x"]]`, []string{`"x"`}},
	{"optional uuid", optional(ovsdb.TypeUUID), ovsdb.Set{id1}, `["set",[["uuid","` + text1 + `"]]]`, []string{`["uuid","` + text1 + `"]`}},
	{"set of integers", setOf(ovsdb.TypeInteger), ovsdb.NewSet(ovsdb.Integer(10), ovsdb.Integer(9), ovsdb.Integer(10)), `["set",[9,10]]`, []string{`["set",[10,9]]`}},
	{"set of booleans", setOf(ovsdb.TypeBoolean), ovsdb.NewSet(ovsdb.Boolean(true), ovsdb.Boolean(false)), `["set",[false,true]]`, nil},
	{"set of uuids", setOf(ovsdb.TypeUUID), ovsdb.NewSet(id2, id1), `["set",[["uuid","` + text1 + `"],["uuid","` + text2 + `"]]]`, nil},
	{"map of strings", mapOf(ovsdb.TypeString, ovsdb.TypeString), ovsdb.StringMap(map[string]string{"b": "2", "a": "1"}), `["map",[["a","1"],["b","2"]]]`, []string{`["map",[["b","2"],["a","1"]]]`}},
	{"map of integers to uuids", mapOf(ovsdb.TypeInteger, ovsdb.TypeUUID), ovsdb.NewMap(ovsdb.Pair{Key: ovsdb.Integer(1), Value: id1}), `["map",[[1,["uuid","` + text1 + `"]]]]`, nil},
	{"empty map", mapOf(ovsdb.TypeString, ovsdb.TypeReal), ovsdb.Map{}, `["map",[]]`, nil},
	{"no type: integer", nil, ovsdb.Integer(5), `5`, nil},
	{"no type: real", nil, ovsdb.Real(5), `5.0`, []string{"5e0"}},
	{"no type: set", nil, ovsdb.NewSet(ovsdb.Integer(1), ovsdb.Integer(2)), `["set",[1,2]]`, nil},
	{"no type: map", nil, ovsdb.NewMap(ovsdb.Pair{Key: ovsdb.Integer(1), Value: ovsdb.Boolean(true)}), `["map",[[1,true]]]`, nil},
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
		{"misplaced hyphens", scalar(ovsdb.TypeUUID), `["uuid","111111111111-4111-8111-1111-11111111"]`},
		{"no hexadecimal", scalar(ovsdb.TypeUUID), `["uuid","g1111111-1111-4111-8111-111111111111"]`},
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
		"not UTF-8": ovsdb.String("\xff"), "no id": ovsdb.NamedUUID("1a"), "empty id": ovsdb.NamedUUID(""),
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
	m := ovsdb.NewMap(ovsdb.Pair{Key: ovsdb.String("a"), Value: ovsdb.Integer(1)}, ovsdb.Pair{Key: ovsdb.String("a"), Value: ovsdb.Integer(2)})
	if d := cmp.Diff(ovsdb.Map{{ovsdb.String("a"), ovsdb.Integer(2)}}, m); d != "" {
		t.Fatal(d)
	}
}

func TestOperations(t *testing.T) {
	where := []ovsdb.Condition{ovsdb.ByUUID(id1), ovsdb.Where("external_ids", ovsdb.Includes, ovsdb.StringMap(map[string]string{"a": "b"}))}
	const whereText = `[["_uuid","==",["uuid","` + text1 + `"]],["external_ids","includes",["map",[["a","b"]]]]]`
	for _, tc := range []struct {
		name string
		op   ovsdb.Operation
		want string // empty: refused
	}{
		{"insert", ovsdb.Insert{Table: "T", Row: ovsdb.Row{"b": ovsdb.Integer(1), "a": ovsdb.NewSet(ovsdb.NamedUUID("r2"))}, UUIDName: "r1"},
			`{"op":"insert","table":"T","row":{"a":["set",[["named-uuid","r2"]]],"b":1},"uuid-name":"r1"}`},
		{"insert with uuid", ovsdb.Insert{Table: "T", UUID: id1}, `{"op":"insert","table":"T","row":{},"uuid":"` + text1 + `"}`},
		{"insert with a name that is none", ovsdb.Insert{Table: "T", UUIDName: "r-1"}, ""},
		{"insert of no value", ovsdb.Insert{Table: "T", Row: ovsdb.Row{"a": nil}}, ""},
		{"select", ovsdb.Select{Table: "T", Where: where}, `{"op":"select","table":"T","where":` + whereText + `}`},
		{"select columns", ovsdb.Select{Table: "T", Columns: []string{"a", "b"}}, `{"op":"select","table":"T","where":[],"columns":["a","b"]}`},
		{"update", ovsdb.Update{Table: "T", Where: where, Row: ovsdb.Row{"a": ovsdb.String("x")}}, `{"op":"update","table":"T","where":` + whereText + `,"row":{"a":"x"}}`},
		{"mutate", ovsdb.Mutate{Table: "T", Mutations: []ovsdb.Mutation{{"n", ovsdb.Add, ovsdb.Integer(1)}, {"s", ovsdb.SetDelete, ovsdb.StringSet("k")}}},
			`{"op":"mutate","table":"T","where":[],"mutations":[["n","+=",1],["s","delete",["set",["k"]]]]}`},
		{"mutate by nothing", ovsdb.Mutate{Table: "T", Mutations: []ovsdb.Mutation{{"n", ovsdb.Add, nil}}}, ""},
		{"delete", ovsdb.Delete{Table: "T", Where: where}, `{"op":"delete","table":"T","where":` + whereText + `}`},
		{"delete by a wrong condition", ovsdb.Delete{Table: "T", Where: []ovsdb.Condition{{"a", ovsdb.Equals, nil}}}, ""},
		{"wait", ovsdb.Wait{Table: "T", Columns: []string{"a"}, Until: ovsdb.Equals, Rows: []ovsdb.Row{{"a": ovsdb.Boolean(true)}}},
			`{"op":"wait","table":"T","where":[],"columns":["a"],"until":"==","rows":[{"a":true}],"timeout":0}`},
		{"wait for long", ovsdb.Wait{Table: "T", Until: ovsdb.NotEquals, Timeout: 1500 * time.Millisecond},
			`{"op":"wait","table":"T","where":[],"columns":[],"until":"!=","rows":[],"timeout":1500}`},
		{"wait for ever", ovsdb.Wait{Table: "T", Until: ovsdb.NotEquals, Timeout: -1}, `{"op":"wait","table":"T","where":[],"columns":[],"until":"!=","rows":[]}`},
		{"commit", ovsdb.Commit{Durable: true}, `{"op":"commit","durable":true}`},
		{"abort", ovsdb.Abort{}, `{"op":"abort"}`},
		{"comment", ovsdb.Comment{Text: "a\"b"}, `{"op":"comment","comment":"a\"b"}`},
		{"comment that is not UTF-8", ovsdb.Comment{Text: "\xff"}, ""},
		{"assert", ovsdb.Assert{Lock: "l"}, `{"op":"assert","lock":"l"}`},
		{"assert of no id", ovsdb.Assert{Lock: "l l"}, ""},
		{"nothing", nil, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := ovsdb.AppendOperation(nil, tc.op)
			if string(got) != tc.want || (err == nil) != (tc.want != "") {
				t.Fatalf("got %s, %v; want %s", got, err, tc.want)
			}
			if err == nil && !json.Valid(got) {
				t.Fatalf("%s is not JSON", got)
			}
		})
	}
}

func TestResults(t *testing.T) {
	ops := []ovsdb.Operation{ovsdb.Insert{Table: "A"}, ovsdb.Mutate{Table: "B"}, ovsdb.Select{Table: "C"}}
	for _, tc := range []struct {
		name, text string
		want       []ovsdb.OperationResult
		failed     *ovsdb.OperationError
		err        string
	}{
		{name: "success", text: `[{"uuid":["uuid","` + text1 + `"]},{"count":2},{"rows":[{"n":5,"s":["set",[]]}]}]`,
			want: []ovsdb.OperationResult{{UUID: id1}, {Count: 2}, {Rows: []ovsdb.Row{{"n": ovsdb.Integer(5), "s": ovsdb.Set{}}}}}},
		{name: "operation fails", text: `[{"uuid":["uuid","` + text1 + `"]},{"error":"timed out","details":"d"},null]`,
			failed: &ovsdb.OperationError{Index: 1, Op: "mutate", Table: "B", Err: "timed out", Details: "d"}},
		{name: "later results missing", text: `[{},{"error":"timed out"}]`, failed: &ovsdb.OperationError{Index: 1, Op: "mutate", Table: "B", Err: "timed out"}},
		{name: "commit fails", text: `[{},{},{},{"error":"constraint violation","details":null}]`,
			failed: &ovsdb.OperationError{Index: 3, Op: "commit", Err: "constraint violation"}},
		{name: "too few", text: `[{},{}]`, err: "2 results for 3 operations"},
		{name: "too many", text: `[{},{},{},{}]`, err: "more results"},
		{name: "far too many", text: `[{},{},{},{"error":"x"},{}]`, err: "more results"},
		{name: "null without failure", text: `[{},null,{}]`, err: "no operation before it failed"},
		{name: "no array", text: `{}`, err: "an object where an array should be"},
		{name: "no uuid", text: `[{"uuid":1},{},{}]`, err: "uuid"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := ovsdb.ParseResults([]byte(tc.text), ops)
			if d := cmp.Diff(tc.want, got); d != "" {
				t.Fatal(d)
			}
			var failed *ovsdb.OperationError
			errors.As(err, &failed)
			if d := cmp.Diff(tc.failed, failed); d != "" {
				t.Fatal(d)
			}
			if tc.err != "" && (err == nil || !strings.Contains(err.Error(), tc.err)) {
				t.Fatalf("error is %v, want %q", err, tc.err)
			}
		})
	}
}

const schemaText = `{"name":"Test","version":"1.2.3","cksum":"1 2","tables":{
	"T":{"isRoot":true,"maxRows":7,"indexes":[["name","n"]],"columns":{
		"name":{"type":"string","mutable":false},
		"n":{"type":{"key":{"type":"integer","minInteger":-1,"maxInteger":4095}},"ephemeral":true},
		"r":{"type":{"key":{"type":"real","minReal":0.5},"min":0,"max":1}},
		"mode":{"type":{"key":{"enum":["set",["b","a"]],"type":"string"},"min":0,"max":1}},
		"refs":{"type":{"key":{"type":"uuid","refTable":"T","refType":"weak"},"min":0,"max":"unlimited"}},
		"ids":{"type":{"key":"string","value":{"type":"string","maxLength":9},"min":0,"max":"unlimited"}},
		"one":{"type":{"key":"string","value":"integer","min":1,"max":1}},
		"many":{"type":{"key":"integer","min":1,"max":3}}}},
	"Empty":{"columns":{}}}}`

func schema(t testing.TB) *ovsdb.DatabaseSchema {
	t.Helper()
	db, err := ovsdb.ParseSchema([]byte(schemaText))
	if err != nil {
		t.Fatal(err)
	}
	return db
}

func TestSchema(t *testing.T) {
	db := schema(t)
	if db.Name != "Test" || db.Version != "1.2.3" || db.Checksum != "1 2" || len(db.Tables) != 2 {
		t.Fatalf("got %+v", db)
	}
	table := db.Tables["T"]
	if !table.IsRoot || table.MaxRows != 7 || !cmp.Equal(table.Indexes, [][]string{{"name", "n"}}) || db.Tables["Empty"].MaxRows != math.MaxInt64 {
		t.Fatalf("got %+v", table)
	}
	want := map[string]ovsdb.ColumnSchema{
		"name": {Immutable: true, Type: *scalar(ovsdb.TypeString)},
		"n":    {Ephemeral: true, Type: ovsdb.ColumnType{Key: ovsdb.BaseType{Type: ovsdb.TypeInteger, MinInteger: new(int64(-1)), MaxInteger: new(int64(4095))}, Min: 1, Max: 1}},
		"r":    {Type: ovsdb.ColumnType{Key: ovsdb.BaseType{Type: ovsdb.TypeReal, MinReal: new(0.5)}, Max: 1}},
		"mode": {Type: ovsdb.ColumnType{Key: ovsdb.BaseType{Type: ovsdb.TypeString, Enum: ovsdb.StringSet("a", "b")}, Max: 1}},
		"refs": {Type: ovsdb.ColumnType{Key: ovsdb.BaseType{Type: ovsdb.TypeUUID, RefTable: "T", WeakRef: true}, Max: ovsdb.Unlimited}},
		"ids":  {Type: ovsdb.ColumnType{Key: ovsdb.BaseType{Type: ovsdb.TypeString}, Value: &ovsdb.BaseType{Type: ovsdb.TypeString, MaxLength: new(int64(9))}, Max: ovsdb.Unlimited}},
		"one":  {Type: ovsdb.ColumnType{Key: ovsdb.BaseType{Type: ovsdb.TypeString}, Value: &ovsdb.BaseType{Type: ovsdb.TypeInteger}, Min: 1, Max: 1}},
		"many": {Type: ovsdb.ColumnType{Key: ovsdb.BaseType{Type: ovsdb.TypeInteger}, Min: 1, Max: 3}},
	}
	for name, w := range want {
		w.Name = name
		if d := cmp.Diff(&w, table.Columns[name]); d != "" {
			t.Errorf("column %s: %s", name, d)
		}
	}
	defaults := map[string]ovsdb.Value{
		"name": ovsdb.String(""), "n": ovsdb.Integer(0), "r": ovsdb.Set{}, "refs": ovsdb.Set{}, "ids": ovsdb.Map{},
		"one": ovsdb.Map{{ovsdb.String(""), ovsdb.Integer(0)}}, "many": ovsdb.Set{ovsdb.Integer(0)},
	}
	for name, w := range defaults {
		if got := table.Columns[name].Type.Default(); !ovsdb.Equal(got, w) {
			t.Errorf("default of %s is %v, want %v", name, got, w)
		}
	}
}

func TestSchemaRefuses(t *testing.T) {
	column := func(typ string) string { return `{"name":"D","tables":{"T":{"columns":{"c":{"type":` + typ + `}}}}}` }
	for name, text := range map[string]string{
		"no name": `{"tables":{}}`, "wrong name": `{"name":"a b"}`, "no tables": `{"name":"D","tables":[]}`,
		"wrong table": `{"name":"D","tables":{"a-b":{}}}`, "wrong column": `{"name":"D","tables":{"T":{"columns":{"-":{"type":"string"}}}}}`,
		"maxRows": `{"name":"D","tables":{"T":{"maxRows":0}}}`, "no type": `{"name":"D","tables":{"T":{"columns":{"c":{}}}}}`,
		"unknown type": column(`"text"`), "no key": column(`{}`), "min": column(`{"key":"string","min":2,"max":3}`),
		"max": column(`{"key":"string","max":0}`), "max word": column(`{"key":"string","max":"many"}`),
		"no base type": column(`{"key":{}}`), "refType": column(`{"key":{"type":"uuid","refType":"soft"}}`),
		"enum": column(`{"key":{"type":"integer","enum":["set",["a"]]}}`),
	} {
		if db, err := ovsdb.ParseSchema([]byte(text)); err == nil || db != nil {
			t.Errorf("%s: %s became %+v", name, text, db)
		}
	}
}

func TestSchemaOfOpenVSwitch(t *testing.T) {
	text, err := os.ReadFile("/usr/share/openvswitch/vswitch.ovsschema")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	db, err := ovsdb.ParseSchema(text)
	if err != nil || db.Name != "Open_vSwitch" || db.Tables["Mirror"].Columns["output_port"].Type.Key.RefTable != "Port" {
		t.Fatalf("got %+v, %v", db, err)
	}
}

func TestTableUpdates(t *testing.T) {
	db := schema(t)
	row := ovsdb.Row{"name": ovsdb.String("x"), "r": ovsdb.Set{ovsdb.Real(1)}, "refs": ovsdb.Set{id1}}
	const rowText = `{"name":"x","r":1,"refs":["uuid","` + text1 + `"]}`
	update := func(change string) string { return `{"T":{"` + text2 + `":` + change + `}}` }
	for _, tc := range []struct {
		name, text string
		parse      func([]byte, *ovsdb.DatabaseSchema) (ovsdb.TableUpdates, error)
		want       ovsdb.RowUpdate // Change 0: refused
	}{
		{"insert", update(`{"new":` + rowText + `}`), ovsdb.ParseTableUpdates, ovsdb.RowUpdate{UUID: id2, Change: ovsdb.RowInsert, Row: row}},
		{"modify", update(`{"new":` + rowText + `,"old":{"name":"y"}}`), ovsdb.ParseTableUpdates, ovsdb.RowUpdate{UUID: id2, Change: ovsdb.RowReplace, Row: row}},
		{"delete", update(`{"old":` + rowText + `}`), ovsdb.ParseTableUpdates, ovsdb.RowUpdate{UUID: id2, Change: ovsdb.RowDelete}},
		{"nothing", update(`{}`), ovsdb.ParseTableUpdates, ovsdb.RowUpdate{}},
		{"initial2", update(`{"initial":` + rowText + `}`), ovsdb.ParseTableUpdates2, ovsdb.RowUpdate{UUID: id2, Change: ovsdb.RowInitial, Row: row}},
		{"insert2", update(`{"insert":` + rowText + `}`), ovsdb.ParseTableUpdates2, ovsdb.RowUpdate{UUID: id2, Change: ovsdb.RowInsert, Row: row}},
		{"modify2", update(`{"modify":` + rowText + `}`), ovsdb.ParseTableUpdates2, ovsdb.RowUpdate{UUID: id2, Change: ovsdb.RowDiff, Row: row}},
		{"delete2", update(`{"delete":null}`), ovsdb.ParseTableUpdates2, ovsdb.RowUpdate{UUID: id2, Change: ovsdb.RowDelete}},
		{"later member", update(`{"delete":null,"later":[1]}`), ovsdb.ParseTableUpdates2, ovsdb.RowUpdate{UUID: id2, Change: ovsdb.RowDelete}},
		{"nothing2", update(`{}`), ovsdb.ParseTableUpdates2, ovsdb.RowUpdate{}},
		{"two changes", update(`{"insert":{},"delete":null}`), ovsdb.ParseTableUpdates2, ovsdb.RowUpdate{}},
		{"unknown table", `{"U":{}}`, ovsdb.ParseTableUpdates2, ovsdb.RowUpdate{}},
		{"unknown column", update(`{"insert":{"z":1}}`), ovsdb.ParseTableUpdates2, ovsdb.RowUpdate{}},
		{"wrong type", update(`{"insert":{"n":"1"}}`), ovsdb.ParseTableUpdates2, ovsdb.RowUpdate{}},
		{"no UUID", `{"T":{"x":{"delete":null}}}`, ovsdb.ParseTableUpdates2, ovsdb.RowUpdate{}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := tc.parse([]byte(tc.text), db)
			if tc.want.Change == 0 {
				if err == nil || got != nil {
					t.Fatalf("became %+v", got)
				}
				return
			}
			if d := cmp.Diff(ovsdb.TableUpdates{{Table: "T", Rows: []ovsdb.RowUpdate{tc.want}}}, got); d != "" || err != nil {
				t.Fatal(d, err)
			}
		})
	}
}

func TestSinceReply(t *testing.T) {
	found, last, updates, err := ovsdb.ParseSinceReply([]byte(`[true,"`+text1+`",{"T":{}}]`), schema(t))
	if err != nil || !found || last != id1 || len(updates) != 1 {
		t.Fatal(found, last, updates, err)
	}
	for _, text := range []string{`[]`, `[true,"` + text1 + `"]`, `[true,"x",{}]`, `[1,"` + text1 + `",{}]`, `[true,"` + text1 + `",{"U":{}}]`} {
		if _, _, updates, err := ovsdb.ParseSinceReply([]byte(text), schema(t)); err == nil || updates != nil {
			t.Errorf("%s became %v", text, updates)
		}
	}
}

func TestApplyDiff(t *testing.T) {
	ints := func(n ...ovsdb.Integer) ovsdb.Set { return ovsdb.NewSet(n...) }
	m := func(kv ...string) ovsdb.Map {
		pairs := map[string]string{}
		for i := 0; i < len(kv); i += 2 {
			pairs[kv[i]] = kv[i+1]
		}
		return ovsdb.StringMap(pairs)
	}
	one := mapOf(ovsdb.TypeString, ovsdb.TypeString)
	one.Max = 1
	for _, tc := range []struct {
		name            string
		typ             *ovsdb.ColumnType
		old, diff, want ovsdb.Value // want nil: refused
	}{
		{"scalar", scalar(ovsdb.TypeInteger), ovsdb.Integer(1), ovsdb.Integer(2), ovsdb.Integer(2)},
		{"scalar from default", scalar(ovsdb.TypeInteger), nil, ovsdb.Integer(2), ovsdb.Integer(2)},
		{"optional set", optional(ovsdb.TypeInteger), ints(), ints(1), ints(1)},
		{"optional changed", optional(ovsdb.TypeInteger), ints(1), ints(2), ints(2)},
		{"optional removed", optional(ovsdb.TypeInteger), ints(1), ints(), ints()},
		{"set", setOf(ovsdb.TypeInteger), ints(1, 2, 3), ints(2, 4), ints(1, 3, 4)},
		{"set emptied", setOf(ovsdb.TypeInteger), ints(1), ints(1), ints()},
		{"set from default", setOf(ovsdb.TypeInteger), nil, ints(1), ints(1)},
		{"map", one, m("a", "1"), m("b", "2"), m("b", "2")},
		{"map of many", mapOf(ovsdb.TypeString, ovsdb.TypeString), m("a", "1", "b", "2", "c", "3"), m("a", "1", "b", "20", "d", "4"), m("b", "20", "c", "3", "d", "4")},
		{"wrong kind", setOf(ovsdb.TypeInteger), ints(1), m("a", "1"), nil},
		{"wrong kind of map", mapOf(ovsdb.TypeString, ovsdb.TypeString), m("a", "1"), ints(1), nil},
		{"wrong kind of scalar", scalar(ovsdb.TypeInteger), ovsdb.Integer(1), ints(1), nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			before, _ := ovsdb.AppendValue(nil, orDefault(tc.old, tc.typ))
			got, err := ovsdb.ApplyDiff(tc.old, tc.diff, tc.typ)
			if (err == nil) != (tc.want != nil) || tc.want != nil && !ovsdb.Equal(got, tc.want) {
				t.Fatalf("got %v, %v; want %v", got, err, tc.want)
			}
			if after, _ := ovsdb.AppendValue(nil, orDefault(tc.old, tc.typ)); !bytes.Equal(before, after) {
				t.Fatalf("old value changed from %s to %s", before, after)
			}
		})
	}
}

func orDefault(v ovsdb.Value, t *ovsdb.ColumnType) ovsdb.Value {
	if v == nil {
		return t.Default()
	}
	return v
}

func TestMonitorRequest(t *testing.T) {
	r := ovsdb.MonitorRequest{
		"T": {Columns: []string{"name", "later", "_version"}, Where: []ovsdb.Condition{ovsdb.Where("n", ovsdb.Greater, ovsdb.Integer(1))}},
		"U": {Columns: []string{"a"}}, "Empty": {},
	}
	if !r.HasConditions() {
		t.Fatal("conditions are overlooked")
	}
	got, err := ovsdb.AppendMonitorParams(nil, "Test", 7, r.Prune(schema(t)), &id1)
	want := `["Test",7,{"Empty":[{"columns":[]}],"T":[{"columns":["name","_version"],"where":[["n",">",1]]}]},"` + text1 + `"]`
	if err != nil || string(got) != want {
		t.Fatalf("got %s, %v; want %s", got, err, want)
	}
	if len(r["T"].Columns) != 3 {
		t.Fatal("Prune changed the request")
	}
}

func TestConvertRow(t *testing.T) {
	table := schema(t).Tables["T"]
	got, err := table.ConvertRow(ovsdb.Row{"r": ovsdb.Integer(2), "refs": id1, "_uuid": id2})
	if d := cmp.Diff(ovsdb.Row{"r": ovsdb.Set{ovsdb.Real(2)}, "refs": ovsdb.Set{id1}, "_uuid": id2}, got); d != "" || err != nil {
		t.Fatal(d, err)
	}
	for _, row := range []ovsdb.Row{{"z": ovsdb.Integer(1)}, {"n": ovsdb.String("1")}} {
		if got, err := table.ConvertRow(row); err == nil || got != nil {
			t.Errorf("%v became %v", row, got)
		}
	}
}
