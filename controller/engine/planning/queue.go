package planning

import (
	"iter"
	"time"

	"github.com/tapline-sdn/tapline/controller/engine/intent"
	"github.com/tapline-sdn/tapline/controller/inventory"
	"github.com/tapline-sdn/tapline/controller/sets"
	"github.com/tapline-sdn/tapline/controller/store"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// Hosts are the registered hosts as the plugin gets them.
type Hosts interface {
	// HostIDs iterates over the ids of all hosts.
	HostIDs() iter.Seq[string]
	// Topology returns a host; false if there is none.
	Topology(id string) (tap.Host, bool)
}

// Attachments tell where the tap NICs of services are.
type Attachments interface {
	Attachment(s *store.Service) tap.Attachment
}

// Queue holds what the plugin has not been told yet.
type Queue struct {
	intent *intent.Intent
	places *inventory.Places
	hosts  Hosts
	nics   Attachments
	secret []byte // see [tap.Change]

	// Revisit, if set, has a guest marked again after a time.
	Revisit func(guest string, after time.Duration)

	marks    marks
	wake     chan struct{} // holds at most one
	last     uint64        // revision of the last mark
	sent     uint64        // revision up to which the plugin was told
	answered uint64        // revision up to which it has answered
	ahead    map[string]*ahead
	splits   map[string]time.Time // since when guests stand on two hosts; by id
}

// New returns a queue in which nothing is marked. Snapshots carry the cluster's secret.
func New(
	in *intent.Intent, places *inventory.Places, hosts Hosts, nics Attachments, secret []byte,
) *Queue {
	return &Queue{
		intent: in, places: places, hosts: hosts, nics: nics, secret: secret,
		marks: newMarks(), wake: make(chan struct{}, 1), ahead: map[string]*ahead{},
		splits: map[string]time.Time{},
	}
}

// marks are the ids of what has changed.
type marks struct {
	everything                                  bool // the plugin knows nothing: tell a snapshot
	hosts, guests, services, flows, attachments sets.Set
}

func newMarks() marks {
	return marks{hosts: sets.Set{}, guests: sets.Set{}, services: sets.Set{}, flows: sets.Set{},
		attachments: sets.Set{}}
}

func (m *marks) empty() bool {
	return !m.everything && len(m.hosts)+len(m.guests)+len(m.services)+len(m.flows)+
		len(m.attachments) == 0
}

// MarkHost marks a host as changed, come or gone.
func (q *Queue) MarkHost(id string) { q.mark(q.marks.hosts, id) }

// MarkGuest marks a guest as changed, come or gone.
func (q *Queue) MarkGuest(id string) { q.mark(q.marks.guests, id) }

// MarkService marks a tap service as changed, come or gone.
func (q *Queue) MarkService(id string) { q.mark(q.marks.services, id) }

// MarkAttachment marks the place of a tap service's NIC as changed.
func (q *Queue) MarkAttachment(service string) { q.mark(q.marks.attachments, service) }

// MarkFlow marks a tap flow as changed, come or gone.
func (q *Queue) MarkFlow(id string) { q.mark(q.marks.flows, id) }

// MarkEverything has everything told again.
func (q *Queue) MarkEverything() {
	q.marks.everything = true
	q.count()
}

func (q *Queue) mark(in sets.Set, id string) {
	in.Add(id)
	q.count()
}

// count counts a mark, and wakes the feed.
func (q *Queue) count() {
	q.last++
	q.wakeFeed()
}

func (q *Queue) wakeFeed() {
	select {
	case q.wake <- struct{}{}:
	default: // It is awake already.
	}
}

// Wake receives when there may be a change to tell. It may be read without the lock.
func (q *Queue) Wake() <-chan struct{} { return q.wake }

// Last is the revision of the last mark.
func (q *Queue) Last() uint64 { return q.last }

// Answered is the revision up to which the plugin has answered.
func (q *Queue) Answered() uint64 { return q.answered }

// Idle reports whether the plugin has answered everything.
func (q *Queue) Idle() bool { return q.marks.empty() && q.answered == q.last }

// Restart has a fresh plugin told everything.
func (q *Queue) Restart() {
	q.sent = q.answered
	q.MarkEverything()
}

// Answer notes that the plugin has answered what it was told up to a revision.
func (q *Queue) Answer(revision uint64) {
	q.answered = max(q.answered, revision)
	if !q.marks.empty() {
		q.wakeFeed()
	}
}

// Due reports whether there is something to tell now.
func (q *Queue) Due() bool { return !q.marks.empty() && q.answered >= q.sent }

// EachMarked calls host and guest with the ids of those that are marked, all if everything is.
// Guests that host marks are among them.
func (q *Queue) EachMarked(host, guest func(id string)) {
	if q.marks.everything {
		q.markAll(&q.marks)
	}
	for id := range q.marks.hosts {
		host(id)
	}
	for id := range q.marks.guests {
		guest(id)
	}
}

// Next returns what is marked as a change, once the plugin has answered the one before: what comes
// meanwhile, as from many hosts that connect together, is one change more and not one each. It is
// false if there is nothing to tell now.
func (q *Queue) Next() (tap.Change, bool) {
	if !q.Due() {
		return tap.Change{}, false
	}
	change := q.change(q.marks)
	q.marks, q.sent = newMarks(), change.Revision
	return change, true
}

// Snapshot returns a change that tells everything, as for a plugin on trial. What is marked stays
// marked.
func (q *Queue) Snapshot() tap.Change {
	everything := newMarks()
	everything.everything = true
	return q.change(everything)
}
