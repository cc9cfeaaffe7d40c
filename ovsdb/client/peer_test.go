package client_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/ovsdb/client"
)

// peer is the server's end of an in-memory connection. It says whatever the
// test wants, legal or not.
type peer struct {
	nc  net.Conn
	dec *json.Decoder
}

// request is a message from the client.
type request struct {
	Method string            `json:"method"`
	Params []json.RawMessage `json:"params"`
	ID     json.RawMessage   `json:"id"`
	Result json.RawMessage   `json:"result"`
}

// dialPeer connects a Conn to a peer.
func dialPeer(t *testing.T, opts client.Options) (*client.Conn, *peer) {
	t.Helper()
	ours, theirs := net.Pipe()
	conn, err := client.New(t.Context(), ours, opts)
	if err != nil {
		t.Fatal(err)
	}

	p := &peer{nc: theirs, dec: json.NewDecoder(bufio.NewReader(theirs))}
	t.Cleanup(func() {
		conn.Close()
		p.nc.Close()
	})

	return conn, p
}

// receive reads the next message; nil is the end.
func (p *peer) receive() *request {
	var r request
	if err := p.dec.Decode(&r); err != nil {
		return nil
	}
	return &r
}

// say writes to the client. An error is the client's having hung up.
func (p *peer) say(format string, args ...any) error {
	_, err := fmt.Fprintf(p.nc, format, args...)
	return err
}

func (p *peer) reply(r *request, result string) error {
	return p.say(`{"id":%s,"result":%s,"error":null}`, r.ID, result)
}

func (p *peer) refuse(r *request, reason string) error {
	return p.say(`{"id":%s,"result":null,"error":%q}`, r.ID, reason)
}

// schemaText is the database that peers serve.
const schemaText = `{"name":"D","version":"1.0.0",` +
	`"tables":{"T":{"columns":{"a":{"type":"string"},"s":{"type":{"key":"integer","min":0,` +
	`"max":"unlimited"}}}}}}`

// rowID is a row of T.
const rowID = "11111111-1111-4111-8111-111111111111"

// serve answers requests as a server would: answers has a method's result, or
// a refusal where it begins with '!'. It returns at the first request for
// which there is none, or at the end.
func (p *peer) serve(answers map[string]string) *request {
	for {
		r := p.receive()
		if r == nil {
			return nil
		}

		answer, ok := answers[r.Method]
		var err error
		switch {
		case !ok:
			return r
		case strings.HasPrefix(answer, "!"):
			err = p.refuse(r, answer[1:])
		default:
			err = p.reply(r, answer)
		}

		if err != nil {
			return nil
		}
	}
}

// modern are the answers of a server on the way to monitor_cond_since.
var modern = map[string]string{
	"set_db_change_aware": `{}`,
	"monitor": `{"Database":{"` + rowID +
		`":{"new":{"name":"D","connected":true,"leader":true}}}}`,
	"get_schema": schemaText,
}

// ended waits for the connection's end and returns why it ended.
func ended(t *testing.T, conn *client.Conn) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()

	select {
	case <-conn.Done():
		return conn.Err()
	case <-ctx.Done():
		t.Fatal("the connection lives on")
		return nil
	}
}

// as ends the test where there is no E in err, and returns it.
func as[E error](t testing.TB, err error) E {
	t.Helper()
	var e E
	require.ErrorAs(t, err, &e)
	return e
}
