package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/server"
	"github.com/tapline-sdn/tapline/controller/access"
	"github.com/tapline-sdn/tapline/controller/audit"
	"github.com/tapline-sdn/tapline/controller/config"
	"github.com/tapline-sdn/tapline/controller/engine"
	"github.com/tapline-sdn/tapline/controller/hypervisor"
	"github.com/tapline-sdn/tapline/controller/quiet"
	"github.com/tapline-sdn/tapline/controller/store"
	"github.com/tapline-sdn/tapline/openflow/ofconn"
	"github.com/tapline-sdn/tapline/plugin"
	"github.com/tapline-sdn/tapline/plugin/mirror"
)

func newLogger(w io.Writer, level string) (*slog.Logger, error) {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		return nil, fmt.Errorf("--log-level %q: want debug, info, warn or error", level)
	}
	return slog.New(quiet.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: l}))), nil
}

// checkPluginConfig holds the mirror plugin's configuration against the one that ships with this controller.
func checkPluginConfig(c *config.Config) error {
	for i, p := range c.Plugins {
		if _, err := mirror.ParseConfig(p.Config); err != nil {
			return pluginErrors(c, i, err)
		}
	}
	return nil
}

// pluginErrors puts what a plugin says of its configuration at its place in the file.
func pluginErrors(c *config.Config, index int, err error) error {
	var wrong *plugin.ConfigError
	if !errors.As(err, &wrong) {
		return err
	}
	var all config.Errors
	for _, f := range wrong.Fields {
		path := fmt.Sprintf("plugins[%d].config", index)
		if f.Field != "" {
			path += "." + f.Field
		}
		all = append(all, c.Error(path, "%s", f.Message))
	}
	return all
}

// serve runs the controller until ctx ends. reread reads the configuration again.
func serve(ctx context.Context, c *config.Config, reread func() (*config.Config, error), log *slog.Logger) error {
	if err := os.MkdirAll(c.DataDir, 0o700); err != nil {
		return fmt.Errorf("data_dir: %w", err)
	}
	intent, err := store.OpenBolt(filepath.Join(c.DataDir, "tapline.db"))
	if err != nil {
		return err
	}
	defer func() { log.Debug("store closed", "error", intent.Close()) }()
	trail, err := audit.Open(filepath.Join(c.DataDir, "audit.log"), audit.Options{Logger: log})
	if err != nil {
		return err
	}
	defer trail.Close()
	token, err := adminToken(ctx, filepath.Join(c.DataDir, "admin.token"), trail, log)
	if err != nil {
		return err
	}

	supervisor, settings, err := startPlugin(ctx, c, reread, log)
	if err != nil {
		return err
	}
	apiTLS, err := renewedTLS(c.API.TLS, log)
	if err != nil {
		return fmt.Errorf("api.tls: %w", err)
	}
	openflowTLS, err := serverTLS(c.OpenFlow.TLS)
	if err != nil {
		return fmt.Errorf("openflow.tls: %w", err)
	}
	ovsdbTLS, err := serverTLS(c.OVSDB.TLS)
	if err != nil {
		return fmt.Errorf("ovsdb.tls: %w", err)
	}
	openflowListener, err := ofconn.Listen(ctx, listenTarget(c.OpenFlow.Listen, openflowTLS), openflowTLS)
	if err != nil {
		return fmt.Errorf("openflow.listen: %w", err)
	}
	defer func() { _ = openflowListener.Close() }()
	apiListener, err := net.Listen("tcp", c.API.Listen)
	if err != nil {
		return fmt.Errorf("api.listen: %w", err)
	}
	defer func() { _ = apiListener.Close() }()
	if tcp, ok := apiListener.Addr().(*net.TCPAddr); ok && apiTLS == nil && !tcp.IP.IsLoopback() {
		log.Warn("tokens travel over the network in the clear: configure api.tls, or listen on 127.0.0.1", "api", tcp)
	}
	counters := newMetrics(supervisor)
	timed := &timedStore{Store: intent, took: counters.Committed}
	ring, err := engine.New(ctx, engine.Config{
		Store: timed, Plugin: supervisor, Hypervisor: newHypervisor(c, settings.Bridge, log), TapBridge: settings.Bridge,
		Keys:      engine.Keys{MAC: c.Inventory.MACKeys, Guest: c.Inventory.GuestKeys, Iface: c.Inventory.IfaceKeys, IP: c.Inventory.IPKeys},
		Advertise: c.OpenFlow.Advertise, OpenFlowPort: port(openflowListener.Addr()), OpenFlowTLS: openflowTLS != nil,
		OVSDBTLS: dialTLS(ovsdbTLS), AcceptTLS: ovsdbTLS, Logger: log, Observer: counters, Audit: trail,
	})
	if err != nil {
		return err
	}
	counters.watch(ring)
	keys, err := access.New(ctx, access.Config{Admin: token, Clients: c.API.ClientRoles, Records: intent, Audit: trail, Logger: log})
	if err != nil {
		return err
	}
	defer keys.Close()

	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var running sync.WaitGroup
	defer running.Wait()
	failed := make(chan error, 3)
	start := func(name string, run func() error) {
		running.Go(func() {
			if err := run(); err != nil {
				failed <- fmt.Errorf("%s: %w", name, err)
			}
		})
	}
	running.Go(func() { ring.Run(ctx) })
	if _, chosen := os.LookupEnv("GOGC"); !chosen {
		running.Go(func() { boundMemory(ctx) })
	}
	running.Go(func() { reloadOnHangup(ctx, ring, log) })
	running.Go(func() { keys.Run(ctx) })
	running.Go(func() { trail.Run(ctx) })
	start("openflow", func() error {
		return ofconn.Serve(ctx, openflowListener, ofconn.Options{Logger: log, MaxReply: maxReply, MaxEvents: maxEvents}, ring.AcceptOpenFlow)
	})
	if c.OVSDB.Listen != "" {
		listener, err := net.Listen("tcp", c.OVSDB.Listen)
		if err != nil {
			cancel()
			return fmt.Errorf("ovsdb.listen: %w", err)
		}
		start("ovsdb", func() error { return acceptOVSDB(ctx, listener, ring, log) })
	}
	byConfig := audit.With(ctx, &audit.Request{Actor: audit.Actor{Type: "config"}})
	if err := registerHosts(byConfig, c, ring, log); err != nil {
		cancel()
		return err
	}
	start("api", func() error {
		return server.Serve(ctx, apiListener, server.New(server.Config{
			Rehearse: server.RehearseWith(ring),
			Settings: func() (json.RawMessage, error) { return effective(c, supervisor.Spec()) },
			Engine:   ring, Keys: keys, Audit: trail, Metrics: counters.handler(), Logger: log, Version: version,
			Observer: counters, Parts: func() []api.Part {
				return parts(timed.Err(), ring, fmt.Sprintf("api %v, openflow %v", apiListener.Addr(), openflowListener.Addr()), c.OVSDB.Listen)
			},
		}), apiTLS)
	})
	ours := audit.Record{Actor: audit.Actor{Type: "controller"}, Change: audit.Change{Name: "tapline " + version}, Outcome: audit.Success}
	ours.Action = "start"
	if err := trail.Write(ours); err != nil {
		cancel()
		return err
	}
	ours.Action = "stop"
	defer func() { _ = trail.Write(ours) }()
	log.Info("tapline is running", "version", version, "api", apiListener.Addr(), "openflow", openflowListener.Addr(),
		"cluster", ring.ClusterID(), "data_dir", c.DataDir)
	select {
	case <-ctx.Done():
		log.Info("stopping; the switches keep what they have")
		return nil
	case err := <-failed:
		cancel()
		return err
	}
}

// startPlugin launches the mirror plugin. Its settings tell the name of the tap bridge.
func startPlugin(ctx context.Context, c *config.Config, reread func() (*config.Config, error), log *slog.Logger) (*plugin.Supervisor, mirror.Config, error) {
	spec, err := pluginSpec(c, log)
	if err != nil {
		return nil, mirror.Config{}, err
	}
	settings, err := mirror.ParseConfig(spec.Config)
	if err != nil {
		return nil, mirror.Config{}, pluginErrors(c, 0, err)
	}
	first := spec
	spec.Renew = func() (plugin.Spec, error) { return renewSpec(first, settings, reread) }
	supervisor, err := plugin.Start(ctx, spec)
	if err != nil {
		return nil, mirror.Config{}, pluginErrors(c, 0, err)
	}
	return supervisor, settings, nil
}

// pluginSpec says which mirror plugin to run: where no path is configured, the one beside this program.
func pluginSpec(c *config.Config, log *slog.Logger) (plugin.Spec, error) {
	p := c.Plugins[0]
	if p.Path == "" {
		self, err := os.Executable()
		if err != nil {
			return plugin.Spec{}, fmt.Errorf("plugins[0].path: %w", err)
		}
		p.Path = filepath.Join(filepath.Dir(self), "tapline-"+p.Name)
	}
	return plugin.Spec{Name: p.Name, Path: p.Path, SHA256: p.SHA256, Config: p.Config, Logger: log}, nil
}

// newHypervisor is what plugs the tap NICs of guests; nil if somebody else does.
func newHypervisor(c *config.Config, tapBridge string, log *slog.Logger) engine.Hypervisor {
	if c.Hypervisor.Driver != config.DriverLibvirt {
		return nil
	}
	return hypervisor.NewLibvirt(hypervisor.Config{URI: c.Hypervisor.URI, URIs: c.Hypervisor.Hosts, TapBridge: tapBridge, Logger: log})
}

// registerHosts registers the hosts of the configuration file, and brings those that are registered already to what it says.
func registerHosts(ctx context.Context, c *config.Config, ring *engine.Engine, log *slog.Logger) error {
	for i, h := range c.Hosts {
		want := store.Host{Name: h.Name, OVSDB: h.OVSDB, TunnelIP: h.TunnelIP, Wires: h.Wires}
		for _, n := range h.NICs {
			want.NICs = append(want.NICs, store.HostNIC{Name: n.Name, MAC: n.MAC})
		}
		_, err := ring.Host(h.Name)
		if err != nil {
			_, err = ring.CreateHost(ctx, want)
		} else {
			_, err = ring.UpdateHost(ctx, h.Name, 0, func(have *store.Host) error {
				have.OVSDB, have.TunnelIP = want.OVSDB, want.TunnelIP
				if want.Wires != nil {
					have.Wires = want.Wires
				}
				if want.NICs != nil {
					have.NICs = want.NICs
				}
				return nil
			})
		}
		if err != nil {
			return c.Error(fmt.Sprintf("hosts[%d]", i), "%v", err)
		}
		log.Debug("host of the configuration", "host", h.Name)
	}
	return nil
}

// maxEvents bounds what a switch tells unasked and nobody has looked at yet.
const maxEvents = 512

// maxReply bounds what a switch may answer to one question, in bytes; a flow has some 150.
const maxReply = 64 << 20

// acceptPause is the time from a failed accept to the next.
const acceptPause = 100 * time.Millisecond

// acceptOVSDB gives connections of hosts that connect to us to their sessions.
func acceptOVSDB(ctx context.Context, listener net.Listener, ring *engine.Engine, log *slog.Logger) error {
	stop := context.AfterFunc(ctx, func() { _ = listener.Close() })
	defer stop()
	for {
		nc, err := listener.Accept()
		if ctx.Err() != nil {
			return nil
		}
		if errors.Is(err, net.ErrClosed) {
			return err
		}
		if err != nil { // Such as too many open files: it passes, so go on, but not at once.
			log.Warn("accept failed", "error", err)
			select {
			case <-time.After(acceptPause):
			case <-ctx.Done():
			}
			continue
		}
		if !ring.AcceptOVSDB(nc) {
			log.Warn("OVSDB connection from an address that no registered host has", "remote", nc.RemoteAddr())
			_ = nc.Close()
		}
	}
}

// listenTarget is an IP:PORT as an OpenFlow connection method.
func listenTarget(listen string, secure *tls.Config) string {
	if secure != nil {
		return "pssl:" + listen
	}
	return "ptcp:" + listen
}

func port(a net.Addr) uint16 {
	if tcp, ok := a.(*net.TCPAddr); ok {
		return tcp.AddrPort().Port()
	}
	return 0
}
