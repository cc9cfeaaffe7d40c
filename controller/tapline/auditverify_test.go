package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/controller/audit"
	"github.com/tapline-sdn/tapline/controller/store"
)

func TestAuditVerify(t *testing.T) {
	dir := t.TempDir()
	trail, err := audit.Open(filepath.Join(dir, "audit.log"), audit.Options{})
	require.NoError(t, err)
	for _, name := range []string{"h1", "h2", "h3"} {
		require.NoError(t, trail.Change(t.Context(), audit.Change{Kind: "host", Name: name}))
	}
	trail.Close()
	verify := func() (string, error) {
		var out bytes.Buffer
		cmd := root()
		cmd.SetArgs([]string{"audit", "verify", dir})
		cmd.SetOut(&out)
		err := cmd.ExecuteContext(t.Context())
		return out.String(), err
	}

	out, err := verify()
	require.NoError(t, err)
	require.Equal(t, "3 changes in 1 files, numbers 1 to 3\n", out)

	text, err := os.ReadFile(filepath.Join(dir, "audit.log"))
	require.NoError(t, err)
	altered := strings.Replace(string(text), `"name":"h2"`, `"name":"hX"`, 1)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "audit.log"), []byte(altered), 0o600))
	out, err = verify()
	require.EqualError(t, err, "the audit log is not what the controller wrote")
	require.Contains(t, out, "audit.log:2: record 2, or the one before it, was altered")
}

// TestTimedStoreWaitsForTheAuditLog: a commit has not ended before its record is on disk.
func TestTimedStoreWaitsForTheAuditLog(t *testing.T) {
	var flushed int
	var full error
	s := &timedStore{
		Store:   store.NewMemory(),
		flush:   func() error { flushed++; return full },
		observe: func(time.Duration) {},
	}
	defer s.Close()
	op := store.Op{Kind: store.KindHost, ID: "h1", Value: []byte(`{}`)}
	_, err := s.Commit(context.Background(), op)
	require.NoError(t, err)
	require.Equal(t, 1, flushed)

	_, err = s.Commit(context.Background())
	require.NoError(t, err)
	require.Equal(t, 1, flushed, "nothing was written")

	full = errors.New("no space left on device")
	_, err = s.Commit(context.Background(), op)
	require.ErrorIs(t, err, full)
	require.ErrorIs(t, s.Err(), full)
}
