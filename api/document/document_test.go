package document_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/api/document"
)

func TestReadAll(t *testing.T) {
	tests := []struct {
		name, text string
		want       []string // JSON of the documents
		place      string   // of the field "name" of the last one
	}{
		{"nothing", "", nil, ""},
		{"empty documents", "---\n---\n# nothing\n", nil, ""},
		{
			"YAML",
			"name: a\n---\nkind: x\nname: b\n",
			[]string{`{"name":"a"}`, `{"kind":"x","name":"b"}`},
			"f:4:1",
		},
		{"a JSON value", `{"name": "a", "n": 1e3}`, []string{`{"name":"a","n":1e3}`}, "f:1:2"},
		{"a stream of JSON values", "{\"name\": \"a\"}\n  {\"kind\": 1,\n\t\"name\": \"b\"}\n",
			[]string{`{"name":"a"}`, `{"kind":1,"name":"b"}`}, "f:3:2"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			docs, errs := document.ReadAll("f", []byte(tt.text))
			require.Empty(t, errs)

			var got []string
			for _, d := range docs {
				got = append(got, string(d.Root.JSON()))
			}
			require.Equal(t, tt.want, got)

			if tt.place != "" {
				last := docs[len(docs)-1]
				require.EqualError(t, last.Error("name", "no"), tt.place+": name: no")
				require.EqualError(
					t,
					last.Error("name.of[3].what", "no"),
					tt.place+": name.of[3].what: no",
				)
			}
		})
	}
}

func TestReadAllReportsTheErrorsOfAllDocuments(t *testing.T) {
	docs, errs := document.ReadAll("f", []byte("a: &x 1\n---\nb: !!str 2\nb: 3\n"))
	require.Nil(t, docs)
	require.EqualError(
		t,
		errs,
		"f:1:4: a: anchors and aliases are not supported: write the value itself\n"+
			"f:3:4: b: tags are not supported: write the value itself\n"+
			"f:4:1: b: the key stands twice, first in line 3: want it once",
	)
}

func TestReadOneRefusesASecondDocument(t *testing.T) {
	doc, errs := document.ReadOne("f", []byte("a: 1\n---\nb: 2\n"))
	require.Nil(t, doc)
	require.EqualError(t, errs, "f:3:1: a second document begins here: want one")
}

func TestParseJSONRoundTrip(t *testing.T) {
	for _, text := range []string{
		`{"b":[1,2.50,{"a":null}],"a":"x","c":true}`, `[]`, `{}`, `12345678901234567890123`,
		`"\u2028"`,
	} {
		v, err := document.ParseJSON([]byte(text))
		require.NoError(t, err)
		require.Equal(t, text, string(v.JSON()))
	}
	for _, text := range []string{``, `{`, `[1,`, `{"a":}`} {
		_, err := document.ParseJSON([]byte(text))
		require.Error(t, err, text)
	}
}
