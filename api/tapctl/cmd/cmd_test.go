package cmd_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/server"
	"github.com/tapline-sdn/tapline/api/server/servertest"
	"github.com/tapline-sdn/tapline/api/tapctl/cmd"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

var update = flag.Bool("update", false, "write the goldens in testdata")

const token = "s3cret"

// desk is a command line, a server, and an engine in memory.
type desk struct {
	t      *testing.T
	engine *servertest.Engine
	server *httptest.Server
	app    cmd.App // of each call
	env    map[string]string
	stdin  string
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	d := &desk{t: t, engine: servertest.New()}
	srv := httptest.NewServer(server.New(server.Config{Engine: d.engine, Rehearse: d.engine.Rehearse, Token: []byte(token)}))
	t.Cleanup(srv.Close)
	d.server = srv
	d.env = map[string]string{"TAPLINE_SERVER": srv.URL, "TAPLINE_TOKEN": token}
	d.app = cmd.App{Name: "tapctl", Version: "1.2.3", Facts: func(bool) (api.HostFacts, error) {
		return api.HostFacts{NICs: []api.HostNIC{{Name: "eth3", MAC: "52:54:00:00:00:33", Speed: 10000, Driver: "ixgbe"}}}, nil
	}}
	return d
}

// run runs a command line; words are split at blanks.
func (d *desk) run(line string, more ...string) (code int, stdout, stderr string) {
	d.t.Helper()
	var out, err bytes.Buffer
	app := d.app
	app.In, app.Out, app.Err = strings.NewReader(d.stdin), &out, &err
	app.Env = func(name string) string { return d.env[name] }
	ctx, cancel := context.WithTimeout(d.t.Context(), 30*time.Second)
	defer cancel()
	code = app.Run(ctx, append(strings.Fields(line), more...))
	return code, out.String(), err.String()
}

// must runs a command line that has to succeed.
func (d *desk) must(line string, more ...string) string {
	d.t.Helper()
	code, stdout, stderr := d.run(line, more...)
	require.Equal(d.t, cmd.ExitDone, code, "%s\n%s%s", line, stdout, stderr)
	require.Empty(d.t, stderr, line)
	return stdout
}

// fails runs a command line that has to fail with a code, and returns what it tells.
func (d *desk) fails(code int, line string, more ...string) string {
	d.t.Helper()
	got, stdout, stderr := d.run(line, more...)
	require.Equal(d.t, code, got, "%s\n%s%s", line, stdout, stderr)
	require.Contains(d.t, stderr, "tapctl", line)
	return stderr
}

func (d *desk) furnish() {
	d.t.Helper()
	d.must("host-create h1 --ovsdb tcp:192.0.2.1:6640 --tunnel-ip 192.0.2.1 --wire net0=br0 --nic eth3=52:54:00:00:00:33")
	d.must("host-create h2 --ovsdb tcp:192.0.2.2:6640")
	d.must("guest-create vm1 --id vm-1 --nic mac=52:54:00:00:00:01,ip=10.0.0.1,ifname=vnet0")
	d.must("wire-update net0 --bridge h1=br0 --bridge h2=br1")
	d.must("tap-service-create --type guest --target-id vm1 ids")
	d.must("tap-service-create --type host --target-id h1 --mac-addr 52:54:00:00:00:33 probe")
	d.must("tap-flow-create --guest-id vm1 --mac-addr 52:54:00:00:00:01 --ip-addr 10.0.0.1 --direction IN --tap-id ids --type vnic web")
	d.must("tap-flow-create --host-id h1 --wire-id net0 --vlan-id 100 --direction both --tap-id probe --type vswitch net0-100")
	d.engine.SetHealth("host-1", tap.StateReady, "")
	d.engine.SetHealth("flow-5", tap.StateError, "the guest vm1 has no NIC with the address 10.0.0.1 on any host that is connected")
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(path, []byte(got), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), got)
}

func TestGoldens(t *testing.T) {
	d := newDesk(t)
	d.furnish()
	for _, word := range []string{"host", "guest", "wire", "tap-service", "tap-flow"} {
		for _, tc := range []struct {
			name, args string
			width      int
		}{
			{"list", "-list", 0},
			{"list-wide", "-list -o wide", 80},
			{"list-80", "-list", 80},
			{"list-id", "-list -o id", 0},
			{"list-json", "-list -o json", 0},
			{"list-yaml", "-list -o yaml", 0},
		} {
			t.Run(word+" "+tc.name, func(t *testing.T) {
				d.app.Width = tc.width
				out := d.must(word + tc.args)
				golden(t, word+"-"+tc.name+".txt", out)
				for line := range strings.Lines(out) {
					if tc.name == "list-80" {
						require.LessOrEqual(t, len([]rune(strings.TrimRight(line, "\n"))), 80)
					}
				}
			})
		}
	}
	d.app.Width = 0
	for _, line := range []string{"host-show h1", "guest-show vm1", "wire-show net0", "tap-service-show ids", "tap-flow-show web", "explain tap-flow web",
		"explain tap-service/ids"} {
		t.Run(line, func(t *testing.T) {
			golden(t, strings.NewReplacer(" ", "-", "/", "-").Replace(line)+".txt", d.must(line))
		})
	}
	t.Run("empty", func(t *testing.T) {
		golden(t, "tap-flow-list-empty.txt", newDesk(t).must("tap-flow-list"))
	})
}

func TestCommandsOfTheDesign(t *testing.T) {
	d := newDesk(t)
	help := d.must("--help")
	var words []string
	for _, resource := range []string{"host", "guest", "wire", "tap-service", "tap-flow"} {
		for _, verb := range []string{"list", "show", "update", "delete"} {
			words = append(words, resource+"-"+verb)
		}
	}
	words = append(words, "host-create", "guest-create", "tap-service-create", "tap-flow-create", "tap-service-enable",
		"tap-service-disable", "tap-flow-enable", "tap-flow-disable", "host-facts", "version",
		"token-create", "token-list", "token-show", "token-delete", "audit-list")
	for _, w := range words {
		require.Regexp(t, `(?m)^  `+w+` `, help)
		out := d.must(w + " --help")
		require.Contains(t, out, "Examples:", w)
		require.Contains(t, out, "--output", w)
	}
}

func TestClimc(t *testing.T) {
	d := newDesk(t)
	d.app.Name = "climc"
	require.Contains(t, d.must("--help"), "climc tap-service-enable")
	out := d.must("tap-flow-create --help")
	require.Contains(t, out, "climc tap-flow-create")
	require.NotContains(t, out, "tapctl")
	d.must("guest-create vm1 --nic mac=52:54:00:00:00:01")
	d.must("tap-service-create --type guest --target-id vm1 ids")
	d.must("tap-service-enable ids")
	require.Equal(t, "climc 1.2.3\n", d.must("version"))
}

func TestFlowThroughItsLife(t *testing.T) {
	d := newDesk(t)
	d.furnish()
	show := func(name string) (f api.TapFlow) {
		t.Helper()
		require.NoError(t, json.Unmarshal([]byte(d.must("tap-flow-show "+name+" -o json")), &f))
		return f
	}
	require.Equal(t, "IN", show("web").Direction)
	require.Equal(t, 100, show("net0-100").VLANID)
	require.Equal(t, "BOTH", show("net0-100").Direction, "tapctl takes any case")

	d.must("tap-flow-update net0-100 --vlan-id 4094 --direction out --tap-id ids --name sw")
	require.Equal(t, 4094, show("sw").VLANID)
	require.Equal(t, "OUT", show("sw").Direction)
	require.Equal(t, show("web").TapID, show("sw").TapID)
	d.must("tap-flow-update sw --all-vlans")
	require.Equal(t, 0, show("sw").VLANID)

	require.Equal(t, show("web").ID+"\n"+show("sw").ID+"\n", d.must("tap-flow-disable web sw -o id"))
	require.Equal(t, api.Disabled, show("web").Status)
	require.Contains(t, d.must("tap-flow-enable web sw"), "NAME", "several are rows")
	require.True(t, show("sw").Enabled)
	d.must("tap-flow-create --type vnic --guest-id vm1 --tap-id ids --disabled off")
	require.False(t, show("off").Enabled)

	require.Equal(t, "tap flow \"web\" deleted\ntap flow \"sw\" deleted\n", d.must("tap-flow-delete web sw"))
	require.Empty(t, d.must("tap-flow-delete off -o json"))
	require.Contains(t, d.fails(cmd.ExitFailed, "tap-flow-show web"), "next: the list commands")
}

func TestSeveralOfWhichOneFails(t *testing.T) {
	d := newDesk(t)
	d.furnish()
	stderr := d.fails(cmd.ExitFailed, "tap-service-enable ids nobody probe")
	require.Contains(t, stderr, "tapctl tap-service-enable: nobody: ")
	for _, s := range d.engine.Services() {
		require.True(t, s.Enabled, "the others are done: %s", s.Name)
	}
}

func TestHostsGuestsAndWires(t *testing.T) {
	d := newDesk(t)
	d.furnish()
	var h api.Host
	require.NoError(t, json.Unmarshal([]byte(d.must("host-update h1 --wire net1=br1 --wire net0= --uplink br1=eth1,eth2 --learn-tunnel-ip --name h9 -o json")), &h))
	require.Equal(t, map[string]string{"net1": "br1"}, h.Wires)
	require.Equal(t, map[string][]string{"br1": {"eth1", "eth2"}}, h.Uplinks)
	require.Empty(t, h.TunnelIP)
	require.Len(t, h.NICs, 1)

	h = api.Host{}
	d.stdin = d.must("host-facts")
	require.NoError(t, json.Unmarshal([]byte(d.must("host-create h3 --ovsdb tcp:192.0.2.3:6640 --facts - --nic eth9=52:54:00:00:00:99 -o json")), &h))
	require.Equal(t, []api.HostNIC{
		{Name: "eth3", MAC: "52:54:00:00:00:33", Speed: 10000, Driver: "ixgbe"}, {Name: "eth9", MAC: "52:54:00:00:00:99"},
	}, h.NICs)
	file := filepath.Join(t.TempDir(), "facts.json")
	require.NoError(t, os.WriteFile(file, []byte(`{"nics":[]}`), 0o600))
	h = api.Host{}
	require.NoError(t, json.Unmarshal([]byte(d.must("host-update h3 -o json --facts", file)), &h))
	require.Empty(t, h.NICs)
	require.NoError(t, os.WriteFile(file, []byte(`{}`), 0o600))
	require.Contains(t, d.fails(cmd.ExitFailed, "host-update h3 --facts", file), `has no "nics"`)

	var g api.Guest
	require.NoError(t, json.Unmarshal([]byte(d.must("guest-update vm1 --name vm2 --nic mac=52:54:00:00:00:07 --nic mac=52:54:00:00:00:08 -o json")), &g))
	require.Len(t, g.NICs, 2)
	var w api.Wire
	require.NoError(t, json.Unmarshal([]byte(d.must("wire-update net0 --bridge h9=br7 --bridge h2= -o json")), &w))
	require.Len(t, w.Hosts, 1)
	require.Equal(t, "br7", w.Hosts[0].Bridge)
	d.must("wire-delete net0")
	d.must("guest-delete vm2")
	d.must("host-delete h3 h2")
}

func TestListFilters(t *testing.T) {
	d := newDesk(t)
	d.furnish()
	for line, want := range map[string]string{
		"tap-flow-list --tap-id probe -o id":                       "flow-6\n",
		"tap-flow-list --direction in -o id":                       "flow-5\n",
		"tap-flow-list --status error -o id":                       "flow-5\n",
		"tap-flow-list --limit 1 --order-by created_at -o id":      "flow-5\n",
		"tap-flow-list --order-by created_at --descending -o id":   "flow-6\nflow-5\n",
		"tap-flow-list --offset 1 --order-by created_at -o id":     "flow-6\n",
		"tap-service-list --enabled true -o id":                    "",
		"tap-service-list --applied-by lab -o id":                  "",
		"tap-service-list --order-by-ip desc -o id":                "svc-4\nsvc-3\n",
		"tap-service-list --order-by-ip asc -o id":                 "svc-3\nsvc-4\n",
		"tap-service-list --target-id h1 -o id":                    "svc-4\n",
		"host-list --connected true -o id":                         "host-1\n",
		"guest-list --declared false -o id":                        "",
		"wire-list --host-id h2 -o id":                             "net0\n",
		"tap-flow-list --guest-id vm1 --type vnic --name web -oid": "flow-5\n",
	} {
		require.Equal(t, want, d.must(line), line)
	}
}

func TestWaitExitCodes(t *testing.T) {
	d := newDesk(t)
	d.furnish()
	stderr := d.fails3(cmd.ExitPending, "tap-service-enable ids --wait 20ms")
	require.Contains(t, stderr, `tap service "ids" is still pending after 20ms: waiting for the switch`)

	stderr = d.fails3(cmd.ExitFailed, "tap-flow-update web --direction OUT --wait 10s")
	require.Contains(t, stderr, `tap flow "web" is in error: the guest vm1 has no NIC`)

	d.engine.SetHealth("svc-3", tap.StateReady, "")
	d.must("tap-service-enable ids --wait 10s")
	d.must("tap-service-disable ids --wait 10s")
	d.must("tap-flow-delete web --wait 10s")
	d.must("host-update h1 --name h9 --wait 10s")
	d.fails3(cmd.ExitPending, "tap-flow-create --type vnic --guest-id vm1 --tap-id ids new --wait 20ms")
	d.must("tap-flow-enable new") // pending is no fault of who does not wait

	d.engine.SetHealth("svc-4", tap.StateError, "no such NIC")
	stderr = d.fails3(cmd.ExitFailed, "tap-service-enable probe ids --wait 20ms")
	require.Contains(t, stderr, "no such NIC")
}

// fails3 runs a command line whose request succeeds and whose wait does not.
func (d *desk) fails3(code int, line string) string {
	d.t.Helper()
	got, stdout, stderr := d.run(line)
	require.Equal(d.t, code, got, "%s\n%s%s", line, stdout, stderr)
	require.NotEmpty(d.t, stdout, "the resource is printed nevertheless")
	return stderr
}

func TestWrongCommandLines(t *testing.T) {
	d := newDesk(t)
	d.furnish()
	services, flows := d.engine.Services(), d.engine.Flows()
	const flow = "tap-flow-create --type vswitch --host-id h1 --wire-id net0 --tap-id ids f "
	for line, tc := range map[string]struct {
		code int
		want string
	}{
		"tap-flow-lst":                                      {2, `unknown command "tap-flow-lst"`},
		"tap-flow-list --colour red":                        {2, "unknown flag: --colour"},
		"tap-flow-list all":                                 {2, `unknown command "all"`},
		"tap-flow-show":                                     {2, "accepts 1 arg(s), received 0"},
		"tap-flow-delete":                                   {2, "requires at least 1 arg(s)"},
		"tap-flow-enable":                                   {2, "requires at least 1 arg(s), or --all"},
		"tap-flow-enable web --all":                         {2, "--all goes without ids"},
		"tap-flow-list --columns name,colour":               {2, `there is no column "colour": want some of NAME, TYPE`},
		"tap-flow-show wbe":                                 {1, `did you mean tap flow "web"?`},
		"tap-flow-show entirely-different":                  {1, "next: the list commands"},
		"tap-flow-create f":                                 {2, `required flag(s) "tap-id", "type" not set`},
		"tap-flow-list -o xml":                              {2, `--output "xml" is not known: want table, wide, json, yaml or id`},
		"tap-flow-update web":                               {2, "nothing is given to change: want some of --name, --tap-id"},
		"tap-flow-update web --wait 10":                     {2, "invalid argument"},
		flow + "--vlan-id abc":                              {2, `--vlan-id "abc" is not a number: want a VLAN id 1..4094`},
		flow + "--vlan-id 4095":                             {1, "vlan_id: 4095 is not accepted: want a VLAN id 1..4094"},
		flow + "--vlan-id 0":                                {1, "vlan_id: 0 is not accepted: want a VLAN id 1..4094"},
		flow + "--vlan-id -1":                               {1, "want a VLAN id 1..4094"},
		flow + "--vlan-id=":                                 {2, "--vlan-id is given but empty"},
		flow + "--direction sideways":                       {1, `direction: "SIDEWAYS" is not accepted: want one of IN, OUT, BOTH`},
		flow + "--mac-addr zz":                              {1, "mac_addr: \"zz\" is not accepted: want six octets"},
		flow + "--wait 6m":                                  {1, "a duration from 0s to 5m"},
		flow + "--wait -1s":                                 {1, "a duration from 0s to 5m"},
		"tap-flow-update web --vlan-id 0":                   {1, "want a VLAN id 1..4094"},
		"guest-create g --nic ip=10.0.0.1":                  {2, "has no mac"},
		"guest-create g --nic mac":                          {2, "is malformed"},
		"guest-create g --nic mac=52:54:00:00:00:01,vlan=1": {2, `"vlan" is not known`},
		"guest-create g --nic mac=52:54:00:00:00:01,mac=52:54:00:00:00:02":        {2, "given twice"},
		"host-create h --ovsdb tcp:192.0.2.9:6640 --wire net0":                    {2, "want WIRE=BRIDGE"},
		"host-create h --ovsdb tcp:192.0.2.9:6640 --wire net0=":                   {2, "want WIRE=BRIDGE"},
		"host-create h --ovsdb tcp:192.0.2.9:6640 --wire a=b --wire a=c":          {2, "given twice"},
		"host-create h --ovsdb tcp:192.0.2.9:6640 --facts /nonexistent":           {1, "run host-facts"},
		"host-create h --ovsdb 192.0.2.9":                                         {1, "tcp:IP:PORT"},
		"host-update h1 --tunnel-ip 192.0.2.1 --learn-tunnel-ip":                  {2, "none of the others can be"},
		"wire-update net0 --bridge h9=br0":                                        {1, `there is no host "h9"`},
		"tap-service-create --type vm --target-id vm1 s":                          {1, "want one of guest, host"},
		"tap-service-create --type guest --target-id vm7 s":                       {1, `target_id: there is no guest "vm7"`},
		"tap-service-delete ids":                                                  {1, "next: show what it clashes with"},
		"tap-flow-create --type vnic --guest-id vm1 --tap-id ids --mac-addr= web": {2, "--mac-addr is given but empty"},
	} {
		t.Run(line, func(t *testing.T) {
			stderr := d.fails(tc.code, line)
			require.Contains(t, stderr, tc.want)
			require.Contains(t, stderr, "next: ")
			require.Equal(t, services, d.engine.Services(), "nothing may have changed")
			require.Equal(t, flows, d.engine.Flows(), "nothing may have changed")
		})
	}
	t.Run("empty argument", func(t *testing.T) {
		require.Contains(t, d.fails(2, "tap-flow-delete", ""), "argument 1 is empty")
	})
}

func TestControlCharactersDoNotReachTheTerminal(t *testing.T) {
	d := newDesk(t)
	d.furnish()
	d.engine.SetHealth("flow-5", tap.StateError, "evil \x1b[2J name")
	escape := regexp.MustCompile(`[\x00-\x09\x0b-\x1f\x7f]`)
	for _, line := range []string{"tap-flow-list", "tap-flow-list -o wide", "tap-flow-show web"} {
		out := d.must(line)
		require.NotRegexp(t, escape, out)
		require.Contains(t, out, "evil ?[2J name")
	}
}

func TestShapesOfTables(t *testing.T) {
	d := newDesk(t)
	d.furnish()
	require.Equal(t, "web       error\n", strings.Split(d.must("tap-flow-list --no-headers --columns name,status"), "\n")[1]+"\n")
	require.Equal(t, "TUNNEL IP  NAME\n192.0.2.1  h1\n", d.must("host-show h1 --columns tunnel_ip,NAME"))
	require.Equal(t, d.must("tap-flow-list -o wide"), d.must("tap-flow list -owide"))
	require.Equal(t, d.must("tap-flow-show web"), d.must("-o table tap-flow show web"))
}

func TestAll(t *testing.T) {
	d := newDesk(t)
	d.furnish()
	require.Equal(t, "svc-3\nsvc-4\n", d.must("tap-service-enable --all -o id"))
	d.must("tap-flow-disable --all")
	for _, f := range d.engine.Flows() {
		require.False(t, f.Enabled)
	}
}

func TestProposalsAndTraces(t *testing.T) {
	d := newDesk(t)
	d.furnish()
	require.Contains(t, d.fails(cmd.ExitFailed, "tap-flow-create --type vnic --guest-id vm2 --tap-id ids f"), `did you mean guest "vm1"?`)
	require.Contains(t, d.fails(cmd.ExitFailed, "tap-flow-enable web net-100"), `did you mean tap flow "net0-100"?`)
	require.Contains(t, d.fails(cmd.ExitUsage, "tap-flow-lst"), `unknown command "tap-flow-lst" for "tapctl"; did you mean tap-flow-`)

	code, stdout, stderr := d.run("tap-flow-show web -v")
	require.Equal(t, cmd.ExitDone, code)
	require.Equal(t, d.must("tap-flow-show web"), stdout)
	require.Regexp(t, `^> GET http://.*/api/v1/tap_flows/web\n< 200 OK \(.*\)\n$`, stderr)
	_, _, stderr = d.run("tap-flow-update web --direction OUT -vv")
	require.Contains(t, stderr, `>   {"direction":"OUT"}`)
	require.Contains(t, stderr, `"direction":"OUT","enabled":true`)
	require.NotContains(t, stderr, token)
}
