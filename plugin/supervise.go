package plugin

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/tapline-sdn/tapline/plugin/tap"
)

// Backoff between restarts: it doubles up to the maximum, and starts anew after a run that lasted.
const (
	firstBackoff = 100 * time.Millisecond
	maxBackoff   = 10 * time.Second
	goodRun      = 30 * time.Second
)

// Supervisor keeps a plugin running.
type Supervisor struct {
	reload sync.Mutex // one reload at a time

	mu       sync.Mutex
	spec     Spec
	process  *Process           // in use, or about to be; nil while there is none
	stop     context.CancelFunc // ends the use of process; nil while it is not in use
	next     *Process           // takes over
	wake     chan struct{}      // next was set; holds at most one
	ended    bool
	version  string // of the last process
	since    time.Time
	problem  string
	restarts uint64
}

// Status is how a plugin is.
type Status struct {
	Name     string
	Path     string
	Version  string
	Problem  string    // why it does not run; "" while it does
	Since    time.Time // when the process started that runs, or ran last
	Restarts uint64    // because the plugin had ended
}

// Start launches a plugin once, so that a plugin that cannot work is told at once, and returns its supervisor.
func Start(ctx context.Context, spec Spec) (*Supervisor, error) {
	process, err := Launch(ctx, spec)
	if err != nil {
		return nil, err
	}
	s := &Supervisor{spec: spec, wake: make(chan struct{}, 1)}
	s.begin(process, nil)
	return s, nil
}

// Run hands the plugin to use, for as long as use returns because the plugin is gone or another takes over, until ctx ends. The
// process is then killed. Run is called once.
func (s *Supervisor) Run(ctx context.Context, use func(context.Context, Mirror) error) {
	var retired sync.WaitGroup
	defer retired.Wait()
	defer s.end()
	log := s.spec.Logger.With(slog.String("plugin", s.spec.Name))
	backoff := firstBackoff
	process := s.process
	for {
		if process != nil {
			started := time.Now()
			running, stop := context.WithCancel(ctx)
			s.begin(process, stop)
			err := use(running, heard{process, s})
			stop()
			if next := s.takeNext(); next != nil && ctx.Err() == nil {
				log.Info("plugin replaced", "version", next.Description.Version)
				retired.Go(process.Kill) // It may take its time to end; the other goes on meanwhile.
				process, backoff = next, firstBackoff
				continue
			}
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
		case <-s.wake:
			timer.Stop()
			if process = s.takeNext(); process != nil {
				log.Info("plugin replaced", "version", process.Description.Version)
				backoff = firstBackoff
				continue
			}
		case <-timer.C:
		}
		backoff = min(2*backoff, maxBackoff)
		var err error
		if process, err = Launch(ctx, s.Spec()); err != nil {
			log.Error("plugin does not start", "error", err, "backoff", backoff)
			s.fail(err)
			continue
		}
		s.mu.Lock()
		s.restarts++
		s.mu.Unlock()
		log.Info("plugin restarted", "version", process.Description.Version)
	}
}

// Reload starts the plugin anew, as its specification says by now, has it tried, and lets it take over. What does not start, or
// fails the trial, is killed, and the plugin that runs goes on.
func (s *Supervisor) Reload(ctx context.Context, try func(context.Context, Mirror) error) error {
	s.reload.Lock()
	defer s.reload.Unlock()
	spec := s.Spec()
	if spec.Renew != nil {
		var err error
		if spec, err = spec.Renew(); err != nil {
			return err
		}
	}
	process, err := Launch(ctx, spec)
	if err != nil {
		return err
	}
	if err := try(ctx, process); err != nil {
		process.Kill()
		return fmt.Errorf("plugin %s (%s): %w", spec.Name, spec.Path, err)
	}
	s.mu.Lock()
	if s.ended || s.next != nil {
		s.mu.Unlock()
		process.Kill()
		return errors.New("the controller is stopping")
	}
	s.spec, s.next = spec, process
	stop := s.stop
	s.mu.Unlock()
	select {
	case s.wake <- struct{}{}:
	default: // It is awake already.
	}
	if stop != nil {
		stop()
	}
	return nil
}

// Spec is what the plugin that runs was started from.
func (s *Supervisor) Spec() Spec {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.spec
}

func (s *Supervisor) begin(process *Process, stop context.CancelFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.process != process {
		s.since = time.Now()
	}
	s.process, s.stop, s.version = process, stop, process.Description.Version
	if s.next != nil && stop != nil {
		stop() // It was set before this one was in use.
	}
}

func (s *Supervisor) takeNext() *Process {
	s.mu.Lock()
	defer s.mu.Unlock()
	next := s.next
	s.next, s.stop = nil, nil
	return next
}

func (s *Supervisor) end() {
	s.mu.Lock()
	next := s.next
	s.ended, s.next, s.stop = true, nil, nil
	s.mu.Unlock()
	if next != nil {
		next.Kill()
	}
}

func (s *Supervisor) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.problem = "it ended"
	if err != nil {
		s.problem = err.Error()
	}
}

// answered notes that the plugin does its work.
func (s *Supervisor) answered() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.problem = ""
}

// heard is a plugin whose answers count as a sign that it works: one that starts and ends again and again does not.
type heard struct {
	Mirror
	supervisor *Supervisor
}

// Run implements [Mirror].
func (h heard) Run(ctx context.Context, changes <-chan tap.Change, tell func(tap.Result) error) error {
	return h.Mirror.Run(ctx, changes, func(r tap.Result) error {
		h.supervisor.answered()
		return tell(r)
	})
}

// Restarts counts the restarts so far.
func (s *Supervisor) Restarts() uint64 { return s.Status().Restarts }

// Status tells how the plugin is.
func (s *Supervisor) Status() Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	return Status{
		Name: s.spec.Name, Path: s.spec.Path, Version: s.version, Problem: s.problem, Since: s.since, Restarts: s.restarts,
	}
}

// Err is nil while the plugin runs, and otherwise says why it does not.
func (s *Supervisor) Err() error {
	if status := s.Status(); status.Problem != "" {
		return errors.New("plugin " + status.Name + ": " + status.Problem)
	}
	return nil
}
