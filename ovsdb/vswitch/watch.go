package vswitch

import (
	"context"
	"fmt"
	"sync"

	"github.com/tapline-sdn/tapline/ovsdb/client"
)

// Database is the name of the database of Open vSwitch.
const Database = "Open_vSwitch"

// Watcher follows the database of a connection. Updates wait in the monitor's
// queue until Next or Snapshot applies all of them at once: a slow caller sees
// fewer snapshots, and always the latest.
//
// After a Commit on the same connection has returned, both calls see all that the server had
// committed until then: the transaction's effects, or, if it failed with ErrConflict, what was in
// its way. For the server sends changes before it sends the reply.
//
// A caller that takes no snapshot for long loses the connection with
// client.ErrSlowConsumer; see client.Options.QueueUpdates.
type Watcher struct {
	conn    *client.Conn
	monitor *client.Monitor

	mu         sync.Mutex
	snap       *Snapshot
	returned   *Snapshot // by the last call of Next
	err        error
	unmeasured int // bytes of updates since the snapshot was measured
}

// watched is the request that all watchers share; nobody changes it.
var watched = sync.OnceValue(Request)

// Watch starts to monitor the Open_vSwitch database of a connection.
func Watch(ctx context.Context, conn *client.Conn) (*Watcher, error) {
	return WatchWith(ctx, conn, nil)
}

// WatchWith is Watch for one of many connections, which share models.
func WatchWith(ctx context.Context, conn *client.Conn, models *Models) (*Watcher, error) {
	m, err := conn.Monitor(ctx, Database, watched())
	if err != nil {
		return nil, err
	}

	w := &Watcher{conn: conn, monitor: m}
	model, err := models.of(m.Schema())
	if err == nil {
		w.snap = &Snapshot{model: model}
		w.drainLocked()
		err = w.err
	}

	if err != nil {
		_ = m.Cancel(ctx) // the first error counts
		return nil, fmt.Errorf("watch: %w", err)
	}

	return w, nil
}

// drainLocked applies the updates that wait. It does not wait for those that come meanwhile: a
// server may send any number of them. WatchWith calls it before anybody else has w.
func (w *Watcher) drainLocked() {
	// One turn more than there are updates, to notice the end.
	for left := w.monitor.Waiting(); w.err == nil && left >= 0; left-- {
		u, open := w.monitor.Next()
		if u == nil && open {
			return
		}
		w.takeLocked(u, open)
	}
}

func (w *Watcher) takeLocked(u *client.Update, open bool) {
	if !open {
		if w.err = w.conn.Err(); w.err == nil {
			w.err = client.ErrClosed // the monitor alone was canceled
		}
		return
	}

	next, _, err := w.snap.Apply(u.Tables)
	if err != nil {
		w.err = err
		return
	}

	w.snap = next

	// Measuring after each update would cost too much; a server whose rows grow without end is
	// still noticed in time.
	if w.unmeasured += u.Size; w.unmeasured > measureAfter {
		w.unmeasured = 0
		if size := w.snap.size(); size > maxSize {
			w.err = fmt.Errorf("%w: %d bytes of rows, want at most %d", ErrTooLarge, size, maxSize)
		}
	}
}

// Snapshot returns the latest state without waiting. Once the connection has
// ended it is the last that was known.
func (w *Watcher) Snapshot() *Snapshot {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.drainLocked()
	return w.snap
}

// Next waits until there is a snapshot that it has not returned yet, and returns the latest one; at
// first that is the initial state. Use Snapshot.Since to see what changed. Once the connection has
// ended and its last updates were returned, it returns the connection's error.
func (w *Watcher) Next(ctx context.Context) (*Snapshot, error) {
	for {
		w.mu.Lock()
		w.drainLocked()
		snap, err := w.snap, w.err
		fresh := snap != w.returned
		w.returned = snap
		w.mu.Unlock()

		switch {
		case fresh:
			return snap, nil
		case err != nil:
			return nil, fmt.Errorf("watch: %w", err)
		}

		select {
		case <-w.monitor.Ready():
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// Ready receives when Next would not block, for use in a select. It may receive once too often.
func (w *Watcher) Ready() <-chan struct{} { return w.monitor.Ready() }

// Err is nil while Snapshot follows the database. Otherwise it says why it does not: the connection
// has ended, or the server sent an update that does not fit, and the connection is of no use.
func (w *Watcher) Err() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.drainLocked()
	return w.err
}

// Close ends the monitor and leaves the connection.
func (w *Watcher) Close(ctx context.Context) error { return w.monitor.Cancel(ctx) }
