package events

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/controller/engine/view"
	"github.com/tapline-sdn/tapline/controller/store"
)

// waitTime bounds what a test waits for.
const waitTime = 10 * time.Second

func flowEvent(n int) Event {
	v := view.Flow{Flow: &store.Flow{}}
	v.ID = fmt.Sprint(n)
	return Event{Type: "updated", Flow: &v}
}

// read takes what there is, without waiting.
func read(t *testing.T, w *Watch) (ids []string) {
	t.Helper()
	for {
		events, _, err := w.Poll()
		require.NoError(t, err)
		if len(events) == 0 {
			return ids
		}
		for _, e := range events {
			ids = append(ids, e.Object())
		}
	}
}

func TestHistory(t *testing.T) {
	h := New(4)
	begin, known := h.Watch("")
	require.True(t, known)
	assert.Empty(t, read(t, begin))
	empty := begin.ID()
	for n := range 3 {
		h.Publish(flowEvent(n))
	}

	assert.Equal(t, []string{"0", "1", "2"}, read(t, begin))
	third := begin.ID()

	later, known := h.Watch(empty)
	require.True(t, known, "a place before any event")
	assert.Equal(t, []string{"0", "1", "2"}, read(t, later))

	for n := 3; n < 6; n++ {
		h.Publish(flowEvent(n))
	}

	w, known := h.Watch(third)
	require.True(t, known)
	assert.Equal(t, []string{"3", "4", "5"}, read(t, w))
	assert.Equal(t, []string{"3", "4", "5"}, read(t, begin))
	_, known = h.Watch(empty)
	assert.False(t, known, "the ring has moved past it")
	run, _, _ := strings.Cut(third, "-")
	other := New(4)
	for name, id := range map[string]string{
		"not yet": "", "another run": func() string {
			w, _ := other.Watch("")
			return w.ID()
		}(), "no number": run + "-x",
		"no place": run, "far past": run + "-18446744073709551615", "negative": run + "--1",
		"anything": "x", "from elsewhere": "42",
	} {
		t.Run(name, func(t *testing.T) {
			if name == "not yet" {
				id = eventID(h.run, h.seq+1)
			}
			w, known := h.Watch(id)
			assert.False(t, known)
			assert.Empty(t, read(t, w), "it begins with what happens next")
			h.Publish(flowEvent(9))
			assert.Equal(t, []string{"9"}, read(t, w))
		})
	}
}

// TestUnwatched: before anybody watches nothing is kept, and who waits for an object is told all
// the same.
func TestUnwatched(t *testing.T) {
	h := New(4)
	assert.True(t, h.Unwatched())
	changed, stopped := h.Changed("1")
	require.False(t, stopped)
	for n := range 3 {
		h.Publish(flowEvent(n))
	}

	assert.Empty(t, h.events)
	select {
	case <-changed:
	default:
		t.Error("nobody was told of the object")
	}

	w, _ := h.Watch("")
	assert.False(t, h.Unwatched())
	assert.Empty(t, read(t, w))
	h.Publish(flowEvent(3))
	assert.Equal(t, []string{"3"}, read(t, w))
}

// TestSlowWatch: whoever falls behind the history learns it, holds nobody up, and costs no memory.
func TestSlowWatch(t *testing.T) {
	h := New(4)
	slow, _ := h.Watch("")
	for n := range 4 {
		h.Publish(flowEvent(n))
	}

	just, _ := h.Watch("")
	*just = *slow
	assert.Equal(t, []string{"0", "1", "2", "3"}, read(t, just), "all that is remembered")
	for n := range 100_000 {
		h.Publish(flowEvent(n))
	}

	_, err := slow.Next(t.Context())
	assert.ErrorIs(t, err, ErrLost)
	assert.Len(t, h.events, 4)
	_, err = slow.Next(t.Context())
	assert.ErrorIs(t, err, ErrLost, "and stays so")
}

func TestWatchNext(t *testing.T) {
	h := New(100_000)
	w, _ := h.Watch("")
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { _, err := w.Next(ctx); ended <- err }()
	cancel()
	assert.ErrorIs(t, <-ended, context.Canceled)

	const events, watchers = 2000, 8
	var running sync.WaitGroup
	for range watchers {
		w, _ := h.Watch("")
		running.Go(func() {
			next := 0
			for {
				events, err := w.Next(t.Context())
				if err != nil {
					assert.ErrorIs(t, err, ErrStopped)
					break
				}
				for _, e := range events {
					assert.Equal(t, fmt.Sprint(next), e.Object())
					next++
				}
			}

			assert.Equal(t, events, next, "what was there before the end is read")
		})
	}

	for n := range events {
		h.Publish(flowEvent(n))
	}

	h.Close()
	running.Wait()
	_, stopped := h.Changed("x")
	assert.True(t, stopped)
}

// TestEvents follows everything that happens to a world, as its watchers see it.

// TestNobodyIsForgotten: waiting for one object is not disturbed by what happens to others, and
// leaves nothing behind.
func TestNobodyIsForgotten(t *testing.T) {
	h := New(4)
	mine, _ := h.Changed("1")
	other, _ := h.Changed("2")
	h.Publish(flowEvent(2))
	select {
	case <-other:
	case <-time.After(waitTime):
		t.Fatal("nobody is woken")
	}

	select {
	case <-mine:
		t.Fatal("woken for another")
	default:
	}

	h.Touch("1")
	<-mine
	assert.Empty(t, h.about)
}
