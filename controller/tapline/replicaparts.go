package main

import (
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tapline-sdn/tapline/api"
)

// replicaParts returns the part of /readyz that says what this replica is, and who leads. A standby
// is ready if it knows a leader to pass requests on to.
func replicaParts(e election, leads bool) []api.Part {
	if !e.Shared() {
		if leads {
			return nil
		}
		return []api.Part{{
			Name: "replica", Status: api.PartFailed,
			Detail: "the controller is starting or stopping",
		}}
	}

	v := e.View()
	part := api.Part{Name: "replica", Status: api.PartOK}
	switch {
	case leads:
		part.Detail = fmt.Sprintf("%s leads, in term %d, as one of %d replicas",
			e.Name(), v.Term, len(v.Peers))
	case v.Term == 0:
		part.Status = api.PartFailed
		part.Detail = fmt.Sprintf("%s stands by, and no replica leads", e.Name())
	default:
		part.Detail = fmt.Sprintf("%s stands by; %s leads at %s since %s", e.Name(),
			v.Leader.Name, v.Leader.URL, v.Leader.Since.Format(time.RFC3339))
	}

	if v.Clash.Name != "" {
		if part.Status == api.PartOK {
			part.Status = api.PartDegraded
		}
		part.Detail += fmt.Sprintf("; another replica is called %s too, at %s",
			v.Clash.Name, v.Clash.URL)
	}
	if v.Restored != nil {
		part.Status = api.PartFailed
		part.Detail += "; " + v.Restored.Error()
	}
	if v.Err != nil {
		part.Status = api.PartFailed
		part.Detail += "; " + v.Err.Error()
	}
	return []api.Part{part}
}

// addReplicas adds who leads.
func (m *metrics) addReplicas(e election) {
	leads := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "tapline_replica_leads",
		Help: "Whether this process leads; 1 for a controller without replicas.",
	}, func() float64 {
		v := e.View()
		return truth(e.IsSelf(v.Leader) && v.Err == nil)
	})
	term := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "tapline_replica_term",
		Help: "Number of the leader's term, which only grows; 0 while nobody leads, and without " +
			"replicas.",
	}, func() float64 { return float64(e.View().Term) })
	count := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "tapline_replicas",
		Help: "Registered replicas.",
	}, func() float64 { return float64(len(e.View().Peers)) })
	m.registry.MustRegister(leads, term, count)
}
