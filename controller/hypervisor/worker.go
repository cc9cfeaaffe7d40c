package hypervisor

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"reflect"
	"slices"
	"time"

	"github.com/tapline-sdn/tapline/plugin/tap"
)

// rounds bounds how often the worker changes and reads again before it reports.
const rounds = 3

// worker looks after the guests of one host. Its fields belong to run, but for the channels.
type worker struct {
	config  Config
	cluster string
	virsh   virsh
	log     *slog.Logger
	orders  *Orders
	report  func(Report)

	domains  []domain
	known    bool      // domains were read once
	down     string    // why they cannot be read now
	failures int       // of reading, in a row
	again    time.Time // when to try to read them again, while down
	read     time.Time // when they were read last
	asked    time.Time // when addresses were asked for last
	attempts map[step]*attempt
	losses   map[string]*loss // by service
	ips      map[nicKey][]netip.Addr
	told     *Report // the last one

	changed       chan struct{} // something happened to a guest; holds at most one
	seeing        seeing
	wantAddresses chan []domain  // running ones; holds the latest
	addresses     chan addresses // holds the latest
}

// attempt is a step that was tried and is still needed.
type attempt struct {
	failures int
	next     time.Time
	words    string // why it failed; "" if the guest was asked to release a NIC and has not yet
}

func (w *worker) run(ctx context.Context) {
	stale := true
	for ctx.Err() == nil {
		orders, number, look := w.orders.get()
		if w.down == "" && (stale || look && !w.seeing.Load()) || w.down != "" && (w.seeing.Load() || !time.Now().Before(w.again)) {
			w.survey(ctx)
		}
		stale = false
		if w.down == "" && time.Since(w.asked) >= w.config.Timing.Addresses {
			w.requestAddresses()
		}
		w.compare()
		if due := w.lossDue(); w.down == "" && !due.IsZero() && !time.Now().Before(due) {
			w.survey(ctx) // The guest may have ended meanwhile.
			w.compare()
		}
		if number > 0 && w.down == "" {
			w.work(ctx, orders, number)
		}
		if ctx.Err() != nil {
			return
		}
		w.tell(orders, number)
		timer := time.NewTimer(time.Until(w.next()))
		select {
		case <-ctx.Done():
		case <-w.orders.wake:
		case <-timer.C:
			stale = time.Since(w.read) >= w.poll()
		case <-w.changed:
			stale = true
			_ = pause(ctx, w.config.Timing.Gap-time.Since(w.read)) // Events come in crowds.
		case w.ips = <-w.addresses:
		}
		timer.Stop()
	}
}

func (w *worker) poll() time.Duration {
	if w.seeing.Load() {
		return w.config.Timing.Poll
	}
	return w.config.Timing.Blind
}

// next is when the worker has something to do though nothing happens.
func (w *worker) next() time.Time {
	t := w.config.Timing
	if w.down != "" {
		return w.again
	}
	next := w.read.Add(w.poll())
	for _, a := range w.attempts {
		if a.next.Before(next) {
			next = a.next
		}
	}
	if at := w.asked.Add(t.Addresses); at.Before(next) {
		next = at
	}
	if due := w.lossDue(); !due.IsZero() && due.Before(next) {
		next = due
	}
	return next
}

// survey reads the domains again. What was tried in vain on one that has changed may be tried again at once.
func (w *worker) survey(ctx context.Context) {
	now, err := w.virsh.survey(ctx, w.config.Timing.Read)
	if ctx.Err() != nil {
		return
	}
	w.read = time.Now()
	if err != nil {
		w.failures++
		w.again = w.read.Add(w.config.Timing.backoff(w.failures))
		if w.down != err.Error() {
			w.log.Warn("libvirt cannot be asked", "uri", w.virsh.uri, "error", err)
		}
		w.down = err.Error()
		return
	}
	if w.down != "" {
		w.log.Info("libvirt answers again", "uri", w.virsh.uri)
	}
	before := w.domains
	w.domains, w.known, w.down, w.failures = now, true, "", 0
	for s := range w.attempts {
		if !reflect.DeepEqual(domainOf(before, s.domain), domainOf(now, s.domain)) {
			delete(w.attempts, s)
		}
	}
	if !reflect.DeepEqual(before, now) {
		w.requestAddresses()
	}
}

func domainOf(domains []domain, id string) *domain {
	i := slices.IndexFunc(domains, func(d domain) bool { return d.ID == id })
	if i < 0 {
		return nil
	}
	return &domains[i]
}

// work does what is due until nothing is.
func (w *worker) work(ctx context.Context, orders []Order, number uint64) {
	for range rounds {
		p := w.plan(orders)
		for s := range w.attempts {
			if !slices.Contains(p.steps, s) {
				delete(w.attempts, s) // Done, or no longer wanted.
			}
		}
		due := slices.DeleteFunc(p.steps, func(s step) bool { a := w.attempts[s]; return a != nil && time.Now().Before(a.next) })
		if len(due) == 0 {
			return
		}
		w.tell(orders, number)
		for _, s := range due {
			w.try(ctx, s, orders)
			if ctx.Err() != nil {
				return
			}
		}
		if w.survey(ctx); ctx.Err() != nil || w.down != "" {
			return
		}
	}
}

// try does one step. A NIC that is taken out of a running guest is gone once the guest has released it; until then the step
// stays, and is tried again.
func (w *worker) try(ctx context.Context, s step, orders []Order) {
	log := w.log.With("tap_service", s.service, "guest", s.guest, "nic", s.dev, "scope", string(s.scope)[2:])
	var err error
	if s.detach {
		_, err = w.virsh.run(ctx, w.config.Timing.Change, "", "detach-device-alias", s.domain, "--alias", s.alias, string(s.scope))
	} else {
		service, ordered := orderOf(orders, s.service)
		if !ordered {
			return
		}
		var text string
		if text, err = NICXML(service, w.cluster, w.config.TapBridge); err == nil {
			_, err = w.virsh.run(ctx, w.config.Timing.Change, text, "attach-device", s.domain, "/dev/stdin", string(s.scope))
		}
	}
	if ctx.Err() != nil {
		return
	}
	a := w.attempts[s]
	if err == nil && !s.detach {
		delete(w.attempts, s)
		if l := w.losses[s.service]; l != nil && s.scope == live {
			l.repairs, l.since = l.repairs+1, time.Now()
		}
		log.Info("NIC plugged")
		return
	}
	if a == nil {
		a = &attempt{}
		w.attempts[s] = a
	}
	a.failures++
	words := ""
	if err != nil {
		words = err.Error()
	}
	switch {
	case words != "" && words != a.words:
		log.Warn("cannot "+s.what(), "error", words)
	case s.detach && words == "" && a.failures == 1:
		log.Info("NIC unplugged")
	case s.detach && words == "" && a.failures == 2:
		log.Warn("the guest does not release the NIC; nothing is delivered to it", "attempts", a.failures)
	}
	a.words = words
	// A guest is given some time to let a NIC go.
	a.next = time.Now().Add(w.config.Timing.backoff(a.failures + 2))
}

// tell reports what is new. What has not changed is the same slice and map as before, so that the reader sees at once that it has not.
func (w *worker) tell(orders []Order, number uint64) {
	r := Report{Known: w.known, Problem: w.problem(), NICs: map[string]Outcome{}, Orders: number}
	for _, d := range w.domains {
		g := d.Guest
		g.NICs = slices.Clone(g.NICs)
		for i := range g.NICs {
			g.NICs[i].IPs = w.ips[nicKey{g.ID, g.NICs[i].MAC}]
		}
		for _, n := range slices.Concat(d.live, d.config) {
			if service := serviceOf(w.cluster, n.alias); service != "" && !slices.Contains(g.Services, service) {
				g.Services = append(g.Services, service)
			}
		}
		slices.Sort(g.Services)
		r.Guests = append(r.Guests, g)
	}
	if number > 0 {
		p := w.plan(orders)
		r.NICs = p.nics
		for _, s := range p.steps {
			if s.detach && !s.again || s.scope != live {
				continue
			}
			why := w.down
			if a := w.attempts[s]; a != nil && why == "" {
				why = a.words
				if why == "" && a.failures > 1 {
					why = "the guest does not release the NIC, which has lost its port and is to be plugged again"
				}
			}
			if why != "" {
				r.NICs[s.service] = Outcome{State: Failed, Reason: why, Guest: s.guest}
			}
		}
	}
	if w.told != nil && reflect.DeepEqual(w.told.Guests, r.Guests) {
		r.Guests = w.told.Guests
	}
	if w.told != nil && reflect.DeepEqual(w.told.NICs, r.NICs) {
		r.NICs = w.told.NICs
	}
	if w.told == nil || !reflect.DeepEqual(*w.told, r) {
		w.told = &r
		w.report(r)
	}
}

// problem is what is wrong on the host, beside NICs that could not be plugged into their running guest: those have an outcome.
func (w *worker) problem() string {
	if w.down != "" {
		return w.down
	}
	var all []string
	for s, a := range w.attempts {
		switch {
		case a.words != "" && (s.detach || s.scope == config):
			all = append(all, fmt.Sprintf("cannot %s: %s", s.what(), a.words))
		case s.detach && a.failures > 1:
			all = append(all, fmt.Sprintf("guest %s does not release NIC %s; nothing is delivered to it", s.guest, s.dev))
		}
	}
	if len(all) == 0 {
		return ""
	}
	slices.Sort(all)
	if len(all) > 1 {
		return fmt.Sprintf("%s; and %d more", all[0], len(all)-1)
	}
	return all[0]
}

// nicKey names a NIC of a domain.
type nicKey struct {
	domain string
	mac    tap.MAC
}
