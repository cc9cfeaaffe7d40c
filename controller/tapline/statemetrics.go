package main

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/tapline-sdn/tapline/controller/engine/view"
	"github.com/tapline-sdn/tapline/controller/meter"
)

// state is what is read from the engine at each scrape; *engine.Engine has it.
type state interface {
	Count() (hosts, flows, services view.Counts)
	Connections() (registered, ovsdb, openflow int)
	PluginUp() bool
	ServiceCounters() []view.ServiceCounters
	objects
}

// watch adds the metrics that are read from the engine at each scrape.
func (m *metrics) watch(ring state) {
	up := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "tapline_plugin_up",
		Help: "Whether the mirror plugin runs and answers.",
	}, func() float64 { return truth(ring.PluginUp()) })

	m.registry.MustRegister(newStateCollector(ring), newObjectCollector(ring), up)
}

// stateCollector collects the states of resources and the traffic of tap services.
type stateCollector struct {
	ring                               state
	hosts, flows, services, connection *prometheus.Desc
	traffic                            []trafficMetric
}

// trafficMetric is one counter of tap services, in packets and bytes.
type trafficMetric struct {
	count          func(*meter.Counters) meter.Count
	packets, bytes *prometheus.Desc
}

func newStateCollector(ring state) *stateCollector {
	status := []string{"status"}
	return &stateCollector{
		ring:     ring,
		hosts:    prometheus.NewDesc("tapline_hosts", "Registered hosts by state.", status, nil),
		flows:    prometheus.NewDesc("tapline_tap_flows", "Tap flows by state.", status, nil),
		services: prometheus.NewDesc("tapline_tap_services", "Tap services by state.", status, nil),
		connection: prometheus.NewDesc("tapline_hosts_connected",
			"Connected hosts by connection.", []string{"connection"}, nil),
		traffic: trafficMetrics(),
	}
}

func trafficMetrics() []trafficMetric {
	var all []trafficMetric
	for _, m := range []struct {
		name, help string
		count      func(*meter.Counters) meter.Count
	}{
		{"captured", "captured at the sources of a tap service",
			func(c *meter.Counters) meter.Count { return c.Captured.Count }},
		{"guarded", "captured and dropped, since they were the tunnels' own",
			func(c *meter.Counters) meter.Count { return c.Guarded }},
		{"delivered", "delivered to the tap NIC of a tap service",
			func(c *meter.Counters) meter.Count { return c.Delivered.Count }},
		{"lost", "sent into a tunnel and not arrived",
			func(c *meter.Counters) meter.Count { return c.Lost }},
		{"filtered", "captured, and rejected by a filter or left out by a sample",
			func(c *meter.Counters) meter.Count { return c.Filtered }},
		{"limited", "captured, and dropped by the rate limit of a tap service",
			func(c *meter.Counters) meter.Count { return c.Limited }},
	} {
		labels := []string{"tap_service"}
		all = append(all, trafficMetric{
			count: m.count,
			packets: prometheus.NewDesc("tapline_"+m.name+"_packets_total",
				"Packets "+m.help+".", labels, nil),
			bytes: prometheus.NewDesc("tapline_"+m.name+"_bytes_total",
				"Bytes of the packets "+m.help+".", labels, nil),
		})
	}

	return all
}

// Describe implements prometheus.Collector.
func (c *stateCollector) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{c.hosts, c.flows, c.services, c.connection} {
		out <- d
	}
	for _, m := range c.traffic {
		out <- m.packets
		out <- m.bytes
	}
}

// Collect implements prometheus.Collector.
func (c *stateCollector) Collect(out chan<- prometheus.Metric) {
	hosts, flows, services := c.ring.Count()
	collectStates(out, c.hosts, hosts)
	collectStates(out, c.flows, flows)
	collectStates(out, c.services, services)

	_, ovsdb, openflow := c.ring.Connections()
	gauge(out, c.connection, float64(ovsdb), "ovsdb")
	gauge(out, c.connection, float64(openflow), "openflow")

	all := c.ring.ServiceCounters()
	for _, m := range c.traffic {
		m.collect(out, all)
	}
}

// collectStates sends the number of resources in each state. The usual states are always sent, so
// that their graphs have no gaps.
func collectStates(out chan<- prometheus.Metric, desc *prometheus.Desc, counts view.Counts) {
	byState := map[string]int{"disabled": 0, "pending": 0, "ready": 0, "error": 0}
	for state, n := range counts {
		byState[string(state)] += n
	}
	for state, n := range byState {
		gauge(out, desc, float64(n), state)
	}
}

const (
	// maxServices bounds the values of the label tap_service.
	maxServices = 1000
	// others is the label under which the services beyond maxServices are summed.
	others = "_others"
)

// collect sends the counter for each of the first services by name, and one sum for the others.
func (m trafficMetric) collect(out chan<- prometheus.Metric, all []view.ServiceCounters) {
	send := func(name string, n meter.Count) {
		counter(out, m.packets, n.Packets, name)
		counter(out, m.bytes, n.Bytes, name)
	}

	var rest meter.Count
	for i := range all {
		n := m.count(&all[i].Counters)
		if i < maxServices {
			send(all[i].Name, n)
			continue
		}
		rest.Packets, rest.Bytes = rest.Packets+n.Packets, rest.Bytes+n.Bytes
	}

	if len(all) > maxServices {
		send(others, rest)
	}
}
