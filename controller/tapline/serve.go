package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/spf13/cobra"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/server"
	"github.com/tapline-sdn/tapline/controller/access"
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

// serveFlags are the flags of serve. Those that are given win over the configuration file.
type serveFlags struct{ file, dataDir, logLevel string }

// config reads the configuration file, and changes what the flags say.
func (f *serveFlags) config() (*config.Config, error) {
	c, err := loadConfig(f.file)
	if err != nil {
		return nil, err
	}

	if f.dataDir != "" {
		c.DataDir = f.dataDir
	}
	if f.logLevel != "" {
		if err := c.Log.Level.UnmarshalText([]byte(f.logLevel)); err != nil {
			return nil, usageError{fmt.Errorf(
				"--log-level %q: want debug, info, warn or error", f.logLevel)}
		}
	}

	return c, c.Validate()
}

func serveCommand() *cobra.Command {
	var given serveFlags
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the controller",
		Long: `Run the controller until SIGTERM or SIGINT. The switches go on mirroring without it.

SIGHUP reads the configuration file again for the plugin, api.tls.client_roles and access.roles.
New certificates count as soon as they are in their files. Everything else needs a
restart.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := given.config()
			if err != nil {
				return err
			}

			log := newLogger(cmd.ErrOrStderr(), c.Log)
			slog.SetDefault(log) // For packages that log through package log, such as net/http.
			return serve(cmd.Context(), c, given.config, log)
		},
	}

	flags := cmd.Flags()
	flags.StringVar(&given.file, "config", "",
		"configuration `FILE` (default: none, with the default of every setting)")

	flags.StringVar(&given.dataDir, "data-dir", "",
		"`DIR` of the store and the admin token (default: data_dir of the configuration)")

	flags.StringVar(&given.logLevel, "log-level", "",
		"debug, info, warn or error (default: log.level of the configuration)")

	return cmd
}

// controller holds the parts of a running controller, in the order in which they are made.
type controller struct {
	config *config.Config
	reread func() (*config.Config, error) // reads the configuration file again
	log    *slog.Logger

	store      store.Store
	timedStore *timedStore // store, with metrics
	audit      *audit.Log
	plugin     *plugin.Supervisor
	settings   mirror.Config // of the plugin at the start
	restored   restored
	listeners  listeners
	metrics    *metrics
	engine     *engine.Engine
	keys       *access.Keyring
	limits     *access.RoleLimits

	closers []func() // called in reverse order
}

// serve runs the controller until ctx ends. reread reads the configuration file again.
func serve(
	ctx context.Context, c *config.Config, reread func() (*config.Config, error), log *slog.Logger,
) error {
	ctl := &controller{config: c, reread: reread, log: log}
	defer ctl.close()

	if err := ctl.openFiles(ctx); err != nil {
		return err
	}
	if err := ctl.checkRestored(ctx); err != nil {
		return err
	}

	token, err := adminToken(ctx, filepath.Join(c.DataDir, "admin.token"), ctl.audit, log)
	if err != nil {
		return err
	}

	ctl.plugin, ctl.settings, err = startPlugin(ctx, c, reread, log)
	if err != nil {
		return err
	}

	if err := ctl.listen(ctx); err != nil {
		return err
	}
	if err := ctl.build(ctx, token); err != nil {
		return err
	}

	return ctl.run(ctx)
}

// onClose has a function called when the controller ends.
func (ctl *controller) onClose(fn func()) { ctl.closers = append(ctl.closers, fn) }

func (ctl *controller) close() {
	for _, fn := range slices.Backward(ctl.closers) {
		fn()
	}
}

// openFiles opens the store, and the audit log in the data directory.
func (ctl *controller) openFiles(ctx context.Context) error {
	dir := ctl.config.DataDir
	if err := privateFolder(dir); err != nil {
		return fmt.Errorf("data_dir: %w", err)
	}

	intent, err := openStore(ctx, ctl.config, ctl.log)
	if err != nil {
		return err
	}

	ctl.store = intent
	ctl.onClose(func() { ctl.log.Debug("store closed", "error", intent.Close()) })

	trail, err := openAudit(filepath.Join(dir, "audit.log"), ctl.config.Audit, ctl.log)
	if err != nil {
		return err
	}

	ctl.audit = trail
	ctl.onClose(trail.Close)
	return nil
}

// checkRestored says if the store is older than the audit log.
func (ctl *controller) checkRestored(ctx context.Context) error {
	state, err := ctl.store.Load(ctx)
	if err != nil {
		return err
	}

	if ctl.restored, err = findRestored(ctx, state, ctl.audit); err != nil {
		return err
	}
	if ctl.restored.isZero() {
		return nil
	}

	ctl.log.Warn(ctl.restored.String())
	return ctl.audit.Write(audit.Record{
		Actor:   audit.Actor{Type: "controller"},
		Action:  "restore",
		Outcome: audit.Success,
		Problem: ctl.restored.String(),
	})
}

// privateFolder makes a folder that nobody else can read. The store, the tokens and the audit log
// are in it.
func privateFolder(path string) error {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return err
	}

	info, err := os.Stat(path)
	if err != nil {
		return err
	}

	if info.Mode().Perm()&0o077 == 0 {
		return nil
	}
	if err := os.Chmod(path, 0o700); err != nil {
		return fmt.Errorf("others can read it, and that cannot be changed: %w", err)
	}

	return nil
}

// openAudit opens the audit log, and the syslog that gets a copy.
func openAudit(path string, c config.Audit, log *slog.Logger) (*audit.Log, error) {
	options := audit.Options{Retention: c.Retention, Logger: log}
	if c.Syslog != "" {
		network, address, _ := strings.Cut(c.Syslog, ":")
		if c.Syslog == "local" {
			network, address = "", ""
		}
		syslog, err := audit.DialSyslog(network, address, log)
		if err != nil {
			return nil, fmt.Errorf("audit.syslog: %w", err)
		}
		options.Syslog = syslog
	}
	return audit.Open(path, options)
}

// build makes the engine and the keyring. The listeners must be open, since the engine tells
// switches which port to connect to.
func (ctl *controller) build(ctx context.Context, token []byte) error {
	c := ctl.config
	ctl.metrics = newMetrics(ctl.plugin)
	ctl.timedStore = &timedStore{
		Store: ctl.store, flush: ctl.audit.Flush, observe: ctl.metrics.Committed,
	}

	ring, err := engine.New(ctx, engine.Config{
		Store:      ctl.timedStore,
		Plugin:     ctl.plugin,
		Hypervisor: newHypervisor(c, ctl.settings.Bridge, ctl.log),
		TapBridge:  ctl.settings.Bridge,
		Keys: inventory.Keys{
			MAC: c.Inventory.MACKeys, Guest: c.Inventory.GuestKeys,
			Iface: c.Inventory.IfaceKeys, IP: c.Inventory.IPKeys,
			Container: inventory.DefaultKeys().Container, Labels: c.Inventory.LabelKeys,
		},
		TunnelNetworks: c.TunnelNetworks,
		Evacuate:       c.Destinations.Evacuation == config.EvacuationAuto,
		Identify:       identifier(ctl.listeners.ovsdbCerts.client()),

		Advertise:    c.OpenFlow.Advertise,
		OpenFlowPort: portOf(ctl.listeners.openflow.Addr()),
		OpenFlowTLS:  ctl.listeners.openflowCerts != nil,
		OVSDBTLS:     ctl.listeners.ovsdbCerts.client(),
		AcceptTLS:    ctl.listeners.ovsdbCerts.server(),
		Logger:       ctl.log,
		Observer:     ctl.metrics,
		Audit:        ctl.audit,
	})
	if err != nil {
		return err
	}

	ctl.engine = ring
	ctl.metrics.watch(ring)

	ctl.keys, err = access.New(ctx, access.Config{
		Admin:   token,
		Clients: c.API.ClientRoles,
		Records: ctl.timedStore,
		Audit:   ctl.audit,
		Logger:  ctl.log,
	})
	if err != nil {
		return err
	}

	ctl.onClose(ctl.keys.Close)
	ctl.limits = access.NewRoleLimits(c.Access.Roles)
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

// run starts all goroutines, registers the configured hosts, and waits until ctx ends or a listener
// fails. All goroutines have ended when it returns.
func (ctl *controller) run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()

	ctl.startUpkeep(ctx, &running)

	failed := make(chan error, 3) // room for each of the servers below
	start := func(name string, serve func() error) {
		running.Go(func() {
			if err := serve(); err != nil {
				failed <- fmt.Errorf("%s: %w", name, err)
			}
		})
	}

	start("openflow", func() error { return ctl.serveOpenFlow(ctx) })
	if ctl.listeners.ovsdb != nil {
		start("ovsdb", func() error {
			return acceptOVSDB(ctx, ctl.listeners.ovsdb, ctl.engine, ctl.log)
		})
	}

	byConfig := audit.With(ctx, &audit.Request{Actor: audit.Actor{Type: "config"}})
	if err := registerHosts(byConfig, ctl.config, ctl.engine, ctl.log); err != nil {
		return err
	}

	start("api", func() error { return ctl.serveAPI(ctx) })

	if err := ctl.recordLifecycle("start"); err != nil {
		return err
	}
	defer func() { _ = ctl.recordLifecycle("stop") }()

	ctl.log.Info("tapline is running", "version", version,
		"api", ctl.listeners.api.Addr(), "openflow", ctl.listeners.openflow.Addr(),
		"cluster", ctl.engine.ClusterID(), "data_dir", ctl.config.DataDir)

	select {
	case <-ctx.Done():
		ctl.log.Info("stopping; the switches keep their configuration and go on mirroring")
		return nil
	case err := <-failed:
		return err
	}
}

// startUpkeep starts the goroutines that serve nobody directly.
func (ctl *controller) startUpkeep(ctx context.Context, running *sync.WaitGroup) {
	running.Go(func() { ctl.engine.Run(ctx) })
	running.Go(func() { ctl.reloadOnHangup(ctx) })
	running.Go(func() { ctl.keys.Run(ctx) })
	running.Go(func() { ctl.audit.Run(ctx) })
	if _, chosen := os.LookupEnv("GOGC"); !chosen {
		running.Go(func() { boundMemory(ctx) })
	}
}

// recordLifecycle writes the start or stop of the controller to the audit log.
func (ctl *controller) recordLifecycle(action string) error {
	return ctl.audit.Write(audit.Record{
		Actor:   audit.Actor{Type: "controller"},
		Action:  action,
		Change:  audit.Change{Name: "tapline " + version},
		Outcome: audit.Success,
	})
}

const (
	// maxReply bounds the answer of a switch to one request, in bytes. A flow takes about 150.
	maxReply = 64 << 20
	// maxEvents bounds the unsolicited messages of a switch that were not handled yet.
	maxEvents = 512
)

func (ctl *controller) serveOpenFlow(ctx context.Context) error {
	options := ofconn.Options{Logger: ctl.log, MaxReply: maxReply, MaxEvents: maxEvents}
	return ofconn.Serve(ctx, ctl.listeners.openflow, options, ctl.engine.AcceptOpenFlow)
}

func (ctl *controller) serveAPI(ctx context.Context) error {
	handler := server.New(server.Config{
		Engine:   ctl.engine,
		Rehearse: server.RehearseWith(ctl.engine),
		Settings: func() (json.RawMessage, error) {
			return effectiveConfig(ctl.config, ctl.plugin.Spec())
		},
		Keys:     ctl.keys,
		Audit:    ctl.audit,
		Metrics:  ctl.metrics.handler(),
		Observer: ctl.metrics,
		Logger:   ctl.log,
		Version:  version,

		Origins:       ctl.config.API.Origins,
		TokenLifetime: ctl.config.API.TokenLifetime,
		Limits:        ctl.limits,
		AuditReads:    ctl.config.Audit.Reads,
		Parts: func() []api.Part {
			ports, ovsdb := ctl.listeners.describe(), ctl.config.OVSDB.Listen
			plain := ctl.config.OpenFlow.TLS.IsZero() && !ctl.config.OpenFlow.Insecure
			all := parts(ctl.timedStore.Err(), ctl.engine, ports, ovsdb, plain)
			return append(all, ctl.restored.parts()...)
		},
	})
	return server.Serve(ctx, ctl.listeners.api, handler, ctl.listeners.apiCerts.server())
}
