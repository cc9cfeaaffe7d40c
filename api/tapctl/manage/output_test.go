package manage_test

import (
	"encoding/csv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/api/tapctl/cli"
	"github.com/tapline-sdn/tapline/api/tapctl/tapctltest"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

func TestOutputName(t *testing.T) {
	d := tapctltest.New(t)
	d.Furnish()
	require.Equal(t, "tap-flow/net0-100\ntap-flow/web\n", d.Must("tap-flow-list -o name"))
	require.Equal(t, "host/h1\n", d.Must("host-show h1 -o name"))
	require.Equal(t, "tap-service/ids\n", d.Must("tap-service-enable ids -o name"))
	require.Equal(t, "tap-flow/web\n", d.Must("tap-flow-delete web -o name"))
	require.Equal(t, "guest/g\n", d.Must("guest-create g --nic mac=52:54:00:00:00:0a -o name"))

	names := strings.Fields(d.Must("host-list -o name"))
	d.Engine.SetHealth("host-2", tap.StateReady, "")
	require.Contains(t, d.Must("wait", names...), `host "h1" is ready`, "wait takes such names")
}

func TestOutputCSV(t *testing.T) {
	d := tapctltest.New(t)
	d.Furnish()
	d.Engine.SetHealth("flow-5", tap.StateError, "one, \"two\"\nthree")

	rows, err := csv.NewReader(strings.NewReader(d.Must("tap-flow-list -o csv"))).ReadAll()
	require.NoError(t, err)
	require.Len(t, rows, 3)
	require.Contains(t, rows[0], "REASON")
	require.Contains(t, rows[0], "ID", "all columns are written")
	require.Contains(t, rows[2], `one, "two"?three`)

	require.Equal(t, "web,error\n",
		d.Must("tap-flow-show web -o csv --no-headers --columns name,status"))

	require.Equal(t, 4, strings.Count(d.Must("wire-list -o csv"), "\n")+1,
		"a row for each host of a wire")

	require.Regexp(t, `^NAME,ROLE,EXPIRES,TOKEN\nx,viewer,never,tl_\S+\n$`,
		d.Must("token-create --role viewer x -o csv"))
}

func TestOutputJSONPath(t *testing.T) {
	d := tapctltest.New(t)
	d.Furnish()
	for _, tc := range []struct{ line, want string }{
		{"tap-flow-list -o jsonpath={.tap_flows[*].name}", "net0-100 web\n"},
		{"tap-flow-list -o jsonpath=.total", "2\n"},
		{`tap-flow-list -o jsonpath={range.tap_flows[*]}{.name}{"\n"}{end}`, "net0-100\nweb\n"},
		{"tap-flow-list -o jsonpath={.tap_flows[?(@.status=='error')].id}", "flow-5\n"},
		{"tap-flow-list -o jsonpath={.tap_flows[?(@.vlan_id>50)].name}", "net0-100\n"},
		{"host-show h1 -o jsonpath={.nics[0].mac}", "52:54:00:00:00:33\n"},
		{"tap-flow-show web -o jsonpath={.nothing}", "\n"},
		{"explain tap-flow web -o jsonpath={.checks[?(@.status!='ready')].host}", "h1\n"},
		{"topology -o jsonpath={.hosts[*].name}", "h1 h2\n"},
	} {
		require.Equal(t, tc.want, d.Must(tc.line), tc.line)
	}

	for line, want := range map[string]string{
		"tap-flow-list -o jsonpath={.a":     "is not understood",
		"completion bash -o jsonpath={.a[}": "is not understood",
		"tap-flow-list -o ymal":             "did you mean yaml?",
		"tap-flow-list --columns nmae":      "did you mean NAME?",
		"tap-flow-list --colums name":       "did you mean --columns?",
		"tap-flow-list --limit many": `--limit: "many" is not accepted: want a whole ` +
			`number`,
		"tap-flow-create --disabled=x f": `--disabled: "x" is not accepted: want true or ` +
			`false`,
		"tap-flow-create f --type":              "--type needs a value: want text",
		"tap-flow-show web sw":                  `"sw" is too much: the command takes one argument`,
		"token-create":                          "the NAME is missing",
		"host-create h -Z":                      "unknown shorthand flag",
		"guest-update vm1":                      "there is nothing to change",
		"tap-flow-create f --tap-id t":          "--type is missing",
		"tap-service-create --type guest":       "the NAME is missing",
		"tap-service-create s --mac-addr 1":     "--type is missing",
		"tap-flow-update web --wait 1 --name x": "want a duration such as 10s or 1m30s",
	} {
		require.Contains(t, d.Fails(cli.ExitUsage, line), want, line)
	}
}

func TestProposalsForValues(t *testing.T) {
	d := tapctltest.New(t)
	d.Furnish()
	for _, tc := range []struct{ line, want string }{
		{"tap-flow-list --status raedy", "did you mean status ready?"},
		{"tap-flow-list --direction ot", "did you mean direction OUT?"},
		{"tap-flow-create --type vnik --guest-id vm1 --tap-id ids f", "did you mean type vnic?"},
		{"tap-flow-update web --direction bot", "did you mean direction BOTH?"},
		{"tap-service-create --type gest --target-id vm1 s", "did you mean type guest?"},
		{"token-create --role admn x", "did you mean role admin?"},
		{"tap-flow-create --type vnic --guest-id vm --tap-id ids -o json name",
			`did you mean guest "vm1"?`},
	} {
		require.Contains(t, d.Fails(cli.ExitFailed, tc.line), tc.want, tc.line)
	}
}
