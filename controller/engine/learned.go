package engine

import (
	"context"
	"time"
)

// learnPause is how long a failed write of lessons waits until it is tried again.
const learnPause = time.Second

// storeLessons stores what was learned, until ctx ends. What comes while the store writes is one
// batch more.
func (e *Engine) storeLessons(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-e.fleet.Lessons.Wake():
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

// storeDueLessons stores what is due, in one batch. What could not be stored stays due. It takes
// mu.
func (e *Engine) storeDueLessons(ctx context.Context) error {
	e.mu.Lock()
	due, ops := e.fleet.Lessons.TakeDue()
	e.mu.Unlock()

	_, err := e.commit(ctx, ops...)
	if err != nil {
		e.log.Warn("what switches have shown could not be stored; it is tried again", "error", err)
		e.mu.Lock()
		defer e.mu.Unlock()
		e.fleet.Lessons.PutBack(due)
	}
	return err
}
