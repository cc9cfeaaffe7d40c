package link

import (
	"context"
	"errors"
	"sync/atomic"
	"time"
)

// Turns bounds how many hosts are brought up at once: their database is read, missing rows are
// written, their flows are compared. When many hosts come together, as at a start of the
// controller, all would otherwise be begun and none finished: a switch would wait for our greeting
// longer than the second that it gives us, and requests would wait for every host. A host that is
// up needs no turn.
type Turns struct {
	free chan struct{} // holds a token for each place
}

const (
	// defaultTurns are few enough for two processors to greet all of them within a tenth of a
	// second, and enough for a thousand hosts within some seconds if each takes half a second to
	// connect.
	defaultTurns = 64
	// turnTime is how long a host may keep a turn. One that is not up by then waits for something
	// that takes longer.
	turnTime = 2 * time.Second
)

// NewTurns returns turns for n hosts at once; 0 means a default.
func NewTurns(n int) *Turns {
	if n <= 0 {
		n = defaultTurns
	}
	t := &Turns{free: make(chan struct{}, n)}
	for range n {
		t.free <- struct{}{}
	}
	return t
}

// Free is how many turns can be taken now.
func (t *Turns) Free() int { return len(t.free) }

// errEnded says that the connection that a turn was for has ended.
var errEnded = errors.New("it has ended meanwhile")

// take waits for a turn, which ends by itself after turnTime. With a nil t nobody waits. It fails
// when ctx or gone ends first.
func (t *Turns) take(ctx context.Context, gone <-chan struct{}) (*turn, error) {
	if t == nil {
		return nil, nil
	}

	select {
	case <-t.free:
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-gone:
		return nil, errEnded
	}

	mine := &turn{of: t}
	mine.timer = time.AfterFunc(turnTime, mine.release)
	return mine, nil
}

// scarce reports whether so many hosts are being brought up that a slow one may be slow because of
// us.
func (t *Turns) scarce() bool { return t != nil && len(t.free) <= cap(t.free)/2 }

// turn is one that was taken. A nil pointer is none.
type turn struct {
	of    *Turns
	timer *time.Timer
	ended atomic.Bool
}

func (t *turn) held() bool { return t != nil && !t.ended.Load() }

// end gives the turn to the next host. It may be called more than once.
func (t *turn) end() {
	if t != nil {
		t.timer.Stop()
		t.release()
	}
}

func (t *turn) release() {
	if t.ended.CompareAndSwap(false, true) {
		t.of.free <- struct{}{} // There is room: the token was taken from there.
	}
}

// TakeTurn waits until it is the host's turn to be brought up, or gone is closed. A host has one
// turn at most: its OpenFlow connection shares that of its database.
func (l *Link) TakeTurn(ctx context.Context, gone <-chan struct{}) error {
	l.mu.Lock()
	has := l.turn.held()
	l.mu.Unlock()
	if has {
		return nil
	}

	mine, err := l.config.Turns.take(ctx, gone)
	if err != nil {
		return err
	}

	l.mu.Lock()
	older := l.turn
	l.turn = mine
	l.mu.Unlock()
	older.end()
	return nil
}

// EndTurn lets the next host have its turn: this one is up, or waits for others.
func (l *Link) EndTurn() {
	l.mu.Lock()
	mine := l.turn
	l.turn = nil
	l.mu.Unlock()
	mine.end()
}

// Crowded reports whether so many hosts are being brought up that this one may be slow because of
// us.
func (l *Link) Crowded() bool { return l.config.Turns.scarce() }
