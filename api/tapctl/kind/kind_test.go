package kind_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/tapctl/advice"
	"github.com/tapline-sdn/tapline/api/tapctl/format"
	"github.com/tapline-sdn/tapline/api/tapctl/kind"
)

func TestFind(t *testing.T) {
	for word, want := range map[string]string{
		"tap-flow": "tap-flow", "tap_flow": "tap-flow", "tap_flows": "tap-flow",
		"TAP-FLOWS": "tap-flow",
		"host":      "host", "hosts": "host", "wires": "wire", "guest": "guest",
		"tap-services": "tap-service",
	} {
		k, ok := kind.Find(word)
		require.True(t, ok, word)
		require.Equal(t, want, k.Word, word)
	}

	for _, word := range []string{"", "s", "pod", "token", "tapflow"} {
		_, ok := kind.Find(word)
		require.False(t, ok, word)
	}

	for _, k := range kind.All() {
		require.Equal(t, k.Noun, kind.Noun(k.Key()))
		require.Equal(t, k.Word, kind.Word(k.Key()))
	}
}

func TestOf(t *testing.T) {
	flows, _ := kind.Find("tap-flow")
	o, ok := flows.Of(api.TapFlow{ID: "1", Name: "web", Status: api.Error, Reason: "why"})
	require.True(t, ok)
	require.True(t, o.Is("1") && o.Is("web") && !o.Is("2"))
	require.Equal(t, "error: why", o.Health.String())

	_, ok = flows.Of(api.Host{})
	require.False(t, ok)
	require.Equal(t, "ready", kind.Health{Status: api.Ready}.String())
}

func TestNearest(t *testing.T) {
	names := []string{"web", "web-vm", "database", "ids"}
	for ref, want := range map[string]string{
		"wbe": "web", "web-vn": "web-vm", "WEB": "web", "databse": "database", "idss": "ids",
		"entirely-different": "", "": "",
	} {
		require.Equal(t, want, advice.Nearest(ref, names), ref)
	}
	require.Empty(t, advice.Nearest("web", nil))
}

func TestCounterText(t *testing.T) {
	require.Equal(t, "not read from the switches yet", kind.CounterText(api.Counters{}))

	at := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	captured := api.Flowing{PacketsPerSecond: 10, BitsPerSecond: 8000}
	captured.Packets, captured.Bytes = 1234, 123_400
	counters := api.Counters{SampledAt: &at, Captured: captured, Shared: true}
	counters.Guarded.Packets, counters.Guarded.Bytes = 2, 200
	require.Equal(t, strings.Join([]string{
		"captured   1234 (123 kB), 10 p/s, 8.0 kbit/s",
		"guarded    2 (200 B) of tunnel traffic, left out",
		"delivered  not known: tap flows of the same host share the counter",
		"shared     with other tap flows from this bridge to this tap service",
		"read at    2026-11-01T12:00:00Z",
	}, "\n"), kind.CounterText(counters))

	counters = api.Counters{SampledAt: &at, Captured: captured, Delivered: &captured,
		Lost: &api.Count{}}

	require.Contains(t, kind.CounterText(counters), "lost       0 (0 B)")
	require.NotContains(t, kind.CounterText(counters), "cut")

	counters.Cut = &api.Cut{Size: 1472, Reason: "the path has MTU 1500"}
	require.Contains(t, kind.CounterText(counters),
		"cut        to 1472 octets, not counted how many: the path has MTU 1500")
}

func TestWriteOfSeveralForms(t *testing.T) {
	flows := kind.TapFlows()
	web := api.TapFlow{ID: "1", Name: "web", Type: "vnic", GuestName: "vm1",
		MACAddr: "02:00:00:00:00:01"}

	wire := api.TapFlow{ID: "2", Name: "sw", Type: "vswitch", HostID: "h", WireID: "net0",
		VLANID: 7}

	require.Equal(t, "vm1/02:00:00:00:00:01", kind.Source(web))
	require.Equal(t, "h/net0 vlan 7", kind.Source(wire))

	write := func(s format.Style, rows ...api.TapFlow) string {
		t.Helper()
		var b strings.Builder
		require.NoError(t, flows.Write(&b, s, rows...))
		return b.String()
	}

	require.Empty(t, write(format.Style{Format: "table"}))
	require.Equal(t, "1\n2\n", write(format.Style{Format: "id"}, web, wire))
	require.Contains(t, write(format.Style{Format: "table"}, web), "guest_name   vm1\n")
	require.Contains(t, write(format.Style{Format: "table"}, web, wire), "vm1/02:00")
	require.Equal(t, 1, strings.Count(write(format.Style{Format: "yaml"}, web, wire), "\n---\n"))

	var unknown *format.UnknownColumnError
	err := flows.Write(&strings.Builder{}, format.Style{Columns: []string{"colour"}}, web)
	require.ErrorAs(t, err, &unknown)
	require.Equal(t, "colour", unknown.Title)
}
