package audit_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/tapline-sdn/tapline/controller/audit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// desk is a log whose clock moves a second with each record.
type desk struct {
	*audit.Log
	path string
	told *bytes.Buffer
}

func newDesk(t *testing.T, opts audit.Options) *desk {
	t.Helper()
	d := &desk{path: filepath.Join(t.TempDir(), "audit.log"), told: new(bytes.Buffer)}
	now := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	opts.Now = func() time.Time {
		now = now.Add(time.Second)
		return now
	}
	opts.Logger = slog.New(slog.NewTextHandler(d.told, nil))
	var err error
	d.Log, err = audit.Open(d.path, opts)
	require.NoError(t, err)
	t.Cleanup(d.Close)
	return d
}

func (d *desk) read(t *testing.T, q audit.Query) []audit.Record {
	t.Helper()
	records, _, err := d.Read(t.Context(), q)
	require.NoError(t, err)
	return records
}

// names are those of records, in one word.
func names(records []audit.Record) string {
	var out []string
	for _, r := range records {
		out = append(out, r.Name)
	}
	return strings.Join(out, " ")
}

func named(name string) audit.Record {
	return audit.Record{
		Actor:   audit.Actor{Type: "token", ID: "tl1", Name: "ci"},
		Change:  audit.Change{Kind: "host", ID: "id-" + name, Name: name},
		Outcome: audit.Success,
	}
}

func TestChange(t *testing.T) {
	d := newDesk(t, audit.Options{})
	request := &audit.Request{
		ID:        "r1",
		Actor:     audit.Actor{Type: "token", ID: "x", Name: "ci", Role: "operator"},
		Remote:    "192.0.2.1:7",
		UserAgent: strings.Repeat("ü", 300),
		Method:    "PATCH",
		Path:      "/api/v1/guests/vm1",
		Success:   200,
	}
	change := audit.Change{
		Kind:   "guest",
		ID:     "g1",
		Name:   "vm1",
		Before: json.RawMessage(`{"a":1}`),
		After:  json.RawMessage(`{"a":2}`),
	}
	require.NoError(t, d.Change(audit.With(t.Context(), request), change))
	require.True(t, request.Changed())
	created := audit.Change{Kind: "guest", Name: "vm2", After: json.RawMessage(`{}`)}
	require.NoError(t, d.Change(t.Context(), created))

	got := d.read(t, audit.Query{})
	require.Len(t, got, 2)
	require.Equal(t, "create", got[0].Action)
	require.Equal(t, audit.Actor{Type: "controller"}, got[0].Actor, "nobody asked")
	require.Equal(t, audit.Record{
		Time:      time.Date(2026, 11, 1, 12, 0, 1, 0, time.UTC),
		RequestID: "r1",
		Actor:     request.Actor,
		Remote:    request.Remote,
		UserAgent: strings.Repeat("ü", 128) + "…",
		Method:    "PATCH",
		Path:      request.Path,
		Action:    "update",
		Change:    change,
		Outcome:   audit.Success,
		Status:    200,
	}, got[1])

	info, err := os.Stat(d.path)
	require.NoError(t, err)
	require.Equal(t, fs.FileMode(0o600), info.Mode().Perm())
	var nobody *audit.Log
	require.NoError(t, nobody.Change(t.Context(), change))
	require.NoError(t, nobody.Err())
	nobody.Close()
}

func TestQuery(t *testing.T) {
	d := newDesk(t, audit.Options{})
	begin := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	for i := range 6 {
		r := named(fmt.Sprint("h", i))
		if i%2 == 1 {
			r.Actor, r.Kind, r.Outcome = audit.Actor{Type: "config"}, "guest", audit.Denied
		}
		r.RequestID = fmt.Sprint("r", i)
		require.NoError(t, d.Write(r))
	}
	for name, tc := range map[string]struct {
		query audit.Query
		want  string
		more  bool
	}{
		"all":      {audit.Query{}, "h5 h4 h3 h2 h1 h0", false},
		"limit":    {audit.Query{Limit: 2}, "h5 h4", true},
		"offset":   {audit.Query{Limit: 2, Offset: 4}, "h1 h0", false},
		"past all": {audit.Query{Offset: 7}, "", false},
		"actor":    {audit.Query{Actor: "ci"}, "h4 h2 h0", false},
		"type":     {audit.Query{Actor: "config"}, "h5 h3 h1", false},
		"kind":     {audit.Query{Kind: "guest", Limit: 3}, "h5 h3 h1", false},
		"name":     {audit.Query{ID: "h3"}, "h3", false},
		"id":       {audit.Query{ID: "id-h3"}, "h3", false},
		"outcome":  {audit.Query{Outcome: audit.Denied, Limit: 1}, "h5", true},
		"request":  {audit.Query{Request: "r2"}, "h2", false},
		"since":    {audit.Query{Since: begin.Add(5 * time.Second)}, "h5 h4", false},
		"until":    {audit.Query{Until: begin.Add(3 * time.Second)}, "h1 h0", false},
		"between": {audit.Query{Since: begin.Add(2 * time.Second),
			Until: begin.Add(4 * time.Second)}, "h2 h1", false},
		"nobody's": {audit.Query{Actor: "x"}, "", false},
	} {
		t.Run(name, func(t *testing.T) {
			got, more, err := d.Read(t.Context(), tc.query)
			require.NoError(t, err)
			require.Equal(t, tc.want, names(got))
			require.Equal(t, tc.more, more)
		})
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, _, err := d.Read(ctx, audit.Query{})
	require.ErrorIs(t, err, context.Canceled)
}

func TestRotation(t *testing.T) {
	// The clock moves by a second with each record, so all full files are older than the retention.
	d := newDesk(t, audit.Options{MaxSize: 2000, Keep: 2, Retention: time.Second})
	for i := range 40 {
		require.NoError(t, d.Write(named(fmt.Sprint("h", i))))
	}
	files, err := filepath.Glob(d.path + "*")
	require.NoError(t, err)
	require.Len(t, files, 3, "bounded")
	for _, f := range files {
		info, err := os.Stat(f)
		require.NoError(t, err)
		require.LessOrEqual(t, info.Size(), int64(2000))
		require.Equal(t, fs.FileMode(0o600), info.Mode().Perm())
	}
	got := d.read(t, audit.Query{})
	require.Greater(t, len(got), 10)
	for i, r := range got {
		require.Equal(t, fmt.Sprint("h", 39-i), r.Name, "newest first, none missing")
	}
}

func TestLongFilesAreReadWhole(t *testing.T) {
	d := newDesk(t, audit.Options{})
	for i := range 1000 {
		r := named(fmt.Sprint("h", i))
		r.After = json.RawMessage(`"` + strings.Repeat("x", i*7%3000) + `"`)
		require.NoError(t, d.Write(r))
	}
	got := d.read(t, audit.Query{})
	require.Len(t, got, 1000)
	for i, r := range got {
		require.Equal(t, fmt.Sprint("h", 999-i), r.Name)
	}
}

func TestMovedAway(t *testing.T) {
	d := newDesk(t, audit.Options{})
	require.NoError(t, d.Write(named("before")))
	require.NoError(t, os.Rename(d.path, d.path+".1"))
	require.NoError(t, d.Write(named("after")))
	require.NoError(t, os.Truncate(d.path, 0)) // copytruncate
	require.NoError(t, d.Write(named("last")))
	require.Equal(t, "last before", names(d.read(t, audit.Query{})))
}

func TestTornLine(t *testing.T) {
	d := newDesk(t, audit.Options{})
	require.NoError(t, d.Write(named("a")))
	d.Close()
	f, err := os.OpenFile(d.path, os.O_APPEND|os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = f.WriteString(`{"time":"2026-11-`)
	require.NoError(t, err)
	require.NoError(t, f.Close())
	require.NoError(t, d.Write(named("b")))
	require.Equal(t, "b a", names(d.read(t, audit.Query{})))
}

func TestWhatCannotBeWrittenIsRefusedUntilItCan(t *testing.T) {
	d := newDesk(t, audit.Options{})
	require.NoError(t, d.Write(named("a")))
	require.NoError(t, os.Rename(d.path, d.path+".1"))
	require.NoError(t, os.Mkdir(d.path, 0o700)) // works for root as well
	err := d.Change(t.Context(), audit.Change{Kind: "host"})
	require.ErrorContains(t, err, "the change is refused, since it cannot be recorded")
	require.Error(t, d.Err())
	require.Contains(t, d.told.String(), "level=ERROR")
	require.NoError(t, os.Remove(d.path))
	require.NoError(t, d.Write(named("b")))
	require.NoError(t, d.Err())
	require.Equal(t, "b a", names(d.read(t, audit.Query{})))

	_, err = audit.Open(filepath.Join(d.path, "no", "folder"), audit.Options{})
	require.Error(t, err)
}

func TestManyWriters(t *testing.T) {
	d := newDesk(t, audit.Options{MaxSize: 8 << 10, Keep: 99})
	ctx, cancel := context.WithCancel(t.Context())
	var running, writers sync.WaitGroup
	running.Go(func() { d.Run(ctx) })
	for i := range 8 {
		writers.Go(func() {
			for j := range 50 {
				if err := d.Write(named(fmt.Sprint("h", i, "-", j))); err != nil {
					t.Error(err)
				}
				if _, _, err := d.Read(ctx, audit.Query{Limit: 3}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	writers.Wait()
	cancel()
	running.Wait()
	require.Len(t, d.read(t, audit.Query{}), 400)
}
