package client_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/ovsdb"
	"github.com/tapline-sdn/tapline/ovsdb/client"
	"github.com/tapline-sdn/tapline/testenv/ovs"
)

// Tests against a real ovsdb-server.

const vswitchDB = "Open_vSwitch"

func timeout(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func dial(t testing.TB, target string, opts client.Options) *client.Conn {
	t.Helper()
	conn, err := client.Dial(timeout(t), target, opts)
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close() })
	return conn
}

// port finds the port that a server listens on, in its log.
func port(t testing.TB, s *ovs.Server) string {
	t.Helper()
	listens := regexp.MustCompile(`listening on port (\d+)`)
	var match [][]byte
	ovs.WaitFor(t, "the server to log its port", func() bool {
		log, _ := os.ReadFile(filepath.Join(s.Dir, "ovsdb.log"))
		match = listens.FindSubmatch(log)
		return match != nil
	})

	return string(match[1])
}

// serverRow are the operations that touch the one row of Open_vSwitch.
func bump(by int) ovsdb.Operation {
	return ovsdb.Mutate{Table: vswitchDB,
		Mutations: []ovsdb.Mutation{{Column: "next_cfg", Mutator: ovsdb.Add,
			Value: ovsdb.Integer(by)}}}
}

var readCfg = ovsdb.Select{Table: vswitchDB, Columns: []string{"next_cfg"}}

func TestServerBasics(t *testing.T) {
	s := ovs.StartServer(t, ovs.WithRemote("ptcp:0:127.0.0.1"))
	ctx := timeout(t)
	conn := dial(t, "tcp:127.0.0.1:"+port(t, s), client.Options{})
	require.True(t, strings.HasPrefix(conn.LocalAddr().String(), "127.0.0.1:") &&
		strings.HasPrefix(conn.RemoteAddr().String(), "127.0.0.1:"), "addresses are known")
	names, err := conn.ListDBs(ctx)
	require.NoError(t, err)
	require.Equal(t, []string{"Open_vSwitch", "_Server"}, names, "databases")
	schema, err := conn.GetSchema(ctx, vswitchDB)
	require.NoError(t, err)
	require.True(t, schema.Tables["Bridge"].Columns["name"].Immutable, "bridges have names")
	_, err = conn.GetSchema(ctx, "nothing")
	require.Equal(t, "unknown database", as[*client.RPCError](t, err).Err, "refusal")
	_, err = conn.Transact(ctx, "nothing", bump(1))
	require.False(t, errors.Is(err, client.ErrOutcomeUnknown), "a refusal leaves no doubt")
	as[*client.RPCError](t, err)

	for name, tc := range map[string]struct {
		op  ovsdb.Operation
		err string
	}{
		"wait": {ovsdb.Wait{Table: vswitchDB, Columns: []string{"next_cfg"}, Until: ovsdb.Equals,
			Rows: []ovsdb.Row{{"next_cfg": ovsdb.Integer(77)}}}, ovsdb.ErrorTimedOut},
		"abort":  {ovsdb.Abort{}, ovsdb.ErrorAborted},
		"assert": {ovsdb.Assert{Lock: "mine"}, ovsdb.ErrorNotOwner},
	} {
		_, err = conn.Transact(ctx, vswitchDB, bump(1), tc.op)
		failed := as[*ovsdb.OperationError](t, err)
		require.Equal(t, [2]string{tc.err, tc.op.Name()}, [2]string{failed.Err, failed.Op}, name)
		require.EqualValues(t, 1, failed.Index, "index")
	}

	// The commit fails: two rows where one is allowed.
	_, err = conn.Transact(ctx, vswitchDB, ovsdb.Insert{Table: vswitchDB, Row: ovsdb.Row{}})
	failed := as[*ovsdb.OperationError](t, err)
	require.Equal(t,
		ovsdb.OperationError{Index: 1, Op: "commit", Err: ovsdb.ErrorConstraintViolation},
		ovsdb.OperationError{Index: failed.Index, Op: failed.Op, Err: failed.Err}, "what failed")

	// Every operation, as the server understands it.
	br, iface := ovsdb.NamedUUID("br"), ovsdb.NamedUUID("iface")
	results, err := conn.Transact(ctx, vswitchDB,
		ovsdb.Wait{Table: "Bridge", Columns: []string{"name"}, Until: ovsdb.NotEquals,
			Rows: []ovsdb.Row{{"name": ovsdb.String("br0")}}},
		ovsdb.Insert{Table: "Interface", UUIDName: iface,
			Row: ovsdb.Row{"name": ovsdb.String("br0"),
				"ofport_request": ovsdb.NewSet(ovsdb.Integer(7))}},
		ovsdb.Insert{Table: "Port", UUIDName: "port",
			Row: ovsdb.Row{"name": ovsdb.String("br0"), "interfaces": ovsdb.NewSet(iface)}},
		ovsdb.Insert{Table: "Bridge", UUIDName: br,
			Row: ovsdb.Row{"name": ovsdb.String("br0"),
				"ports": ovsdb.NewSet(ovsdb.NamedUUID("port"))}},
		ovsdb.Mutate{Table: vswitchDB,
			Mutations: []ovsdb.Mutation{{Column: "bridges", Mutator: ovsdb.SetInsert,
				Value: ovsdb.NewSet(br)}}},
		ovsdb.Update{Table: "Bridge",
			Where: []ovsdb.Condition{ovsdb.Where("name", ovsdb.Equals, ovsdb.String("br0"))},
			Row:   ovsdb.Row{"external_ids": ovsdb.StringMap(map[string]string{"k": "é\"\n"})}},
		ovsdb.Select{Table: "Bridge",
			Columns: []string{"name", "external_ids", "fail_mode", "stp_enable"}},
		ovsdb.Delete{Table: "Mirror"},
		ovsdb.Comment{Text: "all of them"},
		ovsdb.Commit{Durable: true},
	)
	require.NoError(t, err)
	require.True(t, !results[1].UUID.IsZero() && !results[3].UUID.IsZero(), "inserts tell UUIDs")
	require.EqualValues(t, 1, results[5].Count, "rows updated")
	require.Equal(t, []ovsdb.Row{{
		"name":         ovsdb.String("br0"),
		"external_ids": ovsdb.StringMap(map[string]string{"k": "é\"\n"}),
		"fail_mode":    ovsdb.Set{}, "stp_enable": ovsdb.Boolean(false),
	}}, results[6].Rows, "row")

	require.Equal(t, "br0", s.Vsctl("list-br"), "bridges")
	require.True(t, strings.Contains(s.Dump("Interface", "name", "ofport_request"), "br0,7"),
		"ovsdb-client sees the port's number")

	// An insert with the UUID of the client's choice.
	want, err := ovsdb.ParseUUID(rowID)
	require.NoError(t, err)
	results, err = conn.Transact(ctx, vswitchDB,
		ovsdb.Insert{Table: "Manager", UUID: want,
			Row: ovsdb.Row{"target": ovsdb.String("ptcp:1")}},
		ovsdb.Mutate{Table: vswitchDB,
			Mutations: []ovsdb.Mutation{{Column: "manager_options", Mutator: ovsdb.SetInsert,
				Value: ovsdb.NewSet(want)}}})
	require.NoError(t, err)
	require.Equal(t, want, results[0].UUID, "UUID")
}

// TestServerPipelining: transactions from many goroutines are under way at
// once, and each sees its own result.
func TestServerPipelining(t *testing.T) {
	s := ovs.StartServer(t)
	ctx := timeout(t)
	conn := dial(t, s.Remote, client.Options{MaxInFlight: 50})
	var mu sync.Mutex
	seen := map[ovsdb.Value]int{}
	var wg sync.WaitGroup
	for range 500 {
		wg.Go(func() {
			results, err := conn.Transact(ctx, vswitchDB, bump(1), readCfg)
			if err != nil {
				t.Error(err)
				return
			}

			mu.Lock()
			defer mu.Unlock()

			seen[results[1].Rows[0]["next_cfg"]]++
		})
	}

	wg.Wait()
	require.Len(t, seen, 500, "different results")

	for v, n := range seen {
		require.Equal(t, 1, n, fmt.Sprint(v))
	}
}

// TestServerUpdateBeforeReply: what another client changes while transactions
// are under way arrives too, and in order: a value never goes back.
func TestServerUpdateBeforeReply(t *testing.T) {
	s := ovs.StartServer(t)
	ctx := timeout(t)
	conn, other := dial(t, s.Remote, client.Options{}), dial(t, s.Remote, client.Options{})
	m, err := conn.Monitor(ctx, vswitchDB,
		ovsdb.MonitorRequest{vswitchDB: {Columns: []string{"next_cfg"}}})
	require.NoError(t, err)
	next(t, m)
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				if _, err := other.Transact(ctx, vswitchDB, bump(1)); err != nil {
					t.Error(err)
					return
				}
			}
		}
	})

	last, lastSeq := ovsdb.Integer(0), uint64(0)
	for range 300 {
		results, seq, err := conn.TransactSeq(ctx, vswitchDB, bump(1), readCfg)
		require.NoError(t, err)
		mine := results[1].Rows[0]["next_cfg"].(ovsdb.Integer)
		for last < mine { // must not block
			u, _ := m.Next()
			if u == nil {
				t.Fatalf("transaction made %d, updates only came to %d", mine, last)
			}

			now := u.Tables[0].Rows[0].Row["next_cfg"].(ovsdb.Integer)
			require.True(t, now > last && u.Seq > lastSeq, "values and numbers grow")
			last, lastSeq = now, u.Seq
		}

		if last == mine {
			require.True(t, lastSeq < seq, "the transaction's own update has the smaller number")
		}
	}

	close(stop)
	wg.Wait()
}

// TestServerLocks: a lock is waited for, got, stolen and given back, and each
// change is told.
func TestServerLocks(t *testing.T) {
	s := ovs.StartServer(t)
	ctx := timeout(t)
	a, b := dial(t, s.Remote, client.Options{}), dial(t, s.Remote, client.Options{})
	become := func(l *client.Lock, held bool) {
		t.Helper()
		for l.Held() != held {
			select {
			case <-l.Changed():
			case <-ctx.Done():
				t.Fatalf("lock is not held=%v in time", held)
			}
		}
	}

	la, err := a.Lock(ctx, "l")
	require.NoError(t, err)
	become(la, true)
	_, err = a.Lock(ctx, "l")
	require.True(t, err != nil, "a second claim is refused")
	lb, err := b.Lock(ctx, "l")
	require.NoError(t, err)
	become(lb, false)
	_, err = b.Transact(ctx, vswitchDB, ovsdb.Assert{Lock: "l"})
	require.Equal(t, ovsdb.ErrorNotOwner, as[*ovsdb.OperationError](t, err).Err, "error")
	require.NoError(t, la.Unlock(ctx))
	become(lb, true)
	_, err = b.Transact(ctx, vswitchDB, ovsdb.Assert{Lock: "l"}, bump(1))
	require.NoError(t, err)
	la, err = a.Steal(ctx, "l")
	require.NoError(t, err)
	become(la, true)
	become(lb, false)
	require.NoError(t, la.Unlock(ctx))
	become(lb, true)
	b.Close()
	require.False(t, lb.Held(), "a lock ends with its connection")
}

// TestServerLockOfTheRobbed: a connection that was robbed of a lock stays in line, and holds the
// lock again when the thief's connection ends; after Unlock it does not. A new connection claims
// anew.
func TestServerLockOfTheRobbed(t *testing.T) {
	s := ovs.StartServer(t)
	ctx := timeout(t)
	until := func(l *client.Lock, held bool) {
		t.Helper()
		for l.Held() != held {
			select {
			case <-l.Changed():
			case <-ctx.Done():
				t.Fatalf("lock is not held=%v in time", held)
			}
		}
	}

	robbed := dial(t, s.Remote, client.Options{})
	lock, err := robbed.Lock(ctx, "tapline_test")
	require.NoError(t, err)
	until(lock, true)
	require.False(t, lock.Lost())

	for _, unlock := range []bool{false, true} {
		thief := dial(t, s.Remote, client.Options{})
		stolen, err := thief.Steal(ctx, "tapline_test")
		require.NoError(t, err)
		require.True(t, stolen.Held(), "the reply to steal says that it is held")
		until(lock, false)

		if unlock {
			require.NoError(t, lock.Unlock(ctx))
		}

		require.NoError(t, thief.Close())

		if !unlock {
			until(lock, true)
			require.True(t, lock.Lost(), "it was stolen meanwhile")
		}
	}

	next := dial(t, s.Remote, client.Options{})
	fresh, err := next.Lock(ctx, "tapline_test")
	require.NoError(t, err)
	until(fresh, true)
	require.False(t, lock.Held(), "who has unlocked is not in line")
	_, err = robbed.Transact(ctx, vswitchDB, ovsdb.Assert{Lock: "tapline_test"}, bump(1))
	require.Equal(t, ovsdb.ErrorNotOwner, as[*ovsdb.OperationError](t, err).Err, "error")
}

// TestServerLockName: the server refuses a name that is no <id>, and the connection goes on.
func TestServerLockName(t *testing.T) {
	s := ovs.StartServer(t)
	ctx := timeout(t)
	conn := dial(t, s.Remote, client.Options{})
	_, err := conn.Lock(ctx, "tapline-test")
	require.NotEmpty(t, as[*client.RPCError](t, err).Err, "error")
	require.NoError(t, conn.Echo(ctx))
}

// TestServerConditionsAndCancel: a monitor with a condition sees only the rows
// for which it holds; a canceled one nothing.
func TestServerConditionsAndCancel(t *testing.T) {
	s := ovs.StartServer(t)
	ctx := timeout(t)
	conn := dial(t, s.Remote, client.Options{})
	m, err := conn.Monitor(ctx, vswitchDB, ovsdb.MonitorRequest{"Bridge": {
		Columns: []string{"name"},
		Where:   []ovsdb.Condition{ovsdb.Where("name", ovsdb.Equals, ovsdb.String("b"))},
	}})
	require.NoError(t, err)
	next(t, m)
	s.Vsctl("--no-wait", "add-br", "a", "--", "add-br", "b")
	u := next(t, m)
	require.Len(t, u.Tables[0].Rows, 1, "rows")
	require.Equal(t, ovsdb.Row{"name": ovsdb.String("b")}, u.Tables[0].Rows[0].Row, "row")
	require.NoError(t, m.Cancel(ctx))
	s.Vsctl("--no-wait", "del-br", "b")
	require.NoError(t, conn.Echo(ctx))
	_, open := m.Next()
	require.False(t, open, "no more will come")
}

// TestServerCompactsAndPauses: compaction disturbs nothing; a server that
// stands still for less than the probe allows is waited for, a longer
// standstill ends the connection.
func TestServerCompactsAndPauses(t *testing.T) {
	s := ovs.StartServer(t)
	ctx := timeout(t)
	conn := dial(t, s.Remote, client.Options{ProbeInterval: time.Second})
	m, err := conn.Monitor(ctx, vswitchDB,
		ovsdb.MonitorRequest{vswitchDB: {Columns: []string{"next_cfg"}}})
	require.NoError(t, err)
	next(t, m)
	s.Appctl("ovsdb-server/compact")
	_, err = conn.Transact(ctx, vswitchDB, bump(1))
	require.NoError(t, err)
	next(t, m)
	s.Pause()
	require.ErrorIs(t, ended(t, conn), client.ErrProbe)
	s.Resume()
}

// TestServerRestart: a restart ends the connection; a transaction that was
// under way has an unknown outcome; a new connection sees what was committed.
func TestServerRestart(t *testing.T) {
	s := ovs.StartServer(t)
	ctx := timeout(t)
	conn := dial(t, s.Remote, client.Options{})
	_, err := conn.Transact(ctx, vswitchDB, bump(5), ovsdb.Commit{Durable: true})
	require.NoError(t, err)
	failed := make(chan error)
	go func() {
		_, err := conn.Transact(ctx, vswitchDB, ovsdb.Wait{ // for what never comes
			Table: vswitchDB, Columns: []string{"next_cfg"}, Until: ovsdb.Equals,
			Rows: []ovsdb.Row{{"next_cfg": ovsdb.Integer(-1)}}, Timeout: -1,
		})
		failed <- err
	}()

	require.NoError(t, conn.Echo(ctx))
	s.Stop()
	require.ErrorIs(t, <-failed, client.ErrOutcomeUnknown)
	ended(t, conn)
	s.Start()
	again := dial(t, s.Remote, client.Options{})
	results, err := again.Transact(ctx, vswitchDB, readCfg)
	require.NoError(t, err)
	require.Equal(t, ovsdb.Value(ovsdb.Integer(5)), results[0].Rows[0]["next_cfg"], "value")
}

// TestServerCancelsTransaction: a context that ends frees the caller and
// aborts the transaction at the server.
func TestServerCancelsTransaction(t *testing.T) {
	s := ovs.StartServer(t)
	conn := dial(t, s.Remote, client.Options{MaxInFlight: 1})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := conn.Transact(ctx, vswitchDB, ovsdb.Wait{
		Table: vswitchDB, Columns: []string{"next_cfg"}, Until: ovsdb.Equals,
		Rows: []ovsdb.Row{{"next_cfg": ovsdb.Integer(-1)}}, Timeout: -1,
	}, bump(100))
	require.ErrorIs(t, err, client.ErrOutcomeUnknown)

	// The only slot is free again, and the transaction never takes effect.
	results, err := conn.Transact(timeout(t), vswitchDB, readCfg)
	require.NoError(t, err)
	require.Equal(t, ovsdb.Value(ovsdb.Integer(0)), results[0].Rows[0]["next_cfg"], "value")
}

// TestServerDropsDatabase: the connection ends when its database is removed or
// converted, even though the server keeps it open.
func TestServerDropsDatabase(t *testing.T) {
	for name, change := range map[string]func(*ovs.Server){
		"removed": func(s *ovs.Server) { s.Appctl("ovsdb-server/remove-db", vswitchDB) },
		"converted": func(s *ovs.Server) {
			ovs.Run(t, s.Dir, "ovsdb-client", "convert", s.Remote,
				"/usr/share/openvswitch/vswitch.ovsschema")
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := ovs.StartServer(t)
			conn := dial(t, s.Remote, client.Options{})
			_, err := conn.Monitor(timeout(t), vswitchDB,
				ovsdb.MonitorRequest{"Bridge": {Columns: []string{"name"}}})
			require.NoError(t, err)
			change(s)
			require.ErrorIs(t, ended(t, conn), client.ErrDatabaseGone)
		})
	}
}

// TestServerConnectsToUs: a switch that was told set-manager connects to us,
// and is served as if we had dialed.
func TestServerConnectsToUs(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	s := ovs.StartServer(t, ovs.WithRemote("db:Open_vSwitch,Open_vSwitch,manager_options"))
	s.Vsctl("--no-wait", "set-manager", "tcp:"+l.Addr().String())
	nc, err := l.Accept()
	require.NoError(t, err)
	ctx := timeout(t)
	conn, err := client.New(ctx, nc, client.Options{})
	require.NoError(t, err)
	defer conn.Close()
	m, err := conn.Monitor(ctx, vswitchDB,
		ovsdb.MonitorRequest{"Manager": {Columns: []string{"target", "is_connected"}}})
	require.NoError(t, err)
	require.Equal(t, ovsdb.Value(ovsdb.String("tcp:"+l.Addr().String())),
		next(t, m).Tables[0].Rows[0].Row["target"], "target")
}
