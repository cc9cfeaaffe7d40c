// Package tapctltest runs tapctl in process, against an API server with an engine in memory.
package tapctltest

import (
	"bytes"
	"context"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/server"
	"github.com/tapline-sdn/tapline/api/server/servertest"
	"github.com/tapline-sdn/tapline/api/tapctl/cli"
	"github.com/tapline-sdn/tapline/api/tapctl/cmd"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// Token is the admin token of the server.
const Token = "s3cret"

// Desk is a command line, a server, and an engine in memory.
type Desk struct {
	Engine *servertest.Engine
	Server *httptest.Server
	World  cli.World         // of each call; Run sets its streams
	Env    map[string]string // of each call
	Stdin  string            // of each call

	t *testing.T
}

// New returns a desk whose controller has nothing.
func New(t *testing.T) *Desk {
	t.Helper()
	d := &Desk{t: t, Engine: servertest.New()}
	d.Server = d.Serve(server.Config{
		Engine: d.Engine, Rehearse: d.Engine.Rehearse, Token: []byte(Token),
	})

	d.Env = map[string]string{"TAPLINE_SERVER": d.Server.URL, "TAPLINE_TOKEN": Token}
	d.World = cli.World{Name: "tapctl", Version: "1.2.3", Facts: func(bool) (api.HostFacts, error) {
		return api.HostFacts{NICs: []api.HostNIC{
			{Name: "eth3", MAC: "52:54:00:00:00:33", Speed: 10000, Driver: "ixgbe"},
		}}, nil
	}}

	return d
}

// Serve starts another server, which ends with the test.
func (d *Desk) Serve(config server.Config) *httptest.Server {
	d.t.Helper()
	s := httptest.NewServer(server.New(config))
	d.t.Cleanup(s.Close)
	return s
}

// With returns the desk for a subtest.
func (d *Desk) With(t *testing.T) *Desk {
	copied := *d
	copied.t = t
	return &copied
}

// world is the world of one call.
func (d *Desk) world() cli.World {
	world := d.World
	world.In = strings.NewReader(d.Stdin)
	world.Env = func(name string) string { return d.Env[name] }
	return world
}

// Run runs a command line. The line is split at blanks; more words follow as they are.
func (d *Desk) Run(line string, more ...string) (code int, stdout, stderr string) {
	d.t.Helper()
	var out, err bytes.Buffer
	world := d.world()
	world.Out, world.Err = &out, &err

	ctx, cancel := context.WithTimeout(d.t.Context(), 30*time.Second)
	defer cancel()
	code = cmd.Run(ctx, world, append(strings.Fields(line), more...))
	return code, out.String(), err.String()
}

// Must runs a command line that has to succeed without a word on standard error.
func (d *Desk) Must(line string, more ...string) string {
	d.t.Helper()
	code, stdout, stderr := d.Run(line, more...)
	require.Equal(d.t, cli.ExitDone, code, "%s\n%s%s", line, stdout, stderr)
	require.Empty(d.t, stderr, line)
	return stdout
}

// Fails runs a command line that has to fail with a code, and returns its standard error.
func (d *Desk) Fails(code int, line string, more ...string) string {
	d.t.Helper()
	got, stdout, stderr := d.Run(line, more...)
	require.Equal(d.t, code, got, "%s\n%s%s", line, stdout, stderr)
	require.Contains(d.t, stderr, d.World.Name, line)
	return stderr
}

// WaitFails runs a command line whose request succeeds and whose wait does not.
func (d *Desk) WaitFails(code int, line string) string {
	d.t.Helper()
	got, stdout, stderr := d.Run(line)
	require.Equal(d.t, code, got, "%s\n%s%s", line, stdout, stderr)
	require.NotEmpty(d.t, stdout, "the resource is printed all the same")
	return stderr
}

// File writes a document into a file and returns its path.
func (d *Desk) File(text string) string {
	d.t.Helper()
	path := filepath.Join(d.t.TempDir(), "lab.yaml")
	require.NoError(d.t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

// Furnish creates two hosts, a guest, a wire, two tap services and two tap flows.
func (d *Desk) Furnish() {
	d.t.Helper()
	for _, line := range []string{
		"host-create h1 --ovsdb tcp:192.0.2.1:6640 --tunnel-ip 192.0.2.1 --wire net0=br0 " +
			"--nic eth3=52:54:00:00:00:33",
		"host-create h2 --ovsdb tcp:192.0.2.2:6640",
		"guest-create vm1 --id vm-1 --nic mac=52:54:00:00:00:01,ip=10.0.0.1,ifname=vnet0",
		"wire-update net0 --bridge h1=br0 --bridge h2=br1",
		"tap-service-create --type guest --target-id vm1 ids",
		"tap-service-create --type host --target-id h1 --mac-addr 52:54:00:00:00:33 probe",
		"tap-flow-create --guest-id vm1 --mac-addr 52:54:00:00:00:01 --ip-addr 10.0.0.1 " +
			"--direction IN --tap-id ids --type vnic web",
		"tap-flow-create --host-id h1 --wire-id net0 --vlan-id 100 --direction both " +
			"--tap-id probe --type vswitch net0-100",
	} {
		d.Must(line)
	}

	d.Engine.SetHealth("host-1", tap.StateReady, "")
	d.Engine.SetHealth("flow-5", tap.StateError,
		"the guest vm1 has no NIC with the address 10.0.0.1 on any host that is connected")
}
