package manage_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/tapline-sdn/tapline/api/tapctl/tapctltest"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestGoldenLists(t *testing.T) {
	d := tapctltest.New(t)
	d.Furnish()

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
				d := d.With(t)
				d.World.Width = tc.width
				out := d.Must(word + tc.args)
				tapctltest.Golden(t, word+"-"+tc.name+".txt", out)

				for line := range strings.Lines(out) {
					if tc.name == "list-80" {
						require.LessOrEqual(t, len([]rune(strings.TrimRight(line, "\n"))), 80)
					}
				}
			})
		}
	}

	t.Run("an empty list", func(t *testing.T) {
		tapctltest.Golden(t, "tap-flow-list-empty.txt", tapctltest.New(t).Must("tap-flow-list"))
	})
}

func TestGoldenShows(t *testing.T) {
	d := tapctltest.New(t)
	d.Furnish()
	for _, line := range []string{
		"host-show h1", "guest-show vm1", "wire-show net0", "tap-service-show ids",
		"tap-flow-show web",
	} {
		t.Run(line, func(t *testing.T) {
			tapctltest.Golden(t, strings.ReplaceAll(line, " ", "-")+".txt", d.With(t).Must(line))
		})
	}
}

func TestListFilters(t *testing.T) {
	d := tapctltest.New(t)
	d.Furnish()
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
		require.Equal(t, want, d.Must(line), line)
	}
}

func TestColumnsAndHeaders(t *testing.T) {
	d := tapctltest.New(t)
	d.Furnish()

	bare := d.Must("tap-flow-list --no-headers --columns name,status")
	require.Equal(t, "net0-100  pending\nweb       error\n", bare)
	require.Equal(t, "TUNNEL IP  NAME\n192.0.2.1  h1\n",
		d.Must("host-show h1 --columns tunnel_ip,NAME"))

	require.Regexp(t, `^LAST-USED\n20\S+Z\n$`, d.Must("token-list --columns last-used"))

	require.Equal(t, d.Must("tap-flow-list -o wide"), d.Must("tap-flow list -owide"))
	require.Equal(t, d.Must("tap-flow-show web"), d.Must("-o table tap-flow show web"))
}

func TestControlCharactersDoNotReachTheTerminal(t *testing.T) {
	d := tapctltest.New(t)
	d.Furnish()
	d.Engine.SetHealth("flow-5", tap.StateError, "evil \x1b[2J name")

	control := regexp.MustCompile(`[\x00-\x09\x0b-\x1f\x7f]`)
	for _, line := range []string{"tap-flow-list", "tap-flow-list -o wide", "tap-flow-show web"} {
		out := d.Must(line)
		require.NotRegexp(t, control, out)
		require.Contains(t, out, "evil ?[2J name")
	}
}
