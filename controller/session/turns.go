package session

import (
	"context"
	"errors"
	"sync/atomic"
	"time"
)

// Turns bounds how many hosts are brought up at once: their database is read, what is missing is written, their flows are compared.
// Many hosts that come together, as when the controller starts, would otherwise all be begun and none be finished: then a switch waits
// for our greeting longer than the second that it gives us, and requests wait for everybody. A host that is up needs no turn.
type Turns struct {
	free chan struct{} // holds a token for each place
}

const (
	// defaultTurns are few enough for two processors to serve all of them within a tenth of the second that a switch gives us, and
	// enough for a thousand hosts within some seconds where each of them takes half a second to connect.
	defaultTurns = 64
	// turnTime is how long a host may keep a turn. One that is not up by then waits for something that takes longer.
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

// errEnded says that what a turn was for has ended meanwhile.
var errEnded = errors.New("it has ended meanwhile")

// take waits for a turn, which ends by itself after turnTime. A nil t has turns for everybody. It fails when ctx or gone ends first.
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

// scarce reports whether so many hosts are being brought up that a slow one may be slow for our sake.
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

// takeTurn waits until it is the host's turn, or gone is closed. A host has one at most: its OpenFlow connection shares that of its
// database.
func (s *Session) takeTurn(ctx context.Context, gone <-chan struct{}) error {
	s.mu.Lock()
	has := s.turn.held()
	s.mu.Unlock()
	if has {
		return nil
	}
	mine, err := s.config.Turns.take(ctx, gone)
	if err != nil {
		return err
	}
	s.mu.Lock()
	older := s.turn
	s.turn = mine
	s.mu.Unlock()
	older.end()
	return nil
}

// endTurn lets the next host have its turn: this one is up, or waits for others.
func (s *Session) endTurn() {
	s.mu.Lock()
	mine := s.turn
	s.turn = nil
	s.mu.Unlock()
	mine.end()
}
