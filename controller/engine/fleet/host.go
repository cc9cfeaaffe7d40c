package fleet

import (
	"context"
	"iter"
	"maps"
	"time"

	"github.com/tapline-sdn/tapline/controller/engine/planning"
	"github.com/tapline-sdn/tapline/controller/engine/standing"
	"github.com/tapline-sdn/tapline/controller/engine/view"
	"github.com/tapline-sdn/tapline/controller/hypervisor"
	"github.com/tapline-sdn/tapline/controller/session"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// Host is a registered host, its session and its hypervisor.
type Host struct {
	standing.Host

	Session *session.Session
	Stop    context.CancelFunc // ends the session

	Orders   *hypervisor.Orders // nil without a hypervisor
	unmanage context.CancelFunc // ends what its hypervisor does; nil without one

	nicPauses map[string]time.Duration // until a NIC that was another device is tried again

	Altered   bool       // something that its view shows has changed since it was published
	Published *view.Host // as watchers know it; nil if they know nothing
}

// NewHost returns a host that was not reached yet, and has no session yet.
func NewHost(id string, stop context.CancelFunc) *Host {
	return &Host{Host: standing.NewHost(id), Stop: stop, nicPauses: map[string]time.Duration{}}
}

// Hosts are the registered hosts, by id.
type Hosts map[string]*Host

var _ planning.Hosts = Hosts{}

// HostIDs implements [planning.Hosts].
func (all Hosts) HostIDs() iter.Seq[string] { return maps.Keys(all) }

// Topology implements [planning.Hosts].
func (all Hosts) Topology(id string) (tap.Host, bool) {
	h := all[id]
	if h == nil {
		return tap.Host{}, false
	}
	return h.Topology(), true
}
