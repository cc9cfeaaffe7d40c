package ovsdb_test

import (
	"math"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tapline-sdn/tapline/ovsdb"
)

const schemaText = `{"name":"Test","version":"1.2.3","cksum":"1 2","tables":{
	"T":{"isRoot":true,"maxRows":7,"indexes":[["name","n"]],"columns":{
		"name":{"type":"string","mutable":false},
		"n":{"type":{"key":{"type":"integer","minInteger":-1,"maxInteger":4095}},"ephemeral":true},
		"r":{"type":{"key":{"type":"real","minReal":0.5},"min":0,"max":1}},
		"mode":{"type":{"key":{"enum":["set",["b","a"]],"type":"string"},"min":0,"max":1}},
		"refs":{"type":{"key":{"type":"uuid","refTable":"T","refType":"weak"},"min":0,
			"max":"unlimited"}},
		"ids":{"type":{"key":"string","value":{"type":"string","maxLength":9},"min":0,
			"max":"unlimited"}},
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
	if !table.IsRoot || table.MaxRows != 7 ||
		!cmp.Equal(table.Indexes, [][]string{{"name", "n"}}) ||
		db.Tables["Empty"].MaxRows != math.MaxInt64 {
		t.Fatalf("got %+v", table)
	}

	want := map[string]ovsdb.ColumnSchema{
		"name": {Immutable: true, Type: *scalar(ovsdb.TypeString)},
		"n": {Ephemeral: true,
			Type: ovsdb.ColumnType{Key: ovsdb.BaseType{Type: ovsdb.TypeInteger,
				MinInteger: new(int64(-1)), MaxInteger: new(int64(4095))}, Min: 1, Max: 1}},
		"r": {Type: ovsdb.ColumnType{Key: ovsdb.BaseType{Type: ovsdb.TypeReal,
			MinReal: new(0.5)}, Max: 1}},
		"mode": {Type: ovsdb.ColumnType{Key: ovsdb.BaseType{Type: ovsdb.TypeString,
			Enum: ovsdb.StringSet("a", "b")}, Max: 1}},
		"refs": {Type: ovsdb.ColumnType{Key: ovsdb.BaseType{Type: ovsdb.TypeUUID, RefTable: "T",
			WeakRef: true}, Max: ovsdb.Unlimited}},
		"ids": {Type: ovsdb.ColumnType{Key: ovsdb.BaseType{Type: ovsdb.TypeString},
			Value: &ovsdb.BaseType{Type: ovsdb.TypeString,
				MaxLength: new(int64(9))}, Max: ovsdb.Unlimited}},
		"one": {Type: ovsdb.ColumnType{Key: ovsdb.BaseType{Type: ovsdb.TypeString},
			Value: &ovsdb.BaseType{Type: ovsdb.TypeInteger}, Min: 1, Max: 1}},
		"many": {Type: ovsdb.ColumnType{Key: ovsdb.BaseType{Type: ovsdb.TypeInteger}, Min: 1,
			Max: 3}},
	}
	for name, w := range want {
		w.Name = name
		if d := cmp.Diff(&w, table.Columns[name]); d != "" {
			t.Errorf("column %s: %s", name, d)
		}
	}

	defaults := map[string]ovsdb.Value{
		"name": ovsdb.String(""), "n": ovsdb.Integer(0), "r": ovsdb.Set{}, "refs": ovsdb.Set{},
		"ids": ovsdb.Map{},
		"one": ovsdb.Map{{ovsdb.String(""), ovsdb.Integer(0)}}, "many": ovsdb.Set{ovsdb.Integer(0)},
	}
	for name, w := range defaults {
		if got := table.Columns[name].Type.Default(); !ovsdb.Equal(got, w) {
			t.Errorf("default of %s is %v, want %v", name, got, w)
		}
	}
}

func TestSchemaRefuses(t *testing.T) {
	column := func(typ string) string {
		return `{"name":"D","tables":{"T":{"columns":{"c":{"type":` + typ + `}}}}}`
	}
	for name, text := range map[string]string{
		"no name": `{"tables":{}}`, "wrong name": `{"name":"a b"}`,
		"no tables":    `{"name":"D","tables":[]}`,
		"wrong table":  `{"name":"D","tables":{"a-b":{}}}`,
		"wrong column": `{"name":"D","tables":{"T":{"columns":{"-":{"type":"string"}}}}}`,
		"maxRows":      `{"name":"D","tables":{"T":{"maxRows":0}}}`,
		"no type":      `{"name":"D","tables":{"T":{"columns":{"c":{}}}}}`,
		"unknown type": column(`"text"`), "no key": column(`{}`),
		"min":          column(`{"key":"string","min":2,"max":3}`),
		"max":          column(`{"key":"string","max":0}`),
		"max word":     column(`{"key":"string","max":"many"}`),
		"no base type": column(`{"key":{}}`),
		"refType":      column(`{"key":{"type":"uuid","refType":"soft"}}`),
		"enum":         column(`{"key":{"type":"integer","enum":["set",["a"]]}}`),
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
	if err != nil || db.Name != "Open_vSwitch" ||
		db.Tables["Mirror"].Columns["output_port"].Type.Key.RefTable != "Port" {
		t.Fatalf("got %+v, %v", db, err)
	}
}
