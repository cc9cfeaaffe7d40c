package store

import (
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
)

// kinds is sorted, as the records of a [State] are.
var kinds = [...]Kind{KindGuest, KindHost, KindFlow, KindService, KindToken}

// Errors that callers tell apart.
var (
	// ErrConflict means that a record is no longer at the revision that an [Op] expects. Nothing was written.
	ErrConflict = errors.New("the record was changed meanwhile")
	// ErrTooOld means that a watch cannot start at a revision, because the batches after it are no longer known, or
	// not yet: load again, and watch from the revision of what was loaded.
	ErrTooOld = errors.New("cannot watch from this revision: load again")
	// ErrLocked means that another process has the store open.
	ErrLocked = errors.New("another controller has it open")
	// ErrClosed means that the store is closed. Nothing was written.
	ErrClosed = errors.New("the store is closed")
)

// Op writes or deletes one record. Deleting a record that does not exist is no error, unless IfRevision is set.
type Op struct {
	Kind Kind
	ID   string // 1 to 255 bytes
	// Value is the JSON form of the record; nil deletes it.
	Value json.RawMessage
	// IfRevision is the revision that the record must have before the batch; 0 checks nothing.
	IfRevision uint64
}

// Record is a stored record.
type Record struct {
	Kind     Kind
	ID       string
	Revision uint64 // of the batch that last wrote it
	Value    json.RawMessage
}

// State is everything that is stored.
type State struct {
	ClusterID string   // made when the store was created
	LastKey   uint32   // no service key above it was ever given out; right after opening it may be some keys too high
	Revision  uint64   // of the last batch
	Records   []Record // sorted by kind and id
}

// Event is one committed batch, as its watchers see it. Watchers share it and must not change it.
type Event struct {
	Revision uint64
	Ops      []Op
}

// Store keeps intent. Its methods may be called at the same time.
type Store interface {
	// Load reads everything.
	Load(ctx context.Context) (State, error)
	// Commit writes a batch, all of it or nothing, and returns its revision once it cannot be lost any more.
	// Batches that wait at the same time may share one write to the disk. A failed condition is [ErrConflict].
	// Where ctx ends first, its error means that nothing was written. After any other error of the disk the outcome is
	// unknown and has to be loaded. A batch without operations writes nothing and returns the present revision.
	Commit(ctx context.Context, ops ...Op) (uint64, error)
	// NextKey gives out a service key that was never given out before, and never 0.
	NextKey(ctx context.Context) (uint32, error)
	// Watch tells the batches after a revision in their order, until ctx ends; then the channel is closed. The batches
	// come from a bounded history: a revision that it does not reach back to is [ErrTooOld], and a watcher that falls
	// behind it has its channel closed while ctx lasts. Both load again, and watch from there.
	Watch(ctx context.Context, after uint64) (<-chan Event, error)
	// Close waits for writes that are under way and ends all watches.
	Close() error
}
