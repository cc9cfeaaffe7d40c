package manage_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/server"
	"github.com/tapline-sdn/tapline/api/tapctl/cli"
	"github.com/tapline-sdn/tapline/api/tapctl/tapctltest"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// object is what a command prints with -o json.
func object[T any](t *testing.T, d *tapctltest.Desk, line string, more ...string) T {
	t.Helper()
	var v T
	require.NoError(t, json.Unmarshal([]byte(d.Must("-o json "+line, more...)), &v))
	return v
}

func TestTapFlowFromCreationToDeletion(t *testing.T) {
	d := tapctltest.New(t)
	d.Furnish()
	show := func(name string) api.TapFlow {
		t.Helper()
		return object[api.TapFlow](t, d, "tap-flow-show "+name)
	}

	require.Equal(t, "IN", show("web").Direction)
	require.Equal(t, 100, show("net0-100").VLANID)
	require.Equal(t, "BOTH", show("net0-100").Direction, "the direction is taken in any case")

	d.Must("tap-flow-update net0-100 --vlan-id 4094 --direction out --tap-id ids --name sw")
	require.Equal(t, 4094, show("sw").VLANID)
	require.Equal(t, "OUT", show("sw").Direction)
	require.Equal(t, show("web").TapID, show("sw").TapID)
	d.Must("tap-flow-update sw --all-vlans")
	require.Equal(t, 0, show("sw").VLANID)

	disabled := d.Must("tap-flow-disable web sw -o id")
	require.Equal(t, show("web").ID+"\n"+show("sw").ID+"\n", disabled)
	require.Equal(t, api.Disabled, show("web").Status)
	require.Contains(t, d.Must("tap-flow-enable web sw"), "NAME", "several are written as rows")
	require.True(t, show("sw").Enabled)
	d.Must("tap-flow-create --type vnic --guest-id vm1 --tap-id ids --disabled off")
	require.False(t, show("off").Enabled)

	deleted := d.Must("tap-flow-delete web sw")
	require.Equal(t, "tap flow \"web\" deleted\ntap flow \"sw\" deleted\n", deleted)
	require.Empty(t, d.Must("tap-flow-delete off -o json"))
	require.Contains(t, d.Fails(cli.ExitFailed, "tap-flow-show web"), "next: the list commands")
}

func TestOneFailureDoesNotKeepTheOthersFromBeingDone(t *testing.T) {
	d := tapctltest.New(t)
	d.Furnish()
	stderr := d.Fails(cli.ExitFailed, "tap-service-enable ids nobody probe")
	require.Contains(t, stderr, "tapctl tap-service-enable: nobody: ")
	for _, s := range d.Engine.Services() {
		require.True(t, s.Enabled, s.Name)
	}
}

func TestAll(t *testing.T) {
	d := tapctltest.New(t)
	d.Furnish()
	require.Equal(t, "svc-3\nsvc-4\n", d.Must("tap-service-enable --all -o id"))
	d.Must("tap-flow-disable --all")
	for _, f := range d.Engine.Flows() {
		require.False(t, f.Enabled)
	}
}

func TestHostUpdate(t *testing.T) {
	d := tapctltest.New(t)
	d.Furnish()
	h := object[api.Host](
		t,
		d,
		"host-update h1 --wire net1=br1 --wire net0= --uplink br1=eth1,eth2 "+
			"--learn-tunnel-ip --name h9",
	)

	require.Equal(t, map[string]string{"net1": "br1"}, h.Wires)
	require.Equal(t, map[string][]string{"br1": {"eth1", "eth2"}}, h.Uplinks)
	require.Empty(t, h.TunnelIP)
	require.Len(t, h.NICs, 1)

	h = object[api.Host](t, d, "host-update h9 --uplink br1= --nic eth5=52:54:00:00:00:55")
	require.Empty(t, h.Uplinks)
	require.Equal(t, []api.HostNIC{{Name: "eth5", MAC: "52:54:00:00:00:55"}}, h.NICs)
}

func TestHostFacts(t *testing.T) {
	d := tapctltest.New(t)
	facts := d.Must("host-facts")
	d.Stdin = facts
	h := object[api.Host](t, d, "host-create h3 --ovsdb tcp:192.0.2.3:6640 --facts - "+
		"--nic eth9=52:54:00:00:00:99")

	require.Equal(t, []api.HostNIC{
		{Name: "eth3", MAC: "52:54:00:00:00:33", Speed: 10000, Driver: "ixgbe"},
		{Name: "eth9", MAC: "52:54:00:00:00:99"},
	}, h.NICs)

	file := filepath.Join(t.TempDir(), "facts.json")
	write := func(text string) {
		t.Helper()
		require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	}

	write(`{"nics":[]}`)
	require.Empty(t, object[api.Host](t, d, "host-update h3 --facts", file).NICs)
	write(`{}`)
	require.Contains(t, d.Fails(cli.ExitFailed, "host-update h3 --facts", file), `has no "nics"`)
	write(`{`)
	require.Contains(t, d.Fails(cli.ExitFailed, "host-update h3 --facts", file),
		"next: run host-facts")

	require.Contains(t, d.Must("host-facts -o yaml"), "driver: ixgbe")
}

func TestGuestAndWireUpdates(t *testing.T) {
	d := tapctltest.New(t)
	d.Furnish()
	g := object[api.Guest](t, d, "guest-update vm1 --name vm2 --nic mac=52:54:00:00:00:07 "+
		"--nic mac=52:54:00:00:00:08")

	require.Equal(t, "vm2", g.Name)
	require.Len(t, g.NICs, 2)

	w := object[api.Wire](t, d, "wire-update net0 --bridge h1=br7 --bridge h2=")
	require.Len(t, w.Hosts, 1)
	require.Equal(t, "br7", w.Hosts[0].Bridge)

	d.Must("tap-flow-delete web net0-100")
	d.Must("tap-service-delete ids probe")
	d.Must("wire-delete net0")
	d.Must("guest-delete vm2")
	d.Must("host-delete h1 h2")
	require.Empty(t, d.Engine.Hosts())
}

func TestWaitOfWrites(t *testing.T) {
	d := tapctltest.New(t)
	d.Furnish()
	stderr := d.WaitFails(cli.ExitPending, "tap-service-enable ids --wait 20ms")
	require.Contains(t, stderr,
		`tap service "ids" is still pending after 20ms: waiting for the switch`)

	stderr = d.WaitFails(cli.ExitFailed, "tap-flow-update web --direction OUT --wait 10s")
	require.Contains(t, stderr, `tap flow "web" is in error: the guest vm1 has no NIC`)

	d.Engine.SetHealth("svc-3", tap.StateReady, "")
	d.Must("tap-service-enable ids --wait 10s")
	d.Must("tap-service-disable ids --wait 10s")
	d.Must("tap-flow-delete web --wait 10s")
	d.Must("host-update h1 --name h9 --wait 10s")

	d.WaitFails(cli.ExitPending,
		"tap-flow-create --type vnic --guest-id vm1 --tap-id ids new --wait 20ms")

	d.Must("tap-flow-enable new") // Without --wait, pending is no failure.

	d.Engine.SetHealth("svc-4", tap.StateError, "no such NIC")
	stderr = d.WaitFails(cli.ExitFailed, "tap-service-enable probe ids --wait 20ms")
	require.Contains(t, stderr, "no such NIC")
}

func TestDeleteWaitsForTheSwitches(t *testing.T) {
	const create = "tap-flow-create --type vswitch --host-id h1 --wire-id net0 --tap-id ids sw"
	for _, output := range []string{"table", "json", "id"} {
		t.Run(output, func(t *testing.T) {
			d := tapctltest.New(t)
			d.Furnish()
			flow := object[api.TapFlow](t, d, create)
			d.Engine.SetLeaving(flow.ID, true)

			code, stdout, stderr := d.Run("tap-flow-delete sw --wait 10ms -o " + output)
			require.Equal(t, cli.ExitPending, code, stderr)
			require.Contains(t, stderr,
				`tap flow "sw" is being deleted: host h1 cannot be reached and may still copy`)

			require.Equal(t, map[string]string{
				"table": "tap flow \"sw\" deleted\n", "json": "", "id": "sw\n",
			}[output], stdout)
		})
	}
}

func TestServiceIsCreatedEnabled(t *testing.T) {
	d := tapctltest.New(t)
	d.Furnish()
	d.Must("guest-create vm2 --nic mac=52:54:00:00:00:02")
	const create = "tap-service-create --type guest --target-id vm2 --enable "

	require.Contains(t, d.Must("plan "+create+"new"), "tap-service/new create")
	require.Len(t, d.Engine.Services(), 2)
	require.True(t, object[api.TapService](t, d, create+"new").Enabled)
	d.WaitFails(cli.ExitPending,
		"tap-service-create --type guest --target-id vm1 --wait 20ms --enable other")

	require.Contains(t, d.Fails(cli.ExitFailed, create+"new"), "name")
}

func TestAcceptPlace(t *testing.T) {
	d := tapctltest.New(t)
	d.Furnish()
	require.Regexp(t, `(?m)^place +-$`, d.Must("tap-service-show ids"))
	d.Must("tap-service-update ids --accept-place h2")
	require.Regexp(t, `(?m)^place +h2$`, d.Must("tap-service-show ids"))

	require.Contains(t, d.Fails(cli.ExitFailed, "tap-service-update ids --accept-place nowhere"),
		"next: ")
}

func TestReasonCodes(t *testing.T) {
	d := tapctltest.New(t)
	d.Furnish()
	require.Contains(t, d.Must("tap-flow-show web"), "\nreason_code  ")
	for _, word := range []string{"host", "tap-service", "tap-flow", "plugin"} {
		require.Contains(t, d.Must(word+"-list -o wide"), "  CODE  ", word)
		require.NotContains(t, d.Must(word+"-list"), "CODE", word)
	}
}

func TestHostDeleteForce(t *testing.T) {
	var queries []string
	controller := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		queries = append(queries, r.Method+" "+r.URL.RequestURI())
		w.WriteHeader(http.StatusNoContent)
	}))

	t.Cleanup(controller.Close)

	d := tapctltest.New(t)
	d.Env["TAPLINE_SERVER"] = controller.URL
	require.Equal(t, "host \"h1\" deleted\n", d.Must("host-delete h1 --force"))
	require.Equal(t, "host \"h1\" deleted\n", d.Must("host-delete h1"))
	require.Equal(t, []string{"DELETE /api/v1/hosts/h1?force=true", "DELETE /api/v1/hosts/h1"},
		queries)
}

// TestHostThatCannotBeReached is only deleted by force. It stays listed then, and the exit code
// says that the deletion is not complete.
func TestHostThatCannotBeReached(t *testing.T) {
	d := tapctltest.New(t)
	d.Must("host-create h1 --ovsdb tcp:192.0.2.1:6640")
	id := d.Engine.Hosts()[0].ID
	d.Engine.SetLeaving(id, true)
	d.Engine.SetMayStillCopy(id, "ids", "web")

	stderr := d.Fails(cli.ExitFailed, "host-delete h1")
	require.Contains(t, stderr, "cannot be reached")
	require.Contains(t, stderr, "next: bring the host back, or delete it with --force")
	require.Regexp(t, `(?m)^status +pending$`, d.Must("host-show h1"), "nothing was changed")

	code, _, stderr := d.Run("host-delete h1 --force --wait 10ms")
	require.Equal(t, cli.ExitPending, code, stderr)
	shown := d.Must("host-show h1")
	require.Regexp(t, `(?m)^status +deleting$`, shown)
	require.Regexp(t, `(?m)^may_still_copy +ids\n +web$`, shown)

	d.Engine.SetLeaving(id, false)
	require.Contains(t, d.Fails(cli.ExitFailed, "host-show h1"), "no host")
}

func TestPluginVerbs(t *testing.T) {
	d := tapctltest.New(t)
	require.Contains(t, d.Must("plugin-list"), "NAME")
	require.Contains(t, d.Fails(cli.ExitFailed, "plugin-show nobody"), "next: ")
	require.Contains(t, d.Fails(cli.ExitFailed, "plugin-reload nobody"), "next: ")
}

func TestReplicaVerbs(t *testing.T) {
	d := tapctltest.New(t)
	stands := &replicas{leader: "c1"}
	d.Env["TAPLINE_SERVER"] = d.Serve(server.Config{
		Engine: d.Engine, Token: []byte(tapctltest.Token), Replicas: stands,
	}).URL
	require.Regexp(t, `(?m)^c1 +leader .* http://c1$`, d.Must("replica-list"))
	require.Regexp(t, `(?m)^c2 +standby `, d.Must("replica-list"))
	require.Equal(t, "c2 leads\n", d.Must("replica-step-down"))
	require.Equal(t, "c1\nc2\n", d.Must("replica-list -o id"))

	stands.leader = "" // Nobody can follow.
	require.Contains(t, d.Fails(cli.ExitFailed, "replica-step-down"), "no other replica")
}

// replicas are two of which one hands over to the other at once.
type replicas struct{ leader string }

func (r *replicas) Replicas() []api.Replica {
	var out []api.Replica
	for _, name := range []string{"c1", "c2"} {
		v := api.Replica{Name: name, URL: "http://" + name, Role: api.RoleStandby,
			Since: "2026-11-01T12:00:00Z"}
		if name == r.leader {
			v.Role = api.RoleLeader
		}
		out = append(out, v)
	}
	return out
}

func (r *replicas) StepDown() error {
	if r.leader == "" {
		return errors.New("there is no other replica that could lead")
	}
	r.leader = "c2"
	return nil
}

func TestAllAsksOnATerminal(t *testing.T) {
	d := tapctltest.New(t)
	d.Furnish()
	enabled := func() (n int) {
		for _, f := range d.Engine.Flows() {
			if f.Enabled {
				n++
			}
		}
		return n
	}

	d.World.Interactive = true

	for _, answer := range []string{"", "\n", "n\n", "nay\n", "yesterday\n"} {
		d.Stdin = answer
		stderr := d.Fails(cli.ExitFailed, "tap-flow-disable --all")
		require.Contains(t, stderr, "disable 2 tap flows? [y/N] ")
		require.Contains(t, stderr, "nothing was changed\n  next: answer y, or give --yes")
		require.Equal(t, 2, enabled(), "%q", answer)
	}

	d.Stdin = "y\n"
	code, _, _ := d.Run("tap-flow-disable --all")
	require.Equal(t, cli.ExitDone, code)
	require.Equal(t, 0, enabled())

	d.Stdin = ""
	d.Must("tap-flow-enable --all --yes")
	require.Equal(t, 2, enabled())
	d.Must("tap-flow-disable web") // One that is named needs no answer.

	d.World.Interactive = false
	d.Must("tap-flow-disable --all")
	require.Equal(t, 0, enabled(), "a script is not asked")
}
