package client_test

import (
	"context"
	"errors"
	"io"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/ovsdb"
	"github.com/tapline-sdn/tapline/ovsdb/client"
)

// TestPeerBreaksProtocol: whatever a peer says, it costs the connection, with
// an error that says what was wrong, and nothing else.
func TestPeerBreaksProtocol(t *testing.T) {
	deep := strings.Repeat(`[`, 10000) + strings.Repeat(`]`, 10000)
	for name, tc := range map[string]struct{ says, err string }{
		"text":             {"HTTP/1.1 400 Bad Request\r\n", "every message is an object"},
		"array":            {`[1,2]`, "every message is an object"},
		"neither":          {`{"id":1}`, "neither a method nor a result"},
		"reply without id": {`{"id":null,"result":{},"error":null}`, "without an id"},
		"reply nobody waits for": {`{"id":77,"result":{},"error":null}`,
			"no request waits for id 77"},
		"reply of a foreign id": {`{"id":"x","result":{},"error":null}`, "none of ours"},
		"unbalanced":            {`{"id":1]`, "neither ','"},
		"params no array": {`{"method":"update","params":{},"id":null}`,
			"an array should be"},
		"too few params": {`{"method":"update","params":[1],"id":null}`,
			"1 params where 2"},
		"too many params": {`{"method":"locked","params":["a","b"],"id":null}`,
			"more than 1"},
		"unknown monitor": {`{"method":"update2","params":[5,{}],"id":null}`,
			"no monitor 5"},
		"monitor of no number": {`{"method":"update3","params":["x","` + rowID +
			`",{}],"id":null}`, "none of ours"},
		"no transaction id": {`{"method":"update3","params":[1,"x",{}],"id":null}`,
			"transaction id"},
		"lock of no name": {`{"method":"locked","params":[{}],"id":null}`, "no string"},
		"deep echo": {`{"method":"echo","params":` + deep + `,"id":1}`,
			"nested deeper"},
		"large echo": {`{"method":"echo","params":["` + strings.Repeat("x", 100<<10) +
			`"],"id":1}`, "more than 65536 bytes"},
		"malformed echo": {`{"method":"echo","params":[tru],"id":1}`, "misspelt"},
		"canceled unknown monitor": {`{"method":"monitor_canceled","params":[9],"id":null}`,
			"no monitor 9"},
	} {
		t.Run(name, func(t *testing.T) {
			conn, p := dialPeer(t, client.Options{})
			go func() { _ = p.say("%s", tc.says) }() // ends when the client hangs up
			err := ended(t, conn)
			if breach := as[*client.ProtocolError](t, err); !strings.Contains(breach.Error(),
				tc.err) {
				t.Fatalf("error is %q, want %q", err, tc.err)
			}

			if _, err := conn.ListDBs(t.Context()); err == nil {
				t.Fatal("a request succeeds after the end")
			}
		})
	}
}

// TestReplyThatIsWrong: a reply that is not what its request wants costs the
// connection, and the caller learns why.
func TestReplyThatIsWrong(t *testing.T) {
	for name, tc := range map[string]struct{ method, reply, err string }{
		"databases": {"list_dbs", `["a",1]`, "a number where a string"},
		"schema":    {"get_schema", `{"tables":{}}`, "without a name"},
		"transact":  {"transact", `[]`, "0 results for 1 operations"},
		"deep": {"transact", `[` + strings.Repeat(`{"rows":[`, 40) + strings.Repeat(`]}`, 40) +
			`]`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			conn, p := dialPeer(t, client.Options{})
			go func() {
				p.serve(map[string]string{tc.method: tc.reply})
			}()
			var err error

			switch tc.method {
			case "list_dbs":
				_, err = conn.ListDBs(t.Context())
			case "get_schema":
				_, err = conn.GetSchema(t.Context(), "D")
			case "transact":
				_, err = conn.Transact(t.Context(), "D", ovsdb.Select{Table: "T"})
				require.ErrorIs(t, err, client.ErrOutcomeUnknown)
			}

			as[*client.ProtocolError](t, err)

			if !strings.Contains(err.Error(), tc.err) {
				t.Fatalf("error is %q, want %q", err, tc.err)
			}

			ended(t, conn)
		})
	}
}

// TestEndlessMessage: a message without end is refused at the limit, and the
// memory it took is bounded by the limit, whatever length it would have had.
func TestEndlessMessage(t *testing.T) {
	const limit = 1 << 20
	for name, begin := range map[string]string{
		"string": `{"method":"update","params":["`, "nesting": `{"a":`, "spaces inside": `{   `,
	} {
		t.Run(name, func(t *testing.T) {
			conn, p := dialPeer(t, client.Options{MaxMessage: limit})
			before := heap()
			written := make(chan int)
			go func() {
				chunk := []byte(strings.Repeat(begin[len(begin)-1:], 4096))
				if name == "string" {
					chunk = []byte(strings.Repeat("x", 4096))
				}

				_ = p.say("%s", begin)
				n := 0
				for n < 1<<30 {
					k, err := p.nc.Write(chunk)
					if n += k; err != nil {
						break
					}
				}

				written <- n
			}()

			err := ended(t, conn)
			n := <-written
			as[*client.ProtocolError](t, err)

			if n > 2*limit {
				t.Errorf("the peer could write %d bytes", n)
			}

			if grown := heap() - before; grown > 8*limit {
				t.Errorf("the heap grew by %d bytes", grown)
			}
		})
	}
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// TestPeerNeverReads: writing gives up at its deadline, and callers that wait
// to be sent are told that nothing was.
func TestPeerNeverReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn, _ := dialPeer(t, client.Options{WriteTimeout: 3 * time.Second, ProbeInterval: -1})
		start := time.Now()
		_, err := conn.Transact(t.Context(), "D", ovsdb.Comment{Text: "x"})
		require.ErrorIs(t, err, client.ErrOutcomeUnknown)
		require.Equal(t, 3*time.Second, time.Since(start), "time to give up")
		_, err = conn.Transact(t.Context(), "D", ovsdb.Comment{Text: "x"})
		require.True(t, err != nil, "an error")
		require.False(t, errors.Is(err, client.ErrOutcomeUnknown),
			"the outcome of what was never sent is known")
	})
}

// TestEchoFlood: a peer that asks and does not read the answers loses its
// connection once the small queue of answers is full.
func TestEchoFlood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn, p := dialPeer(t, client.Options{})
		go func() {
			for p.say(`{"method":"echo","params":[],"id":"x"}`) == nil {
			}
		}()
		err := ended(t, conn)
		as[*client.ProtocolError](t, err)
	})
}

// TestEcho: the peer's echo is answered as it was asked.
func TestEcho(t *testing.T) {
	_, p := dialPeer(t, client.Options{})
	go func() {
		_ = p.say(`{"id":["any",1],"method":"echo","params":["a",{"b":null}]}{"id":0,` +
			`"method":"echo","params":null}`)
	}()
	r := p.receive()
	require.Equal(t, `["any",1]`, string(r.ID), "id")
	require.Equal(t, `["a",{"b":null}]`, string(r.Result), "result")
	r = p.receive()
	require.Equal(t, `[]`, string(r.Result), "result")
}

// TestUnknownRequestAndNotification: a request of a later protocol is refused,
// a notification ignored.
func TestUnknownRequestAndNotification(t *testing.T) {
	conn, p := dialPeer(t, client.Options{})
	go func() {
		_ = p.say(`{"id":null,"method":"later","params":[]}{"id":3,"method":"later","params":[]}`)
	}()
	r := p.receive()
	require.Equal(t, `3`, string(r.ID), "id")
	require.NoError(t, conn.Err())
}

// TestProbe: a peer that is silent is asked once and has as long again to
// answer; one that answers stays.
func TestProbe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn, p := dialPeer(t, client.Options{ProbeInterval: 4 * time.Second})
		start := time.Now()
		for i := range 3 {
			r := p.receive()
			require.Equal(t, "echo", r.Method, "request")
			require.Equal(t, time.Duration(i+1)*4*time.Second, time.Since(start),
				"time of the probe")
			require.NoError(t, p.reply(r, `[]`))
			synctest.Wait()
			require.NoError(t, conn.Err())
		}

		r := p.receive() // and no answer
		require.Equal(t, "echo", r.Method, "request")
		require.ErrorIs(t, ended(t, conn), client.ErrProbe)
		require.Equal(t, 5*4*time.Second, time.Since(start), "time of the end")
	})
}

// TestRepliesOutOfOrder: each reply reaches the caller that its id names.
func TestRepliesOutOfOrder(t *testing.T) {
	conn, p := dialPeer(t, client.Options{})
	const n = 5
	got := make(chan int64, n)
	requests := make([]*request, n)

	for i := range n {
		go func() {
			results, err := conn.Transact(t.Context(), "D",
				ovsdb.Mutate{Table: "T",
					Where: []ovsdb.Condition{ovsdb.Where("n", ovsdb.Equals, ovsdb.Integer(i))}})
			if err != nil || results[0].Count != int64(i) {
				t.Errorf("transaction %d: %v, %v", i, results, err)
			}

			got <- int64(i)
		}()
	}

	for range n {
		r := p.receive()
		var i int
		for ; !strings.Contains(string(r.Params[1]), `["n","==",`+string(rune('0'+i))+`]`); i++ {
		}
		requests[i] = r
	}

	for i := n - 1; i >= 0; i-- {
		require.NoError(t, p.reply(requests[i], `[{"count":`+string(rune('0'+i))+`}]`))
		require.Equal(t, int64(i), <-got, "caller that is served")
	}

	_ = conn
}

// TestContextEnds: the caller is free at once, the server is told, and the late
// reply harms nobody.
func TestContextEnds(t *testing.T) {
	conn, p := dialPeer(t, client.Options{})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() {
		_, err := conn.Transact(ctx, "D", ovsdb.Abort{})
		done <- err
	}()

	r := p.receive()
	cancel()
	err := <-done
	require.ErrorIs(t, err, client.ErrOutcomeUnknown)
	require.ErrorIs(t, err, context.Canceled)
	c := p.receive()
	require.Equal(t, "cancel", c.Method, "notification")
	require.Equal(t, string(r.ID), string(c.Params[0]), "id of the request")
	require.NoError(t, p.refuse(r, "canceled"))
	go func() { p.serve(map[string]string{"list_dbs": `["D"]`}) }()
	names, err := conn.ListDBs(t.Context())
	require.NoError(t, err)
	require.Equal(t, []string{"D"}, names, "databases")

	_, err = conn.Transact(ctx, "D", ovsdb.Abort{})
	require.True(t, errors.Is(err, context.Canceled) && !errors.Is(err, client.ErrOutcomeUnknown),
		"what a dead context did not send is known")
}

// TestInFlight: requests beyond the limit wait to be sent.
func TestInFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn, p := dialPeer(t, client.Options{MaxInFlight: 2, ProbeInterval: -1})
		served := make(chan error, 3)
		for range 3 {
			go func() { served <- conn.Echo(t.Context()) }()
		}

		first := p.receive()
		p.receive()
		arrived := make(chan *request, 1)
		go func() { arrived <- p.receive() }()
		synctest.Wait()
		require.Len(t, arrived, 0, "requests beyond the limit")
		require.NoError(t, p.reply(first, `[]`))
		require.NoError(t, <-served)
		require.True(t, <-arrived != nil, "the third is sent")
	})
}

// TestClose: everybody who waits is told, and Close may be called again.
func TestClose(t *testing.T) {
	conn, p := dialPeer(t, client.Options{})
	done := make(chan error)
	go func() {
		_, err := conn.ListDBs(t.Context())
		done <- err
	}()

	p.receive()
	require.NoError(t, conn.Close())
	require.ErrorIs(t, <-done, client.ErrClosed)
	require.ErrorIs(t, conn.Err(), client.ErrClosed)
	require.NoError(t, conn.Close())
}

// TestPeerLeaves: the end of the stream ends the connection, inside a message
// as well.
func TestPeerLeaves(t *testing.T) {
	for name, tc := range map[string]struct {
		last string
		want error
	}{"between messages": {"", io.EOF}, "inside a message": {`{"id":`, io.ErrUnexpectedEOF}} {
		t.Run(name, func(t *testing.T) {
			conn, p := dialPeer(t, client.Options{})
			go func() {
				_ = p.say("%s", tc.last)
				p.nc.Close()
			}()
			require.ErrorIs(t, ended(t, conn), tc.want)
		})
	}
}
