package client

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/tapline-sdn/tapline/ovsdb"
)

// serverWatch follows the table Database of the database _Server (ovsdb-server(5)), which lists the
// databases that a server serves and their state.
type serverWatch struct {
	starting sync.Mutex // held while the watch is being set up

	mu       sync.Mutex
	started  bool
	absent   bool // the server is older than Open vSwitch 2.9
	served   map[ovsdb.UUID]served
	interest []string // databases without which the connection ends
}

// served is a row of the Database table.
type served struct {
	name              string
	connected, leader bool
}

func servedOf(row ovsdb.Row) served {
	name, _ := row["name"].(ovsdb.String)
	return served{string(name), row["connected"] == ovsdb.Boolean(true),
		row["leader"] == ovsdb.Boolean(true)}
}

// The database and the table in which a server describes itself.
const serverDatabase, serverTable = "_Server", "Database"

// serverSchema is the part of _Server's schema that is read. All connections share it: these
// columns are as old as the database itself.
var serverSchema = makeServerSchema()

func makeServerSchema() *ovsdb.DatabaseSchema {
	columns := map[string]*ovsdb.ColumnSchema{}
	for name, t := range map[string]ovsdb.AtomType{
		"name": ovsdb.TypeString, "connected": ovsdb.TypeBoolean, "leader": ovsdb.TypeBoolean,
	} {
		columns[name] = &ovsdb.ColumnSchema{
			Name: name, Type: ovsdb.ColumnType{Key: ovsdb.BaseType{Type: t}, Min: 1, Max: 1},
		}
	}

	return &ovsdb.DatabaseSchema{
		Name:   serverDatabase,
		Tables: map[string]*ovsdb.TableSchema{serverTable: {Name: serverTable, Columns: columns}},
	}
}

// watchDatabase makes the connection end when db is no longer served. A server without _Server
// closes the connection itself (ovsdb-server(7), 4.1.18).
func (c *Conn) watchDatabase(ctx context.Context, db string) error {
	w := &c.server
	w.starting.Lock()
	defer w.starting.Unlock()

	if !w.started {
		if err := c.startServerWatch(ctx); err != nil {
			return err
		}
		w.started = true
	}

	w.mu.Lock()
	defer w.mu.Unlock()

	if !slices.Contains(w.interest, db) {
		w.interest = append(w.interest, db)
	}

	return w.checkLocked(c.opts.LeaderOnly)
}

// startServerWatch starts the monitor of _Server. It sends both requests before it waits, which
// saves a round trip.
func (c *Conn) startServerWatch(ctx context.Context) error {
	aware, err := c.start(ctx, "set_db_change_aware", []byte("[true]"),
		func([]byte) error { return nil })
	if err != nil {
		return err
	}

	m := &Monitor{conn: c, db: serverDatabase, schema: serverSchema}
	m.deliver = c.serverChanged
	request := ovsdb.MonitorRequest{serverTable: {Columns: []string{"name", "connected", "leader"}}}
	err = c.monitor(ctx, m, plainMonitor, request, ovsdb.UUID{})
	if refused := (*RPCError)(nil); errors.As(err, &refused) {
		c.server.mu.Lock()
		c.server.absent = true
		c.server.mu.Unlock()
		err = nil
	}

	if err != nil {
		return err
	}

	err = c.await(ctx, aware)
	if refused := (*RPCError)(nil); errors.As(err, &refused) {
		return nil
	}

	return err
}

// serverChanged applies an update of _Server. The reader calls it.
func (c *Conn) serverChanged(u arrival, _ int) error {
	if err := u.read(serverSchema); err != nil {
		return err
	}

	w := &c.server
	w.mu.Lock()
	defer w.mu.Unlock()

	if w.served == nil {
		w.served = map[ovsdb.UUID]served{}
	}

	for _, t := range u.Tables {
		for _, r := range t.Rows {
			if r.Change == ovsdb.RowDelete {
				delete(w.served, r.UUID)
			} else {
				w.served[r.UUID] = servedOf(r.Row)
			}
		}
	}

	return w.checkLocked(c.opts.LeaderOnly)
}

// checkLocked returns an error if a database of interest is not served.
func (w *serverWatch) checkLocked(leaderOnly bool) error {
	if w.absent {
		return nil
	}

	for _, db := range w.interest {
		why := "it is not there"
		for _, s := range w.served {
			switch {
			case s.name != db:
			case !s.connected:
				why = "the server is not connected to its storage"
			case leaderOnly && !s.leader:
				why = "the server is not its leader"
			default:
				why = ""
			}
		}

		if why != "" {
			return fmt.Errorf("%s: %w: %s", db, ErrDatabaseGone, why)
		}
	}

	return nil
}
