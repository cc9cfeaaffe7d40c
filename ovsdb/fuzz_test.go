package ovsdb_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/tapline-sdn/tapline/ovsdb"
)

// FuzzValue: a value is nil if and only if there is an error; what it is
// written as reads as the same value; and with the difference to itself or to
// nothing it becomes what it must.
func FuzzValue(f *testing.F) {
	var types []*ovsdb.ColumnType
	for i, tc := range values {
		types = append(types, tc.typ)
		f.Add([]byte(tc.text), i)
	}

	f.Fuzz(func(t *testing.T, text []byte, n int) {
		typ := types[int(uint(n)%uint(len(types)))]
		v, err := ovsdb.ParseValue(text, typ)
		if (v == nil) != (err != nil) {
			t.Fatalf("%s is %v, %v", text, v, err)
		}

		if err != nil {
			return
		}

		out, err := ovsdb.AppendValue(nil, v)
		if err != nil {
			t.Fatalf("%s is %v: %v", text, v, err)
		}

		again, err := ovsdb.ParseValue(out, typ)
		if err != nil || !ovsdb.Equal(v, again) {
			t.Fatalf("%s is %v, written as %s is %v, %v", text, v, out, again, err)
		}

		if typ == nil {
			return
		}

		if now, err := ovsdb.ApplyDiff(typ.Default(), v, typ); err != nil || !ovsdb.Equal(now, v) &&
			typ.Min == 0 {
			t.Fatalf("difference %v to nothing makes %v, %v", v, now, err)
		}

		if now, err := ovsdb.ApplyDiff(v, v, typ); err != nil || typ.Max > 1 &&
			!ovsdb.Equal(now, typ.Default()) {
			t.Fatalf("difference of %v to itself makes %v, %v", v, now, err)
		}
	})
}

// FuzzSchema: nil if and only if error; and a schema serves to read updates.
func FuzzSchema(f *testing.F) {
	f.Add([]byte(schemaText))
	f.Add([]byte(`{"name":"D","tables":{"T":{"columns":{"c":{"type":{"key":{"type":"integer",` +
		`"enum":5},"max":9}}}}}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		db, err := ovsdb.ParseSchema(text)
		if (db == nil) != (err != nil) {
			t.Fatalf("%v, %v", db, err)
		}

		if err != nil {
			return
		}

		for _, table := range db.Tables {
			for _, c := range table.Columns {
				out, err := ovsdb.AppendValue(nil, c.Type.Default())
				if err != nil {
					t.Fatal(err)
				}

				if v, err := ovsdb.ParseValue(out, &c.Type); err != nil ||
					!ovsdb.Equal(v, c.Type.Default()) {
					t.Fatalf("default %s of %v reads as %v, %v", out, &c.Type, v, err)
				}
			}
		}
	})
}

// FuzzUpdates: nil if and only if error, for every form of an update, and a
// change of every row.
func FuzzUpdates(f *testing.F) {
	db := schema(f)
	f.Add([]byte(`{"T":{"` + text1 + `":{"modify":{"refs":["set",[["uuid","` + text2 +
		`"]]],"ids":["map",[["a","b"]]]}}}}`))
	f.Add([]byte(`{"T":{"` + text1 + `":{"new":{"name":"x"},"old":{}}}}`))
	f.Add([]byte(`[true,"` + text1 + `",{"Empty":{"` + text2 + `":{"delete":null}}}]`))
	f.Fuzz(func(t *testing.T, text []byte) {
		u1, err1 := ovsdb.ParseTableUpdates(text, db)
		u2, err2 := ovsdb.ParseTableUpdates2(text, db)
		_, _, u3, err3 := ovsdb.ParseSinceReply(text, db)
		for i, u := range []ovsdb.TableUpdates{u1, u2, u3} {
			if err := []error{err1, err2, err3}[i]; (u == nil) != (err != nil) {
				t.Fatalf("form %d: %v, %v", i+1, u, err)
			}

			for _, table := range u {
				for _, row := range table.Rows {
					if row.Change == 0 || (row.Row == nil) != (row.Change == ovsdb.RowDelete) {
						t.Fatalf("form %d: %+v", i+1, row)
					}

					if _, err := ovsdb.AppendRow(nil, row.Row); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
	})
}

// FuzzResults: results if and only if there is no error, and the same again.
func FuzzResults(f *testing.F) {
	f.Add([]byte(`[{"uuid":["uuid","`+text1+`"]},{"count":2},{"rows":[{"n":5}]}]`), 3)
	f.Add([]byte(`[{},{"error":"timed out","details":"d"},null]`), 3)
	f.Fuzz(func(t *testing.T, text []byte, n int) {
		ops := make([]ovsdb.Operation, uint(n)%8)
		for i := range ops {
			ops[i] = ovsdb.Select{Table: "T"}
		}

		results, err := ovsdb.ParseResults(text, ops)
		if (results == nil) != (err != nil) || err == nil && len(results) != len(ops) {
			t.Fatalf("%v, %v", results, err)
		}

		again, err2 := ovsdb.ParseResults(text, ops)
		if !cmp.Equal(results, again) || (err == nil) != (err2 == nil) {
			t.Fatalf("%v, then %v", results, again)
		}

		var failed *ovsdb.OperationError
		if errors.As(err, &failed) && failed.Index > len(ops) {
			t.Fatalf("operation %d of %d failed", failed.Index, len(ops))
		}
	})
}

// FuzzOperation: nil if and only if error; and what an operation is written as
// reads as the same operation.
func FuzzOperation(f *testing.F) {
	for _, seed := range []string{
		`{"op":"insert","table":"T","row":{"a":["set",[["named-uuid","r2"]]],"b":1},` +
			`"uuid-name":"r1","uuid":"` + text1 + `"}`,
		`{"op":"mutate","table":"T","where":[["_uuid","==",["uuid","` + text1 +
			`"]]],"mutations":[["n","+=",1.5]]}`,
		`{"op":"wait","table":"T","where":[],"columns":["a"],"until":"==","rows":[{"a":true}],` +
			`"timeout":0}`,
		`{"op":"assert","lock":"l"}`, `{"op":"comment","comment":"c"}`,
		`{"op":"commit","durable":true}`,
	} {
		f.Add([]byte(seed))
	}

	f.Fuzz(func(t *testing.T, text []byte) {
		op, err := ovsdb.ParseOperation(text)
		if (op == nil) != (err != nil) {
			t.Fatalf("%v, %v", op, err)
		}

		if err != nil {
			return
		}

		out, err := ovsdb.AppendOperation(nil, op)
		if assert, ok := op.(ovsdb.Assert); ok && assert.Lock == "" {
			return // has no lock, and cannot be written
		}

		if err != nil {
			t.Fatalf("%s is %#v: %v", text, op, err)
		}

		again, err := ovsdb.ParseOperation(out)
		if d := cmp.Diff(op, again, cmpopts.EquateEmpty()); d != "" || err != nil {
			t.Fatalf("%s, written as %s: %v\n%s", text, out, err, d)
		}
	})
}
