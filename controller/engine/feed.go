package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tapline-sdn/tapline/controller/engine/contract"
	"github.com/tapline-sdn/tapline/controller/engine/intent"
	"github.com/tapline-sdn/tapline/controller/engine/planning"
	"github.com/tapline-sdn/tapline/controller/engine/standing"
	"github.com/tapline-sdn/tapline/plugin"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// answerTime is how long a plugin may take to answer a change. One that takes longer hangs.
const answerTime = 30 * time.Second

// feed hands a fresh plugin everything, and then each change, until the plugin or ctx ends.
func (e *Engine) feed(ctx context.Context, mirror plugin.Mirror) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()

	e.mu.Lock()
	e.mirror = mirror
	e.planning.Restart()
	e.mu.Unlock()

	changes := make(chan tap.Change)
	ended := make(chan error, 1)
	go func() { ended <- mirror.Run(ctx, changes, e.take) }()
	silent := make(chan error, 1)
	go func() { silent <- e.liveness.Listen(ctx, mirror) }()

	err := e.sendChanges(ctx, changes, ended, silent)

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

// sendChanges sends changes as they come, until the plugin ends, hangs or is silent. What has ended
// stays readable.
func (e *Engine) sendChanges(ctx context.Context, changes chan<- tap.Change, ended,
	silent chan error) error {
	look := time.NewTicker(answerTime / 4)
	defer look.Stop()

	var pulse planning.Pulse
	var pending []tap.Change // at most one
	for {
		wake, out, next := e.planning.Wake(), chan<- tap.Change(nil), tap.Change{}
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
				pending, pulse.Sent = append(pending, change), change.Revision
			}
		case out <- next:
			pending = nil
		case now := <-look.C:
			if pulse.Hangs(e.answered(), now, answerTime) {
				return fmt.Errorf("the plugin has not answered for %v", answerTime)
			}
		}
	}
}

// nextChange returns what the plugin is to be told now, if there is anything. It takes mu.
func (e *Engine) nextChange() (tap.Change, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()

	e.follow()
	change, any := e.planning.Next()
	if any {
		e.told.Tell(&change) // What is answered from now on follows from it.
	}
	return change, any
}

// answered is the revision up to which the plugin has answered. It takes mu.
func (e *Engine) answered() uint64 {
	e.mu.Lock()
	defer e.mu.Unlock()

	return e.planning.Answered()
}

// take applies what the plugin answered. It is called by the plugin's goroutine.
func (e *Engine) take(r tap.Result) error {
	e.mu.Lock()
	defer e.mu.Unlock()

	if err := contract.CheckAnswer(&r, e.planning.Last()); err != nil {
		return err
	}

	e.planning.Answer(r.Revision)

	affected := standing.Affected{}
	for i := range r.Programs {
		e.takeProgram(&r.Programs[i], r.Revision, affected)
	}

	for _, s := range r.Statuses {
		switch {
		case e.planning.Defer(s), e.standing.TakeRetired(s):
		case e.standing.Take(s):
			affected.Add(intent.Ref{Kind: s.Kind, ID: s.ID})
		}
	}

	hosts := e.standing.AnsweredUpTo(e.planning.Answered(), affected)

	e.judgeAll(affected)
	for _, id := range hosts {
		e.publish.HostHealth(e.fleet.Running[id])
	}
	e.wakeLeft()
	return nil
}

// takeProgram has a host's program applied, if it keeps the contract; else the host stays at its
// last good one. It adds those whose health may be another. The caller holds mu.
func (e *Engine) takeProgram(p *tap.Program, revision uint64, affected standing.Affected) {
	h := e.fleet.Running[p.Host]
	if h == nil {
		return // Deleted meanwhile.
	}

	desired, err := e.accept(h, p, e.told)
	var nic *contract.ForeignNICError
	if errors.As(err, &nic) && revision != e.planning.Last() {
		// Perhaps a service was deleted meanwhile: have everything planned as it is now.
		e.planning.MarkEverything()
		h.Stale = true
		return
	}

	if h.Stale {
		h.Stale = false
		e.standing.AddAffectedByHost(h.ID, affected)
	}

	e.refuse(h, err, affected)
	if err != nil {
		return
	}

	for owner := range desired.Fingerprints {
		if h.Program == nil || h.Program.Fingerprints[owner] != desired.Fingerprints[owner] {
			e.standing.AddUnready(tap.Need{Host: h.ID, Owner: owner}, affected)
		}
	}

	h.Program = desired
	h.Session.Apply(desired)
}
