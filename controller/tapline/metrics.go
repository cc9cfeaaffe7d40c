package main

import (
	"net/http"
	"runtime"
	"slices"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// metrics holds what /metrics serves.
type metrics struct {
	registry  *prometheus.Registry
	rows      prometheus.Counter
	flows     prometheus.Counter
	programs  prometheus.Counter
	drift     prometheus.Counter
	converged prometheus.Histogram
	commits   prometheus.Histogram
	requests  *prometheus.CounterVec
	latency   *prometheus.HistogramVec
	denied    *prometheus.CounterVec
	streams   prometheus.Gauge
}

// pluginState says how often the mirror plugin was restarted; *plugin.Supervisor has it.
type pluginState interface {
	Restarts() uint64
}

// newMetrics makes the metrics; mirror is nil while this process stands by.
func newMetrics(mirror pluginState) *metrics {
	m := &metrics{registry: prometheus.NewRegistry()}
	m.addSwitchMetrics()
	m.addStoreMetrics()
	m.addAPIMetrics()
	m.addProcessMetrics(mirror)
	return m
}

// addSwitchMetrics adds what was written to switches.
func (m *metrics) addSwitchMetrics() {
	m.rows = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "tapline_ovsdb_rows_written_total",
		Help: "Rows written to the databases of switches.",
	})

	m.flows = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "tapline_openflow_flow_mods_total",
		Help: "Flow modifications sent to switches.",
	})

	m.programs = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "tapline_programs_applied_total",
		Help: "Programs of hosts that were applied and read back.",
	})

	m.drift = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "tapline_drift_repaired_total",
		Help: "Writes that repaired what somebody else had changed.",
	})

	m.converged = prometheus.NewHistogram(prometheus.HistogramOpts{
		Name:    "tapline_convergence_seconds",
		Help:    "Time from a host's new program until all of it was read back.",
		Buckets: prometheus.ExponentialBuckets(0.001, 2, 14),
	})

	m.registry.MustRegister(m.rows, m.flows, m.programs, m.drift, m.converged)
}

func (m *metrics) addStoreMetrics() {
	m.commits = prometheus.NewHistogram(prometheus.HistogramOpts{
		Name:    "tapline_store_commit_duration_seconds",
		Help:    "Time until a change of intent was on disk.",
		Buckets: prometheus.ExponentialBuckets(0.0005, 2, 14),
	})
	m.registry.MustRegister(m.commits)
}

func (m *metrics) addAPIMetrics() {
	m.requests = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "tapline_api_requests_total",
		Help: "Requests answered, by method, path and status.",
	}, []string{"method", "route", "code"})

	m.latency = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "tapline_api_request_duration_seconds",
		Help: "Time until a request was answered, including the time that it asked to wait; " +
			"event streams are left out.",
		// Few buckets, since each method and path has its own.
		Buckets: []float64{0.002, 0.01, 0.05, 0.25, 1, 5},
	}, []string{"method", "route"})

	m.denied = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "tapline_api_auth_failures_total",
		Help: "Requests refused for lack of a token or role, or after too many failures, " +
			"by status.",
	}, []string{"code"})

	m.streams = prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "tapline_watch_streams",
		Help: "Open event streams.",
	})

	m.registry.MustRegister(m.requests, m.latency, m.denied, m.streams)

	// The series exist from the start, so that the first failure is an increase.
	for _, code := range denials() {
		m.denied.WithLabelValues(strconv.Itoa(code))
	}
}

// denials returns the statuses of requests that were refused because of who sent them.
func denials() []int {
	return []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusTooManyRequests}
}

func (m *metrics) addProcessMetrics(mirror pluginState) {
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Name:        "tapline_build_info",
		Help:        "Always 1; the labels hold the version.",
		ConstLabels: prometheus.Labels{"version": version, "goversion": runtime.Version()},
	})

	build.Set(1)

	m.registry.MustRegister(build, collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	if mirror == nil {
		return
	}
	restarts := prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: "tapline_plugin_restarts_total",
		Help: "Restarts of the mirror plugin.",
	}, func() float64 { return float64(mirror.Restarts()) })

	m.registry.MustRegister(restarts)
}

func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

// Converged implements [engine.Observer].
func (m *metrics) Converged(d time.Duration) {
	m.programs.Inc()
	m.converged.Observe(d.Seconds())
}

// Applied implements [engine.Observer].
func (m *metrics) Applied(rows, flows int, drift bool) {
	m.rows.Add(float64(rows))
	m.flows.Add(float64(flows))
	if drift {
		m.drift.Inc()
	}
}

// Requested implements [server.Observer].
func (m *metrics) Requested(method, route string, status int, took time.Duration) {
	// Clients choose the method and the path, and must not be able to add series without end.
	switch method {
	case http.MethodGet, http.MethodPost, http.MethodPatch, http.MethodDelete:
	default:
		method = "other"
	}

	if route == "" {
		route = "other"
	}

	m.requests.WithLabelValues(method, route, strconv.Itoa(status)).Inc()
	if route != "/api/v1/watch" && route != "other" {
		m.latency.WithLabelValues(method, route).Observe(took.Seconds())
	}
	if slices.Contains(denials(), status) {
		m.denied.WithLabelValues(strconv.Itoa(status)).Inc()
	}
}

// Streaming implements [server.Observer].
func (m *metrics) Streaming(by int) { m.streams.Add(float64(by)) }

// Committed records a successful commit of the store.
func (m *metrics) Committed(took time.Duration) { m.commits.Observe(took.Seconds()) }
