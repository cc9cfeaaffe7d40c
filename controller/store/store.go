package store

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
)

// Kind names a collection of records.
type Kind string

// The kinds.
const (
	KindHost    Kind = "hosts"
	KindGuest   Kind = "guests"
	KindService Kind = "tap_services"
	KindFlow    Kind = "tap_flows"
	KindToken   Kind = "tokens"
	KindHold    Kind = "holds"
	KindPlace   Kind = "places"
	// KindLearned has what switches have shown, by the id of the host or service that it is about.
	KindLearned Kind = "learned"
)

// kinds is sorted like the records of a [State].
var kinds = [...]Kind{KindGuest, KindHold, KindHost, KindLearned, KindPlace, KindFlow, KindService,
	KindToken}

// Kinds returns all kinds, sorted like the records of a [State].
func Kinds() []Kind { return kinds[:] }

// MaxOps is how many records a batch may have that every store takes. A store may refuse a larger
// one.
const MaxOps = 120

// Errors that callers distinguish.
var (
	// ErrConflict means that a record is not at the revision that an [Op] expects. Nothing was
	// written.
	ErrConflict = errors.New("the record was changed meanwhile")
	// ErrTooOld means that a watch cannot start at a revision, because the batches after it are no
	// longer kept, or do not exist yet. Load again, and watch from the loaded revision.
	ErrTooOld = errors.New("cannot watch from this revision: load again")
	// ErrLocked means that another process has the store open.
	ErrLocked = errors.New("another controller has it open")
	// ErrNone means that there is nothing to read, since no store was made there.
	ErrNone = errors.New("there is no store")
	// ErrNotLeader means that this process does not lead any more, so that another one may have
	// changed the store meanwhile. Nothing was written.
	ErrNotLeader = errors.New("this replica does not lead any more")
	// ErrClosed means that the store is closed. Nothing was written.
	ErrClosed = errors.New("the store is closed")
)

// Op writes or deletes one record. Deleting a record that does not exist is no error, unless
// IfRevision is set.
type Op struct {
	Kind Kind
	ID   string // 1 to 255 bytes
	// Value is the JSON form of the record; nil deletes it.
	Value json.RawMessage
	// IfRevision is the revision that the record must have before the batch; 0: not checked.
	IfRevision uint64
}

// Record is a stored record.
type Record struct {
	Kind     Kind
	ID       string
	Revision uint64 // of the batch that last wrote it
	Value    json.RawMessage
}

// Compare orders records by kind and id.
func (r Record) Compare(o Record) int {
	return cmp.Or(cmp.Compare(r.Kind, o.Kind), cmp.Compare(r.ID, o.ID))
}

// SecretSize is the size of [State.Secret], in bytes.
const SecretSize = 32

// State is everything that is stored.
type State struct {
	ClusterID string // made when the store was created
	// Secret is made once, at random, and never leaves the controller but for its plugin. Keys that
	// others must not guess are derived from it. It has SecretSize bytes.
	Secret []byte
	// LastKey is an upper bound of the service keys that were given out. Right after the store was
	// opened it may be some keys too high.
	LastKey  uint32
	Revision uint64   // of the last batch
	Records  []Record // sorted by kind and id
}

// Event is one committed batch, as watchers see it. Watchers share it and must not change it.
type Event struct {
	Revision uint64
	Ops      []Op
}

// Store keeps intent. Its methods may be called concurrently.
type Store interface {
	// Load reads everything.
	Load(ctx context.Context) (State, error)

	// Commit writes a whole batch or nothing. It returns the batch's revision once the batch cannot
	// be lost. Batches that wait at the same time may share one write to disk. A failed condition
	// is [ErrConflict]. If ctx ends first, its error means that nothing was written. After any
	// other error of the disk the outcome is unknown, and must be loaded. A batch without
	// operations writes nothing and returns the present revision.
	Commit(ctx context.Context, ops ...Op) (uint64, error)

	// NextKey returns a service key that was never returned before, and is never 0.
	NextKey(ctx context.Context) (uint32, error)

	// Watch sends the batches after a revision in order, until ctx ends; then it closes the
	// channel. The batches come from a bounded history. If the history does not reach back to the
	// revision, Watch returns [ErrTooOld]. If a watcher falls behind the history, its channel is
	// closed while ctx lasts. In both cases load again, and watch from the loaded revision.
	Watch(ctx context.Context, after uint64) (<-chan Event, error)

	// Close waits for writes in progress and ends all watches.
	Close() error
}
