package engine

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/tapline-sdn/tapline/controller/capture"
	"github.com/tapline-sdn/tapline/controller/engine/change"
	"github.com/tapline-sdn/tapline/controller/engine/contract"
	"github.com/tapline-sdn/tapline/controller/engine/events"
	"github.com/tapline-sdn/tapline/controller/engine/fleet"
	"github.com/tapline-sdn/tapline/controller/engine/intent"
	"github.com/tapline-sdn/tapline/controller/engine/keylock"
	"github.com/tapline-sdn/tapline/controller/engine/members"
	"github.com/tapline-sdn/tapline/controller/engine/planning"
	"github.com/tapline-sdn/tapline/controller/engine/present"
	"github.com/tapline-sdn/tapline/controller/engine/publish"
	"github.com/tapline-sdn/tapline/controller/engine/standing"
	"github.com/tapline-sdn/tapline/controller/inventory"
	"github.com/tapline-sdn/tapline/controller/meter"
	"github.com/tapline-sdn/tapline/controller/session"
	"github.com/tapline-sdn/tapline/controller/sets"
	"github.com/tapline-sdn/tapline/ovsdb/client"
	"github.com/tapline-sdn/tapline/ovsdb/vswitch"
	"github.com/tapline-sdn/tapline/plugin"
)

// Engine is the ring.
//
// Lock order: write, then reporting, then mu, then that of the events. Sessions call observe and
// its like from goroutines of their own, which take mu. The engine calls into sessions while it
// holds mu, but only methods that do not block.
type Engine struct {
	config Config
	log    *slog.Logger
	trials chan struct{} // holds one for each simulation that is under way

	captures *capture.Hub // that run; it has a lock of its own

	book   *meter.Book // what switches have counted; it has a lock of its own
	events *events.History
	turns  *session.Turns // of hosts that are brought up
	// readings bounds how often hosts are asked whether their captures grow.
	readings *rate.Limiter
	schemas  client.Schemas // of all switches
	models   vswitch.Models
	running  sync.WaitGroup // sessions, and finish

	liveness contract.Liveness // of the plugin

	finishWake chan struct{} // holds at most one
	windowWake chan struct{} // holds at most one
	started    time.Time

	// write is held by changes of intent, while they are checked, stored and taken over. Creations
	// of flows share it, so that they share writes to the disk; each locks the keys of what it
	// could conflict with: its name, and its source and tap service. What it refers to cannot
	// change meanwhile, since every other change has the lock alone.
	write keylock.Lock

	// reporting serializes the sessions' reports, so that a request queues behind one report at
	// most.
	reporting sync.Mutex

	// mu guards what follows, and everything that it points to but the sessions.
	mu             sync.Mutex
	ctx            context.Context // of Run; nil before
	intent         *intent.Intent
	places         *inventory.Places
	planning       *planning.Queue
	members        *members.Keeper
	told           *contract.World // what the plugin was told
	standing       *standing.Table
	present        *present.Presenter
	checker        *change.Checker
	fleet          *fleet.Fleet
	mirror         plugin.Mirror // nil while the plugin is away
	publish        *publish.Publisher
	unstoredPlaces sets.Set // ids of services whose place is not stored yet
	// have left the switches, which is not written down yet; see finish.go
	finishing standing.Affected
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

	hosts := fleet.New(in, inventory.Observer{
		Cluster: state.ClusterID, TapBridge: config.TapBridge, Keys: config.Keys,
		TunnelNetworks: config.TunnelNetworks,
	})
	places := hosts.Places
	for _, g := range in.Guests.ByID {
		places.ClaimGuest(g, true)
	}

	for _, s := range in.Services.ByID {
		if !s.Deleting {
			places.ClaimService(&s.Service, true)
		}
	}

	e := &Engine{
		config: config, log: config.Logger, trials: make(chan struct{}, maxSimulations),
		captures: capture.NewHub(),
		book:     meter.NewBook(), events: events.New(events.DefaultSize),
		turns:    session.NewTurns(0),
		readings: session.NewReadings(),
		intent:   in, fleet: hosts, places: places, checker: change.New(in, hosts),
		standing: standing.New(in, places, config.Hypervisor != nil), started: time.Now(),
		unstoredPlaces: sets.Set{},
		finishing:      standing.Affected{}, finishWake: make(chan struct{}, 1),
		windowWake: make(chan struct{}, 1),
	}

	e.present = present.New(in, hosts, e.standing, e.book, config.Hypervisor != nil)
	e.told = contract.NewWorld()
	e.planning = planning.New(in, places, hosts.Running, e.standing, state.Secret)
	e.planning.Revisit = e.revisit
	e.members = members.New(in, hosts)
	e.publish = publish.New(e.events, in, hosts, e.standing, e.present, e.log)
	return e, nil
}

// Run drives the ring until ctx ends: sessions to all hosts, and the plugin. It returns after all
// of them have ended.
func (e *Engine) Run(ctx context.Context) {
	e.mu.Lock()
	e.ctx = ctx
	for _, h := range e.intent.Hosts.ByID {
		e.startHost(h)
	}

	e.mu.Unlock()
	e.running.Go(func() { e.finish(ctx) })

	e.running.Go(func() { e.storeLessons(ctx) })
	e.running.Go(func() { e.keepWindows(ctx) })
	e.config.Plugin.Run(ctx, e.feed)
	e.running.Wait()
	e.events.Close()
}

// ClusterID names this controller's objects on the switches.
func (e *Engine) ClusterID() string { return e.fleet.Observer.Cluster }
