package observe_test

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/api/tapctl/cli"
	"github.com/tapline-sdn/tapline/api/tapctl/tapctltest"
)

func TestTopology(t *testing.T) {
	d := tapctltest.Spread(t)
	for _, form := range []string{"tree", "dot", "mermaid", "json", "yaml"} {
		t.Run(
			form,
			func(t *testing.T) {
				tapctltest.Golden(t, "topology-"+form+".txt",
					d.Must("topology -o "+form))
			},
		)
	}

	require.Equal(t, d.Must("topology -o tree"), d.Must("topology"))
	t.Run(
		"one host",
		func(t *testing.T) { tapctltest.Golden(t, "topology-h2.txt", d.Must("topology h2")) },
	)

	require.Contains(t, tapctltest.New(t).Must("topology"), "no host is registered")
	require.Contains(t, d.Fails(cli.ExitFailed, "topology h22"), `did you mean host "h2"?`)
	require.Contains(t, d.Fails(cli.ExitUsage, "topology -o wide"),
		"want tree, dot, mermaid, json or yaml")
}

func TestTopologyForGraphviz(t *testing.T) {
	dot, err := exec.LookPath("dot")
	if err != nil {
		t.Skip("Graphviz (dot) is not installed")
	}
	d := tapctltest.Spread(t)
	draw := exec.CommandContext(t.Context(), dot, "-Tplain")
	draw.Stdin = strings.NewReader(d.Must("topology -o dot"))
	out, err := draw.CombinedOutput()
	require.NoError(t, err, "%s", out)
}
