package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/tapline-sdn/tapline/controller/engine/intent"
	"github.com/tapline-sdn/tapline/controller/inventory"
	"github.com/tapline-sdn/tapline/controller/sets"
	"github.com/tapline-sdn/tapline/controller/store"
	"github.com/tapline-sdn/tapline/plugin"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// dirty collects what the plugin has not been told yet. State coalesces here: however much happens while the plugin is
// busy, the next change tells the latest.
type dirty struct {
	all                                         bool // the plugin knows nothing: tell a snapshot
	hosts, guests, services, flows, attachments sets.Set
}

func newDirty() dirty {
	return dirty{hosts: sets.Set{}, guests: sets.Set{}, services: sets.Set{}, flows: sets.Set{}, attachments: sets.Set{}}
}

func (d *dirty) empty() bool {
	return !d.all && len(d.hosts)+len(d.guests)+len(d.services)+len(d.flows)+len(d.attachments) == 0
}

// touched counts a change and wakes the feed. The caller holds mu and has marked what changed, if anything.
func (e *Engine) touched() {
	if e.dirty.empty() {
		return
	}
	e.seq++
	e.wakeFeed()
}

func (e *Engine) wakeFeed() {
	select {
	case e.wake <- struct{}{}:
	default: // It is awake already.
	}
}

// feed hands a fresh plugin everything, and then each change, until the plugin or ctx ends.
func (e *Engine) feed(ctx context.Context, mirror plugin.Mirror) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	e.mu.Lock()
	e.mirror = mirror
	e.dirty.all, e.sent = true, e.planned
	e.touched()
	e.mu.Unlock()

	changes := make(chan tap.Change)
	ended := make(chan error, 1)
	go func() { ended <- mirror.Run(ctx, changes, e.take) }()
	silent := make(chan error, 1)
	go func() { silent <- e.listen(ctx, mirror) }()
	err := e.tell(ctx, changes, ended, silent)
	e.mu.Lock()
	e.mirror = nil
	e.mu.Unlock()
	cancel()
	<-ended
	<-silent
	if err == nil {
		err = errors.New("the plugin ended its run")
	}
	return err
}

// tell sends changes as they come, until the plugin ends, hangs or is silent.
func (e *Engine) tell(ctx context.Context, changes chan<- tap.Change, ended, silent chan error) error {
	look := time.NewTicker(answerTime / 4)
	defer look.Stop()
	var pulse pulse
	var pending []tap.Change // at most one
	for {
		wake, out, next := e.wake, chan<- tap.Change(nil), tap.Change{}
		if len(pending) > 0 {
			wake, out, next = nil, changes, pending[0]
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case err := <-ended:
			ended <- err
			return err
		case err := <-silent:
			silent <- err
			return err
		case <-wake:
			if change, any := e.nextChange(); any {
				pending, pulse.sent = append(pending, change), change.Revision
			}
		case out <- next:
			pending = nil
		case now := <-look.C:
			e.mu.Lock()
			planned := e.planned
			e.mu.Unlock()
			if pulse.hangs(planned, now, answerTime) {
				return fmt.Errorf("the plugin has not answered for %v", answerTime)
			}
		}
	}
}

// nextChange turns what is dirty into a change, once the plugin has answered the one before: what comes meanwhile, as from many hosts that
// come up together, is one change more, and not one each.
func (e *Engine) nextChange() (tap.Change, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.dirty.empty() || e.planned < e.sent {
		return tap.Change{}, false
	}
	c := e.change(e.dirty)
	e.dirty, e.sent = newDirty(), c.Revision
	return c, true
}

// change tells what is dirty as it is now. The caller holds mu.
func (e *Engine) change(dirty dirty) tap.Change {
	c := tap.Change{Revision: e.seq, Reset: dirty.all}
	if dirty.all {
		for id := range e.hosts {
			dirty.hosts.Add(id)
		}
		for id := range e.intent.Guests.ByID {
			dirty.guests.Add(id)
		}
		for id := range e.places.SeenGuests() {
			dirty.guests.Add(id)
		}
		for id := range e.intent.Services.ByID {
			dirty.services.Add(id)
			dirty.attachments.Add(id)
		}
		for id := range e.intent.Flows.ByID {
			dirty.flows.Add(id)
		}
		for id := range e.ahead {
			dirty.flows.Add(id)
		}
	}
	for id := range dirty.hosts {
		if h := e.hosts[id]; h != nil {
			c.Hosts = append(c.Hosts, e.topology(h))
		} else {
			c.Gone.Hosts = append(c.Gone.Hosts, id)
		}
	}
	for id := range dirty.guests {
		if g, exists := e.places.Guest(id, e.intent.Guests.ByID[id]); exists {
			c.Guests = append(c.Guests, g)
		} else {
			c.Gone.Guests = append(c.Gone.Guests, id)
		}
	}
	for id := range dirty.services {
		if s := e.intent.Services.ByID[id]; s != nil {
			c.Services = append(c.Services, s.Service)
		} else {
			c.Gone.Services = append(c.Gone.Services, id)
		}
	}
	for id := range dirty.attachments {
		if s := e.intent.Services.ByID[id]; s != nil {
			c.Attachments = append(c.Attachments, e.places.Attachment(&s.Service))
		}
	}
	for id := range dirty.flows {
		if f := e.flowToTell(id); f != nil {
			c.Flows = append(c.Flows, *f)
		} else {
			c.Gone.Flows = append(c.Gone.Flows, id)
		}
	}
	return c
}

// take applies what the plugin answered.
func (e *Engine) take(r tap.Result) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := nonsense(&r, e.seq); err != nil {
		return err
	}
	if e.planned = max(e.planned, r.Revision); !e.dirty.empty() {
		e.wakeFeed()
	}
	judge := map[intent.Ref]struct{}{}
	for i := range r.Programs {
		h := e.hosts[r.Programs[i].Host]
		if h == nil {
			continue // Deleted meanwhile.
		}
		desired, err := e.accept(h, &r.Programs[i])
		var nic *foreignNIC
		if errors.As(err, &nic) && r.Revision != e.seq {
			e.dirty.all = true // A service was perhaps deleted meanwhile: have everything told again as it is now.
			h.stale = true
			e.touched()
			continue
		}
		if h.stale {
			h.stale = false
			e.affectedOn(h.id, judge)
		}
		e.refuse(h, err, judge)
		if err != nil {
			continue
		}
		for owner := range desired.Fingerprints {
			if h.program == nil || h.program.Fingerprints[owner] != desired.Fingerprints[owner] {
				e.stirred(tap.Need{Host: h.id, Owner: owner}, judge)
			}
		}
		h.program = desired
		h.session.Apply(desired)
	}
	for _, s := range r.Statuses {
		if e.heed(s) {
			judge[intent.Ref{Kind: s.Kind, ID: s.ID}] = struct{}{}
		}
	}
	for id, since := range e.waiting {
		if since <= e.planned {
			delete(e.waiting, id)
			judge[id] = struct{}{}
		}
	}
	for id := range judge {
		e.judge(id)
	}
	e.checkLeaving()
	return nil
}

// foreignNIC names a NIC that a program takes onto the tap bridge though it is not that of the tap service that owns the port; "" if
// there is none. Without this a plugin could take any NIC away from its bridge or from the host.
func (e *Engine) foreignNIC(h *host, p *tap.Program) string {
	record := e.intent.Hosts.ByID[h.id]
	for _, port := range p.Ports {
		if port.Type != "" {
			continue
		}
		s := e.intent.Services.ByID[port.Owner]
		switch {
		case s == nil || record == nil || port.Plugged != (s.Type == tap.ServiceGuest):
			return port.Name
		case s.Type == tap.ServiceHost:
			if s.TargetID != h.id || !slices.ContainsFunc(record.NICs, func(n store.HostNIC) bool { return n.Name == port.Name && n.MAC == s.MAC }) {
				return port.Name
			}
		case port.Name != s.IfName:
			plugged := e.places.PortsOf(s.MAC, s.IfName)
			if !slices.ContainsFunc(plugged, func(p inventory.Port) bool { return p.Host == h.id && p.Name == port.Name }) {
				return port.Name
			}
		}
	}
	return ""
}

func (e *Engine) affected(need tap.Need, judge map[intent.Ref]struct{}) {
	for id := range e.needs[need.Host][need.Owner] {
		judge[id] = struct{}{}
	}
}

// stirred collects whom it concerns that the switch begins to work on what an owner has there, or that it has done so: those that are ready
// stay it meanwhile, however many they are.
func (e *Engine) stirred(need tap.Need, judge map[intent.Ref]struct{}) {
	waiting := e.needs[need.Host][need.Owner]
	if len(waiting) < len(e.unready.all) {
		for id := range waiting {
			if _, is := e.unready.all[id]; is {
				judge[id] = struct{}{}
			}
		}
		return
	}
	for id := range e.unready.all {
		if _, waits := waiting[id]; waits {
			judge[id] = struct{}{}
		}
	}
}

// affectedOn collects everything that waits for something on a host.
func (e *Engine) affectedOn(host string, judge map[intent.Ref]struct{}) {
	for owner := range e.needs[host] {
		e.affected(tap.Need{Host: host, Owner: owner}, judge)
	}
}

func (e *Engine) setNeeds(id intent.Ref, before, now []tap.Need) {
	for _, n := range before {
		owners := e.needs[n.Host]
		if delete(owners[n.Owner], id); len(owners[n.Owner]) == 0 {
			delete(owners, n.Owner)
		}
		if len(owners) == 0 {
			delete(e.needs, n.Host)
		}
	}
	for _, n := range now {
		if e.needs[n.Host] == nil {
			e.needs[n.Host] = map[string]map[intent.Ref]struct{}{}
		}
		if e.needs[n.Host][n.Owner] == nil {
			e.needs[n.Host][n.Owner] = map[intent.Ref]struct{}{}
		}
		e.needs[n.Host][n.Owner][id] = struct{}{}
	}
}
