package engine

import (
	"context"
	"encoding/json"
	"time"

	"github.com/tapline-sdn/tapline/controller/sets"
	"github.com/tapline-sdn/tapline/controller/store"
)

// lessons are facts that switches have shown and that count from then on, such as whose switch a
// host is. They count at once, and a goroutine of [Engine.Run] stores them.
type lessons struct {
	known map[string]store.Learned // by the id of the host or service
	due   sets.Set                 // ids of what is to be stored
	wake  chan struct{}            // of the goroutine; holds at most one
}

func newLessons(known map[string]store.Learned) lessons {
	return lessons{known: known, due: sets.Set{}, wake: make(chan struct{}, 1)}
}

// learnPause is how long a failed write of lessons waits until it is tried again.
const learnPause = time.Second

// learnLocked replaces what is known of a host or service. The caller holds mu.
func (e *Engine) learnLocked(id string, now store.Learned) {
	if e.lessons.known[id] == now {
		return
	}
	if now == (store.Learned{}) {
		delete(e.lessons.known, id)
	} else {
		e.lessons.known[id] = now
	}

	e.lessons.due.Add(id)
	select {
	case e.lessons.wake <- struct{}{}:
	default: // It is awake already.
	}
}

// storeLessons stores what was learned, until ctx ends. What comes while the store writes is one batch
// more.
func (e *Engine) storeLessons(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-e.lessons.wake:
		}

		for e.storeDueLessons(ctx) != nil {
			select {
			case <-ctx.Done():
				return
			case <-time.After(learnPause):
			}
		}
	}
}

// storeDueLessons stores what is due, in one batch. What could not be stored stays due.
func (e *Engine) storeDueLessons(ctx context.Context) error {
	e.mu.Lock()
	due := e.lessons.due
	e.lessons.due = sets.Set{}
	var ops []store.Op
	for id := range due {
		op := store.Op{Kind: store.KindLearned, ID: id}
		if fact, known := e.lessons.known[id]; known {
			op.Value, _ = json.Marshal(fact) // It has nothing that cannot be marshalled.
		}
		ops = append(ops, op)
	}
	e.mu.Unlock()

	_, err := e.commit(ctx, ops...)
	if err != nil {
		e.log.Warn("what switches have shown could not be stored; it is tried again", "error", err)
		e.mu.Lock()
		defer e.mu.Unlock()
		for id := range due {
			e.lessons.due.Add(id)
		}
	}
	return err
}
