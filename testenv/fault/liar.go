package fault

import (
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"slices"
	"sync"

	"github.com/tapline-sdn/tapline/ovsdb"
)

// Liar is the database of a compromised host: it shows the rows that a test writes, with no switch
// behind them, and answers that every transaction succeeded without executing any. Rows may be
// changed while connections are served. The zero value with a Schema is ready for use.
type Liar struct {
	Schema []byte // of Open_vSwitch

	mu      sync.Mutex
	rows    map[string]map[ovsdb.UUID]ovsdb.Row // by table
	viewers map[*OVSDB]json.RawMessage          // the id of each connection's monitor
	nextCfg int64
}

// Show shows a row with these columns, in place of the one with the same UUID, and tells all
// monitors. A nil row is deleted.
func (l *Liar) Show(table string, id ovsdb.UUID, row ovsdb.Row) error {
	l.mu.Lock()
	defer l.mu.Unlock()

	_, had := l.rows[table][id]
	change := map[bool]string{true: `"old":{}`, false: ""}[had]
	if row == nil {
		delete(l.rows[table], id)
	} else {
		text, err := ovsdb.AppendRow(nil, row)
		if err != nil {
			return fmt.Errorf("row of %s: %w", table, err)
		}
		if had {
			change += ","
		}
		change += `"new":` + string(text)
		if l.rows == nil {
			l.rows = map[string]map[ovsdb.UUID]ovsdb.Row{}
		}
		if l.rows[table] == nil {
			l.rows[table] = map[ovsdb.UUID]ovsdb.Row{}
		}
		l.rows[table][id] = row
	}

	for s, monitor := range l.viewers {
		// A connection that has ended is removed when Serve notices it.
		_ = s.Say(`{"method":"update","id":null,"params":[%s,{%q:{%q:{%s}}}]}`,
			monitor, table, id, change)
	}
	return nil
}

// Serve answers over a connection until it ends.
func (l *Liar) Serve(nc net.Conn) {
	var peer *OVSDB
	d := Database{Schema: l.Schema, Answer: func(s *OVSDB, r Request) bool {
		peer = s
		return l.answer(s, r)
	}}
	d.Serve(nc)

	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.viewers, peer)
}

// answer answers the requests to which a liar has an answer of its own.
func (l *Liar) answer(s *OVSDB, r Request) bool {
	switch r.Method {
	case "monitor_cond_since":
		l.monitor(s, r)
	case "transact":
		if len(r.Params) == 0 || string(r.Params[0]) != `"Open_vSwitch"` {
			return false
		}
		l.transact(s, r)
	case "lock", "steal":
		_ = s.Reply(r, `{"locked":true}`) // If it fails, the connection has ended.
	case "unlock":
		_ = s.Reply(r, `{}`)
	default:
		return false
	}
	return true
}

// monitor shows all rows. From then on Show tells the connection what changes.
func (l *Liar) monitor(s *OVSDB, r Request) {
	l.mu.Lock()
	defer l.mu.Unlock()

	var text []byte
	for _, table := range slices.Sorted(maps.Keys(l.rows)) {
		text = fmt.Appendf(text, `%s%q:{`, separator(text), table)
		first := true
		for id, row := range l.rows[table] {
			comma := ","
			if first {
				comma, first = "", false
			}
			columns, err := ovsdb.AppendRow(nil, row)
			if err != nil {
				panic(err) // Show has encoded it before.
			}
			text = fmt.Appendf(text, `%s%q:{"initial":%s}`, comma, id, columns)
		}
		text = append(text, '}')
	}

	_ = s.Reply(r, `[false,"00000000-0000-0000-0000-000000000000",{`+string(text)+`}]`)
	if l.viewers == nil {
		l.viewers = map[*OVSDB]json.RawMessage{}
	}
	l.viewers[s] = r.Params[1]
}

func separator(text []byte) string {
	if len(text) == 0 {
		return ""
	}
	return ","
}

// transact says that each operation had the result that its sender hopes for.
func (l *Liar) transact(s *OVSDB, r Request) {
	l.mu.Lock()
	defer l.mu.Unlock()

	var text []byte
	for i, param := range r.Params[1:] {
		op, err := ovsdb.ParseOperation(param)
		result := `{}`
		switch op.(type) {
		case ovsdb.Insert:
			result = fmt.Sprintf(`{"uuid":["uuid","00000000-0000-4000-8000-%012x"]}`,
				l.nextCfg<<16|int64(i))
		case ovsdb.Update, ovsdb.Mutate, ovsdb.Delete:
			result = `{"count":1}`
		case ovsdb.Select:
			l.nextCfg++
			result = fmt.Sprintf(`{"rows":[{"next_cfg":%d}]}`, l.nextCfg)
		}
		if err != nil {
			result = `{"error":"syntax error"}`
		}
		text = append(append(text, separator(text)...), result...)
	}
	_ = s.Reply(r, `[`+string(text)+`]`)
}
