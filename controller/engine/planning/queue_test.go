package planning

import (
	"iter"
	"maps"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/tapline-sdn/tapline/controller/engine/intent"
	"github.com/tapline-sdn/tapline/controller/hypervisor"
	"github.com/tapline-sdn/tapline/controller/inventory"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

type fakeHosts map[string]tap.Host

func (f fakeHosts) HostIDs() iter.Seq[string] { return maps.Keys(f) }

func (f fakeHosts) Topology(id string) (tap.Host, bool) {
	h, exists := f[id]
	return h, exists
}

// TestSnapshotTellsEverything: a plugin on trial learns the secret and of guests that only a
// hypervisor knows, and what is marked stays so.
func TestSnapshotTellsEverything(t *testing.T) {
	places := inventory.NewPlaces(nobody{})
	places.ReplaceDomains("h1", nil, []hypervisor.Guest{{ID: "g1", Name: "web1"}})
	hosts := fakeHosts{"h1": {ID: "h1", Name: "host1"}}
	q := New(intent.New(), places, hosts, nil, []byte("secret"))

	trial := q.Snapshot()
	assert.True(t, trial.Reset)
	assert.Equal(t, []byte("secret"), trial.Secret)
	assert.Len(t, trial.Hosts, 1)
	if assert.Len(t, trial.Guests, 1) {
		assert.Equal(t, "web1", trial.Guests[0].Name)
	}
	_, any := q.Next()
	assert.False(t, any, "a trial marks nothing")

	q.MarkHost("h1")
	q.Snapshot()
	change, any := q.Next()
	assert.True(t, any, "a trial takes no mark away")
	assert.Len(t, change.Hosts, 1)
	assert.Empty(t, change.Guests)
	assert.Empty(t, change.Secret, "the plugin has it from the snapshot")

	q.Answer(change.Revision)
	q.Restart()
	change, any = q.Next()
	assert.True(t, any)
	assert.True(t, change.Reset)
	assert.Equal(t, []byte("secret"), change.Secret, "a plugin that starts anew learns it again")
}

// TestChangesCoalesce: while an answer is due, what is marked waits, and is then told once.
func TestChangesCoalesce(t *testing.T) {
	q := New(intent.New(), inventory.NewPlaces(nobody{}), fakeHosts{"h1": {ID: "h1"}}, nil, nil)
	assert.True(t, q.Idle())

	q.MarkHost("h1")
	first, any := q.Next()
	assert.True(t, any)
	q.MarkHost("h1")
	q.MarkHost("h2")
	_, any = q.Next()
	assert.False(t, any, "the plugin is busy")

	q.Answer(first.Revision)
	assert.False(t, q.Idle())
	next, any := q.Next()
	assert.True(t, any)
	assert.Len(t, next.Hosts, 1)
	assert.Equal(t, []string{"h2"}, next.Gone.Hosts)

	q.Answer(next.Revision)
	assert.True(t, q.Idle())
}

// nobody is no host.
type nobody struct{}

func (nobody) HostName(id string) string { return id }
func (nobody) Connected(string) bool     { return false }
