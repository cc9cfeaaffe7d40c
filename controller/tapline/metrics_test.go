package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/controller/engine/view"
	"github.com/tapline-sdn/tapline/controller/meter"
	"github.com/tapline-sdn/tapline/controller/store"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// fakeRing is an engine with a number of services.
type fakeRing struct{ services int }

func (fakeRing) Count() (hosts, flows, services view.Counts) {
	return view.Counts{
			"ready":   2,
			"pending": 1,
		}, view.Counts{
			"error": 3,
		}, view.Counts{
			"disabled": 4,
		}
}

func (fakeRing) PluginUp() bool { return false }

func (fakeRing) Connections() (registered, ovsdb, openflow int) { return 3, 2, 1 }

func (r fakeRing) ServiceCounters() []view.ServiceCounters {
	var out []view.ServiceCounters
	for i := range r.services {
		out = append(
			out,
			view.ServiceCounters{Name: fmt.Sprintf("s%04d", i), Counters: meter.Counters{
				Captured: meter.Flowing{
					Count: meter.Count{Packets: 10, Bytes: 1000},
				},
				Guarded: meter.Count{Packets: 1, Bytes: 100},
				Delivered: meter.Flowing{
					Count: meter.Count{Packets: 7, Bytes: 700},
				},
				Lost: meter.Count{Packets: 2, Bytes: 200},
			}},
		)
	}
	return out
}

// Hosts has a host that is not connected and may still copy, and as many others as services.
func (r fakeRing) Hosts() []view.Host {
	out := []view.Host{{Host: store.Host{Name: "a-lost"}, MayStillCopy: []string{"ids", "web"}}}
	for i := range r.services {
		h := view.Host{Host: store.Host{Name: fmt.Sprintf("h%04d", i)}, Connected: true}
		h.OpenFlow = i > 0
		if i > maxHostSeries {
			h.MayStillCopy = []string{"late"}
		}
		out = append(out, h)
	}
	return out
}

// FlowRows has a tap flow for each service.
func (r fakeRing) FlowRows() []view.FlowRow {
	out := make([]view.FlowRow, r.services)
	for i := range out {
		record := &store.Flow{Flow: tap.Flow{Name: fmt.Sprintf("f%04d", i)}}
		out[i] = view.FlowRow{Flow: record, Health: view.Ready()}
	}
	return out
}

// FlowViews has counters: none for the first flow, and no delivery for the second.
func (fakeRing) FlowViews(rows []view.FlowRow) []view.Flow {
	var out []view.Flow
	for i, r := range rows {
		v := view.Flow{Flow: r.Flow, Health: r.Health}
		if i > 0 {
			v.Counters = meter.Counters{SampledAt: time.Now(), Undivided: i == 1}
			v.Counters.Captured.Packets, v.Counters.Lost.Packets = 10, 3
			v.Counters.Delivered.Packets = 7
			if i == 2 {
				v.Counters.ByMAC = &meter.ByMAC{}
				v.Counters.ByMAC.Captured.Packets = 4
			}
		}
		out = append(out, v)
	}
	return out
}

type fakePlugin struct{}

func (fakePlugin) Restarts() uint64 { return 5 }

// busy returns metrics after every kind of event has happened.
func busy(services int) *metrics {
	m := newMetrics(fakePlugin{})
	m.watch(fakeRing{services})
	m.Applied(3, 4, true)
	m.Converged(time.Millisecond)
	m.Committed(time.Millisecond)
	m.Requested("GET", "/api/v1/hosts/{ref}", 200, time.Millisecond)
	m.Requested("BREW", "", 401, time.Millisecond)
	m.Requested("GET", "/api/v1/watch", 200, time.Hour)
	m.Streaming(1)
	return m
}

func TestMetricsAreWellNamed(t *testing.T) {
	problems, err := testutil.GatherAndLint(busy(3).registry)
	require.NoError(t, err)
	assert.Empty(t, problems)
}

func TestMetricValues(t *testing.T) {
	m := busy(2)
	require.NoError(t, testutil.GatherAndCompare(m.registry, strings.NewReader(`
# HELP tapline_api_auth_failures_total `+
		`Requests refused for lack of a token or role, or after too many failures, by status.
# TYPE tapline_api_auth_failures_total counter
tapline_api_auth_failures_total{code="401"} 1
tapline_api_auth_failures_total{code="403"} 0
tapline_api_auth_failures_total{code="429"} 0
# HELP tapline_api_requests_total Requests answered, by method, path and status.
# TYPE tapline_api_requests_total counter
tapline_api_requests_total{code="200",method="GET",route="/api/v1/hosts/{ref}"} 1
tapline_api_requests_total{code="200",method="GET",route="/api/v1/watch"} 1
tapline_api_requests_total{code="401",method="other",route="other"} 1
# HELP tapline_hosts_connected Connected hosts by connection.
# TYPE tapline_hosts_connected gauge
tapline_hosts_connected{connection="openflow"} 1
tapline_hosts_connected{connection="ovsdb"} 2
# HELP tapline_lost_packets_total Packets sent into a tunnel and not arrived.
# TYPE tapline_lost_packets_total counter
tapline_lost_packets_total{tap_service="s0000"} 2
tapline_lost_packets_total{tap_service="s0001"} 2
# HELP tapline_plugin_restarts_total Restarts of the mirror plugin.
# TYPE tapline_plugin_restarts_total counter
tapline_plugin_restarts_total 5
# HELP tapline_plugin_up Whether the mirror plugin runs and answers.
# TYPE tapline_plugin_up gauge
tapline_plugin_up 0
# HELP tapline_tap_flows Tap flows by state.
# TYPE tapline_tap_flows gauge
tapline_tap_flows{status="disabled"} 0
tapline_tap_flows{status="error"} 3
tapline_tap_flows{status="pending"} 0
tapline_tap_flows{status="ready"} 0
`), "tapline_api_auth_failures_total", "tapline_api_requests_total", "tapline_hosts_connected",
		"tapline_lost_packets_total", "tapline_plugin_restarts_total", "tapline_plugin_up",
		"tapline_tap_flows"))
	n, err := testutil.GatherAndCount(m.registry, "tapline_api_request_duration_seconds")
	require.NoError(t, err)
	assert.Equal(t, 1, n, "event streams and unknown paths have no latency")
}

// TestObjectMetrics: hosts and tap flows have series of their own.
func TestObjectMetrics(t *testing.T) {
	const want = `
# HELP tapline_host_connected Whether a connection of a host is there.
# TYPE tapline_host_connected gauge
tapline_host_connected{connection="openflow",host="a-lost"} 0
tapline_host_connected{connection="openflow",host="h0000"} 0
tapline_host_connected{connection="openflow",host="h0001"} 1
tapline_host_connected{connection="openflow",host="h0002"} 1
tapline_host_connected{connection="ovsdb",host="a-lost"} 0
tapline_host_connected{connection="ovsdb",host="h0000"} 1
tapline_host_connected{connection="ovsdb",host="h0001"} 1
tapline_host_connected{connection="ovsdb",host="h0002"} 1
# HELP tapline_may_still_copy Disabled and deleted tap services and tap flows of which ` +
		`something may still be on the host's switch.
# TYPE tapline_may_still_copy gauge
tapline_may_still_copy{host="a-lost"} 2
tapline_may_still_copy{host="h0000"} 0
tapline_may_still_copy{host="h0001"} 0
tapline_may_still_copy{host="h0002"} 0
# HELP tapline_tap_flow_captured_by_mac_packets_total Packets captured for a tap flow alone, by ` +
		`the MAC address of its NIC, where it shares its capture.
# TYPE tapline_tap_flow_captured_by_mac_packets_total counter
tapline_tap_flow_captured_by_mac_packets_total{tap_flow="f0002"} 4
# HELP tapline_tap_flow_captured_packets_total Packets captured for a tap flow, and for those ` +
		`that share its capture.
# TYPE tapline_tap_flow_captured_packets_total counter
tapline_tap_flow_captured_packets_total{tap_flow="f0001"} 10
tapline_tap_flow_captured_packets_total{tap_flow="f0002"} 10
# HELP tapline_tap_flow_lost_packets_total Packets of a tap flow's capture that were sent into ` +
		`a tunnel and have not arrived.
# TYPE tapline_tap_flow_lost_packets_total counter
tapline_tap_flow_lost_packets_total{tap_flow="f0002"} 3
# HELP tapline_tap_flow_status Always 1; the labels hold a tap flow and its state.
# TYPE tapline_tap_flow_status gauge
tapline_tap_flow_status{status="ready",tap_flow="f0000"} 1
tapline_tap_flow_status{status="ready",tap_flow="f0001"} 1
tapline_tap_flow_status{status="ready",tap_flow="f0002"} 1
`
	require.NoError(t, testutil.GatherAndCompare(busy(3).registry, strings.NewReader(want),
		"tapline_host_connected", "tapline_may_still_copy", "tapline_tap_flow_status",
		"tapline_tap_flow_captured_by_mac_packets_total",
		"tapline_tap_flow_captured_packets_total", "tapline_tap_flow_lost_packets_total"))
}

// TestObjectsAreBounded: beyond the limits, only what may still copy is said, as one sum.
func TestObjectsAreBounded(t *testing.T) {
	m := busy(maxHostSeries + 5)
	for name, want := range map[string]int{
		"tapline_host_connected": 2 * maxHostSeries, "tapline_may_still_copy": maxHostSeries + 1,
		"tapline_tap_flow_status": maxFlowSeries,
	} {
		n, err := testutil.GatherAndCount(m.registry, name)
		require.NoError(t, err)
		assert.Equal(t, want, n, name)
	}

	sums := map[string]float64{}
	families, err := m.registry.Gather()
	require.NoError(t, err)
	for _, f := range families {
		for _, one := range f.GetMetric() {
			if f.GetName() == "tapline_may_still_copy" {
				sums[one.GetLabel()[0].GetValue()] = one.GetGauge().GetValue()
			}
		}
	}
	assert.InDelta(t, 4, sums[others], 0, "hosts 1001 to 1004 of %d", len(sums))
}

func TestServicesAreBounded(t *testing.T) {
	n, err := testutil.GatherAndCount(
		busy(maxServices+5).registry,
		"tapline_captured_packets_total",
	)
	require.NoError(t, err)
	assert.Equal(t, maxServices+1, n)
}

// exprs returns the PromQL expressions of the dashboard and the alerts, by place.
func exprs(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	var dashboard struct {
		Panels []struct {
			ID      int
			Title   string
			Targets []struct{ Expr string }
		}
	}
	text, err := os.ReadFile("../package/grafana-dashboard.json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &dashboard))
	ids := map[int]bool{}
	for _, p := range dashboard.Panels {
		assert.False(t, ids[p.ID], "two panels have id %d", p.ID)
		ids[p.ID] = true
		for i, target := range p.Targets {
			out[fmt.Sprintf("panel %s %d", p.Title, i)] = target.Expr
		}
	}
	var alerts struct {
		Groups []struct {
			Name  string
			Rules []struct {
				Alert, Expr string
				For         string
				Labels      struct{ Severity string }
				Annotations struct{ Summary, Description string }
			}
		}
	}
	text, err = os.ReadFile("../package/alerts.yaml")
	require.NoError(t, err)
	require.NoError(
		t,
		yaml.UnmarshalWithOptions(text, &alerts, yaml.Strict()),
		"rules have fields that Prometheus does not know",
	)
	for _, g := range alerts.Groups {
		for _, r := range g.Rules {
			assert.NotContains(t, out, "alert "+r.Alert)
			out["alert "+r.Alert] = r.Expr
			assert.Contains(t, []string{"critical", "warning", "info"}, r.Labels.Severity, r.Alert)
			assert.NotEmpty(t, r.Annotations.Summary, r.Alert)
			assert.NotEmpty(t, r.Annotations.Description, r.Alert)
			if r.For != "" {
				_, err := time.ParseDuration(r.For)
				assert.NoError(t, err, r.Alert)
			}
		}
	}
	return out
}

// The dashboard and the alerts use only metrics and labels that the controller has, and use all of
// Tapline's own metrics.
func TestDashboardAndAlertsUseExistingMetrics(t *testing.T) {
	families, err := busy(3).registry.Gather()
	require.NoError(t, err)
	labels := map[string][]string{"up": {"job"}}
	shown := map[string]bool{}
	for _, f := range families {
		names := []string{f.GetName()}
		if f.GetType().String() == "HISTOGRAM" {
			names = []string{f.GetName() + "_bucket", f.GetName() + "_sum", f.GetName() + "_count"}
		}
		for _, name := range names {
			labels[name] = []string{"job", "instance", "le"}
			for _, l := range f.GetMetric()[0].GetLabel() {
				labels[name] = append(labels[name], l.GetName())
			}
		}
	}
	selector := regexp.MustCompile(`\b((?:tapline|go|process)_[a-z0-9_]+|up)\b(?:\{([^}]*)\})?`)
	label := regexp.MustCompile(`([a-z_]+)\s*(?:=~|!~|!=|=)\s*"[^"]*"`)
	for where, expr := range exprs(t) {
		for _, pair := range []string{"()", "{}", "[]"} {
			assert.Equal(
				t,
				strings.Count(expr, pair[:1]),
				strings.Count(expr, pair[1:]),
				"%s: %s in %s",
				where,
				pair,
				expr,
			)
		}
		found := selector.FindAllStringSubmatch(expr, -1)
		assert.NotEmpty(t, found, "%s: no metric in %s", where, expr)
		for _, m := range found {
			has, known := labels[m[1]]
			assert.True(t, known, "%s: there is no metric %s", where, m[1])
			shown[m[1]] = true
			for _, l := range label.FindAllStringSubmatch(m[2], -1) {
				assert.Contains(t, has, l[1], "%s: %s has no label %s", where, m[1], l[1])
			}
		}
	}
	for _, f := range families {
		if name := f.GetName(); strings.HasPrefix(name, "tapline_") {
			assert.True(
				t,
				shown[name] || shown[name+"_bucket"],
				"neither the dashboard nor an alert shows %s",
				name,
			)
		}
	}
}

func TestParts(t *testing.T) {
	got := parts(errors.New("no space left on device"), fakeRing{}, "api 127.0.0.1:8640", "", false)
	assert.Equal(t, []api.Part{
		{Name: "store", Status: api.PartFailed, Detail: "no space left on device"},
		{Name: "listeners", Status: api.PartOK, Detail: "api 127.0.0.1:8640"},
		{Name: "hosts", Status: api.PartDegraded, Detail: "1 of 3 connected (OVSDB 2, OpenFlow 1)"},
	}, got)
	assert.True(
		t,
		slices.ContainsFunc(
			parts(nil, fakeRing{}, "", "", false),
			func(p api.Part) bool { return p.Name == "store" && p.Status == api.PartOK },
		),
	)
}

func TestPlainOpenFlowIsSaid(t *testing.T) {
	ports := parts(nil, fakeRing{}, "openflow [::]:6653", "", true)[1]
	assert.Equal(t, api.PartDegraded, ports.Status)
	assert.Contains(t, ports.Detail, "openflow [::]:6653; OpenFlow is not encrypted")
}
