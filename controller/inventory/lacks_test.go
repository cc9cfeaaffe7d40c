package inventory

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/controller/inventory/switchtest"
	"github.com/tapline-sdn/tapline/controller/store"
	"github.com/tapline-sdn/tapline/ovsdb/vswitch"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// TestLacks: what a switch lacks, by its release and by what it tells of its datapath.
func TestLacks(t *testing.T) {
	capable := func(hash string) vswitch.Pairs {
		return vswitch.PairsOf(map[string]string{"max_hash_alg": hash})
	}
	kernel := func(p vswitch.Pairs) []DatapathFacts { return []DatapathFacts{{"system", p}} }
	userspace := []DatapathFacts{{Type: "netdev"}}

	for _, tc := range []struct {
		name  string
		facts Facts
		want  string // codes, "?" behind those that are uncertain
	}{
		{"newest kernel", Facts{Version: "3.1.0", Datapaths: kernel(capable("1"))},
			"gre_over_ipv6 neighbours"},
		{"kernel before 6.5", Facts{Version: "3.1.0", Datapaths: kernel(capable("0"))},
			"gre_over_ipv6 neighbours symmetric_hash"},
		{"kernel that does not tell",
			Facts{Version: "3.1.0", Datapaths: kernel(vswitch.Pairs{})},
			"gre_over_ipv6 neighbours symmetric_hash?"},
		{"kernel without GRE", Facts{Version: "3.5.0", NoGRE: true,
			Datapaths: kernel(capable("1"))}, "gre gre_over_ipv6 neighbours single_copy"},
		{"userspace of 2.15", Facts{Version: "2.15.0", Datapaths: userspace},
			"cache_update erspan_beside_gre flow_monitor own_packets"},
		{"userspace of 3.1.0", Facts{Version: "3.1.0", Datapaths: userspace},
			"cache_update erspan_beside_gre own_packets"},
		{"userspace of 3.1.3", Facts{Version: "3.1.3", Datapaths: userspace},
			"erspan_beside_gre own_packets single_copy"},
		{"unknown release", Facts{Version: "main", Datapaths: userspace},
			"cache_update? erspan_beside_gre flow_monitor? own_packets single_copy?"},
		{"no bridge", Facts{Version: "4.0.0"}, "single_copy"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var codes []string
			for _, lack := range Lacks(tc.facts) {
				code := string(lack.Code)
				if lack.Possible {
					code += "?"
				}
				codes = append(codes, code)
				assert.Equal(t, Describe(lack.Code).Datapath, lack.Datapath)
			}
			assert.Equal(t, tc.want, strings.Join(codes, " "))
		})
	}
}

// TestObserveLacks: a host has what its switch lacks, for the datapaths of its bridges alone.
func TestObserveLacks(t *testing.T) {
	snap := switchtest.Snapshot(t, nil, switchtest.Bridge{Name: "br0"})
	h := observing.Observe(&store.Host{ID: "h1"}, store.Learned{}, snap, nobody).Host
	assert.True(t, h.Lacks(tap.LackSymmetricHash, "system"), "the switch does not tell")
	assert.False(t, h.Lacks(tap.LackSymmetricHash, "netdev"))
	assert.False(t, h.Lacks(tap.LackFlowMonitor, "system"))

	told := switchtest.WithCapabilities(t, snap, "system",
		map[string]string{"max_hash_alg": "1"})
	assert.True(t, observing.MayDiffer(snap, told))
	h = observing.Observe(&store.Host{ID: "h1"}, store.Learned{}, told, nobody).Host
	assert.False(t, h.Lacks(tap.LackSymmetricHash, "system"))

	without := observing.Observe(&store.Host{ID: "h1"}, store.Learned{NoGRE: "not supported"},
		told, nobody).Host
	assert.True(t, without.Lacks(tap.LackGRE, "system"))
	assert.False(t, h.Lacks(tap.LackGRE, "system"))
}

// TestReadmeListsLacks: the table in README says what the program says.
func TestReadmeListsLacks(t *testing.T) {
	text, err := os.ReadFile("../../README.md")
	require.NoError(t, err)

	want := "| Code | Releases | What the switch does | What it costs you |\n|---|---|---|---|\n"
	codes := map[tap.LackCode]bool{}
	for _, s := range Shortcomings() {
		want += fmt.Sprintf("| `%s` | %s | %s. | %s |\n", s.Code, s.Where, s.What, s.Costs)
		assert.False(t, codes[s.Code], "%s is there twice", s.Code)
		codes[s.Code] = true
	}

	require.True(t, strings.Contains(string(text), want+"\n"),
		"the table of releases in README is not that of the program, which is:\n%s", want)
}
