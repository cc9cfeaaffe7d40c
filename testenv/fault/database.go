package fault

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"sync"
)

// Database speaks OVSDB (RFC 7047) as a server whose rows never change and that refuses every
// transaction.
type Database struct {
	Schema []byte // of Open_vSwitch
	Rows   []byte // <table-updates2> that a monitor starts with; nil: none
	// Answer may answer a request itself, and says whether it did.
	Answer func(s *OVSDB, r Request) bool
	// Monitored runs in a goroutine of its own once a monitor has sent its initial rows. It returns
	// when a write fails.
	Monitored func(s *OVSDB, monitor json.RawMessage)
}

// Request is a request of the controller.
type Request struct {
	Method string            `json:"method"`
	Params []json.RawMessage `json:"params"`
	ID     json.RawMessage   `json:"id"`
}

// OVSDB is the server's end of a connection.
type OVSDB struct{ Speaker }

// Say writes a message, formatted as by fmt.
func (s *OVSDB) Say(format string, args ...any) error {
	_, err := s.Write(fmt.Appendf(nil, format, args...))
	return err
}

// Reply answers a request with a result.
func (s *OVSDB) Reply(r Request, result string) error {
	return s.Say(`{"id":%s,"error":null,"result":%s}`, r.ID, result)
}

// Update sends a monitor changes: <table-updates2>.
func (s *OVSDB) Update(monitor json.RawMessage, updates string) error {
	return s.Say(`{"method":"update3","id":null,"params":[%s,`+
		`"00000000-0000-0000-0000-000000000001",%s]}`, monitor, updates)
}

// Serve answers over a connection until it ends.
func (d *Database) Serve(nc net.Conn) {
	s := &OVSDB{Speaker{nc: nc}}
	var beside sync.WaitGroup
	defer beside.Wait()
	defer func() { _ = nc.Close() }() // Ends Monitored, whose next write fails.
	requests := json.NewDecoder(bufio.NewReader(nc))
	for {
		var r Request
		if requests.Decode(&r) != nil {
			return
		}
		if d.Answer != nil && d.Answer(s, r) {
			continue
		}
		if d.answer(s, r) != nil {
			return
		}
		if r.Method == "monitor_cond_since" && d.Monitored != nil {
			beside.Go(func() { d.Monitored(s, r.Params[1]) })
		}
	}
}

func (d *Database) answer(s *OVSDB, r Request) error {
	switch {
	case string(r.ID) == "null" || r.Method == "":
		return nil
	case r.Method == "echo":
		return s.Reply(r, "[]")
	case r.Method == "list_dbs":
		return s.Reply(r, `["Open_vSwitch"]`)
	case r.Method == "get_schema":
		return s.Reply(r, string(d.Schema))
	case r.Method == "monitor_cond_since":
		rows := d.Rows
		if rows == nil {
			rows = []byte("{}")
		}
		return s.Reply(r, `[false,"00000000-0000-0000-0000-000000000000",`+string(rows)+`]`)
	case r.Method == "transact":
		return s.Reply(r, `[{"error":"not supported","details":"this server changes nothing"}]`)
	}
	return s.Say(`{"id":%s,"result":null,"error":"unknown method"}`, r.ID)
}
