package observe_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/api/tapctl/cli"
	"github.com/tapline-sdn/tapline/api/tapctl/tapctltest"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

func TestWatch(t *testing.T) {
	d := tapctltest.New(t)
	d.Furnish()
	lines, stop := d.Start("watch tap-flow")
	require.Contains(t, tapctltest.Next(t, lines),
		"present  tap-flow     net0-100              pending   waiting for the switch")

	require.Contains(t, tapctltest.Next(t, lines), "present  tap-flow     web ")
	d.Must("guest-update vm1 --name vm9")
	d.Must("tap-flow-disable web")
	require.Regexp(t,
		`^\d\d:\d\d:\d\d\.\d{3}  updated  tap-flow     web                   disabled$`,
		tapctltest.Next(t, lines))

	d.Must("tap-flow-delete web")
	require.Regexp(t, `deleted  tap-flow     web                   -$`, tapctltest.Next(t, lines))
	d.Server.CloseClientConnections()
	d.Must("tap-flow-disable net0-100")
	require.Contains(t, tapctltest.Next(t, lines), "updated  tap-flow     net0-100",
		"the stream goes on where it was")

	require.Equal(t, cli.ExitDone, stop())

	lines, stop = d.Start("watch -o json")
	for _, want := range []string{"host", "host", "guest", "tap_service", "tap_service",
		"tap_flow"} {
		var e struct{ Type, Kind string }
		require.NoError(t, json.Unmarshal([]byte(tapctltest.Next(t, lines)), &e))
		require.Equal(t, want, e.Kind)
		require.Equal(t, "present", e.Type)
	}

	require.Equal(t, cli.ExitDone, stop())

	require.Contains(t, d.Fails(cli.ExitUsage, "watch wire"), "no kind that can be watched")
	d.Env["TAPLINE_TOKEN"] = "other"
	require.Contains(t, d.Fails(cli.ExitFailed, "watch"), "token")
}

// TestWatchOfOne follows one resource by name, and goes on when it is renamed.
func TestWatchOfOne(t *testing.T) {
	d := tapctltest.New(t)
	d.Furnish()
	lines, stop := d.Start("watch tap-flow web")
	require.Contains(t, tapctltest.Next(t, lines), "present  tap-flow     web ")

	d.Must("tap-flow-disable net0-100")
	d.Must("tap-flow-update web --name www")
	require.Contains(t, tapctltest.Next(t, lines), "updated  tap-flow     www ")

	d.Must("tap-flow-disable net0-100 www")
	require.Regexp(t, `updated  tap-flow     www +disabled$`, tapctltest.Next(t, lines))

	d.Must("tap-flow-delete net0-100 www")
	require.Contains(t, tapctltest.Next(t, lines), "deleted  tap-flow     www ")
	require.Equal(t, cli.ExitDone, stop())
}

func TestWait(t *testing.T) {
	d := tapctltest.New(t)
	d.Furnish()
	d.Engine.SetHealth("flow-6", tap.StateReady, "")
	require.Equal(t, "tap flow \"net0-100\" is ready\n", d.Must("wait tap-flow/net0-100"))
	require.Equal(t, "flow-6\nhost-1\n", d.Must("wait tap_flows/flow-6 host/h1 -o id"))
	require.Contains(t, d.Must("wait tap-flow net0-100 --for condition=ready -o json"),
		`"name": "net0-100"`)

	require.Contains(t, d.Fails(cli.ExitFailed, "wait tap-flow/web"),
		`tap flow "web" is in error: the guest vm1 has no NIC`)

	require.Equal(t, "tap flow \"web\" is error\n", d.Must("wait tap-flow/web --for error"))
	require.Contains(t, d.Fails(cli.ExitFailed, "wait tap-flow/wbe"),
		`did you mean tap flow "web"?`)

	code, _, stderr := d.Run("wait host/h2 tap-flow/net0-100 --timeout 20ms")
	require.Equal(t, cli.ExitPending, code)
	require.Equal(t, "host \"h2\" is not ready after 20ms: pending: waiting for the switch\n",
		stderr)

	code, _, stderr = d.Run("wait guest/new --for created --timeout 0")
	require.Equal(t, cli.ExitPending, code)
	require.Contains(t, stderr, "it does not exist")

	lines, stop := d.Start("wait tap-flow/net0-100 tap-flow/web --for deleted")
	d.Must("tap-flow-delete web net0-100")
	require.Contains(t, tapctltest.Next(t, lines), "is deleted")
	require.Contains(t, tapctltest.Next(t, lines), "is deleted")
	require.Equal(t, cli.ExitDone, stop())
	lines, stop = d.Start("wait host h2")
	d.Engine.SetHealth("host-2", tap.StateReady, "")
	require.Equal(t, `host "h2" is ready`, tapctltest.Next(t, lines))
	require.Equal(t, cli.ExitDone, stop())

	for line, want := range map[string]string{
		"wait tap-flow/x --for gone": "want one of ready, disabled",
		"wait flow/x":                "of a kind host, guest",
		"wait tap-flow":              "names a kind alone",
		"wait wire/net0":             "a wire has no status",
	} {
		require.Contains(t, d.Fails(cli.ExitUsage, line), want)
	}
}
