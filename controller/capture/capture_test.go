package capture_test

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/controller/capture"
	"github.com/tapline-sdn/tapline/openflow"
)

func name(host string) string { return host }

// TestSlowReader: a capture that nobody reads keeps what fits, and counts what it drops.
func TestSlowReader(t *testing.T) {
	hub := capture.NewHub()
	c, err := hub.Begin(capture.Request{Rate: 1, Snaplen: 1000})
	require.NoError(t, err)
	at := time.Unix(1, 0)
	for range 10_000 {
		c.Take(&openflow.PacketIn{TotalLen: 1400, Data: make([]byte, 1400)}, at)
	}

	<-c.Ready()
	frames := c.Frames()
	assert.Less(t, len(frames), 4<<20/1000+1)
	assert.Greater(t, len(frames), 3500)
	assert.Len(t, frames[0].Data, 1000)
	assert.Equal(t, 1400, frames[0].Length)
	totals := c.Totals()
	assert.EqualValues(t, 10_000, totals.Received)
	assert.EqualValues(t, 10_000-len(frames), totals.Dropped)

	c.Take(&openflow.PacketIn{Data: make([]byte, 60)}, at)
	assert.Len(t, c.Frames(), 1, "there is room again")
}

func TestTotals(t *testing.T) {
	c := capture.New(capture.Request{})
	for range 5 {
		c.Take(&openflow.PacketIn{}, time.Now())
	}
	c.Counted("h1", capture.Count{Sent: 4})
	c.Counted("h2", capture.Count{Sent: 3})
	assert.Equal(t, capture.Totals{Received: 5, Lost: 2}, c.Totals())
	c.Counted("h2", capture.Count{Sent: 9, Limited: 3})
	assert.Equal(t, capture.Totals{Received: 5, Limited: 3}, c.Totals())
}

func TestEnd(t *testing.T) {
	c := capture.New(capture.Request{})
	assert.NoError(t, c.Err())
	why := errors.New("gone")
	c.End(why)
	c.End(nil)
	<-c.Ended()
	assert.Equal(t, why, c.Err(), "the first reason counts")
}

// TestLimits: of one user, of a host by number and by rate, and in all.
func TestLimits(t *testing.T) {
	hub := capture.NewHub()
	begin := func(owner string, rate uint64) *capture.Capture {
		t.Helper()
		c, err := hub.Begin(capture.Request{Owner: owner, Rate: rate})
		require.NoError(t, err)
		return c
	}
	var full *capture.LimitError

	var mine []*capture.Capture
	for range capture.MaxOfOne {
		c := begin("me", 2000)
		require.NoError(t, hub.Place(c, []string{"h1"}, name))
		mine = append(mine, c)
	}
	_, err := hub.Begin(capture.Request{Owner: "me"})
	require.ErrorAs(t, err, &full)

	yours := begin("you", 2000)
	require.ErrorAs(t, hub.Place(yours, []string{"h1"}, name), &full)
	require.NoError(t, hub.Place(yours, []string{"h2"}, name))
	hub.Remove(mine[0])
	require.NoError(t, hub.Place(yours, []string{"h1", "h2"}, name))

	fast := begin("him", capture.MaxRate)
	require.ErrorContains(t, hub.Place(fast, []string{"h2"}, name), "rate_limit")
	require.NoError(t, hub.Place(fast, []string{"h3"}, name))

	for i := range capture.MaxInAll {
		if _, err = hub.Begin(capture.Request{Owner: string(rune('a' + i))}); err != nil {
			break
		}
	}
	require.ErrorContains(t, err, "no more")
}

func TestRoutes(t *testing.T) {
	hub := capture.NewHub()
	c, err := hub.Begin(capture.Request{})
	require.NoError(t, err)
	assert.Nil(t, hub.Route("h1", 5))
	hub.SetRoute("h1", 5, c)
	assert.Same(t, c, hub.Route("h1", 5))
	assert.Nil(t, hub.Route("h2", 5))
	assert.Same(t, c, hub.Get(c.ID))

	hub.Remove(c)
	hub.SetRoute("h1", 5, c)
	assert.Nil(t, hub.Route("h1", 5), "it runs no more")
	assert.Nil(t, hub.Get(c.ID))
}
