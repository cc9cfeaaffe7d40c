package store

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"
)

// maxGroup bounds how many batches share a write, and so how long the first of them waits for the
// others.
const maxGroup = 256

// Batch is a batch on its way to the writer of a [Queue]. A batch without operations reserves keys.
// The writer sets Revision and Err, and then calls [Batch.Finish].
type Batch struct {
	Ops      []Op
	Revision uint64
	Err      error

	// taken is set once: by the writer, which then sets the outcome, or by a caller that gave up,
	// and then nothing is written.
	taken atomic.Bool
	done  chan struct{} // closed by Finish
}

// NewBatch returns a batch that nobody has taken.
func NewBatch(ops ...Op) *Batch { return &Batch{Ops: ops, done: make(chan struct{})} }

// Finish hands the outcome to the caller. It must be called once.
func (r *Batch) Finish() { close(r.done) }

// take reports whether the caller may decide the outcome of the batch.
func (r *Batch) take() bool { return r.taken.CompareAndSwap(false, true) }

// Queue is the half of a [Store] that its callers see. Batches wait in it for the one goroutine
// that writes ([Queue.Run]), which takes all that wait. It gives out keys, and serves watches from
// a history. Implementations of [Store] embed it, and add what writes and loads.
type Queue struct {
	History *History
	Keys    *Keys

	batches chan *Batch   // when it is full, Commit waits
	closing chan struct{} // closed by Close: nothing new is accepted
	stopped chan struct{} // closed by Run: nothing is written any more
}

// NewQueue returns an empty queue. Run must be called before Close.
func NewQueue(history *History, keys *Keys) *Queue {
	return &Queue{
		History: history,
		Keys:    keys,
		batches: make(chan *Batch, maxGroup),
		closing: make(chan struct{}),
		stopped: make(chan struct{}),
	}
}

// Commit implements [Store].
func (q *Queue) Commit(ctx context.Context, ops ...Op) (uint64, error) {
	ops, err := CopyBatch(ops)
	if err != nil {
		return 0, fmt.Errorf("commit: %w", err)
	}
	if len(ops) == 0 && !q.IsClosed() {
		return q.History.Revision(), ctx.Err()
	}
	return q.submit(ctx, ops)
}

// NextKey implements [Store].
func (q *Queue) NextKey(ctx context.Context) (uint32, error) {
	for {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		if q.IsClosed() {
			return 0, ErrClosed
		}
		if key, ok, err := q.Keys.take(); ok || err != nil {
			return key, err
		}
		if _, err := q.submit(ctx, nil); err != nil {
			return 0, fmt.Errorf("reserve service keys: %w", err)
		}
	}
}

// Watch implements [Store].
func (q *Queue) Watch(ctx context.Context, after uint64) (<-chan Event, error) {
	return q.History.Watch(ctx, after)
}

// submit queues a batch and waits for its outcome.
func (q *Queue) submit(ctx context.Context, ops []Op) (uint64, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	if q.IsClosed() {
		return 0, ErrClosed
	}

	r := NewBatch(ops...)
	select {
	case q.batches <- r:
	case <-ctx.Done():
		return 0, ctx.Err()
	case <-q.closing:
		return 0, ErrClosed
	}

	var err error
	select {
	case <-r.done:
		return r.Revision, r.Err
	case <-ctx.Done():
		err = ctx.Err()
	case <-q.stopped:
		err = ErrClosed
	}

	if r.take() {
		return 0, err
	}

	// The writer has the batch, and its outcome is one write away.
	<-r.done
	return r.Revision, r.Err
}

// Run calls write with the batches that wait, and with none at each tick. It returns after Close,
// when no batch waits. write finishes every batch of its group.
func (q *Queue) Run(write func(group []*Batch), tick <-chan time.Time) {
	defer close(q.stopped)
	for {
		select {
		case r := <-q.batches:
			write(q.collect(r))
		case <-tick:
			write(nil)
		case <-q.closing:
			group := q.collect()
			if len(group) == 0 {
				return
			}
			write(group)
		}
	}
}

// collect takes the batches that wait, in the order of their arrival. It leaves out those whose
// callers gave up.
func (q *Queue) collect(first ...*Batch) []*Batch {
	var group []*Batch
	for _, r := range first {
		if r.take() {
			group = append(group, r)
		}
	}

	for len(group) < maxGroup {
		select {
		case r := <-q.batches:
			if r.take() {
				group = append(group, r)
			}
		default:
			return group
		}
	}

	return group
}

// IsClosed reports whether Close was called.
func (q *Queue) IsClosed() bool { return isClosed(q.closing) }

// Closing is closed when nothing new is accepted any more.
func (q *Queue) Closing() <-chan struct{} { return q.closing }

// Close accepts nothing more, waits until what waits is written, and ends all watches. It must be
// called once.
func (q *Queue) Close() {
	close(q.closing)
	<-q.stopped
	q.History.close()
}
