package main

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/tapline-sdn/tapline/controller/engine"
	"github.com/tapline-sdn/tapline/controller/meter"
)

// state is what is read of the engine at each scrape; *engine.Engine has it.
type state interface {
	Count() (hosts, flows, services engine.Counts)
	Connections() (registered, ovsdb, openflow int)
	PluginUp() bool
	ServiceCounters() []engine.ServiceCounters
}

// watch adds what is read from the engine at each scrape.
func (m *metrics) watch(ring state) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "tapline_plugin_up", Help: "Whether the mirror plugin runs and answers.",
	}, func() float64 {
		if ring.PluginUp() {
			return 1
		}
		return 0
	}))
	status := []string{"status"}
	c := &stateCollector{
		ring:      ring,
		hosts:     prometheus.NewDesc("tapline_hosts", "Registered hosts by state.", status, nil),
		taps:      prometheus.NewDesc("tapline_tap_flows", "Tap flows by state.", status, nil),
		sinks:     prometheus.NewDesc("tapline_tap_services", "Tap services by state.", status, nil),
		connected: prometheus.NewDesc("tapline_hosts_connected", "Hosts by the connection that is there.", []string{"connection"}, nil),
	}
	for _, counted := range []struct {
		name, help string
		count      func(*meter.Counters) meter.Count
	}{
		{"captured", "taken at the sources of a tap service", func(c *meter.Counters) meter.Count { return c.Captured.Count }},
		{"guarded", "captured and left out, since they were the tunnels' own", func(c *meter.Counters) meter.Count { return c.Guarded }},
		{"delivered", "given to the tap NIC of a tap service", func(c *meter.Counters) meter.Count { return c.Delivered.Count }},
		{"lost", "sent into a tunnel and not arrived", func(c *meter.Counters) meter.Count { return c.Lost }},
	} {
		service := []string{"tap_service"}
		c.counted = append(c.counted, countedDesc{counted.count,
			prometheus.NewDesc("tapline_"+counted.name+"_packets_total", "Packets "+counted.help+".", service, nil),
			prometheus.NewDesc("tapline_"+counted.name+"_bytes_total", "Bytes of the packets "+counted.help+".", service, nil)})
	}
	m.registry.MustRegister(c)
}

// stateCollector tells how resources are, and what was mirrored.
type stateCollector struct {
	ring                          state
	hosts, taps, sinks, connected *prometheus.Desc
	counted                       []countedDesc
}

type countedDesc struct {
	count          func(*meter.Counters) meter.Count
	packets, bytes *prometheus.Desc
}

// Describe implements prometheus.Collector.
func (c *stateCollector) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{c.hosts, c.taps, c.sinks, c.connected} {
		out <- d
	}
	for _, d := range c.counted {
		out <- d.packets
		out <- d.bytes
	}
}

// states are told also where nothing is in them, so that a graph of them has no holes.
func states() []string { return []string{"disabled", "pending", "ready", "error"} }

// maxServices bounds the label tap_service; the services beyond, by name, are summed under others.
const (
	maxServices = 1000
	others      = "_others"
)

// Collect implements prometheus.Collector.
func (c *stateCollector) Collect(out chan<- prometheus.Metric) {
	hosts, flows, services := c.ring.Count()
	for _, counted := range []struct {
		desc *prometheus.Desc
		by   engine.Counts
	}{{c.hosts, hosts}, {c.taps, flows}, {c.sinks, services}} {
		told := map[string]int{}
		for _, state := range states() {
			told[state] = 0
		}
		for state, n := range counted.by {
			told[string(state)] += n
		}
		for state, n := range told {
			out <- prometheus.MustNewConstMetric(counted.desc, prometheus.GaugeValue, float64(n), state)
		}
	}
	_, ovsdb, openflow := c.ring.Connections()
	out <- prometheus.MustNewConstMetric(c.connected, prometheus.GaugeValue, float64(ovsdb), "ovsdb")
	out <- prometheus.MustNewConstMetric(c.connected, prometheus.GaugeValue, float64(openflow), "openflow")

	all := c.ring.ServiceCounters()
	for _, counted := range c.counted {
		tell := func(name string, n meter.Count) {
			out <- prometheus.MustNewConstMetric(counted.packets, prometheus.CounterValue, float64(n.Packets), name)
			out <- prometheus.MustNewConstMetric(counted.bytes, prometheus.CounterValue, float64(n.Bytes), name)
		}
		var rest meter.Count
		for i := range all {
			n := counted.count(&all[i].Counters)
			if i < maxServices {
				tell(all[i].Name, n)
				continue
			}
			rest.Packets, rest.Bytes = rest.Packets+n.Packets, rest.Bytes+n.Bytes
		}
		if len(all) > maxServices {
			tell(others, rest)
		}
	}
}
