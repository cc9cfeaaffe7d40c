package replica

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.etcd.io/etcd/api/v3/mvccpb"
)

// TestMemory: a store may go forward, or be another one; to go back, or away, it must be accepted,
// by an acceptance that is newer than the last.
func TestMemory(t *testing.T) {
	head := func(cluster, revision string) *mvccpb.KeyValue {
		return &mvccpb.KeyValue{Key: []byte("head"), Value: []byte(
			`{"schema":1,"cluster_id":"` + cluster + `","revision":` + revision + `}`)}
	}
	accepted := func(at time.Time) *mvccpb.KeyValue {
		return &mvccpb.KeyValue{Value: []byte(`{"at":"` + at.Format(time.RFC3339) + `"}`)}
	}
	early := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	late := early.Add(time.Hour)

	var m memory
	require.NoError(t, m.look(nil, nil), "a new store")
	require.NoError(t, m.look(head("a", "5"), nil))
	require.NoError(t, m.look(head("a", "9"), accepted(early)))
	require.ErrorIs(t, m.look(head("a", "8"), accepted(early)), ErrRestored)
	require.ErrorIs(t, m.look(nil, accepted(early)), ErrRestored)
	require.ErrorIs(t, m.look(head("a", "8"), nil), ErrRestored, "as in the snapshot")
	require.NoError(t, m.look(head("a", "9"), accepted(early)), "it is back")
	require.NoError(t, m.look(head("a", "3"), accepted(late)))
	require.NoError(t, m.look(head("a", "3"), accepted(early)))
	require.NoError(t, m.look(head("b", "1"), accepted(early)), "another store was imported")
	require.Error(t, m.look(&mvccpb.KeyValue{Value: []byte("x")}, nil))

	require.NoError(t, m.look(nil, accepted(late.Add(time.Hour))))
	require.NoError(t, m.look(nil, accepted(late.Add(time.Hour))))

	path := t.TempDir() + "/memory"
	require.NoError(t, m.save(path))
	require.Equal(t, m, loadMemory(path))
	require.Zero(t, loadMemory(path+"-none"))
}
