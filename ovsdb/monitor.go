package ovsdb

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/tapline-sdn/tapline/ovsdb/internal/jsontext"
)

// MonitorRequest says, per table, what to watch.
type MonitorRequest map[string]TableRequest

// TableRequest is what to watch of a table. Every kind of change is watched.
type TableRequest struct {
	// Columns to watch; none: only which rows there are.
	Columns []string
	// Where limits the rows to those for which at least one condition holds;
	// none: all. It needs monitor_cond (Open vSwitch 2.6).
	Where []Condition
}

// Prune returns r without the tables and columns that db does not have, so
// that one request serves every version of a schema.
func (r MonitorRequest) Prune(db *DatabaseSchema) MonitorRequest {
	pruned := MonitorRequest{}
	for name, tr := range r {
		table := db.Tables[name]
		if table == nil {
			continue
		}

		tr.Columns = slices.DeleteFunc(slices.Clone(tr.Columns),
			func(c string) bool { return table.Column(c) == nil })
		pruned[name] = tr
	}

	return pruned
}

// HasConditions reports whether r needs monitor_cond.
func (r MonitorRequest) HasConditions() bool {
	for _, tr := range r {
		if len(tr.Where) > 0 {
			return true
		}
	}

	return false
}

// AppendMonitorRequest appends the <monitor-requests> of "monitor" (RFC 7047,
// 4.1.5) or the <monitor-cond-requests> of "monitor_cond" and
// "monitor_cond_since" (ovsdb-server(7), 4.1.12), which are written alike.
func AppendMonitorRequest(b []byte, r MonitorRequest) ([]byte, error) {
	tables := make([]string, 0, len(r))
	for name := range r {
		tables = append(tables, name)
	}

	slices.Sort(tables)
	b = append(b, '{')
	for i, name := range tables {
		if i > 0 {
			b = append(b, ',')
		}

		b = append(jsontext.AppendString(b, name), `:[{"columns":`...)
		b, _ = appendColumns(b, r[name].Columns)
		if where := r[name].Where; len(where) > 0 {
			var err error
			if b, err = appendConditions(append(b, `,"where":`...), where); err != nil {
				return nil, fmt.Errorf("monitor of table %s: %w", name, err)
			}
		}

		b = append(b, `}]`...)
	}

	return append(b, '}'), nil
}

// AppendMonitorParams appends the "params" of a monitor request: database,
// monitor id, requests, and for monitor_cond_since the last transaction seen.
func AppendMonitorParams(
	b []byte, db string, id uint64, r MonitorRequest, since *UUID,
) ([]byte, error) {
	b = jsontext.AppendString(append(b, '['), db)
	b = strconv.AppendUint(append(b, ','), id, 10)
	b, err := AppendMonitorRequest(append(b, ','), r)
	if err != nil {
		return nil, err
	}

	if since != nil {
		b = jsontext.AppendString(append(b, ','), since.String())
	}

	return append(b, ']'), nil
}
