package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/tapline-sdn/tapline/ovsdb"
	"github.com/tapline-sdn/tapline/ovsdb/internal/jsontext"
)

// Update is a change of what a monitor watches.
type Update struct {
	// Seq is the number of the message among those of the connection.
	Seq uint64
	// Initial marks the first update: everything there is. With Resumed it is
	// everything that changed after the transaction given to MonitorSince.
	Initial bool
	Resumed bool
	// LastTransaction is for MonitorSince after the next Dial; zero where the
	// server does not keep transactions.
	LastTransaction ovsdb.UUID
	Tables          ovsdb.TableUpdates
	// Size is that of the message, in bytes.
	Size int
}

// Monitor watches tables of a database.
type Monitor struct {
	conn   *Conn
	id     uint64
	db     string
	schema *ovsdb.DatabaseSchema
	ready  chan struct{}
	silent atomic.Bool // canceled: drop further updates

	// deliver runs in the reader; its error ends the connection.
	deliver func(u arrival, size int) error

	mu      sync.Mutex // guards what follows
	waiting []arrival  // the oldest first; nil while none waits, which is usual
	queued  int        // bytes, the sum of their sizes
	ended   bool       // no more will come
	broken  bool       // an update was malformed; later ones are dropped
}

// tablesParser reads the tables of an update.
type tablesParser func(text []byte, db *ovsdb.DatabaseSchema) (ovsdb.TableUpdates, error)

// arrival is an update as it was received. The consumer parses its text. So the queue is no larger
// than the text on the wire, and the reader goroutine keeps a small stack.
type arrival struct {
	Update
	method string       // of the notification
	text   []byte       // of Tables
	parse  tablesParser // nil: Tables is complete
}

// read completes Tables.
func (a *arrival) read(db *ovsdb.DatabaseSchema) (err error) {
	if a.parse != nil {
		a.Tables, err = a.parse(a.text, db)
		a.text, a.parse = nil, nil
	}
	return err
}

// monitorMethod is an index into monitorMethods.
type monitorMethod int

// monitorMethods are the ways to watch, best first.
var monitorMethods = []struct {
	name  string
	since bool // takes and gives a transaction id
	cond  bool // understands conditions
	parse tablesParser
}{
	{"monitor_cond_since", true, true, nil},
	{"monitor_cond", false, true, ovsdb.ParseTableUpdates2},
	{"monitor", false, false, ovsdb.ParseTableUpdates},
}

const plainMonitor monitorMethod = 2

// Monitor watches the tables and columns of request that the database's
// schema has, with the best of monitor_cond_since, monitor_cond and monitor
// that the server offers. When it returns, Next has the initial contents.
//
// From then on, the connection ends with ErrDatabaseGone when the server
// stops to serve the database.
func (c *Conn) Monitor(
	ctx context.Context, db string, request ovsdb.MonitorRequest,
) (*Monitor, error) {
	return c.MonitorSince(ctx, db, request, ovsdb.UUID{})
}

// MonitorSince is Monitor for a caller that has the contents as of the
// transaction since, of an earlier connection. Where the server still knows
// that transaction the first update is Resumed.
func (c *Conn) MonitorSince(
	ctx context.Context, db string, request ovsdb.MonitorRequest, since ovsdb.UUID,
) (*Monitor, error) {
	question := c.askSchema(ctx, db)
	if err := c.watchDatabase(ctx, db); err != nil {
		return nil, fmt.Errorf("monitor of %s: %w", db, err)
	}

	schema, err := c.schema(ctx, db, question)
	if err != nil {
		return nil, fmt.Errorf("monitor of %s: %w", db, err)
	}

	request = request.Prune(schema)
	m := &Monitor{
		conn: c, db: db, schema: schema, ready: make(chan struct{}, 1),
	}
	m.deliver = m.enqueue
	c.mu.Lock()
	method := c.method
	c.mu.Unlock()

	for ; ; method++ {
		err := c.monitor(ctx, m, method, request, since)
		refused := (*RPCError)(nil)
		if errors.As(err, &refused) && refused.Err == "unknown method" && method < plainMonitor {
			continue
		}
		if err != nil {
			m.silent.Store(true) // If ctx ended, the server may still start it.
			return nil, fmt.Errorf("monitor of %s: %w", db, err)
		}

		c.mu.Lock()
		c.method = max(c.method, method)
		c.mu.Unlock()
		return m, nil
	}
}

// monitor starts m by one method.
func (c *Conn) monitor(
	ctx context.Context, m *Monitor, method monitorMethod, request ovsdb.MonitorRequest,
	since ovsdb.UUID,
) error {
	how := monitorMethods[method]
	if !how.cond && request.HasConditions() {
		return errors.New("the server knows no monitor with conditions")
	}

	c.mu.Lock()
	c.lastID++
	id := c.lastID
	c.mu.Unlock()
	sinceParam := &since
	if !how.since {
		sinceParam = nil
	}

	params, err := ovsdb.AppendMonitorParams(nil, m.db, id, request, sinceParam)
	if err != nil {
		return err
	}

	return c.call(ctx, how.name, params, func(result []byte) (err error) {
		u := Update{Seq: c.seq, Initial: true}
		if how.since {
			u.Resumed, u.LastTransaction, u.Tables, err = ovsdb.ParseSinceReply(result, m.schema)
		} else {
			u.Tables, err = how.parse(result, m.schema)
		}

		if err != nil {
			return err
		}

		// Registered here, in the reader, before the next message is read.
		m.id = id
		c.mu.Lock()
		c.monitors[id] = m
		c.mu.Unlock()
		return m.deliver(arrival{Update: u}, len(result))
	})
}

// Schema is the schema of the database as the server has it.
func (m *Monitor) Schema() *ovsdb.DatabaseSchema { return m.schema }

// Next returns the oldest update that waits: first the initial contents, then every change, in wire
// order. It does not block: u is nil if none waits. Then open reports whether more may come; it is
// false once the monitor or the connection has ended. A malformed update ends both.
func (m *Monitor) Next() (u *Update, open bool) {
	a, waits, open := m.take()
	if !waits {
		return nil, open
	}

	if err := a.read(m.schema); err != nil {
		m.conn.fail(&ProtocolError{a.method, err})
		m.mu.Lock()
		defer m.mu.Unlock()
		m.waiting, m.broken = nil, true
		return nil, false
	}

	return &a.Update, true
}

// take removes the oldest update from the queue.
func (m *Monitor) take() (a arrival, waits, open bool) {
	m.mu.Lock()
	defer m.mu.Unlock()

	if len(m.waiting) == 0 {
		return arrival{}, false, !m.ended && !m.broken
	}

	a, m.waiting = m.waiting[0], m.waiting[1:]
	if m.queued -= a.Size; len(m.waiting) == 0 {
		m.waiting = nil
	}

	return a, true, true
}

// Waiting returns the number of updates that wait.
func (m *Monitor) Waiting() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.waiting)
}

// Ready receives when an update has come since the last receive from Ready, and
// is closed when the monitor has ended.
func (m *Monitor) Ready() <-chan struct{} { return m.ready }

// Cancel ends the monitor (RFC 7047, 4.1.7). Updates that come from now on are
// thrown away.
func (m *Monitor) Cancel(ctx context.Context) error {
	m.silent.Store(true)
	params, err := ovsdb.AppendValue([]byte{'['}, ovsdb.Integer(m.id))
	if err != nil {
		return err
	}

	return m.conn.call(ctx, "monitor_cancel", append(params, ']'), func([]byte) error {
		c := m.conn
		c.mu.Lock()
		defer c.mu.Unlock()

		if c.monitors[m.id] != nil {
			delete(c.monitors, m.id)
			m.end()
		}

		return nil
	})
}

// enqueue queues an update for the consumer. It fails if the consumer is too far behind.
func (m *Monitor) enqueue(a arrival, size int) error {
	if m.silent.Load() {
		return nil
	}

	a.text = bytes.Clone(a.text) // It is the reader's.
	m.mu.Lock()
	defer m.mu.Unlock()

	if m.broken {
		return nil
	}

	// A single update may be as large as a message may be.
	n, opts := len(m.waiting), &m.conn.opts
	if n == opts.QueueUpdates || n > 0 && m.queued+size > opts.QueueBytes {
		return ErrSlowConsumer
	}

	a.Size = size
	m.waiting = append(m.waiting, a)
	m.queued += size
	select {
	case m.ready <- struct{}{}:
	default:
	}

	return nil
}

// end marks the monitor as ended. Only the reader calls it.
func (m *Monitor) end() {
	m.mu.Lock()
	m.ended = true
	m.mu.Unlock()
	if m.ready != nil {
		close(m.ready)
	}
}

// monitorOf finds the monitor that a notification is for.
func (c *Conn) monitorOf(id []byte) (*Monitor, error) {
	n, err := parseNumber(id)
	if err != nil {
		return nil, err
	}

	c.mu.Lock()
	defer c.mu.Unlock()

	m := c.monitors[n]
	if m == nil {
		return nil, fmt.Errorf("there is no monitor %d", n)
	}

	return m, nil
}

func (c *Conn) update(params [][]byte, size int) error {
	return c.deliver(params[0],
		arrival{method: "update", text: params[1], parse: ovsdb.ParseTableUpdates}, size)
}

func (c *Conn) update2(params [][]byte, size int) error {
	return c.deliver(params[0],
		arrival{method: "update2", text: params[1], parse: ovsdb.ParseTableUpdates2}, size)
}

func (c *Conn) update3(params [][]byte, size int) error {
	cursor := jsontext.NewCursor(params[1])
	last, err := ovsdb.ParseUUID(cursor.String())
	if err == nil {
		err = cursor.End()
	}

	if err != nil {
		return fmt.Errorf("transaction id: %w", err)
	}

	return c.deliver(params[0], arrival{
		Update: Update{LastTransaction: last}, method: "update3", text: params[2],
		parse: ovsdb.ParseTableUpdates2,
	}, size)
}

func (c *Conn) deliver(id []byte, a arrival, size int) error {
	m, err := c.monitorOf(id)
	if err != nil {
		return err
	}

	a.Seq = c.seq
	return m.deliver(a, size)
}

// monitorCanceled handles the notification that the database was removed or converted
// (ovsdb-server(7), 4.1.7).
func (c *Conn) monitorCanceled(params [][]byte, _ int) error {
	m, err := c.monitorOf(params[0])
	if err != nil {
		return err
	}
	return fmt.Errorf("%s: %w", m.db, ErrDatabaseGone)
}
