package main

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/controller/config"
	"github.com/tapline-sdn/tapline/controller/replica"
)

// term is a time for which this process leads; *replica.Term is one.
type term interface {
	// Number only grows; 0: nobody else can lead.
	Number() uint64
	// Created is etcd's revision of the election.
	Created() int64
	// Done is closed when the term is over. Err then says why.
	Done() <-chan struct{}
	Err() error
	// Confirm asks etcd whether this process still leads.
	Confirm(ctx context.Context) error
	// Lost ends the term for a reason that somebody has found out.
	Lost(why error)
	// Resign lets somebody else lead. It is called when nothing is done in the term's name any
	// more.
	Resign(ctx context.Context)
}

// election says when this process leads, and who does otherwise.
type election interface {
	// Shared reports whether there may be other replicas.
	Shared() bool
	Name() string
	Run(ctx context.Context)
	// Campaign waits until this process leads, or ctx ends.
	Campaign(ctx context.Context) (term, error)
	// AwaitOther gives another replica the time to be elected.
	AwaitOther(ctx context.Context)
	View() replica.View
	Changed() <-chan struct{}
	IsSelf(replica.Peer) bool
	Close()
}

// newElection returns the election that the configuration asks for.
func newElection(ctx context.Context, c *config.Config, log *slog.Logger) (election, error) {
	if c.Replica.IsZero() {
		return newAlone(), nil
	}

	settings, err := etcdConfig(c, log)
	if err != nil {
		return nil, err
	}
	member, err := replica.New(replica.Config{
		Etcd: settings, Name: c.Replica.Name, URL: c.Replica.URL, Lease: c.Replica.Lease,
		Memory: filepath.Join(c.DataDir, "replica.json"), Logger: log,
	})
	if err != nil {
		return nil, err
	}
	return among{member}, nil
}

// among is the election among replicas.
type among struct{ *replica.Member }

func (among) Shared() bool { return true }

func (a among) Campaign(ctx context.Context) (term, error) {
	t, err := a.Member.Campaign(ctx)
	if err != nil {
		return nil, err
	}
	return t, nil
}

// Close closes the connection to etcd; nothing is lost if that fails.
func (a among) Close() { _ = a.Member.Close() }

// alone is the election of a controller without replicas, which it wins at once and for good.
type alone struct{ self replica.Peer }

func newAlone() alone {
	name, _ := os.Hostname() // It is only shown.
	return alone{replica.Peer{Name: name, Since: time.Now().UTC(), Leads: true}}
}

func (alone) Shared() bool                           { return false }
func (a alone) Name() string                         { return a.self.Name }
func (alone) Run(context.Context)                    {}
func (alone) Campaign(context.Context) (term, error) { return forGood{}, nil }
func (alone) AwaitOther(context.Context)             {}
func (alone) Changed() <-chan struct{}               { return nil }
func (alone) IsSelf(replica.Peer) bool               { return true }
func (alone) Close()                                 {}
func (a alone) View() replica.View {
	return replica.View{Peers: []replica.Peer{a.self}, Leader: a.self}
}

// forGood is a term that does not end.
type forGood struct{}

func (forGood) Number() uint64                { return 0 }
func (forGood) Created() int64                { return 0 }
func (forGood) Done() <-chan struct{}         { return nil }
func (forGood) Err() error                    { return nil }
func (forGood) Confirm(context.Context) error { return nil }
func (forGood) Lost(error)                    {}
func (forGood) Resign(context.Context)        {}

// replicasOf lists the replicas for the API.
func replicasOf(v replica.View) []api.Replica {
	var out []api.Replica
	for _, p := range v.Peers {
		role := api.RoleStandby
		if p.Leads {
			role = api.RoleLeader
		}
		out = append(out, api.Replica{
			Name: p.Name, URL: p.URL, Role: role, Since: p.Since.Format(time.RFC3339Nano),
		})
	}
	return out
}
