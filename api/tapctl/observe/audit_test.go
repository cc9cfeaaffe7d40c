package observe_test

import (
	"encoding/json"
	"net/http/httptest"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/server"
	"github.com/tapline-sdn/tapline/api/tapctl/cli"
	"github.com/tapline-sdn/tapline/api/tapctl/tapctltest"
	"github.com/tapline-sdn/tapline/controller/access"
	"github.com/tapline-sdn/tapline/controller/audit"
)

func TestAuditList(t *testing.T) {
	d := tapctltest.New(t)
	trail, err := audit.Open(filepath.Join(t.TempDir(), "audit.log"), audit.Options{})
	require.NoError(t, err)
	t.Cleanup(trail.Close)
	keys, err := access.New(t.Context(),
		access.Config{Admin: []byte(tapctltest.Token), Audit: trail})
	require.NoError(t, err)
	t.Cleanup(keys.Close)
	srv := httptest.NewServer(server.New(server.Config{Engine: d.Engine, Keys: keys, Audit: trail}))
	t.Cleanup(srv.Close)
	d.Env["TAPLINE_SERVER"] = srv.URL

	require.Equal(t, "TIME  ACTOR  FROM  ACTION  KIND  NAME  OUTCOME  PROBLEM\n",
		d.Must("audit-list"))

	var made api.TokenCreated
	require.NoError(t,
		json.Unmarshal([]byte(d.Must("token-create --role viewer board -o json")), &made))

	code, _, trace := d.Run("token-create --role viewer other -o json -vv")
	require.Equal(t, cli.ExitDone, code)
	require.NotRegexp(t, `tl_[a-z2-7]{10}_[A-Z2-7]`, trace, "a trace has no secret")
	d.Must("token-delete other")
	d.Fails(cli.ExitFailed, "tap-flow-delete web")

	require.Regexp(
		t,
		`(?s)^TIME .*\n20\S+Z +admin +127\S+ +delete +tap_flow +web +refused +there is no tap `+
			`flow "web"\n`+
			`\S+ +admin +\S+ +delete +token +other +success +-\n\S+ +admin +\S+ +create +token `+
			`+other +success +-\n\S+ +admin +\S+ +create +token +board `,
		d.Must("audit-list"),
	)

	var list api.AuditList
	require.NoError(
		t,
		json.Unmarshal(
			[]byte(
				d.Must("audit-list --kind tap-flow --outcome refused --since 1h --limit 1 -o json"),
			),
			&list,
		),
	)

	require.Len(t, list.Audit, 1)
	require.Equal(t, "tapctl/1.2.3", list.Audit[0].UserAgent)
	require.Contains(t, d.Must("audit-list -o wide"), "USER-AGENT")
	require.Equal(t, list.Audit[0].RequestID+"\n", d.Must("audit-list -o id --limit 1"))
	require.Contains(t, d.Fails(cli.ExitFailed, "audit-list --since yesterday"),
		"or how long ago, such as 30m, 12h or 7d")

	d.Env["TAPLINE_TOKEN"] = made.Secret
	require.Contains(t, d.Fails(cli.ExitFailed, "audit-list"), "this needs the role admin")
}
