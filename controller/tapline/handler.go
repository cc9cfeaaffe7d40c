package main

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/server"
)

// handler returns what answers the API while this process leads. Requests that take long on purpose
// end when answering does.
func (l *leadership) handler(answering context.Context) http.Handler {
	return server.New(server.Config{
		Engine:   l.engine,
		Rehearse: server.RehearseWith(l.engine),
		Settings: func() (json.RawMessage, error) {
			return effectiveConfig(l.config, l.plugin.Spec())
		},
		Keys:     l.keys,
		Audit:    l.audit,
		Metrics:  l.metrics.handler(),
		Observer: l.metrics,
		Logger:   l.log,
		Version:  version,
		Replicas: l,
		Stopping: answering,

		Origins:       l.config.API.Origins,
		TokenLifetime: l.config.API.TokenLifetime,
		Limits:        l.limits,
		AuditReads:    l.config.Audit.Reads,
		Parts: func() []api.Part {
			ports, ovsdb := l.describeListeners(), l.config.OVSDB.Listen
			plain := l.config.OpenFlow.TLS.IsZero() && !l.config.OpenFlow.Insecure
			all := parts(l.timedStore.Err(), l.engine, ports, ovsdb, plain)
			all = append(all, l.restored.parts()...)
			return append(all, replicaParts(l.election, true)...)
		},
	})
}

// Replicas implements [server.Replicas].
func (l *leadership) Replicas() []api.Replica { return l.listReplicas() }

// StepDown implements [server.Replicas].
func (l *leadership) StepDown() error {
	for _, p := range l.election.View().Peers {
		if !l.election.IsSelf(p) {
			l.resign()
			return nil
		}
	}
	return errNoOther
}

// standbyHandler returns what a replica answers itself that does not lead.
func (ctl *controller) standbyHandler() http.Handler {
	return server.NewStandby(server.Config{
		Keys:     ctl.keys,
		Audit:    ctl.audit,
		Metrics:  ctl.metrics.handler(),
		Observer: ctl.metrics,
		Logger:   ctl.log,
		Version:  version,
		Replicas: ctl,
		Origins:  ctl.config.API.Origins,
		Parts:    func() []api.Part { return replicaParts(ctl.election, false) },
	})
}

// Replicas implements [server.Replicas].
func (ctl *controller) Replicas() []api.Replica { return ctl.listReplicas() }

// StepDown implements [server.Replicas]. Nobody asks who does not lead.
func (ctl *controller) StepDown() error { return errNoOther }

// listReplicas lists the replicas by name.
func (ctl *controller) listReplicas() []api.Replica {
	out := replicasOf(ctl.election.View())
	if !ctl.election.Shared() {
		out[0].URL = ctl.ownURL()
	}
	return out
}

// ownURL is where the API of a controller without replicas listens.
func (ctl *controller) ownURL() string {
	if ctl.certs.api != nil {
		return "https://" + ctl.api.Addr().String()
	}
	return "http://" + ctl.api.Addr().String()
}
