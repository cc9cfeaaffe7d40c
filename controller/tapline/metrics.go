package main

import (
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/tapline-sdn/tapline/controller/engine"
	"github.com/tapline-sdn/tapline/plugin"
)

// metrics is what /metrics tells.
type metrics struct {
	registry  *prometheus.Registry
	rows      prometheus.Counter
	flows     prometheus.Counter
	drift     prometheus.Counter
	converged prometheus.Histogram
}

func newMetrics(supervisor *plugin.Supervisor) *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		rows: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "tapline_ovsdb_rows_written_total", Help: "Rows written to switches' databases."}),
		flows: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "tapline_openflow_flow_mods_total", Help: "Flow modifications sent to switches."}),
		drift: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "tapline_drift_repaired_total", Help: "Writes that repaired what somebody else had changed."}),
		converged: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "tapline_convergence_seconds", Help: "Time from a host's new program until all of it was read back.",
			Buckets: prometheus.ExponentialBuckets(0.001, 2, 14)}),
	}
	m.registry.MustRegister(m.rows, m.flows, m.drift, m.converged,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "tapline_plugin_restarts_total", Help: "Restarts of the mirror plugin.",
		}, func() float64 { return float64(supervisor.Restarts()) }))
	return m
}

// watch adds what is read from the engine at each scrape.
func (m *metrics) watch(ring *engine.Engine) {
	m.registry.MustRegister(&stateCollector{ring: ring,
		hosts: prometheus.NewDesc("tapline_hosts", "Registered hosts by state.", []string{"status"}, nil),
		taps:  prometheus.NewDesc("tapline_tap_flows", "Tap flows by state.", []string{"status"}, nil),
		sinks: prometheus.NewDesc("tapline_tap_services", "Tap services by state.", []string{"status"}, nil),
	})
}

func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

// Converged implements [engine.Observer].
func (m *metrics) Converged(d time.Duration) { m.converged.Observe(d.Seconds()) }

// Applied implements [engine.Observer].
func (m *metrics) Applied(rows, flows int, drift bool) {
	m.rows.Add(float64(rows))
	m.flows.Add(float64(flows))
	if drift {
		m.drift.Inc()
	}
}

// stateCollector counts resources by state.
type stateCollector struct {
	ring               *engine.Engine
	hosts, taps, sinks *prometheus.Desc
}

// Describe implements prometheus.Collector.
func (c *stateCollector) Describe(out chan<- *prometheus.Desc) {
	out <- c.hosts
	out <- c.taps
	out <- c.sinks
}

// Collect implements prometheus.Collector.
func (c *stateCollector) Collect(out chan<- prometheus.Metric) {
	hosts, flows, services := c.ring.Count()
	for _, counted := range []struct {
		desc *prometheus.Desc
		by   engine.Counts
	}{{c.hosts, hosts}, {c.taps, flows}, {c.sinks, services}} {
		for state, n := range counted.by {
			out <- prometheus.MustNewConstMetric(counted.desc, prometheus.GaugeValue, float64(n), string(state))
		}
	}
}
