package ovsdb_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/tapline-sdn/tapline/ovsdb"
)

func TestOperations(t *testing.T) {
	where := []ovsdb.Condition{ovsdb.ByUUID(id1),
		ovsdb.Where("external_ids", ovsdb.Includes, ovsdb.StringMap(map[string]string{"a": "b"}))}
	const whereText = `[["_uuid","==",["uuid","` + text1 +
		`"]],["external_ids","includes",["map",[["a","b"]]]]]`
	for _, tc := range []struct {
		name string
		op   ovsdb.Operation
		want string // empty: refused
	}{
		{"insert",
			ovsdb.Insert{Table: "T",
				Row: ovsdb.Row{"b": ovsdb.Integer(1),
					"a": ovsdb.NewSet(ovsdb.NamedUUID("r2"))}, UUIDName: "r1"},
			`{"op":"insert","table":"T","row":{"a":["set",[["named-uuid","r2"]]],"b":1},` +
				`"uuid-name":"r1"}`},
		{"insert with uuid", ovsdb.Insert{Table: "T", UUID: id1},
			`{"op":"insert","table":"T","row":{},"uuid":"` + text1 + `"}`},
		{"insert with a name that is none", ovsdb.Insert{Table: "T", UUIDName: "r-1"}, ""},
		{"insert of no value", ovsdb.Insert{Table: "T", Row: ovsdb.Row{"a": nil}}, ""},
		{"select", ovsdb.Select{Table: "T", Where: where}, `{"op":"select","table":"T","where":` +
			whereText + `}`},
		{"select columns", ovsdb.Select{Table: "T", Columns: []string{"a", "b"}},
			`{"op":"select","table":"T","where":[],"columns":["a","b"]}`},
		{"update", ovsdb.Update{Table: "T", Where: where, Row: ovsdb.Row{"a": ovsdb.String("x")}},
			`{"op":"update","table":"T","where":` + whereText + `,"row":{"a":"x"}}`},
		{"mutate",
			ovsdb.Mutate{Table: "T",
				Mutations: []ovsdb.Mutation{{"n", ovsdb.Add, ovsdb.Integer(1)},
					{"s", ovsdb.SetDelete, ovsdb.StringSet("k")}}},
			`{"op":"mutate","table":"T","where":[],"mutations":[["n","+=",1],["s","delete",` +
				`["set",["k"]]]]}`},
		{"mutate by nothing",
			ovsdb.Mutate{Table: "T", Mutations: []ovsdb.Mutation{{"n", ovsdb.Add, nil}}}, ""},
		{"delete", ovsdb.Delete{Table: "T", Where: where}, `{"op":"delete","table":"T","where":` +
			whereText + `}`},
		{"delete by a wrong condition",
			ovsdb.Delete{Table: "T", Where: []ovsdb.Condition{{"a", ovsdb.Equals, nil}}}, ""},
		{"wait",
			ovsdb.Wait{Table: "T", Columns: []string{"a"}, Until: ovsdb.Equals,
				Rows: []ovsdb.Row{{"a": ovsdb.Boolean(true)}}},
			`{"op":"wait","table":"T","where":[],"columns":["a"],"until":"==",` +
				`"rows":[{"a":true}],"timeout":0}`},
		{"wait for long",
			ovsdb.Wait{Table: "T", Until: ovsdb.NotEquals, Timeout: 1500 * time.Millisecond},
			`{"op":"wait","table":"T","where":[],"columns":[],"until":"!=","rows":[],` +
				`"timeout":1500}`},
		{"wait for ever", ovsdb.Wait{Table: "T", Until: ovsdb.NotEquals, Timeout: -1},
			`{"op":"wait","table":"T","where":[],"columns":[],"until":"!=","rows":[]}`},
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

			if err != nil {
				return
			}

			if !json.Valid(got) {
				t.Fatalf("%s is not JSON", got)
			}

			back, err := ovsdb.ParseOperation(got)
			if d := cmp.Diff(tc.op, back, cmpopts.EquateEmpty()); d != "" || err != nil {
				t.Fatalf("%s reads as another operation: %v\n%s", got, err, d)
			}
		})
	}
}

func TestParseOperationRefuses(t *testing.T) {
	for name, text := range map[string]string{
		"nothing": `{}`, "unknown": `{"op":"drop","table":"T"}`,
		"no table":         `{"op":"insert","row":{}}`,
		"a table too many": `{"op":"abort","table":"T"}`,
		"short condition":  `{"op":"delete","table":"T","where":[["a","=="]]}`,
		"long condition":   `{"op":"delete","table":"T","where":[["a","==",1,2]]}`,
		"timeout":          `{"op":"wait","table":"T","timeout":-1}`,
		"long timeout":     `{"op":"wait","table":"T","timeout":9223372036854775807}`,
		"name":             `{"op":"insert","table":"T","uuid-name":"-"}`,
		"uuid":             `{"op":"insert","table":"T","uuid":"x"}`,
		"lock":             `{"op":"assert","lock":""}`,
	} {
		if op, err := ovsdb.ParseOperation([]byte(text)); err == nil || op != nil {
			t.Errorf("%s: %s became %#v", name, text, op)
		}
	}
}

func TestResults(t *testing.T) {
	ops := []ovsdb.Operation{ovsdb.Insert{Table: "A"}, ovsdb.Mutate{Table: "B"},
		ovsdb.Select{Table: "C"}}
	for _, tc := range []struct {
		name, text string
		want       []ovsdb.OperationResult
		failed     *ovsdb.OperationError
		err        string
	}{
		{name: "success", text: `[{"uuid":["uuid","` + text1 +
			`"]},{"count":2},{"rows":[{"n":5,"s":["set",[]]}]}]`,
			want: []ovsdb.OperationResult{{UUID: id1}, {Count: 2},
				{Rows: []ovsdb.Row{{"n": ovsdb.Integer(5), "s": ovsdb.Set{}}}}}},
		{name: "operation fails", text: `[{"uuid":["uuid","` + text1 +
			`"]},{"error":"timed out","details":"d"},null]`,
			failed: &ovsdb.OperationError{Index: 1, Op: "mutate", Table: "B", Err: "timed out",
				Details: "d"}},
		{name: "later results missing", text: `[{},{"error":"timed out"}]`,
			failed: &ovsdb.OperationError{Index: 1, Op: "mutate", Table: "B", Err: "timed out"}},
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
