package plugin

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/tapline-sdn/tapline/plugin/tap"
)

// stableRun is how long a plugin must have run before the pauses between restarts start anew.
const stableRun = 30 * time.Second

// newPauses returns the pauses between restarts: 100 ms, doubled up to 10 s. There is one plugin a
// controller, so they need no random part.
func newPauses() *backoff.ExponentialBackOff {
	return &backoff.ExponentialBackOff{
		InitialInterval: 100 * time.Millisecond,
		Multiplier:      2,
		MaxInterval:     10 * time.Second,
	}
}

// errStopping is the answer to a reload while the supervisor ends.
var errStopping = errors.New("the controller is stopping")

// Supervisor keeps a plugin running.
type Supervisor struct {
	wake chan struct{} // next was set; capacity 1

	reload sync.Mutex // held during a reload: one at a time

	mu       sync.Mutex
	spec     Spec
	process  *Process           // in use, or about to be
	stop     context.CancelFunc // ends the use of process; nil while it is not in use
	next     *Process           // takes over from process
	ended    bool
	version  string // of the last process
	since    time.Time
	problem  string
	restarts uint64
}

// Status describes how a plugin is doing.
type Status struct {
	Name     string
	Path     string
	Version  string
	Problem  string    // why it does not run; "" while it runs
	Since    time.Time // when the process that runs, or ran last, was started
	Restarts uint64    // how often the plugin was started again because it had ended
}

// Start launches a plugin once, so that an unusable plugin is reported at once, and returns its
// supervisor.
func Start(ctx context.Context, spec Spec) (*Supervisor, error) {
	process, err := Launch(ctx, spec)
	if err != nil {
		return nil, err
	}

	s := &Supervisor{spec: spec, wake: make(chan struct{}, 1)}
	s.begin(process, nil)
	return s, nil
}

// Run calls use with the plugin until ctx ends, and then kills the process. When use returns
// because the plugin is gone or another takes over, use is called again with the next one. Run is
// called once.
func (s *Supervisor) Run(ctx context.Context, use func(context.Context, Mirror) error) {
	var retired sync.WaitGroup
	defer retired.Wait()
	defer s.end()

	log := s.spec.Logger.With(slog.String("plugin", s.spec.Name))
	pauses := newPauses()
	process := s.process
	for ctx.Err() == nil {
		if process == nil {
			process = s.relaunch(ctx, log, pauses)
			continue
		}

		started := time.Now()
		err := s.use(ctx, process, use)

		if ctx.Err() != nil {
			break
		}

		if next := s.takeNext(); next != nil {
			log.Info("plugin replaced", "version", next.Description.Version)
			retired.Go(process.Kill) // It may be slow to end; the next one runs meanwhile.
			pauses.Reset()
			process = next
			continue
		}

		process.Kill()
		process = nil
		if time.Since(started) > stableRun {
			pauses.Reset()
		}

		log.Error("plugin ended and will be restarted", "error", err)
		s.setProblem(err)
	}

	if process != nil {
		process.Kill()
	}
}

// use lets the caller of Run use a process, until another is to take over.
func (s *Supervisor) use(
	ctx context.Context, process *Process, use func(context.Context, Mirror) error,
) error {
	inUse, stop := context.WithCancel(ctx)
	defer stop()
	s.begin(process, stop)
	return use(inUse, answerObserver{process, s})
}

// relaunch starts the plugin again after a pause. It returns nil if the plugin does not start or
// ctx ends. A reload during the pause ends it, and its process is returned.
func (s *Supervisor) relaunch(
	ctx context.Context, log *slog.Logger, pauses *backoff.ExponentialBackOff,
) *Process {
	length := pauses.NextBackOff()
	log.Info("the next start of the plugin waits", "pause", length)
	pause := time.NewTimer(length)
	defer pause.Stop()

	select {
	case <-ctx.Done():
		return nil
	case <-s.wake:
		if next := s.takeNext(); next != nil {
			log.Info("plugin replaced", "version", next.Description.Version)
			pauses.Reset()
			return next
		}
	case <-pause.C:
	}

	process, err := Launch(ctx, s.Spec())
	if err != nil {
		log.Error("plugin does not start", "error", err)
		s.setProblem(err)
		return nil
	}

	s.countRestart()
	log.Info("plugin restarted", "version", process.Description.Version)
	return process
}

// Reload starts another process from the current specification, calls try with it, and lets it take
// over. If it does not start or try fails, it is killed, and the plugin that runs goes on.
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

	if err := s.setNext(spec, process); err != nil {
		process.Kill()
		return err
	}

	return nil
}

// Aside starts another process of the plugin beside the one that runs, for as long as use lasts. It
// knows nothing of the world until it is given a snapshot. So something can be tried without
// disturbing the plugin that runs, whatever happens.
func (s *Supervisor) Aside(ctx context.Context, use func(context.Context, Mirror) error) error {
	process, err := Launch(ctx, s.Spec())
	if err != nil {
		return err
	}

	defer process.Kill()
	return use(ctx, process)
}

// Spec is the specification from which the running plugin was started.
func (s *Supervisor) Spec() Spec {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.spec
}

// begin notes the process that is used from now on; stop ends that use.
func (s *Supervisor) begin(process *Process, stop context.CancelFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()

	if s.process != process {
		s.since = time.Now()
	}

	s.process, s.stop, s.version = process, stop, process.Description.Version
	if s.next != nil && stop != nil {
		stop() // A reload set the next process before this one came into use.
	}
}

// setNext makes a process take over from the one in use.
func (s *Supervisor) setNext(spec Spec, process *Process) error {
	s.mu.Lock()
	defer s.mu.Unlock()

	if s.ended || s.next != nil {
		return errStopping
	}

	s.spec, s.next = spec, process
	select {
	case s.wake <- struct{}{}:
	default: // A wake-up is pending already.
	}

	if s.stop != nil {
		s.stop()
	}

	return nil
}

func (s *Supervisor) takeNext() *Process {
	s.mu.Lock()
	defer s.mu.Unlock()

	next := s.next
	s.next, s.stop = nil, nil
	return next
}

// end refuses further reloads, and kills a process that was to take over.
func (s *Supervisor) end() {
	s.mu.Lock()
	next := s.next
	s.ended, s.next, s.stop = true, nil, nil
	s.mu.Unlock()

	if next != nil {
		next.Kill()
	}
}

func (s *Supervisor) countRestart() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.restarts++
}

// setProblem notes why the plugin does not run.
func (s *Supervisor) setProblem(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()

	s.problem = "it ended"
	if err != nil {
		s.problem = err.Error()
	}
}

func (s *Supervisor) clearProblem() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.problem = ""
}

// answerObserver clears the supervisor's problem when the plugin answers. A start alone is no sign
// of health: a plugin may start and end again and again.
type answerObserver struct {
	Mirror
	supervisor *Supervisor
}

// Run implements [Mirror].
func (o answerObserver) Run(
	ctx context.Context, changes <-chan tap.Change, emit func(tap.Result) error,
) error {
	return o.Mirror.Run(ctx, changes, func(r tap.Result) error {
		o.supervisor.clearProblem()
		return emit(r)
	})
}

// Restarts counts the restarts so far.
func (s *Supervisor) Restarts() uint64 { return s.Status().Restarts }

// Status returns how the plugin is doing.
func (s *Supervisor) Status() Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	return Status{
		Name: s.spec.Name, Path: s.spec.Path, Version: s.version,
		Problem: s.problem, Since: s.since, Restarts: s.restarts,
	}
}

// Err is nil while the plugin runs, and otherwise says why it does not.
func (s *Supervisor) Err() error {
	if status := s.Status(); status.Problem != "" {
		return errors.New("plugin " + status.Name + ": " + status.Problem)
	}
	return nil
}
