package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/tapline-sdn/tapline/controller/audit"
	"github.com/tapline-sdn/tapline/controller/config"
	"github.com/tapline-sdn/tapline/controller/engine"
	"github.com/tapline-sdn/tapline/controller/hypervisor"
	"github.com/tapline-sdn/tapline/controller/inventory"
	"github.com/tapline-sdn/tapline/controller/session/link"
	"github.com/tapline-sdn/tapline/controller/store"
	"github.com/tapline-sdn/tapline/openflow/ofconn"
	"github.com/tapline-sdn/tapline/plugin"
	"github.com/tapline-sdn/tapline/plugin/mirror"
)

// leadership holds what lasts as long as a term, in the order in which it is made.
type leadership struct {
	*controller
	term     term
	resigned chan struct{} // closed when somebody asks this replica to step down
	resign   func()        // closes resigned, once

	store      store.Store
	timedStore *timedStore // store, with metrics
	restored   restored
	plugin     *plugin.Supervisor
	settings   mirror.Config // of the plugin at the start
	listeners  listeners
	metrics    *metrics
	engine     *engine.Engine

	closers []func() // called in reverse order
}

// lead carries out everything until the term is over, somebody has this replica step down, ctx
// ends, or something fails. When it returns nothing of it runs any more, and another may lead.
func (ctl *controller) lead(ctx context.Context, term term) error {
	l := &leadership{controller: ctl, term: term, resigned: make(chan struct{})}
	l.resign = sync.OnceFunc(func() { close(l.resigned) })
	defer term.Resign(ctx)
	defer l.close()

	// What follows waits for etcd and for switches. It is given up with the term.
	starting, cancel := context.WithCancel(ctx)
	defer cancel()
	defer afterTerm(term, cancel)()

	begin := time.Now()
	if err := l.begin(starting); err != nil {
		return errors.Join(err, term.Err())
	}
	if l.Leads() {
		l.log.Info("this replica leads", "term", term.Number(), "after", time.Since(begin))
	}

	return l.run(ctx)
}

// afterTerm has a function called when a term is over, unless the returned one is called before.
func afterTerm(t term, fn func()) (stop func()) {
	stopped := make(chan struct{})
	go func() {
		select {
		case <-t.Done():
			fn()
		case <-stopped:
		}
	}()
	return sync.OnceFunc(func() { close(stopped) })
}

// Leads reports whether this process leads others.
func (l *leadership) Leads() bool { return l.term.Number() > 0 }

// begin loads the store, which others may have written until now, and makes all parts.
func (l *leadership) begin(ctx context.Context) error {
	intent, err := openStore(ctx, l.config, l.term, l.log)
	if err != nil {
		return err
	}
	l.store = intent
	l.onClose(func() { l.log.Debug("store closed", "error", intent.Close()) })

	if err := l.checkRestored(ctx); err != nil {
		return err
	}

	l.plugin, l.settings = l.plugins.Take()
	l.onClose(func() { l.plugins.Remember(l.plugin.Spec()) })
	l.metrics = newMetrics(l.plugin)
	l.metrics.addReplicas(l.election)
	if err := l.listen(ctx); err != nil {
		endPlugin(l.plugin)
		return err
	}
	if err := l.build(ctx); err != nil {
		endPlugin(l.plugin)
		return err
	}
	return nil
}

// onClose has a function called when the term ends.
func (l *leadership) onClose(fn func()) { l.closers = append(l.closers, fn) }

func (l *leadership) close() {
	for _, fn := range slices.Backward(l.closers) {
		fn()
	}
}

// checkRestored says if the store is older than the audit log. The audit log of a replica has not
// what was done while others led, so it cannot say that.
func (l *leadership) checkRestored(ctx context.Context) error {
	if l.Leads() {
		return nil
	}

	state, err := l.store.Load(ctx)
	if err != nil {
		return err
	}
	if l.restored, err = findRestored(ctx, state, l.audit); err != nil {
		return err
	}
	if l.restored.isZero() {
		return nil
	}

	l.log.Warn(l.restored.String())
	return l.audit.Write(audit.Record{
		Actor:   audit.Actor{Type: "controller"},
		Action:  "restore",
		Outcome: audit.Success,
		Problem: l.restored.String(),
	})
}

// build makes the engine, and gives the keyring its tokens. The listeners must be open, since the
// engine tells switches which port to connect to.
func (l *leadership) build(ctx context.Context) error {
	c := l.config
	l.timedStore = &timedStore{
		Store: l.store, flush: l.audit.Flush, observe: l.metrics.Committed,
	}

	ring, err := engine.New(ctx, engine.Config{
		Store:      l.timedStore,
		Plugin:     l.plugin,
		Hypervisor: newHypervisor(c, l.settings.Bridge, l.log),
		TapBridge:  l.settings.Bridge,
		Keys: inventory.Keys{
			MAC: c.Inventory.MACKeys, Guest: c.Inventory.GuestKeys,
			Iface: c.Inventory.IfaceKeys, IP: c.Inventory.IPKeys,
			Container: inventory.DefaultKeys().Container, Labels: c.Inventory.LabelKeys,
		},
		TunnelNetworks: c.TunnelNetworks,
		Evacuate:       c.Destinations.Evacuation == config.EvacuationAuto,
		Identify:       identifier(l.certs.ovsdb.client()),

		Advertise:    c.OpenFlow.Advertise,
		OpenFlowPort: portOf(l.listeners.openflow.Addr()),
		OpenFlowTLS:  l.certs.openflow != nil,
		OVSDBTLS:     l.certs.ovsdb.client(),
		AcceptTLS:    l.certs.ovsdb.server(),
		Logger:       l.log,
		Observer:     l.metrics,
		Audit:        l.audit,

		Term:  l.term.Number(),
		Leads: l.term.Confirm,
		Fenced: func(host string, err error) {
			l.term.Lost(fmt.Errorf("host %s obeys another leader: %w", host, err))
		},
	})
	if err != nil {
		return err
	}
	l.engine = ring
	l.metrics.watch(ring)

	state, err := l.store.Load(ctx)
	if err != nil {
		return err
	}
	if err := l.keys.Adopt(state, l.timedStore); err != nil {
		return err
	}
	l.onClose(l.keys.Rest)
	return nil
}

// identifier returns what looks which switch answers at an OVSDB target.
func identifier(secure *tls.Config) func(context.Context, string) (inventory.Identity, error) {
	return func(ctx context.Context, target string) (inventory.Identity, error) {
		snapshot, err := link.Look(ctx, target, secure)
		if err != nil {
			return inventory.Identity{}, err
		}
		shown, known := inventory.IdentityOf(snapshot)
		if !known {
			return inventory.Identity{}, errors.New("the database has no row of the switch")
		}
		return shown, nil
	}
}

// newHypervisor returns what plugs the tap NICs of guests, or nil if the configuration leaves that
// to somebody else.
func newHypervisor(c *config.Config, tapBridge string, log *slog.Logger) engine.Hypervisor {
	if c.Hypervisor.Driver != config.DriverLibvirt {
		return nil
	}
	return hypervisor.NewLibvirt(hypervisor.Config{
		URI: c.Hypervisor.URI, URIs: c.Hypervisor.Hosts, TapBridge: tapBridge,
		DataDir: c.DataDir, Logger: log,
	})
}

// run starts all goroutines, registers the configured hosts, and answers requests until the term
// ends. All goroutines have ended when it returns.
func (l *leadership) run(ctx context.Context) error {
	working, stopWork := context.WithCancel(context.WithoutCancel(ctx))
	var running sync.WaitGroup
	defer running.Wait()
	defer stopWork()

	failed := l.start(working, &running)
	l.plugins.SetReload(func(ctx context.Context) { l.reloadPlugins(ctx) })
	defer l.plugins.SetReload(nil)

	byConfig := audit.With(working, &audit.Request{Actor: audit.Actor{Type: "config"}})
	if err := registerHosts(byConfig, l.config, l.engine, l.log); err != nil {
		return err
	}

	// Streams, and requests that wait, end before the others.
	answering, stopAnswers := context.WithCancel(working)
	defer stopAnswers()
	handler := l.handler(answering)
	l.front.lead(handler, l.term)

	if err := l.recordTerm("lead"); err != nil {
		return err
	}
	l.log.Info("tapline is running", "version", version,
		"api", l.api.Addr(), "openflow", l.listeners.openflow.Addr(),
		"cluster", l.engine.ClusterID(), "data_dir", l.config.DataDir)

	err := l.await(ctx, failed)

	// What was begun is finished, unless somebody else may lead already.
	stopAnswers()
	drain := drainTime
	if l.term.Err() != nil {
		drain = 0
	}
	l.front.standBy(drain)
	return errors.Join(err, l.recordTerm("stand_by"))
}

// start starts the goroutines of the parts. The channel gets the error of a listener that fails.
func (l *leadership) start(ctx context.Context, running *sync.WaitGroup) <-chan error {
	failed := make(chan error, 2) // room for each of the servers below
	start := func(name string, serve func() error) {
		running.Go(func() {
			if err := serve(); err != nil {
				failed <- fmt.Errorf("%s: %w", name, err)
			}
		})
	}

	running.Go(func() { l.engine.Run(ctx) })
	running.Go(func() { l.keys.Run(ctx) })
	start("openflow", func() error { return l.serveOpenFlow(ctx) })
	if l.listeners.ovsdb != nil {
		start("ovsdb", func() error {
			return acceptOVSDB(ctx, l.listeners.ovsdb, l.engine, l.log)
		})
	}
	return failed
}

// drainTime is how long a leader that steps down waits for the requests that it has begun.
const drainTime = 10 * time.Second

// await returns when the term should end, with an error if something has failed.
func (l *leadership) await(ctx context.Context, failed <-chan error) error {
	select {
	case <-ctx.Done():
		return nil
	case <-l.resigned:
		l.log.Info("this replica steps down, as it was asked to", "term", l.term.Number())
		return nil
	case <-l.term.Done():
		l.log.Warn("this replica does not lead any more", "error", l.term.Err())
		return nil
	case err := <-failed:
		return err
	}
}

// recordTerm writes to the audit log that a replica leads, or does not any more.
func (l *leadership) recordTerm(action string) error {
	if !l.Leads() {
		return nil
	}
	return l.recordLifecycle(action)
}

const (
	// maxReply bounds the answer of a switch to one request, in bytes. A flow takes about 150.
	maxReply = 64 << 20
	// maxEvents bounds the unsolicited messages of a switch that were not handled yet.
	maxEvents = 512
)

func (l *leadership) serveOpenFlow(ctx context.Context) error {
	options := ofconn.Options{Logger: l.log, MaxReply: maxReply, MaxEvents: maxEvents}
	return ofconn.Serve(ctx, l.listeners.openflow, options, l.engine.AcceptOpenFlow)
}
