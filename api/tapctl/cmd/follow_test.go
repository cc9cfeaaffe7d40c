package cmd_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/api/tapctl/cmd"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// start runs a command line until stop is called, and hands out its lines.
func (d *desk) start(line string) (lines <-chan string, stop func() int) {
	d.t.Helper()
	in, out := io.Pipe()
	app := d.app
	app.In, app.Out, app.Err = strings.NewReader(""), out, io.Discard
	app.Env = func(name string) string { return d.env[name] }
	ctx, cancel := context.WithTimeout(d.t.Context(), 30*time.Second)
	code := make(chan int, 1)
	go func() {
		code <- app.Run(ctx, strings.Fields(line))
		_ = out.Close()
	}()
	told := make(chan string)
	go func() {
		defer close(told)
		for scan := bufio.NewScanner(in); scan.Scan(); {
			told <- scan.Text()
		}
	}()
	return told, func() int {
		cancel()
		for range told { // Until it has ended.
		}
		return <-code
	}
}

func next(t *testing.T, lines <-chan string) string {
	t.Helper()
	select {
	case line, open := <-lines:
		require.True(t, open, "it has ended")
		return line
	case <-time.After(20 * time.Second):
		t.Fatal("nothing was told")
	}
	return ""
}

func TestWatch(t *testing.T) {
	d := newDesk(t)
	d.furnish()
	lines, stop := d.start("watch tap-flow")
	require.Contains(t, next(t, lines), "present  tap-flow     net0-100              pending   waiting for the switch")
	require.Contains(t, next(t, lines), "present  tap-flow     web ")
	d.must("guest-update vm1 --name vm9")
	d.must("tap-flow-disable web")
	require.Regexp(t, `^\d\d:\d\d:\d\d\.\d{3}  updated  tap-flow     web                   disabled$`, next(t, lines))
	d.must("tap-flow-delete web")
	require.Regexp(t, `deleted  tap-flow     web                   -$`, next(t, lines))
	d.server.CloseClientConnections()
	d.must("tap-flow-disable net0-100")
	require.Contains(t, next(t, lines), "updated  tap-flow     net0-100", "the stream goes on where it was")
	require.Equal(t, cmd.ExitDone, stop())

	lines, stop = d.start("watch -o json")
	for _, want := range []string{"host", "host", "guest", "tap_service", "tap_service", "tap_flow"} {
		var e struct{ Type, Kind string }
		require.NoError(t, json.Unmarshal([]byte(next(t, lines)), &e))
		require.Equal(t, want, e.Kind)
		require.Equal(t, "present", e.Type)
	}
	require.Equal(t, cmd.ExitDone, stop())

	require.Contains(t, d.fails(cmd.ExitUsage, "watch wire"), "no kind whose changes are told")
	d.env["TAPLINE_TOKEN"] = "other"
	require.Contains(t, d.fails(cmd.ExitFailed, "watch"), "token")
}

func TestWait(t *testing.T) {
	d := newDesk(t)
	d.furnish()
	d.engine.SetHealth("flow-6", tap.StateReady, "")
	require.Equal(t, "tap flow \"net0-100\" is ready\n", d.must("wait tap-flow/net0-100"))
	require.Equal(t, "flow-6\nhost-1\n", d.must("wait tap_flows/flow-6 host/h1 -o id"))
	require.Contains(t, d.must("wait tap-flow net0-100 --for condition=ready -o json"), `"name": "net0-100"`)
	require.Contains(t, d.fails(cmd.ExitFailed, "wait tap-flow/web"), `tap flow "web" is in error: the guest vm1 has no NIC`)
	require.Equal(t, "tap flow \"web\" is error\n", d.must("wait tap-flow/web --for error"))
	require.Contains(t, d.fails(cmd.ExitFailed, "wait tap-flow/wbe"), `did you mean tap flow "web"?`)

	code, _, stderr := d.run("wait host/h2 tap-flow/net0-100 --timeout 20ms")
	require.Equal(t, cmd.ExitPending, code)
	require.Equal(t, "host \"h2\" is not ready after 20ms: pending: waiting for the switch\n", stderr)
	code, _, stderr = d.run("wait guest/new --for created --timeout 0")
	require.Equal(t, cmd.ExitPending, code)
	require.Contains(t, stderr, "it does not exist")

	lines, stop := d.start("wait tap-flow/net0-100 tap-flow/web --for deleted")
	d.must("tap-flow-delete web net0-100")
	require.Contains(t, next(t, lines), "is deleted")
	require.Contains(t, next(t, lines), "is deleted")
	require.Equal(t, cmd.ExitDone, stop())
	lines, stop = d.start("wait host h2")
	d.engine.SetHealth("host-2", tap.StateReady, "")
	require.Equal(t, `host "h2" is ready`, next(t, lines))
	require.Equal(t, cmd.ExitDone, stop())

	for line, want := range map[string]string{
		"wait tap-flow/x --for gone": "want one of ready, disabled",
		"wait flow/x":                "of a kind host, guest",
		"wait tap-flow":              "names a kind alone",
		"wait wire/net0":             "a wire has no status",
	} {
		require.Contains(t, d.fails(cmd.ExitUsage, line), want)
	}
}

func TestDeleteAndWait(t *testing.T) {
	d := newDesk(t)
	d.furnish()
	for _, output := range []string{"table", "json"} {
		d.must("tap-flow-delete net0-100")
		d.must("tap-flow-create --type vswitch --host-id h1 --wire-id net0 --vlan-id 100 --tap-id ids net0-100")
		id := strings.TrimSpace(d.must("tap-flow-show net0-100 -o id"))
		d.engine.SetLeaving(id, true)
		code, _, stderr := d.run("tap-flow-delete net0-100 --wait 10ms -o " + output)
		require.Equal(t, cmd.ExitPending, code, stderr)
		require.Contains(t, stderr, "it is deleted, and the switches")
		d.must("tap-flow-create --type vswitch --host-id h1 --wire-id net0 --vlan-id 100 --tap-id ids net0-100")
	}
	d.must("tap-flow-delete net0-100 --wait 10s")
}
