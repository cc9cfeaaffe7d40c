package client_test

import (
	"fmt"
	"maps"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/ovsdb"
	"github.com/tapline-sdn/tapline/ovsdb/client"
)

var everything = ovsdb.MonitorRequest{"T": {Columns: []string{"a", "s", "later"}}}

// with returns answers with others added.
func with(answers map[string]string, more ...string) map[string]string {
	out := maps.Clone(answers)
	for i := 0; i < len(more); i += 2 {
		out[more[i]] = more[i+1]
	}
	return out
}

const initial2 = `{"T":{"` + rowID + `":{"initial":{"a":"x"}}}}`

// monitorPeer starts a monitor on a peer that answers, and returns it with the
// monitor's id.
func monitorPeer(t *testing.T, opts client.Options) (*client.Conn, *client.Monitor, *peer, string) {
	t.Helper()
	conn, p := dialPeer(t, opts)
	id := make(chan string, 1)
	go func() {
		r := p.serve(modern)
		id <- string(r.Params[1])
		_ = p.reply(r, `[false,"00000000-0000-0000-0000-000000000000",`+initial2+`]`)
	}()

	m, err := conn.Monitor(t.Context(), "D", everything)
	require.NoError(t, err)
	return conn, m, p, <-id
}

// next waits for an update.
func next(t *testing.T, m *client.Monitor) *client.Update {
	t.Helper()

	for {
		u, open := m.Next()
		switch {
		case u != nil:
			return u
		case !open:
			t.Fatal("the monitor has ended")
		}

		select {
		case <-m.Ready():
		case <-t.Context().Done():
			t.Fatal("no update came")
		}
	}
}

// TestMonitorFallsBack: the best way that a server knows is used, and
// remembered.
func TestMonitorFallsBack(t *testing.T) {
	const unknown = "!unknown method"
	old := map[string]string{"set_db_change_aware": unknown, "get_schema": schemaText}
	for _, tc := range []struct {
		name    string
		answers map[string]string
		change  ovsdb.RowChange
	}{
		{"2.12", with(modern, "monitor_cond_since", `[false,"`+rowID+`",`+initial2+`]`),
			ovsdb.RowInitial},
		{"2.9", with(modern, "monitor_cond_since", unknown, "monitor_cond", initial2),
			ovsdb.RowInitial},
		{"2.6",
			with(old, "monitor", "!unknown database", "monitor_cond_since", unknown, "monitor_cond",
				initial2), ovsdb.RowInitial},
	} {
		t.Run(tc.name, func(t *testing.T) {
			conn, p := dialPeer(t, client.Options{})
			go func() { p.serve(tc.answers) }()
			m, err := conn.Monitor(t.Context(), "D", everything)
			require.NoError(t, err)
			u := next(t, m)
			require.True(t, u.Initial && !u.Resumed, "the first update is initial")
			require.Equal(t, tc.change, u.Tables[0].Rows[0].Change, "change")
			require.Equal(t, "D", m.Schema().Name, "schema")
		})
	}

	t.Run("2.5", func(t *testing.T) { // only monitor, and nothing of _Server
		conn, p := dialPeer(t, client.Options{})
		go func() {
			for {
				r := p.serve(with(old, "monitor_cond_since", unknown, "monitor_cond", unknown))
				switch {
				case r == nil:
					return
				case string(r.Params[0]) == `"_Server"`:
					_ = p.refuse(r, "unknown database")
				default:
					_ = p.reply(r, `{"T":{"`+rowID+`":{"new":{"a":"x","s":["set",[]]}}}}`)
				}
			}
		}()

		m, err := conn.Monitor(t.Context(), "D", everything)
		require.NoError(t, err)
		require.Equal(t, ovsdb.RowInsert, next(t, m).Tables[0].Rows[0].Change, "change")
		_, err = conn.Monitor(t.Context(), "D",
			ovsdb.MonitorRequest{"T": {Columns: []string{"a"},
				Where: []ovsdb.Condition{ovsdb.ByUUID(ovsdb.UUID{})}}})
		require.True(t, err != nil, "conditions are refused")
	})
}

// TestMonitorRefused: a server's refusal is the caller's to see, and the
// connection lives.
func TestMonitorRefused(t *testing.T) {
	conn, p := dialPeer(t, client.Options{})
	go func() { p.serve(with(modern, "monitor_cond_since", "!permission error")) }()
	_, err := conn.Monitor(t.Context(), "D", everything)
	refused := as[*client.RPCError](t, err)
	require.Equal(t, "permission error", refused.Err, "refusal")
	require.NoError(t, conn.Err())
}

// TestOrder: every update that stands before a reply on the wire is in the
// channel when the transaction returns, and the numbers say so.
func TestOrder(t *testing.T) {
	conn, m, p, id := monitorPeer(t, client.Options{})
	next(t, m)

	for range 200 {
		go func() {
			r := p.receive()
			for i := range 3 {
				_ = p.say(`{"method":"update3","id":null,"params":[%s,"%s",`+
					`{"T":{"%s":{"modify":{"a":"%d"}}}}]}`, id, rowID, rowID, i)
			}
			_ = p.reply(r, `[{}]`)
		}()

		_, seq, err := conn.TransactSeq(t.Context(), "D", ovsdb.Comment{Text: "x"})
		require.NoError(t, err)
		require.EqualValues(t, 3, m.Waiting(), "updates that wait")

		for i := range 3 {
			u := next(t, m)
			require.Equal(t, ovsdb.Value(ovsdb.String(fmt.Sprint(i))), u.Tables[0].Rows[0].Row["a"],
				"contents")
			require.Equal(t, seq-3+uint64(i), u.Seq, "number")
			require.Equal(t, rowID, u.LastTransaction.String(), "transaction")
		}
	}
}

// TestSlowConsumer: a consumer that does not keep up loses the connection, by
// number and by size, and still receives what had come before.
func TestSlowConsumer(t *testing.T) {
	for name, opts := range map[string]client.Options{
		"by number": {QueueUpdates: 5}, "by size": {QueueBytes: 600},
	} {
		t.Run(name, func(t *testing.T) {
			conn, m, p, id := monitorPeer(t, opts)
			go func() {
				for p.say(`{"method":"update2","id":null,"params":[%s,`+
					`{"T":{"%s":{"modify":{"a":"x"}}}}]}`, id, rowID) == nil {
				}
			}()

			require.ErrorIs(t, ended(t, conn), client.ErrSlowConsumer)

			for range m.Ready() { // until the monitor has ended too
			}

			n := 0
			for u, open := m.Next(); open; u, open = m.Next() {
				require.True(t, u != nil, "an update")
				n++
			}

			require.True(t, n >= 4 && n <= 6, fmt.Sprintf("a few updates came: %d", n))
		})
	}

	t.Run("one that keeps up", func(t *testing.T) {
		conn, m, p, id := monitorPeer(t, client.Options{QueueUpdates: 5, QueueBytes: 600})
		next(t, m)
		for range 1000 {
			require.NoError(t,
				p.say(`{"method":"update2","id":null,"params":[%s,`+
					`{"T":{"%s":{"modify":{"a":"x"}}}}]}`, id, rowID))
			next(t, m)
		}

		require.NoError(t, conn.Err())
	})
}

// TestMalformedUpdate: an update that cannot be read ends the connection when it is taken, and none
// that stands behind it is told.
func TestMalformedUpdate(t *testing.T) {
	conn, m, p, id := monitorPeer(t, client.Options{})
	next(t, m)

	for _, table := range []string{"None", "T"} {
		require.NoError(t,
			p.say(`{"method":"update2","id":null,"params":[%s,{"%s":{"%s":{"modify":{"a":"x"}}}}]}`,
				id, table, rowID))
	}

	<-m.Ready()
	u, open := m.Next()
	require.True(t, u == nil && !open, "the malformed update")
	var breach *client.ProtocolError
	require.ErrorAs(t, ended(t, conn), &breach)
	require.Equal(t, "update2", breach.Doing)
	u, open = m.Next()
	require.True(t, u == nil && !open, "the update behind it")
}

// TestCancel: updates that cross the cancellation are thrown away, and the
// channels are closed.
func TestCancel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn, m, p, id := monitorPeer(t, client.Options{QueueUpdates: 2, ProbeInterval: -1})
		next(t, m)
		go func() {
			r := p.receive()
			for range 10 {
				_ = p.say(`{"method":"update2","id":null,"params":[%s,`+
					`{"T":{"%s":{"delete":null}}}]}`, id, rowID)
			}
			_ = p.reply(r, `{}`)
		}()

		require.NoError(t, m.Cancel(t.Context()))
		u, open := m.Next()
		require.True(t, u == nil && !open, "no update after the cancellation, and its end")

		for range m.Ready() { // was told once, and is closed
		}

		require.NoError(t, conn.Err())
	})
}

// TestDatabaseGone: each way of a server to say that it no longer serves the
// database ends the connection.
func TestDatabaseGone(t *testing.T) {
	for name, tc := range map[string]struct {
		change string // of the row of _Server
		opts   client.Options
		gone   bool
	}{
		"removed": {`{"old":{"name":"D"}}`, client.Options{}, true},
		"storage lost": {`{"old":{},"new":{"name":"D","connected":false,` +
			`"leader":true}}`, client.Options{}, true},
		"leadership lost, wanted": {`{"old":{},"new":{"name":"D","connected":true,` +
			`"leader":false}}`, client.Options{LeaderOnly: true}, true},
		"leadership lost, not wanted": {`{"old":{},"new":{"name":"D","connected":true,` +
			`"leader":false}}`, client.Options{}, false},
		"removed, and not of the server": {`{"old":{"name":"D"},"new":{"name":"E",` +
			`"connected":true,"leader":true}}`, client.Options{}, true},
	} {
		t.Run(name, func(t *testing.T) {
			conn, p := dialPeer(t, tc.opts)
			server := make(chan string, 1) // id of the monitor of _Server
			go func() {
				answers := maps.Clone(modern)
				delete(answers, "monitor")
				r := p.serve(answers)
				server <- string(r.Params[1])
				_ = p.reply(r, modern["monitor"])
				p.serve(with(answers, "monitor_cond_since", `[false,"`+rowID+`",{}]`, "echo", `[]`))
			}()

			_, err := conn.Monitor(t.Context(), "D", everything)
			require.NoError(t, err)
			require.NoError(t,
				p.say(`{"method":"update","id":null,"params":[%s,{"Database":{"%s":%s}}]}`,
					<-server, rowID, tc.change))
			if tc.gone {
				require.ErrorIs(t, ended(t, conn), client.ErrDatabaseGone)
				return
			}

			require.NoError(t, conn.Echo(t.Context()))
		})
	}

	t.Run("never there", func(t *testing.T) {
		conn, p := dialPeer(t, client.Options{})
		go func() { p.serve(with(modern, "monitor", `{}`)) }()
		_, err := conn.Monitor(t.Context(), "D", everything)
		require.ErrorIs(t, err, client.ErrDatabaseGone)
	})
}

// TestMonitorCanceled: the server's cancellation means that the database was
// removed or converted.
func TestMonitorCanceled(t *testing.T) {
	conn, _, p, id := monitorPeer(t, client.Options{})
	require.NoError(t, p.say(`{"method":"monitor_canceled","params":[%s],"id":null}`, id))
	require.ErrorIs(t, ended(t, conn), client.ErrDatabaseGone)
}
