package manage_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/tapctl/cli"
	"github.com/tapline-sdn/tapline/api/tapctl/tapctltest"
	"github.com/tapline-sdn/tapline/controller/engine/explain"
)

func TestTapFlowOptions(t *testing.T) {
	d := tapctltest.New(t)
	d.Furnish()
	made := object[api.TapFlow](t, d, "tap-flow-create --type vnic --guest-id vm1 --tap-id ids "+
		"--snaplen 128 --sample 4 --vlan 100 --for 2h --label app=db --label env= "+
		"--description audit f --filter", "tcp port 443")
	require.Equal(t, "tcp port 443", made.Filter)
	require.Equal(t, 128, made.Snaplen)
	require.Equal(t, 4, made.Sample)
	require.Equal(t, api.VLANAction("100"), made.VLAN)
	require.WithinDuration(t, time.Now().Add(2*time.Hour), *made.ExpiresAt, time.Minute)
	require.Equal(t, map[string]string{"app": "db", "env": ""}, made.Labels)
	require.Equal(t, "audit", made.Description)
	wide := d.Must("tap-flow-list --name f -o wide")
	require.Contains(t, wide, `filter="tcp port 443" snaplen=128 sample=4 vlan=100`)
	require.Contains(t, wide, "app=db,env=")

	changed := object[api.TapFlow](t, d, "tap-flow-update f --snaplen 0 --vlan strip --label app- "+
		"--label x=y --starts-at 2126-11-30T08:00:00Z --for 7d --filter none --description none")
	require.Empty(t, changed.Description)
	require.Empty(t, changed.Filter)
	require.Zero(t, changed.Snaplen)
	require.Equal(t, 4, changed.Sample, "it stays")
	require.Equal(t, api.VLANAction("strip"), changed.VLAN)
	require.Equal(t, map[string]string{"env": "", "x": "y"}, changed.Labels)
	require.Equal(t, "2126-12-07T08:00:00Z", changed.ExpiresAt.Format(time.RFC3339),
		"it lasts from its start on")

	changed = object[api.TapFlow](t, d, "tap-flow-update f --starts-at now --expires-at never")
	require.Nil(t, changed.StartsAt)
	require.Nil(t, changed.ExpiresAt)
	d.Must("tap-flow-disable f")
	enabled := object[api.TapFlow](t, d, "tap-flow-enable f --for 30m")
	require.True(t, enabled.Enabled)
	require.WithinDuration(t, time.Now().Add(30*time.Minute), *enabled.ExpiresAt, time.Minute)

	for line, want := range map[string]string{
		"--vlan drop":                   `--vlan "drop" is not accepted: want keep, strip`,
		"--for soon":                    `--for "soon" is not accepted: want a time such as 30m`,
		"--expires-at soon":             `--expires-at "soon" is not a time`,
		"--starts-at soon":              `--starts-at "soon" is not a time`,
		"--label app":                   `--label "app" is malformed`,
		"--for 1h --expires-at never":   "none of the others can be",
		"--label app=db --snaplen many": `"many"`,
	} {
		require.Contains(t, d.Fails(cli.ExitUsage, "tap-flow-update f "+line), want, line)
	}
}

// TestFilterWithACaret: a filter that is refused is shown, with the place below it.
func TestFilterWithACaret(t *testing.T) {
	d := tapctltest.New(t)
	d.Furnish()
	stderr := d.Fails(cli.ExitFailed,
		"tap-flow-create --type vnic --guest-id vm1 --tap-id ids f --filter", "tcp and prot 80")
	require.Contains(t, stderr, "tapctl tap-flow-create: filter: ")
	require.Contains(t, stderr, "\n    tcp and prot 80\n            ^^^^\n")

	stderr = d.Fails(cli.ExitFailed, "tap-flow-update web --filter", "tcp and\n(port 80")
	require.Contains(t, stderr, "\n    tcp and (port 80\n", "it is in one line")
	require.Contains(t, stderr, "^\n")
}

func TestNotesOfOthers(t *testing.T) {
	d := tapctltest.New(t)
	d.Furnish()
	d.Must("guest-create vm9 --nic mac=52:54:00:00:00:99 --label app=db --description nine")
	require.Equal(t, "db", object[api.Guest](t, d, "guest-show vm9").Labels["app"])
	d.Must("host-update h1 --label rack=a1 --description", "the first")
	require.Equal(t, "the first", object[api.Host](t, d, "host-show h1").Description)
	d.Must("tap-service-update ids --label app=ids --rate-limit 2000pps")
	require.Equal(t, "2000pps", object[api.TapService](t, d, "tap-service-show ids").RateLimit)
	d.Must("tap-service-update ids --rate-limit none")
	require.Empty(t, object[api.TapService](t, d, "tap-service-show ids").RateLimit)

	for line, want := range map[string]string{
		"guest-list --selector label.app=db":          "guest/vm9\n",
		"guest-list --selector name=vm?,label.app":    "guest/vm9\n",
		"host-list --selector label.rack":             "host/h1\n",
		"host-list --selector label.rack!=a1":         "host/h2\n",
		"tap-service-list --selector label.app=ids":   "tap-service/ids\n",
		"tap-flow-list --selector label.app=whatever": "",
	} {
		require.Equal(t, want, d.Must(line+" -o name"), line)
	}
	require.Contains(t, d.Fails(cli.ExitFailed, "guest-list --selector app=db"),
		`selector: at character 1: "app=db" is not a term`)
}

// TestSamePacket: on a terminal, a creation is followed by a note on tap flows that may deliver the
// same packet; elsewhere nobody is asked.
func TestSamePacket(t *testing.T) {
	d := tapctltest.New(t)
	d.Furnish()
	twins := make([]explain.Twin, 5)
	for i := range twins {
		twins[i] = explain.Twin{Flow: fmt.Sprint("f", i), Why: "wire net0 joins hosts h1 and h2"}
	}
	d.Engine.SetTwins("a", twins[0])
	d.Engine.SetTwins("b", twins[0])
	d.Engine.SetTwins("c", twins...)
	const create = "tap-flow-create --type vnic --guest-id vm1 --tap-id ids "

	d.Must(create + "a")
	d.World.Live = true
	_, _, stderr := d.Run(create + "b")
	require.Equal(t, "note: a packet may arrive twice, since these tap flows see it too:\n"+
		"  f0: wire net0 joins hosts h1 and h2\n", stderr)
	_, _, stderr = d.Run(create + "c")
	require.Contains(t, stderr, "  and 2 more; tapctl explain tap-flow c names them\n")
	_, _, stderr = d.Run(create + "d")
	require.Empty(t, stderr)
}
