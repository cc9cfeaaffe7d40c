package cmd_test

import (
	"net/netip"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/api/tapctl/cmd"
	"github.com/tapline-sdn/tapline/controller/engine"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// spread furnishes a desk with a tunnel, a local mirror, and flows and services that are on no host.
func spread(t *testing.T) *desk {
	d := newDesk(t)
	d.furnish()
	mac, err := tap.ParseMAC("52:54:00:00:00:09")
	require.NoError(t, err)
	d.engine.LearnGuest(engine.GuestView{ID: "vm-9", Name: "db", NICs: []engine.NICView{{
		MAC: mac, IPs: []netip.Addr{netip.MustParseAddr("10.0.0.9")}, HostID: "host-2", Host: "h2", Bridge: "br1", Port: "vnet9",
	}}})
	d.must("tap-flow-create --type vnic --guest-id db --tap-id probe db-all")
	d.must("tap-flow-create --type vswitch --host-id h1 --wire-id net0 --tap-id probe --disabled all")
	d.engine.SetHealth("svc-4", tap.StateReady, "")
	d.engine.SetHealth("flow-7", tap.StateReady, "")
	d.must("tap-service-enable probe")
	return d
}

func TestTopology(t *testing.T) {
	d := spread(t)
	for _, form := range []string{"tree", "dot", "mermaid", "json", "yaml"} {
		t.Run(form, func(t *testing.T) { golden(t, "topology-"+form+".txt", d.must("topology -o "+form)) })
	}
	require.Equal(t, d.must("topology -o tree"), d.must("topology"))
	t.Run("one host", func(t *testing.T) { golden(t, "topology-h2.txt", d.must("topology h2")) })
	require.Contains(t, newDesk(t).must("topology"), "no host is registered")
	require.Contains(t, d.fails(cmd.ExitFailed, "topology h22"), `did you mean host "h2"?`)
	require.Contains(t, d.fails(cmd.ExitUsage, "topology -o wide"), "want tree, dot, mermaid, json or yaml")
}

func TestTopologyForGraphviz(t *testing.T) {
	dot, err := exec.LookPath("dot")
	if err != nil {
		t.Skip("Graphviz (dot) is not installed")
	}
	d := spread(t)
	draw := exec.CommandContext(t.Context(), dot, "-Tplain")
	draw.Stdin = strings.NewReader(d.must("topology -o dot"))
	out, err := draw.CombinedOutput()
	require.NoError(t, err, "%s", out)
}
