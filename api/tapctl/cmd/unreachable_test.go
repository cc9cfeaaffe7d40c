package cmd_test

import (
	"maps"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/api/tapctl/cli"
	"github.com/tapline-sdn/tapline/api/tapctl/cmd"
	"github.com/tapline-sdn/tapline/api/tapctl/tapctltest"
)

// callers are the verbs that call the controller, with arguments that are right.
var callers = map[string]string{
	"host-create": "h1 --ovsdb unix:/x", "host-update": "h1 --name h2", "host-delete": "h1",
	"host-list": "", "host-show": "h1",
	"guest-create": "g --nic mac=52:54:00:00:00:01", "guest-update": "g --name g2",
	"guest-delete": "g", "guest-list": "", "guest-show": "g",
	"wire-update": "net0 --bridge h1=br0", "wire-delete": "net0", "wire-list": "",
	"wire-show":          "net0",
	"tap-service-create": "--type guest --target-id g s", "tap-service-update": "s --name t",
	"tap-service-delete": "s", "tap-service-list": "", "tap-service-show": "s",
	"tap-service-enable": "s", "tap-service-disable": "--all",
	"tap-flow-create": "--type vnic --guest-id g --tap-id s f",
	"tap-flow-update": "f --direction IN", "tap-flow-delete": "f",
	"tap-flow-list": "", "tap-flow-members": "f",
	"tap-flow-show": "f", "tap-flow-enable": "f", "tap-flow-disable": "f",
	"token-create": "--role viewer x", "token-delete": "x", "token-list": "", "token-show": "x",
	"plugin-list": "", "plugin-show": "mirror", "plugin-reload": "mirror",
	"replica-list": "", "replica-step-down": "",
	"audit-list": "", "get-config": "", "topology": "", "watch": "", "export": "",
	"whoami":  "",
	"capture": "--guest-id g", "extcap": "--extcap-interface tapline,guest,g",
	"explain": "tap-flow f", "wait": "tap-flow/f --timeout 0s",
	"plan": "tap-flow-delete f", "apply": "-f FILE", "diff": "-f FILE", "delete": "-f FILE",
}

// callNone are the other verbs.
var callNone = []string{
	"", "completion", "config", "config delete", "config list", "config set", "config show",
	"config use", "decap", "host-facts", "man", "version",
}

// TestVerbsWithoutAController: each verb that calls the controller says what is wrong and what to
// do when it cannot. Diff keeps the exit code 1 for differences.
func TestVerbsWithoutAController(t *testing.T) {
	d := tapctltest.New(t)
	known := append(slices.Collect(maps.Keys(callers)), callNone...)
	require.ElementsMatch(t, cmd.Words(d.World), known, "each verb is in one of the two lists")

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	closed := "http://" + listener.Addr().String()
	require.NoError(t, listener.Close())
	file := d.File("kind: guest\nname: g\nnics: [{mac: '52:54:00:00:00:01'}]\n")
	absent := filepath.Join(t.TempDir(), "token")

	for name, tc := range map[string]struct {
		env  map[string]string
		want []string
	}{
		"nobody answers": {map[string]string{"TAPLINE_SERVER": closed, "TAPLINE_TOKEN": "x"},
			[]string{"connection refused", "next: check that the controller runs"}},
		"the token's file is missing": {
			map[string]string{"TAPLINE_SERVER": closed, "TAPLINE_TOKEN_FILE": absent},
			[]string{"no such file", "next: give the controller's admin.token with --token-file"}},
		"the server is no URL": {
			map[string]string{"TAPLINE_SERVER": "ftp://x", "TAPLINE_TOKEN": "x"},
			[]string{`"ftp://x"`, "next: "}},
	} {
		t.Run(name, func(t *testing.T) {
			d := d.With(t)
			d.Env = tc.env
			for verb, args := range callers {
				code := cli.ExitFailed
				if verb == "diff" {
					code = cli.ExitUsage
				}

				line := verb + " " + strings.ReplaceAll(args, "FILE", file)
				stderr := d.Fails(code, line)
				for _, want := range tc.want {
					require.Contains(t, stderr, want, line)
				}
			}
		})
	}
}
