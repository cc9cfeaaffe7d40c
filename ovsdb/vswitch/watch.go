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
// Either call, when made after a Commit on the same connection has returned,
// works with all that the server had committed until then: the transaction's
// effects, or what was in its way where it failed with ErrConflict. For the
// server sends what has changed before it sends the reply.
//
// A caller that takes no snapshot for long loses the connection with
// client.ErrSlowConsumer; see client.Options.QueueUpdates.
type Watcher struct {
	conn    *client.Conn
	monitor *client.Monitor

	mu   sync.Mutex
	snap *Snapshot
	told *Snapshot // what Next returned last
	err  error
	come int // bytes of updates since the snapshot was measured
}

// watched is the request of all watchers, which nobody changes.
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
		w.drain()
		err = w.err
	}

	if err != nil {
		_ = m.Cancel(ctx) // the first error counts
		return nil, fmt.Errorf("watch: %w", err)
	}

	return w, nil
}

// drain applies every update that has come, but not those that come meanwhile, of which a server
// may send any number. The caller holds mu, or is alone.
func (w *Watcher) drain() {
	for left := w.monitor.Waiting(); w.err == nil && left >= 0; left-- { // One more tells of the end.
		u, open := w.monitor.Next()
		if u == nil && open {
			return
		}
		w.take(u, open)
	}
}

func (w *Watcher) take(u *client.Update, open bool) {
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

	// A server that adds to its rows without end is found out in time; measuring after each update
	// would cost too much.
	if w.come += u.Size; w.come > measureAfter {
		w.come = 0
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
	w.drain()
	return w.snap
}

// Next waits until there is a snapshot that it has not returned yet, and
// returns the latest: at first the initial state. What changed is what
// Snapshot.Since says. Once the connection has ended and its last updates were
// told, it returns the connection's error.
func (w *Watcher) Next(ctx context.Context) (*Snapshot, error) {
	for {
		w.mu.Lock()
		w.drain()
		snap, err := w.snap, w.err
		fresh := snap != w.told
		w.told = snap
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

// Ready receives when Next would not wait, for a caller that waits for other
// things too. It may receive once too often.
func (w *Watcher) Ready() <-chan struct{} { return w.monitor.Ready() }

// Err is nil while Snapshot follows the database. Else it is why it no longer does: the connection
// has ended, or the server sent what does not fit what it sent before; the connection is then of no
// use.
func (w *Watcher) Err() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.drain()
	return w.err
}

// Close ends the monitor and leaves the connection.
func (w *Watcher) Close(ctx context.Context) error { return w.monitor.Cancel(ctx) }
