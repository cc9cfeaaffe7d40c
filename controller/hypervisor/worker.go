package hypervisor

import (
	"context"
	"log/slog"
	"reflect"
	"slices"
	"sync/atomic"
	"time"
)

// maxRounds bounds how often the worker changes and reads again before it reports.
const maxRounds = 3

// worker looks after the guests of one host. The goroutine of run owns all fields but the channels
// and hasEvents.
type worker struct {
	config   Config
	host     string // name
	cluster  string
	virsh    virsh
	log      *slog.Logger
	orders   *Orders
	report   func(Report)
	registry *registry

	domains    []domain
	known      bool      // the domains were read once
	downReason string    // why the domains cannot be read now; "" if they can
	failures   int       // readings that failed in a row
	retryAt    time.Time // when to read again while libvirt is down
	surveyedAt time.Time // when the domains were read last, or the attempt failed

	addressesAskedAt time.Time
	ips              addresses

	attempts   map[step]*attempt
	lostPorts  map[string]*lostPort // by service id
	lastReport *Report

	changed       chan struct{} // a guest changed; holds at most one
	hasEvents     atomic.Bool   // libvirt's events arrive
	wantAddresses chan []domain // running domains; holds the latest request
	addresses     chan addresses
}

func newWorker(
	c Config, h Host, uri string, orders *Orders, report func(Report), r *registry,
) *worker {
	return &worker{
		config:  c,
		host:    h.Name,
		cluster: h.Cluster,
		virsh: virsh{
			path: c.Virsh, uri: uri, environment: c.Environment, secret: c.DataDir,
		},
		log:      c.Logger.With("host", h.Name),
		orders:   orders,
		report:   report,
		registry: r,

		attempts:  map[step]*attempt{},
		lostPorts: map[string]*lostPort{},

		changed:       make(chan struct{}, 1),
		wantAddresses: make(chan []domain, 1),
		addresses:     make(chan addresses, 1),
	}
}

// run surveys, changes and reports, each time that something wakes it, until ctx ends.
func (w *worker) run(ctx context.Context) {
	stale := true // the domains are to be read
	for ctx.Err() == nil {
		orders, number, readGuests := w.orders.take()
		if w.shouldSurvey(stale, readGuests) {
			w.survey(ctx)
		}
		if w.downReason == "" && time.Since(w.addressesAskedAt) >= w.config.Timing.Addresses {
			w.requestAddresses()
		}

		w.updateLostPorts()
		if at := w.nextReplug(); w.downReason == "" && !at.IsZero() && !time.Now().Before(at) {
			w.survey(ctx) // The guest may have ended meanwhile.
			w.updateLostPorts()
		}

		if number > 0 && w.downReason == "" {
			w.work(ctx, orders, number)
		}
		if ctx.Err() != nil {
			return
		}

		w.publish(orders, number)
		stale = w.wait(ctx)
	}
}

// shouldSurvey reports whether the domains are to be read now. While libvirt is down, that is when
// the next retry is due, or when events arrive again.
func (w *worker) shouldSurvey(stale, readGuests bool) bool {
	if w.downReason != "" {
		return w.hasEvents.Load() || !time.Now().Before(w.retryAt)
	}
	return stale || readGuests && !w.hasEvents.Load()
}

// wait blocks until there is something to do. It reports whether the domains are to be read again.
func (w *worker) wait(ctx context.Context) (stale bool) {
	timer := time.NewTimer(time.Until(w.nextWake()))
	defer timer.Stop()

	select {
	case <-ctx.Done():
	case <-w.orders.wake:
	case <-timer.C:
		return time.Since(w.surveyedAt) >= w.pollInterval()
	case <-w.changed:
		// Events come in bursts, so wait for more of them.
		_ = sleep(ctx, w.config.Timing.Gap-time.Since(w.surveyedAt))
		return true
	case w.ips = <-w.addresses:
	}

	return false
}

func (w *worker) pollInterval() time.Duration {
	if w.hasEvents.Load() {
		return w.config.Timing.Poll
	}
	return w.config.Timing.Blind
}

// nextWake returns when the worker has something to do if nothing else wakes it.
func (w *worker) nextWake() time.Time {
	if w.downReason != "" {
		return w.retryAt
	}

	next := w.surveyedAt.Add(w.pollInterval())
	for _, a := range w.attempts {
		if a.next.Before(next) {
			next = a.next
		}
	}

	if at := w.addressesAskedAt.Add(w.config.Timing.Addresses); at.Before(next) {
		next = at
	}
	if at := w.nextReplug(); !at.IsZero() && at.Before(next) {
		next = at
	}

	return next
}

// survey reads the domains again. Failed steps on a domain that has changed become due at once.
func (w *worker) survey(ctx context.Context) {
	domains, err := w.virsh.survey(ctx, w.config.Timing.Read)
	if ctx.Err() != nil {
		return
	}

	w.surveyedAt = time.Now()
	if err != nil {
		w.surveyFailed(err)
		return
	}

	if w.downReason != "" {
		w.log.Info("libvirt answers again", "uri", w.virsh.uri)
	}

	before := w.domains
	w.domains, w.known, w.downReason, w.failures = domains, true, "", 0
	w.settle()
	for s := range w.attempts {
		if !reflect.DeepEqual(findDomain(before, s.domain), findDomain(domains, s.domain)) {
			delete(w.attempts, s)
		}
	}

	if !reflect.DeepEqual(before, domains) {
		w.requestAddresses()
	}
}

func (w *worker) surveyFailed(err error) {
	w.failures++
	w.retryAt = w.surveyedAt.Add(w.config.Timing.backoff(w.failures))
	if w.downReason != err.Error() {
		w.log.Warn("libvirt does not answer", "uri", w.virsh.uri, "error", err)
	}
	w.downReason = err.Error()
	w.settle()
}

// settle tells the registry the guests that are known.
func (w *worker) settle() {
	guests := make([]Guest, len(w.domains))
	for i := range w.domains {
		guests[i] = w.domains[i].Guest
	}
	w.registry.settle(w.host, guests)
}

// work does the steps that are due, and reads the domains again, until no step is due.
func (w *worker) work(ctx context.Context, orders []Order, number uint64) {
	for range maxRounds {
		p := w.plan(orders)
		for s := range w.attempts {
			if !slices.Contains(p.steps, s) {
				delete(w.attempts, s) // It succeeded, or is no longer wanted.
			}
		}

		due := slices.DeleteFunc(p.steps, func(s step) bool {
			a := w.attempts[s]
			return a != nil && time.Now().Before(a.next)
		})
		if len(due) == 0 {
			return
		}

		w.publish(orders, number)
		for _, s := range due {
			w.try(ctx, s, orders)
			if ctx.Err() != nil {
				return
			}
		}

		if w.survey(ctx); ctx.Err() != nil || w.downReason != "" {
			return
		}
	}
}
