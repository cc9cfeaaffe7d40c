package engine

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net/netip"
	"time"

	"github.com/tapline-sdn/tapline/controller/audit"
	"github.com/tapline-sdn/tapline/controller/hypervisor"
	"github.com/tapline-sdn/tapline/controller/inventory"
	"github.com/tapline-sdn/tapline/controller/store"
	"github.com/tapline-sdn/tapline/plugin"
)

// Config is what an engine is made of.
type Config struct {
	Store  store.Store
	Plugin Plugin
	// Hypervisor plugs the tap NICs of guests; nil: somebody else does.
	Hypervisor Hypervisor
	TapBridge  string // as the plugin is configured
	Keys       inventory.Keys
	// Identify looks which switch answers at an OVSDB target; nil where a new host is not looked
	// at.
	Identify func(ctx context.Context, target string) (inventory.Identity, error)
	// TunnelNetworks are where a host may move its tunnel address by itself.
	TunnelNetworks []netip.Prefix
	// Advertise is the OpenFlow target that switches are told, such as tcp:192.0.2.10:6653. If "",
	// it is the local address of the host's OVSDB connection, with OpenFlowPort.
	Advertise    string
	OpenFlowPort uint16
	OpenFlowTLS  bool
	OVSDBTLS     *tls.Config // to dial ssl: targets
	AcceptTLS    *tls.Config // of OVSDB connections that hosts make; nil: none
	Logger       *slog.Logger
	Observer     Observer
	Audit        Audit // nil: nobody is told

	// Evacuate lets a destination leave a host that cannot be reached by itself, where its guest's
	// NICs are seen elsewhere.
	Evacuate bool

	// Term is the number of the term for which this process leads among replicas; it only grows.
	// 0: a single controller without an election, which never takes a host from another one.
	Term uint64
	// Fenced is called when a host shows that a newer leader has taken it. It must not block. Nil,
	// or without a Term: the host stands back by itself.
	Fenced func(host string, err error)
	// Leads asks the election whether this process still leads. It is asked, for seconds at most,
	// where a host suggests that there is a newer leader, before the host is taken. Nil: it does.
	Leads func(context.Context) error

	imagined bool // of a rehearsal: sessions are not run
}

// Hypervisor plugs tap NICs into guests, and lists the guests of hosts; *hypervisor.Libvirt is one.
type Hypervisor interface {
	// Run looks after a host's guests as ordered until ctx ends. It calls report, one at a time,
	// whenever something is new.
	Run(ctx context.Context, h hypervisor.Host, orders *hypervisor.Orders,
		report func(hypervisor.Report))
}

// Plugin keeps the mirror plugin running; *plugin.Supervisor is one.
type Plugin interface {
	// Run hands the plugin to use, each time that it has been started, until ctx ends.
	Run(ctx context.Context, use func(context.Context, plugin.Mirror) error)
	// Err is nil while the plugin runs, and otherwise says why it does not.
	Err() error
	// Reload starts the plugin anew and, if try finds nothing wrong with it, has it take over: use
	// then returns and is called again.
	Reload(ctx context.Context, try func(context.Context, plugin.Mirror) error) error
	Status() plugin.Status
	// Aside hands another plugin of the same kind to use, which knows nothing yet, and ends it
	// afterwards.
	Aside(ctx context.Context, use func(context.Context, plugin.Mirror) error) error
}

// Audit is told of each change of intent before it is stored; its error prevents it. *audit.Log is
// one.
type Audit interface {
	Change(context.Context, audit.Change) error
}

// Observer is told what operators count.
type Observer interface {
	// Converged tells how long it took from a change of a host's program until its switch was read
	// back.
	Converged(time.Duration)
	// Applied counts writes to switches; drift tells those that repaired what somebody else had
	// changed.
	Applied(rows, flows int, drift bool)
}
