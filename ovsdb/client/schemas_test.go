package client_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/ovsdb"
	"github.com/tapline-sdn/tapline/ovsdb/client"
	"github.com/tapline-sdn/tapline/testenv/ovs"
)

// TestSharedSchemas: a server is asked whether it has the schema that another has told, and for its
// own where it has not.
func TestSharedSchemas(t *testing.T) {
	other := strings.Replace(schemaText, "1.0.0", "2.0.0", 1)
	row := func(column,
		value string) string {
		return fmt.Sprintf(`[{"rows":[{%q:%q}]}]`, column, value)
	}
	const none, unsupported = `[{"rows":[]}]`, `[{"error":"not supported","details":""}]`
	for _, tc := range []struct {
		name    string
		answers []string // to transactions, the oldest first
		schema  string   // of get_schema; "": it is not to be asked for
		version string
		shared  bool
	}{
		{"the same", []string{row("name", "D")}, "", "1.0.0", true},
		{"another", []string{none, row("schema", other)}, "", "2.0.0", false},
		{"the same after all", []string{none, row("schema", schemaText)}, "", "1.0.0", true},
		{"it does not tell", []string{none, `[{"rows":[{"schema":["set",[]]}]}]`}, other, "2.0.0",
			false},
		{"it tells nonsense", []string{none, row("schema", "{}")}, other, "2.0.0", false},
		{"it knows no such database", []string{unsupported, unsupported}, other, "2.0.0", false},
		{"it refuses", []string{"!unknown database", "!unknown database"}, other, "2.0.0", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var schemas client.Schemas
			first, p := dialPeer(t, client.Options{Schemas: &schemas})
			go func() { p.serve(map[string]string{"transact": row("schema", schemaText)}) }()
			told, err := first.GetSchema(t.Context(), "D")
			require.NoError(t, err)

			conn, p := dialPeer(t, client.Options{Schemas: &schemas})
			asked := make(chan []string, 1)
			go func() {
				var methods []string
				defer func() { asked <- methods }()

				for r := p.receive(); r != nil; r = p.receive() {
					methods = append(methods, r.Method)
					answer := tc.schema
					if r.Method == "transact" {
						answer, tc.answers = tc.answers[0], tc.answers[1:]
					}

					if why, refused := strings.CutPrefix(answer, "!"); refused {
						_ = p.refuse(r, why)
					} else {
						_ = p.reply(r, answer)
					}
				}
			}()

			schema, err := conn.GetSchema(t.Context(), "D")
			require.NoError(t, err)
			require.Equal(t, tc.version, schema.Version, "version")
			require.Equal(t, tc.shared, schema == told, "shared")
			again, err := conn.GetSchema(t.Context(), "D")
			require.NoError(t, err)
			require.True(t, again == schema, "it is asked for once")
			require.NoError(t, conn.Close())
			methods := <-asked
			require.Equal(t, tc.schema != "", slices.Contains(methods, "get_schema"), "get_schema")
			require.Equal(t, 0, len(tc.answers), "answers left")
		})
	}
}

// TestSchemaOfServer: what a real server tells in _Server is what it answers to get_schema, and it
// finds it there again.
func TestSchemaOfServer(t *testing.T) {
	server := ovs.StartServer(t)
	dial := func(schemas *client.Schemas) *ovsdb.DatabaseSchema {
		conn, err := client.Dial(t.Context(), server.Remote, client.Options{Schemas: schemas})
		require.NoError(t, err)
		defer conn.Close()
		m, err := conn.Monitor(t.Context(), "Open_vSwitch",
			ovsdb.MonitorRequest{"Open_vSwitch": {Columns: []string{"cur_cfg"}}})
		require.NoError(t, err)
		return m.Schema()
	}

	var schemas client.Schemas
	told := dial(&schemas)
	require.Equal(t, dial(nil), told, "schema")
	require.True(t, dial(&schemas) == told, "shared")
}
