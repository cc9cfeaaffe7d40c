package ovsdb_test

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tapline-sdn/tapline/ovsdb"
)

func TestTableUpdates(t *testing.T) {
	db := schema(t)
	row := ovsdb.Row{"name": ovsdb.String("x"), "r": ovsdb.Set{ovsdb.Real(1)},
		"refs": ovsdb.Set{id1}}
	const rowText = `{"name":"x","r":1,"refs":["uuid","` + text1 + `"]}`
	update := func(change string) string { return `{"T":{"` + text2 + `":` + change + `}}` }
	for _, tc := range []struct {
		name, text string
		parse      func([]byte, *ovsdb.DatabaseSchema) (ovsdb.TableUpdates, error)
		want       ovsdb.RowUpdate // Change 0: refused
	}{
		{"insert", update(`{"new":` + rowText + `}`), ovsdb.ParseTableUpdates,
			ovsdb.RowUpdate{UUID: id2, Change: ovsdb.RowInsert, Row: row}},
		{"modify", update(`{"new":` + rowText + `,"old":{"name":"y"}}`), ovsdb.ParseTableUpdates,
			ovsdb.RowUpdate{UUID: id2, Change: ovsdb.RowReplace, Row: row}},
		{"delete", update(`{"old":` + rowText + `}`), ovsdb.ParseTableUpdates,
			ovsdb.RowUpdate{UUID: id2, Change: ovsdb.RowDelete}},
		{"nothing", update(`{}`), ovsdb.ParseTableUpdates, ovsdb.RowUpdate{}},
		{"initial2", update(`{"initial":` + rowText + `}`), ovsdb.ParseTableUpdates2,
			ovsdb.RowUpdate{UUID: id2, Change: ovsdb.RowInitial, Row: row}},
		{"insert2", update(`{"insert":` + rowText + `}`), ovsdb.ParseTableUpdates2,
			ovsdb.RowUpdate{UUID: id2, Change: ovsdb.RowInsert, Row: row}},
		{"modify2", update(`{"modify":` + rowText + `}`), ovsdb.ParseTableUpdates2,
			ovsdb.RowUpdate{UUID: id2, Change: ovsdb.RowDiff, Row: row}},
		{"delete2", update(`{"delete":null}`), ovsdb.ParseTableUpdates2,
			ovsdb.RowUpdate{UUID: id2, Change: ovsdb.RowDelete}},
		{"later member", update(`{"delete":null,"later":[1]}`), ovsdb.ParseTableUpdates2,
			ovsdb.RowUpdate{UUID: id2, Change: ovsdb.RowDelete}},
		{"nothing2", update(`{}`), ovsdb.ParseTableUpdates2, ovsdb.RowUpdate{}},
		{"two changes", update(`{"insert":{},"delete":null}`), ovsdb.ParseTableUpdates2,
			ovsdb.RowUpdate{}},
		{"unknown table", `{"U":{}}`, ovsdb.ParseTableUpdates2, ovsdb.RowUpdate{}},
		{"unknown column", update(`{"insert":{"z":1}}`), ovsdb.ParseTableUpdates2,
			ovsdb.RowUpdate{}},
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

			if d := cmp.Diff(ovsdb.TableUpdates{{Table: "T", Rows: []ovsdb.RowUpdate{tc.want}}},
				got); d != "" || err != nil {
				t.Fatal(d, err)
			}
		})
	}
}

func TestSinceReply(t *testing.T) {
	found, last, updates, err := ovsdb.ParseSinceReply([]byte(`[true,"`+text1+`",{"T":{}}]`),
		schema(t))
	if err != nil || !found || last != id1 || len(updates) != 1 {
		t.Fatal(found, last, updates, err)
	}

	for _, text := range []string{`[]`, `[true,"` + text1 + `"]`, `[true,"x",{}]`, `[1,"` + text1 +
		`",{}]`, `[true,"` + text1 + `",{"U":{}}]`} {
		if _, _, updates, err := ovsdb.ParseSinceReply([]byte(text), schema(t)); err == nil ||
			updates != nil {
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
		{"map of many", mapOf(ovsdb.TypeString, ovsdb.TypeString), m("a", "1", "b", "2", "c", "3"),
			m("a", "1", "b", "20", "d", "4"), m("b", "20", "c", "3", "d", "4")},
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

			if after, _ := ovsdb.AppendValue(nil, orDefault(tc.old, tc.typ)); !bytes.Equal(before,
				after) {
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
		"T": {Columns: []string{"name", "later", "_version"},
			Where: []ovsdb.Condition{ovsdb.Where("n", ovsdb.Greater, ovsdb.Integer(1))}},
		"U": {Columns: []string{"a"}}, "Empty": {},
	}
	if !r.HasConditions() {
		t.Fatal("conditions are overlooked")
	}

	got, err := ovsdb.AppendMonitorParams(nil, "Test", 7, r.Prune(schema(t)), &id1)
	want := `["Test",7,{"Empty":[{"columns":[]}],"T":[{"columns":["name","_version"],` +
		`"where":[["n",">",1]]}]},"` + text1 + `"]`
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
	if d := cmp.Diff(ovsdb.Row{"r": ovsdb.Set{ovsdb.Real(2)}, "refs": ovsdb.Set{id1}, "_uuid": id2},
		got); d != "" || err != nil {
		t.Fatal(d, err)
	}

	for _, row := range []ovsdb.Row{{"z": ovsdb.Integer(1)}, {"n": ovsdb.String("1")}} {
		if got, err := table.ConvertRow(row); err == nil || got != nil {
			t.Errorf("%v became %v", row, got)
		}
	}
}
