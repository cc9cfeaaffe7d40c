package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/tapline-sdn/tapline/api/server"
	"github.com/tapline-sdn/tapline/controller/access"
	"github.com/tapline-sdn/tapline/controller/audit"
	"github.com/tapline-sdn/tapline/controller/config"
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

With replica in the configuration, it stands by until it is elected, and passes requests
on to the replica that leads.

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

// controller holds what lasts as long as the process, whether it leads or stands by, in the order
// in which it is made.
type controller struct {
	config *config.Config
	reread func() (*config.Config, error) // reads the configuration file again
	log    *slog.Logger

	election election
	audit    *audit.Log
	keys     *access.Keyring
	limits   *access.RoleLimits
	plugins  pluginKeeper
	certs    allCertificates
	api      net.Listener
	front    *front
	metrics  *metrics // while it stands by

	closers []func() // called in reverse order
}

// serve runs the controller until ctx ends. reread reads the configuration file again.
func serve(
	ctx context.Context, c *config.Config, reread func() (*config.Config, error), log *slog.Logger,
) error {
	ctl := &controller{config: c, reread: reread, log: log}
	defer ctl.close()

	if err := ctl.prepare(ctx); err != nil {
		return err
	}
	return ctl.run(ctx)
}

// prepare makes what lasts as long as the process. What is wrong with the configuration shows here.
func (ctl *controller) prepare(ctx context.Context) error {
	c := ctl.config
	if err := privateFolder(c.DataDir); err != nil {
		return fmt.Errorf("data_dir: %w", err)
	}

	unlock, err := lockFolder(c.DataDir)
	if err != nil {
		return fmt.Errorf("data_dir: %w", err)
	}
	ctl.onClose(unlock)

	if ctl.election, err = newElection(ctx, c, ctl.log); err != nil {
		return err
	}
	ctl.onClose(ctl.election.Close)

	trail, err := openAudit(filepath.Join(c.DataDir, "audit.log"), c.Audit, ctl.log)
	if err != nil {
		return err
	}
	ctl.audit = trail
	ctl.onClose(trail.Close)

	if err := ctl.openKeyring(ctx); err != nil {
		return err
	}

	ctl.plugins = pluginKeeper{config: c, reread: ctl.reread, log: ctl.log}
	ctl.onClose(ctl.plugins.Close)
	if err := ctl.plugins.Prepare(ctx); err != nil {
		return err
	}

	if err := ctl.listen(); err != nil {
		return err
	}
	return ctl.makeFront()
}

// openKeyring makes the keyring, which has the admin token and the clients' certificates, and the
// tokens as soon as a store was read.
func (ctl *controller) openKeyring(ctx context.Context) error {
	c := ctl.config
	token, err := adminToken(ctx, filepath.Join(c.DataDir, "admin.token"), ctl.audit, ctl.log)
	if err != nil {
		return err
	}

	ctl.keys, err = access.New(ctx, access.Config{
		Admin: token, Clients: c.API.ClientRoles, Audit: ctl.audit, Logger: ctl.log,
	})
	if err != nil {
		return err
	}

	ctl.onClose(ctl.keys.Close)
	ctl.limits = access.NewRoleLimits(c.Access.Roles)
	return nil
}

// onClose has a function called when the controller ends.
func (ctl *controller) onClose(fn func()) { ctl.closers = append(ctl.closers, fn) }

func (ctl *controller) close() {
	for _, fn := range slices.Backward(ctl.closers) {
		fn()
	}
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

// run leads whenever this process is elected, and stands by otherwise, until ctx ends or something
// fails that a restart may cure. All goroutines have ended when it returns.
func (ctl *controller) run(ctx context.Context) error {
	// The API and the election outlast ctx: a leader that is told to end hands over first.
	serving, stopServing := context.WithCancel(context.WithoutCancel(ctx))
	var running sync.WaitGroup
	defer running.Wait()
	defer stopServing()

	leading, stopLeading := context.WithCancelCause(ctx)
	defer stopLeading(nil)
	running.Go(func() {
		err := server.Serve(serving, ctl.api, ctl.front, ctl.certs.api.server())
		if err != nil {
			stopLeading(err)
		}
	})
	ctl.startUpkeep(serving, &running)

	if err := ctl.recordLifecycle("start"); err != nil {
		return err
	}
	defer func() { _ = ctl.recordLifecycle("stop") }()

	err := ctl.leadAgainAndAgain(leading)
	if ctx.Err() == nil && err == nil {
		err = context.Cause(leading)
	}
	if ctx.Err() != nil {
		ctl.log.Info("stopping; the switches keep their configuration and go on mirroring")
	}
	return err
}

// startUpkeep starts the goroutines that serve nobody directly.
func (ctl *controller) startUpkeep(ctx context.Context, running *sync.WaitGroup) {
	running.Go(func() { ctl.election.Run(ctx) })
	running.Go(func() { ctl.front.follow(ctx, ctl.election) })
	running.Go(func() { ctl.reloadOnHangup(ctx) })
	running.Go(func() { ctl.audit.Run(ctx) })
	if _, chosen := os.LookupEnv("GOGC"); !chosen {
		running.Go(func() { boundMemory(ctx) })
	}
}

// retryPause is the time after a term that has failed, before this process may lead again. Another
// replica leads meanwhile.
const retryPause = 2 * time.Second

// leadAgainAndAgain leads each time that this process is elected, until ctx ends. A single
// controller leads once.
func (ctl *controller) leadAgainAndAgain(ctx context.Context) error {
	for ctx.Err() == nil {
		if err := ctl.plugins.Prepare(ctx); err != nil {
			ctl.log.Error("this replica cannot lead, and tries again", "error", err)
			pause(ctx, retryPause)
			continue
		}

		term, err := ctl.standBy(ctx)
		if err != nil {
			return nil // ctx has ended.
		}

		err = ctl.lead(ctx, term)
		switch {
		case !ctl.election.Shared():
			return err
		case err != nil && ctx.Err() == nil:
			ctl.log.Error("this replica has failed to lead", "term", term.Number(), "error", err)
			pause(ctx, retryPause)
		}
		ctl.election.AwaitOther(ctx)
	}
	return nil
}

// pause waits for a time, or until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// standBy waits until this process is elected. Meanwhile it follows the tokens of the store.
func (ctl *controller) standBy(ctx context.Context) (term, error) {
	following, stop := context.WithCancel(ctx)
	var running sync.WaitGroup
	defer running.Wait()
	defer stop()

	if ctl.election.Shared() {
		ctl.log.Info("standing by", "replica", ctl.election.Name())
		running.Go(func() { ctl.followTokens(following) })
	}
	return ctl.election.Campaign(ctx)
}

// recordLifecycle writes what becomes of the controller to the audit log.
func (ctl *controller) recordLifecycle(action string) error {
	return ctl.audit.Write(audit.Record{
		Actor:   audit.Actor{Type: "controller"},
		Action:  action,
		Change:  audit.Change{Name: "tapline " + version},
		Outcome: audit.Success,
	})
}

var errNoOther = errors.New("there is no other replica that could lead")
