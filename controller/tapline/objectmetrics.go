package main

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/tapline-sdn/tapline/controller/engine/view"
)

// Each host and each tap flow has series of its own, up to these numbers. Prometheus keeps each
// series in memory, so one controller must not make them without end.
const (
	maxHostSeries = 1000
	maxFlowSeries = 1000
)

// objects are the hosts and tap flows of the engine, by name.
type objects interface {
	Hosts() []view.Host
	FlowRows() []view.FlowRow
	FlowViews(rows []view.FlowRow) []view.Flow
}

// objectCollector collects what is known of single hosts and tap flows: of the first ones by name.
type objectCollector struct {
	ring                 objects
	connected, remaining *prometheus.Desc
	status               *prometheus.Desc

	captured, byMAC, delivered, lost *prometheus.Desc
}

func newObjectCollector(ring objects) *objectCollector {
	flow := []string{"tap_flow"}

	return &objectCollector{
		ring: ring,
		connected: prometheus.NewDesc("tapline_host_connected",
			"Whether a connection of a host is there.", []string{"host", "connection"}, nil),
		remaining: prometheus.NewDesc("tapline_may_still_copy",
			"Disabled and deleted tap services and tap flows of which something may still be on "+
				"the host's switch.", []string{"host"}, nil),
		status: prometheus.NewDesc("tapline_tap_flow_status",
			"Always 1; the labels hold a tap flow and its state.",
			[]string{"tap_flow", "status"}, nil),
		captured: prometheus.NewDesc("tapline_tap_flow_captured_packets_total",
			"Packets captured for a tap flow, and for those that share its capture.", flow, nil),
		byMAC: prometheus.NewDesc("tapline_tap_flow_captured_by_mac_packets_total",
			"Packets captured for a tap flow alone, by the MAC address of its NIC, where it "+
				"shares its capture.", flow, nil),
		delivered: prometheus.NewDesc("tapline_tap_flow_delivered_packets_total",
			"Packets of a tap flow's capture that reached the tap NIC.", flow, nil),
		lost: prometheus.NewDesc("tapline_tap_flow_lost_packets_total",
			"Packets of a tap flow's capture that were sent into a tunnel and have not arrived.",
			flow, nil),
	}
}

// Describe implements prometheus.Collector.
func (c *objectCollector) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		c.connected, c.remaining, c.status, c.captured, c.byMAC, c.delivered, c.lost,
	} {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (c *objectCollector) Collect(out chan<- prometheus.Metric) {
	c.collectHosts(out, c.ring.Hosts())

	rows := c.ring.FlowRows()
	for _, f := range c.ring.FlowViews(rows[:min(len(rows), maxFlowSeries)]) {
		c.collectFlow(out, &f)
	}
}

// collectHosts sends the connections of the first hosts, and what may still copy on any host: the
// hosts beyond the limit have one sum.
func (c *objectCollector) collectHosts(out chan<- prometheus.Metric, hosts []view.Host) {
	beyond := 0
	for i := range hosts {
		h := &hosts[i]
		if i >= maxHostSeries {
			beyond += len(h.MayStillCopy)
			continue
		}

		gauge(out, c.connected, truth(h.Connected), h.Name, "ovsdb")
		gauge(out, c.connected, truth(h.OpenFlow), h.Name, "openflow")
		gauge(out, c.remaining, float64(len(h.MayStillCopy)), h.Name)
	}

	if len(hosts) > maxHostSeries {
		gauge(out, c.remaining, float64(beyond), others)
	}
}

// collectFlow sends the state of a tap flow and what was counted for it, as far as it is known.
func (c *objectCollector) collectFlow(out chan<- prometheus.Metric, f *view.Flow) {
	gauge(out, c.status, 1, f.Name, string(f.State))

	n := &f.Counters
	if n.SampledAt.IsZero() {
		return
	}

	counter(out, c.captured, n.Captured.Packets, f.Name)
	if n.ByMAC != nil {
		counter(out, c.byMAC, n.ByMAC.Captured.Packets, f.Name)
	}
	if !n.Undivided {
		counter(out, c.delivered, n.Delivered.Packets, f.Name)
		counter(out, c.lost, n.Lost.Packets, f.Name)
	}
}

func gauge(out chan<- prometheus.Metric, d *prometheus.Desc, value float64, labels ...string) {
	out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
}

func counter(out chan<- prometheus.Metric, d *prometheus.Desc, value uint64, labels ...string) {
	out <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(value), labels...)
}

// truth is a yes or no as a metric has it.
func truth(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}
