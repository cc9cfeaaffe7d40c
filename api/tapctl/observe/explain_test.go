package observe_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/tapctl/cli"
	"github.com/tapline-sdn/tapline/api/tapctl/tapctltest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestExplain(t *testing.T) {
	d := tapctltest.New(t)
	d.Furnish()
	for _, line := range []string{"explain tap-flow web", "explain tap-service/ids"} {
		t.Run(line, func(t *testing.T) {
			name := strings.NewReplacer(" ", "-", "/", "-").Replace(line) + ".txt"
			tapctltest.Golden(t, name, d.With(t).Must(line))
		})
	}

	var x api.Explanation
	require.NoError(t, json.Unmarshal([]byte(d.Must("explain tap_flows web -o json")), &x))
	require.Equal(t, "web", x.Name)
	require.NotEmpty(t, x.Checks)
}

func TestExplainUsage(t *testing.T) {
	d := tapctltest.New(t)
	for line, want := range map[string]string{
		"explain web":      "want tap-flow ID or tap-service ID",
		"explain tap-flow": "want tap-flow ID or tap-service ID",
		"explain host h1":  `"host" cannot be explained`,
		"explain":          "accepts between 1 and 2 arg(s)",
	} {
		require.Contains(t, d.Fails(cli.ExitUsage, line), want, line)
	}
}
