package engine

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/tapline-sdn/tapline/controller/audit"
	"github.com/tapline-sdn/tapline/controller/engine/events"
	"github.com/tapline-sdn/tapline/controller/engine/intent"
	"github.com/tapline-sdn/tapline/controller/engine/view"
	"github.com/tapline-sdn/tapline/controller/hypervisor"
	"github.com/tapline-sdn/tapline/controller/inventory"
	"github.com/tapline-sdn/tapline/controller/meter"
	"github.com/tapline-sdn/tapline/controller/reconcile"
	"github.com/tapline-sdn/tapline/controller/session"
	"github.com/tapline-sdn/tapline/controller/sets"
	"github.com/tapline-sdn/tapline/controller/store"
	"github.com/tapline-sdn/tapline/openflow/ofconn"
	"github.com/tapline-sdn/tapline/ovsdb/client"
	"github.com/tapline-sdn/tapline/ovsdb/vswitch"
	"github.com/tapline-sdn/tapline/plugin"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// Config is what an engine is made of.
type Config struct {
	Store  store.Store
	Plugin Plugin
	// Hypervisor plugs the tap NICs of guests; nil: somebody else does.
	Hypervisor Hypervisor
	TapBridge  string // as the plugin is configured
	Keys       inventory.Keys
	// Advertise is the OpenFlow target that switches are told, such as tcp:192.0.2.10:6653. If "", it is the local address of
	// the host's OVSDB connection, with OpenFlowPort.
	Advertise    string
	OpenFlowPort uint16
	OpenFlowTLS  bool
	OVSDBTLS     *tls.Config // to dial ssl: targets
	AcceptTLS    *tls.Config // of OVSDB connections that hosts make; nil: none
	Logger       *slog.Logger
	Observer     Observer
	Audit        Audit // nil: nobody is told

	imagined bool // of a rehearsal: sessions are not run
}

// Plugin keeps the mirror plugin running; *plugin.Supervisor is one.
type Plugin interface {
	// Run hands the plugin to use, each time that it has been started, until ctx ends.
	Run(ctx context.Context, use func(context.Context, plugin.Mirror) error)
	// Err is nil while the plugin runs, and otherwise says why it does not.
	Err() error
	// Reload starts the plugin anew and, if try finds nothing wrong with it, has it take over: use then returns and is called again.
	Reload(ctx context.Context, try func(context.Context, plugin.Mirror) error) error
	Status() plugin.Status
	// Aside hands another plugin of the same kind to use, which knows nothing yet, and ends it afterwards.
	Aside(ctx context.Context, use func(context.Context, plugin.Mirror) error) error
}

// Audit is told of each change of intent before it is stored; its error prevents it. *audit.Log is one.
type Audit interface {
	Change(context.Context, audit.Change) error
}

// Observer is told what operators count.
type Observer interface {
	// Converged tells how long it took from a change of a host's program until its switch was read back.
	Converged(time.Duration)
	// Applied counts writes to switches; drift tells those that repaired what somebody else had changed.
	Applied(rows, flows int, drift bool)
}

// Engine is the ring.
//
// Lock order: write, then reporting, then mu, then that of the events. The session of a host calls observe, which takes mu, from its own goroutine; the engine
// calls into sessions while holding mu, but only methods that do not block.
type Engine struct {
	config   Config
	trials   chan struct{} // holds one of each rehearsal that is under way
	log      *slog.Logger
	observer inventory.Observer
	book     *meter.Book

	write writing // changes of intent: check, commit, take over

	// reporting is held by sessions that report, before mu: so requests and the plugin wait for one of them, and not for a thousand.
	reporting sync.Mutex

	mu       sync.Mutex
	intent   *intent.Intent
	places   *inventory.Places
	hosts    map[string]*host // by id
	byDPID   map[uint64]*host
	dirty    dirty
	wake     chan struct{} // of the feed; holds at most one
	mirror   plugin.Mirror // nil while the plugin is away
	asked    time.Time     // since when the plugin owes an answer to who it is; zero if it owes none
	seq      uint64        // of the last change of intent or observation
	sent     uint64        // seq up to which the plugin was told
	planned  uint64        // seq up to which it has answered
	verdicts map[intent.Ref]verdict
	ahead    map[string]*foretold                          // flows that are being stored, by id
	waiting  map[intent.Ref]uint64                         // changed at this seq, and the plugin has not answered yet
	leaving  map[intent.Ref][]tap.Need                     // what disabled and deleted services and flows still have on the switches
	needs    map[string]map[string]map[intent.Ref]struct{} // host -> owner -> who waits for what that owner has there
	unready  refs                                          // those that need something and are not ready
	retiring map[string]*host                              // deleted, and still being stripped
	told     sets.Set                                      // guests that watchers know
	events   *events.History
	ordered  uint64   // number of the last list of orders that the hypervisors got
	unasked  sets.Set // services about which some hypervisor has not answered yet

	turns   *session.Turns // of hosts that are brought up
	schemas client.Schemas // of all switches
	models  vswitch.Models

	running sync.WaitGroup // sessions
	ctx     context.Context
}

// host is a registered host and its session.
type host struct {
	id       string
	session  *session.Session
	stop     context.CancelFunc
	report   session.Report
	observed inventory.Observation
	program  *reconcile.Desired // as last told by the plugin, and found good
	stale    bool               // a program was left out, which the plugin is asked for again
	refused  string             // why what the plugin told after that is not applied; "" if it is
	seenMAC  map[string]tap.MAC // addresses of NICs that were on the tap bridge
	health   view.Health
	since    map[string]time.Time // of owners' states, and of the connection
	altered  bool                 // since watchers were told
	told     *view.Host           // what they were told last; nil before
	orders   *hypervisor.Orders   // nil without a hypervisor
	unmanage context.CancelFunc   // ends what its hypervisor does; nil without one
	guests   hypervisor.Report
}

// New loads the intent and returns an engine that is not running yet.
func New(ctx context.Context, config Config) (*Engine, error) {
	state, err := config.Store.Load(ctx)
	if err != nil {
		return nil, err
	}
	in, err := intent.Load(state)
	if err != nil {
		return nil, err
	}
	e := &Engine{
		config: config, trials: make(chan struct{}, maxRehearsals), log: config.Logger,
		observer: inventory.Observer{Cluster: state.ClusterID, TapBridge: config.TapBridge, Keys: config.Keys},
		book:     meter.NewBook(),
		intent:   in, places: inventory.NewPlaces(), hosts: map[string]*host{}, byDPID: map[uint64]*host{},
		dirty: newDirty(), wake: make(chan struct{}, 1),
		unasked: sets.Set{}, verdicts: map[intent.Ref]verdict{}, waiting: map[intent.Ref]uint64{}, leaving: map[intent.Ref][]tap.Need{}, needs: map[string]map[string]map[intent.Ref]struct{}{},
		ahead:    map[string]*foretold{},
		retiring: map[string]*host{}, turns: session.NewTurns(0), told: sets.Set{}, events: events.New(events.DefaultSize),
	}
	for _, g := range in.Guests.ByID {
		e.places.ClaimGuest(g, true)
		e.told.Add(g.ID)
	}
	for _, s := range in.Services.ByID {
		e.places.ClaimService(&s.Service, true)
		e.verdicts[intent.ServiceRef(s.ID)] = verdict{}
	}
	for id := range in.Flows.ByID {
		e.verdicts[intent.FlowRef(id)] = verdict{}
	}
	for id := range e.verdicts {
		e.judge(id)
	}
	return e, nil
}

// Run drives the ring until ctx ends: sessions to all hosts, and the plugin. It returns after all of them have ended.
func (e *Engine) Run(ctx context.Context) {
	e.mu.Lock()
	e.ctx = ctx
	for _, h := range e.intent.Hosts.ByID {
		e.startHost(h)
	}
	e.mu.Unlock()
	e.config.Plugin.Run(ctx, e.feed)
	e.running.Wait()
	e.events.Close()
}

// ClusterID names this controller's objects on the switches.
func (e *Engine) ClusterID() string { return e.observer.Cluster }

// AcceptOpenFlow gives a switch's connection to the session whose tap bridge it is, until the connection ends.
func (e *Engine) AcceptOpenFlow(ctx context.Context, conn *ofconn.Conn) {
	if h := e.ofSwitch(conn); h != nil {
		h.session.ServeOpenFlow(ctx, conn)
	}
}

// ofSwitch is the host whose tap bridge has made a connection; nil if there is none.
func (e *Engine) ofSwitch(conn *ofconn.Conn) *host {
	dpid := conn.Features().DatapathID
	e.mu.Lock()
	defer e.mu.Unlock()
	h := e.byDPID[dpid]
	if h == nil {
		e.log.Warn("OpenFlow connection of a switch that is not registered", "remote", conn.RemoteAddr(), "datapath_id", dpid)
	}
	return h
}

// AcceptOVSDB gives a connection that a host made to us to its session: that of the host with the remote address in its
// OVSDB target, or as tunnel_ip. It reports whether there is one; if not, the caller closes the connection.
func (e *Engine) AcceptOVSDB(nc net.Conn) bool {
	remote, err := netip.ParseAddrPort(nc.RemoteAddr().String())
	if err != nil {
		return false
	}
	from := remote.Addr().Unmap().WithZone("")
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, h := range e.hosts {
		record := e.intent.Hosts.ByID[h.id]
		if record != nil && (targetAddr(record.OVSDB) == from || record.TunnelIP == from) {
			return h.session.Offer(nc)
		}
	}
	return false
}
