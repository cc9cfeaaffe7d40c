package plugin

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"
)

// Backoff between restarts: it doubles up to the maximum, and starts anew after a run that lasted.
const (
	firstBackoff = 100 * time.Millisecond
	maxBackoff   = 10 * time.Second
	goodRun      = 30 * time.Second
)

// Supervisor keeps a plugin running.
type Supervisor struct {
	spec     Spec
	process  *Process // of the first run, from Start
	restarts atomic.Uint64
	problem  atomic.Pointer[string]
}

// Start launches a plugin once, so that a plugin that cannot work is told at once, and returns its supervisor.
func Start(ctx context.Context, spec Spec) (*Supervisor, error) {
	process, err := Launch(ctx, spec)
	if err != nil {
		return nil, err
	}
	return &Supervisor{spec: spec, process: process}, nil
}

// Run hands the plugin to use, for as long as use returns because the plugin is gone, until ctx ends. The process is then
// killed. Run is called once.
func (s *Supervisor) Run(ctx context.Context, use func(context.Context, Mirror) error) {
	log := s.spec.Logger.With(slog.String("plugin", s.spec.Name))
	backoff := firstBackoff
	process := s.process
	for {
		if process != nil {
			started := time.Now()
			s.problem.Store(nil)
			err := use(ctx, process)
			process.Kill()
			process = nil
			if ctx.Err() != nil {
				return
			}
			if time.Since(started) > goodRun {
				backoff = firstBackoff
			}
			log.Error("plugin ended and will be restarted", "error", err, "backoff", backoff)
			s.fail(err)
		}
		timer := time.NewTimer(backoff)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
		backoff = min(2*backoff, maxBackoff)
		var err error
		if process, err = Launch(ctx, s.spec); err != nil {
			log.Error("plugin does not start", "error", err, "backoff", backoff)
			s.fail(err)
			continue
		}
		s.restarts.Add(1)
		log.Info("plugin restarted", "version", process.Description.Version)
	}
}

func (s *Supervisor) fail(err error) {
	text := "it ended"
	if err != nil {
		text = err.Error()
	}
	s.problem.Store(&text)
}

// Restarts counts the restarts so far.
func (s *Supervisor) Restarts() uint64 { return s.restarts.Load() }

// Err is nil while the plugin runs, and otherwise says why it does not.
func (s *Supervisor) Err() error {
	if p := s.problem.Load(); p != nil {
		return errors.New("plugin " + s.spec.Name + ": " + *p)
	}
	return nil
}
