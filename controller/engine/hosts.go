package engine

import (
	"context"
	"crypto/x509"
	"time"

	"github.com/tapline-sdn/tapline/controller/engine/fleet"
	"github.com/tapline-sdn/tapline/controller/hypervisor"
	"github.com/tapline-sdn/tapline/controller/meter"
	"github.com/tapline-sdn/tapline/controller/session"
	"github.com/tapline-sdn/tapline/controller/store"
	"github.com/tapline-sdn/tapline/openflow"
	"github.com/tapline-sdn/tapline/ovsdb/vswitch"
)

// startHost begins a session with a host. The caller holds mu.
func (e *Engine) startHost(record *store.Host) {
	if e.ctx == nil || e.fleet.Has(record.ID) {
		return // Run starts it; or has.
	}

	ctx, stop := context.WithCancel(e.ctx)
	h := fleet.NewHost(record.ID, stop)
	h.Session = session.New(e.sessionConfig(h, record))
	e.lookAgain(e.fleet.Add(h, record))
	e.standing.AddHost(&h.Host)
	if !h.Retiring {
		e.planning.MarkHost(h.ID)
	}
	if e.config.imagined {
		return
	}

	e.running.Go(func() {
		defer stop()
		h.Session.Run(ctx)
		if ctx.Err() == nil {
			e.stripped(h)
		}
	})

	if !h.Retiring {
		e.manage(ctx, h, record)
	}

	e.publish.Refs(e.standing.JudgeLeaving(h.ID))
}

// sessionConfig is what the session of a host is made of.
func (e *Engine) sessionConfig(h *fleet.Host, record *store.Host) session.Config {
	return session.Config{
		HostID: record.ID, Host: record.Name, Target: record.OVSDB, TLS: e.config.OVSDBTLS,
		AcceptTLS: e.config.AcceptTLS,
		Cluster:   e.ClusterID(), TapBridge: e.config.TapBridge,
		Term: e.config.Term, Fenced: func(err error) { e.fenced(record.Name, err) },
		Leads:     e.config.Leads,
		Advertise: e.config.Advertise, OpenFlowPort: e.config.OpenFlowPort,
		OpenFlowTLS: e.config.OpenFlowTLS,
		Turns:       e.turns,
		Readings:    e.readings,
		Schemas:     &e.schemas,
		Models:      &e.models,
		Logger:      e.log.With("host", record.Name),

		Certified: func(shown *x509.Certificate) (bool, error) {
			return e.certified(record.ID, shown)
		},
		Refused:       func(s *vswitch.Snapshot) string { return e.refusal(h, s) },
		Report:        func(r session.Report) { e.observe(h, r) },
		Observed:      func(s *vswitch.Snapshot) { e.observed(h, s) },
		Counted:       func(s *vswitch.Snapshot) { e.counted(h, s) },
		Applied:       e.config.Observer.Applied,
		Converged:     e.config.Observer.Converged,
		Probed:        e.probed,
		CopiesChanged: e.captureConnected,
		Copied: func(p *openflow.PacketIn, at time.Time) {
			if c := e.captureOf(h, p.Cookie); c != nil {
				c.Take(p, at)
			}
		},
		Sampled: func(r meter.Reading) { e.sampled(h, r) },
	}
}

// fenced tells that a newer leader has taken a host.
func (e *Engine) fenced(host string, err error) {
	if e.config.Term > 0 && e.config.Fenced != nil {
		e.config.Fenced(host, err)
	}
}

// certified reports whether a certificate names a host; see [fleet.Fleet.Certified]. It takes mu.
func (e *Engine) certified(id string, shown *x509.Certificate) (own bool, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()

	return e.fleet.Certified(id, shown)
}

// refusal says why a host's switch must not be programmed, or "". A session asks before it writes
// anything to a switch that it has not written to since it connected. It takes mu.
func (e *Engine) refusal(h *fleet.Host, snap *vswitch.Snapshot) string {
	e.mu.Lock()
	defer e.mu.Unlock()

	return e.fleet.Refusal(h, snap)
}

// stopHost forgets what is seen on a host, and what is planned for it. Its caller stops or retires
// the session. The caller holds mu.
func (e *Engine) stopHost(h *fleet.Host) {
	again := e.fleet.Remove(h)
	e.standing.RemoveHost(h.ID)
	e.replug(h.Observed.Ports, nil)
	e.lookAgain(again)
	e.replaceDomains(h.ID, h.Guests.Guests, nil)
	e.book.ForgetHost(h.ID)
	e.planning.MarkHost(h.ID)
}

// manage starts the hypervisor's work on a host. The caller holds mu.
func (e *Engine) manage(ctx context.Context, h *fleet.Host, record *store.Host) {
	if e.config.Hypervisor == nil {
		return
	}

	number, list := e.standing.CurrentOrders()
	ctx, at := e.fleet.Manage(ctx, h, record, number, list)
	e.running.Go(func() {
		e.config.Hypervisor.Run(ctx, at, h.Orders, func(r hypervisor.Report) { e.heard(h, r) })
	})
}

// order gives all hypervisors the list of tap NICs that are wanted now. The caller holds mu.
func (e *Engine) order() {
	if e.config.Hypervisor != nil {
		e.fleet.Order(e.standing.NewOrders())
	}
}
