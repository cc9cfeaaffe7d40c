package audit_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/controller/audit"
)

// verify checks the chain of a desk's folder.
func (d *desk) verify(t *testing.T) audit.Verification {
	t.Helper()
	v, err := audit.Verify(filepath.Dir(d.path))
	require.NoError(t, err)
	return v
}

func (d *desk) writeAll(t *testing.T, names ...string) {
	t.Helper()
	for _, name := range names {
		require.NoError(t, d.Write(named(name)))
	}
}

// TestChain: the chain goes on over rotations and restarts.
func TestChain(t *testing.T) {
	d := newDesk(t, audit.Options{MaxSize: 1000})
	for i := range 10 {
		d.writeAll(t, fmt.Sprint("a", i))
	}
	d.Close()
	again, err := audit.Open(d.path, audit.Options{MaxSize: 1000})
	require.NoError(t, err)
	defer again.Close()
	require.NoError(t, again.Write(named("after the restart")))

	v := d.verify(t)
	assert.Empty(t, v.Faults)
	assert.Equal(t, []uint64{1, 11}, []uint64{v.First, v.Last})
	assert.Equal(t, 11, v.Records)
	assert.Greater(t, v.Files, 2)

	// A file alone can be verified, since its first record names the hash before it.
	one, err := audit.Verify(d.path + ".1")
	require.NoError(t, err)
	assert.Empty(t, one.Faults)
	assert.Greater(t, one.First, uint64(1))
}

func TestChainShowsWhatWasDone(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(lines []string) []string
		fault  string // "": none
		cutOff int
	}{
		"nothing": {change: func(l []string) []string { return l }},
		"altered": {change: func(l []string) []string {
			l[2] = strings.Replace(l[2], `"name":"h2"`, `"name":"hX"`, 1)
			return l
		}, fault: ":3: record 3, or the one before it, was altered"},
		"last one altered": {change: func(l []string) []string {
			l[4] = strings.Replace(l[4], `"name":"h4"`, `"name":"hX"`, 1)
			return l
		}, fault: ":5: record 5, or the one before it, was altered"},
		"first one altered": {change: func(l []string) []string {
			l[0] = strings.Replace(l[0], `"name":"h0"`, `"name":"hX"`, 1)
			return l
		}, fault: ":1: record 1, or the one before it, was altered"},
		"removed": {change: func(l []string) []string {
			return append(l[:1:1], l[3:]...)
		}, fault: ":2: records 2 to 3 are missing"},
		"beginning removed": {change: func(l []string) []string {
			return l[2:]
		}, fault: ":1: the records before 3 are missing"},
		"moved": {change: func(l []string) []string {
			return []string{l[0], l[1], l[2], l[4], l[3]}
		}, fault: ":4: records 4 to 4 are missing"},
		"replayed": {change: func(l []string) []string {
			return append(l, l[1])
		}, fault: ":6: record 2 stands after record 5"},
		"inserted": {change: func(l []string) []string {
			return append(l[:3:3],
				append([]string{`{"time":"2026-11-01T12:00:03Z","name":"x","outcome":"success"}` +
					"\n"}, l[3:]...)...)
		}, fault: ":4: a record without a hash, after record 3"},
		"cut off by a crash": {change: func(l []string) []string {
			return append(l, `{"time":"20`)
		}, cutOff: 1},
		"record made unreadable": {change: func(l []string) []string {
			l[2] = "garbage\n"
			return l
		}, fault: ":4: records 3 to 3 are missing", cutOff: 1},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t, audit.Options{})
			d.writeAll(t, "h0", "h1", "h2", "h3", "h4")
			d.Close()
			text, err := os.ReadFile(d.path)
			require.NoError(t, err)
			lines := tc.change(slices.Collect(strings.Lines(string(text))))
			require.NoError(t, os.WriteFile(d.path, []byte(strings.Join(lines, "")), 0o600))

			v := d.verify(t)
			assert.Len(t, v.CutOff, tc.cutOff)
			if tc.fault == "" {
				assert.Empty(t, v.Faults)
				return
			}
			require.NotEmpty(t, v.Faults)
			assert.Contains(t, v.Faults[0], "audit.log"+tc.fault)
		})
	}
}

// TestChainBeginsAfterOldRecords: records of releases without a chain stay readable, and the chain
// begins after them.
func TestChainBeginsAfterOldRecords(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.log")
	old := `{"time":"2026-10-01T00:00:00Z","actor":{"type":"token"},"name":"old",` +
		`"outcome":"success"}` + "\n"
	require.NoError(t, os.WriteFile(path, []byte(old+old), 0o600))
	l, err := audit.Open(path, audit.Options{})
	require.NoError(t, err)
	defer l.Close()
	require.NoError(t, l.Write(named("new")))
	records, _, err := l.Read(t.Context(), audit.Query{})
	require.NoError(t, err)
	assert.Equal(t, "new old old", names(records))

	v, err := audit.Verify(path)
	require.NoError(t, err)
	assert.Empty(t, v.Faults)
	assert.Equal(t, 2, v.Unchained)
	assert.Equal(t, 1, v.Records)
}

// TestFullLogRefusesChanges: no record is overwritten before its time.
func TestFullLogRefusesChanges(t *testing.T) {
	d := newDesk(t, audit.Options{MaxSize: 1000, Keep: 2, Retention: time.Hour})
	var err error
	written := 0
	for ; written < 100 && err == nil; written++ {
		err = d.Change(t.Context(), audit.Change{Kind: "host", Name: fmt.Sprint("h", written)})
	}
	require.ErrorContains(t, err, "the change is refused")
	require.ErrorContains(t, err, "full of records that must still be kept")
	require.Error(t, d.Err())
	require.Len(t, d.read(t, audit.Query{}), written-1, "none is lost")

	require.NoError(t, os.Remove(d.path+".2"))
	require.NoError(t, d.Change(t.Context(), audit.Change{Kind: "host", Name: "last"}))
	require.NoError(t, d.Err())
}

// TestDenialsNeverReachTheChanges: however many requests are denied, refused or change nothing, the
// changes stay, and the denials take two files at most.
func TestDenialsNeverReachTheChanges(t *testing.T) {
	d := newDesk(t, audit.Options{MaxSize: 4000})
	d.writeAll(t, "before")
	minor := named("minor")
	for i := range 5000 {
		minor.Unchanged = i%3 == 0
		minor.Outcome = []audit.Outcome{audit.Success, audit.Denied, audit.Refused}[i%3]
		require.NoError(t, d.Write(minor))
	}
	d.writeAll(t, "after")

	assert.Equal(
		t,
		"after before",
		names(
			d.read(t, audit.Query{ID: "id-after"}),
		)+" "+names(
			d.read(t, audit.Query{ID: "id-before"}),
		),
	)
	v := d.verify(t)
	assert.Equal(t, 2, v.Records)
	files, err := filepath.Glob(filepath.Join(filepath.Dir(d.path), "audit-denied.log*"))
	require.NoError(t, err)
	assert.Len(t, files, 2)
	for _, f := range files {
		info, err := os.Stat(f)
		require.NoError(t, err)
		assert.LessOrEqual(t, info.Size(), int64(4000))
		assert.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	}
}

// TestDenialsAreCounted: what is beyond the rate is one record, which says how many it stands for.
func TestDenialsAreCounted(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.log")
	now := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	l, err := audit.Open(path, audit.Options{Now: func() time.Time { return now }})
	require.NoError(t, err)
	defer l.Close()
	denial := named("flood")
	denial.Outcome = audit.Denied
	for range 3000 {
		require.NoError(t, l.Write(denial))
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	l.Run(ctx) // It summarizes when it ends.

	records, _, err := l.Read(t.Context(), audit.Query{})
	require.NoError(t, err)
	total := 0
	for _, r := range records {
		total += max(1, r.Count)
	}
	assert.Equal(t, 3000, total)
	assert.Less(t, len(records), 1100)
	assert.Contains(t, records[0].Problem, "denied or refused too fast to record each")
}

func TestFlush(t *testing.T) {
	d := newDesk(t, audit.Options{MaxSize: 2000})
	require.NoError(t, d.Flush(), "nothing was written")
	for i := range 20 { // Over several files.
		d.writeAll(t, fmt.Sprint("h", i))
		require.NoError(t, d.Flush())
	}
	d.Close()
	require.NoError(t, d.Flush(), "closing has synced")
	var nobody *audit.Log
	require.NoError(t, nobody.Flush())
}

func TestExpiry(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.log")
	now := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	opts := audit.Options{
		MaxSize:   1000,
		Retention: 24 * time.Hour,
		Now:       func() time.Time { return now },
	}
	l, err := audit.Open(path, opts)
	require.NoError(t, err)
	for i := range 8 {
		require.NoError(t, l.Write(named(fmt.Sprint("h", i))))
		now = now.Add(6 * time.Hour)
	}
	l.Close()
	l, err = audit.Open(path, opts)
	require.NoError(t, err)
	defer l.Close()

	records, _, err := l.Read(t.Context(), audit.Query{})
	require.NoError(t, err)
	assert.Less(t, len(records), 8, "old files are gone")
	for _, r := range records[:4] {
		assert.Less(t, now.Sub(r.Time), 25*time.Hour)
	}
	v, err := audit.Verify(filepath.Dir(path))
	require.NoError(t, err)
	assert.Empty(t, v.Faults, "a chain whose beginning has expired is whole")
	assert.Greater(t, v.First, uint64(1))
}

func TestSyslog(t *testing.T) {
	server, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	defer server.Close()
	sink, err := audit.DialSyslog("udp", server.LocalAddr().String(), discardLogger())
	require.NoError(t, err)
	d := newDesk(t, audit.Options{Syslog: sink})
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { d.Run(ctx) })
	defer running.Wait()
	defer cancel()

	d.writeAll(t, "copied")
	buffer := make([]byte, 4096)
	require.NoError(t, server.SetReadDeadline(time.Now().Add(20*time.Second)))
	n, _, err := server.ReadFrom(buffer)
	require.NoError(t, err)
	assert.True(t, bytes.Contains(buffer[:n], []byte(`"name":"copied"`)), "%s", buffer[:n])
	assert.True(
		t,
		bytes.HasPrefix(buffer[:n], []byte("<85>")),
		"facility authpriv, severity notice: %s",
		buffer[:n],
	)

	_, err = audit.DialSyslog("nonsense", "", discardLogger())
	require.Error(t, err)
}

func TestVerifyCannotRead(t *testing.T) {
	_, err := audit.Verify(t.TempDir())
	require.ErrorContains(t, err, "has no audit.log")
	_, err = audit.Verify(filepath.Join(t.TempDir(), "absent"))
	require.True(t, errors.Is(err, os.ErrNotExist))
}

func discardLogger() *slog.Logger { return slog.New(slog.DiscardHandler) }
