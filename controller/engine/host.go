package engine

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

// host is a registered host, its session and its hypervisor. All but the session is guarded by the
// engine's mu.
type host struct {
	standing.Host

	session *session.Session
	stop    context.CancelFunc

	orders   *hypervisor.Orders // nil without a hypervisor
	unmanage context.CancelFunc // ends what its hypervisor does; nil without one

	nicPauses map[string]time.Duration // until a NIC that was another device is tried again

	altered   bool       // something that its view shows has changed since it was published
	published *view.Host // as watchers know it; nil if they know nothing
}

// hosts are the registered hosts, by id.
type hosts map[string]*host

var _ planning.Hosts = hosts{}

// HostIDs implements [planning.Hosts].
func (all hosts) HostIDs() iter.Seq[string] { return maps.Keys(all) }

// Topology implements [planning.Hosts].
func (all hosts) Topology(id string) (tap.Host, bool) {
	h := all[id]
	if h == nil {
		return tap.Host{}, false
	}
	return h.Topology(), true
}
