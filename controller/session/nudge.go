package session

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/tapline-sdn/tapline/controller/reconcile"
	"github.com/tapline-sdn/tapline/ovsdb/vswitch"
)

const (
	// nudgeTime is how long a switch has to make its OpenFlow connection by itself. One that was connected before tries every second,
	// takes half a second more to see our greeting, and may miss that once or twice.
	nudgeTime = 5 * time.Second
	// nudgeSoon is that of a switch that was never connected and, by its own account, waits: it may wait for 8 s.
	nudgeSoon = time.Second
	// maxNudge bounds the pause between two nudges, which doubles. Each costs the switch a look at its whole configuration.
	maxNudge = time.Minute
)

// nudges are when a switch without OpenFlow connection is made to try again. The zero value begins with the next look.
type nudges struct {
	since time.Time // when it was first seen to be without
	next  time.Time
	pause time.Duration
}

// due reports whether it is time, given when the switch last came, and whether it waits longer than it should. Jitter keeps many
// hosts apart.
func (n *nudges) due(now, came time.Time, waits bool) bool {
	if n.since.IsZero() {
		n.since, n.pause = now, nudgeTime
		n.next = now.Add(jittered(nudgeTime))
	}
	if waits && n.pause == nudgeTime { // It was not nudged yet.
		if soon := n.since.Add(nudgeSoon); soon.Before(n.next) {
			n.next = soon.Add(jittered(nudgeSoon) - nudgeSoon)
		}
	}
	if at := came.Add(n.pause); at.After(n.next) { // It does try.
		n.next = at
	}
	return !now.Before(n.next)
}

// put notes that it was nudged, or that this has to wait.
func (n *nudges) put(now time.Time) {
	n.pause = min(2*n.pause, maxNudge)
	n.next = now.Add(jittered(n.pause))
}

func jittered(d time.Duration) time.Duration { return d + rand.N(d/2) }

// nudge makes a switch connect whose OpenFlow connection has been missing for too long though its database is connected. While
// many hosts are being brought up it is left alone: then it is we who are slow.
func (l *loop) nudge(ctx context.Context, of *switchConn, again *time.Time) error {
	l.s.mu.Lock()
	came := l.s.came
	if len(l.s.arrivals)+len(l.s.strangers) > 0 {
		came = time.Now()
	}
	l.s.mu.Unlock()
	if of != nil {
		l.nudges = nudges{}
		return nil
	}
	defer func() { sooner(again, l.nudges.next) }()
	now, snap := time.Now(), l.watcher.Snapshot()
	if !l.nudges.due(now, came, reconcile.NeverConnected(snap, l.self, l.s.config.TapBridge)) {
		return nil
	}
	if l.s.config.Turns.scarce() {
		l.nudges.next = now.Add(jittered(nudgeSoon))
		return nil
	}
	l.nudges.put(now)
	txn := reconcile.Nudge(snap, l.self, l.s.config.TapBridge)
	if txn.Empty() {
		return nil
	}
	l.s.log.Info("the switch has made no OpenFlow connection: its controller's target is written otherwise, so that it tries at once",
		"missing", now.Sub(l.nudges.since).Round(time.Second/10))
	if _, err := txn.Commit(ctx, l.conn); err != nil && !errors.Is(err, vswitch.ErrConflict) {
		return fmt.Errorf("transaction: %w", err)
	}
	return nil
}
