package session

import (
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/openflow"
	"github.com/tapline-sdn/tapline/openflow/action"
	"github.com/tapline-sdn/tapline/openflow/ofconn"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// asked is a remote collector that a test asks for.
type asked struct {
	t     *testing.T
	c     *collectors
	conn  *ofconn.Conn
	list  []tap.Collector
	now   time.Time
	woken int
}

func newAsked(t *testing.T) *asked {
	a := &asked{t: t, conn: new(ofconn.Conn), now: time.Unix(1000, 0), list: []tap.Collector{{
		Addr: netip.MustParseAddr("198.51.100.7"), Port: "tl-erspan", KeepAliveKey: 1023,
		ERSPAN: 2, Owners: []string{"cap1", "cap2"},
	}}}
	a.c = newCollectors(func() { a.woken++ })
	return a
}

// look returns the owners that wait, and the frames that are due.
func (a *asked) look() (waiting map[string]string, due []*openflow.PacketOut) {
	number := func(string) openflow.PortNo { return 9 }
	waiting, next, messages := a.c.look(a.conn, a.list, number, a.now)
	require.False(a.t, next.IsZero())
	for _, m := range messages {
		due = append(due, m.(*openflow.PacketOut))
	}
	return waiting, due
}

// back gives a frame back as a switch does: whole where it went into the tunnel, else cut.
func (a *asked) back(m *openflow.PacketOut, whole bool) {
	data := m.Data
	if !whole {
		data = data[:minFrame]
	}
	require.True(a.t, a.c.answer(&openflow.PacketIn{Data: data}, a.now))
}

// TestCollectorIsAskedFor: a frame into the tunnel, which reaches the collector short and with a
// key of its own, tells whether the switch knows where to send.
func TestCollectorIsAskedFor(t *testing.T) {
	a := newAsked(t)
	waiting, due := a.look()
	require.Len(t, due, 2, "one shows what a frame looks like that cannot be sent")
	require.Len(t, waiting, 2, "nothing is delivered before it is known")

	trait, question := due[0], due[1]
	require.Len(t, question.Data, questionSize)
	n := len(question.Actions)
	assert.Equal(t, action.OutputTrunc{Port: 9, MaxLen: minFrame}, question.Actions[n-2])
	assert.Equal(t, action.Output{Port: openflow.PortController, MaxLen: questionSize},
		question.Actions[n-1])

	a.back(trait, false)
	a.back(question, true)
	waiting, due = a.look()
	assert.Empty(t, waiting)
	assert.Empty(t, due, "it is asked for twice a second")
	assert.Empty(t, a.c.cuts(a.now))
	assert.Equal(t, 2, a.woken)

	a.now = a.now.Add(collectorPause)
	_, due = a.look()
	require.Len(t, due, 1)
	a.back(due[0], false)
	waiting, _ = a.look()
	assert.Empty(t, waiting, "it may be back within a second")

	a.now = a.now.Add(collectorLost)
	waiting, due = a.look()
	assert.Contains(t, waiting["cap1"], "nobody answers for 198.51.100.7")
	assert.True(t, a.c.cuts(a.now)[a.list[0].Addr])
	require.Len(t, due, 1, "it is asked for all the time")

	a.back(due[0], true)
	waiting, _ = a.look()
	assert.Empty(t, waiting, "at once when it is back")
	assert.Empty(t, a.c.cuts(a.now))
}

// TestSwitchThatDoesNotTell: where what cannot be sent comes back whole as well, nothing is known,
// and nothing is held back.
func TestSwitchThatDoesNotTell(t *testing.T) {
	a := newAsked(t)
	_, due := a.look()
	a.back(due[0], true)
	a.back(due[1], true)
	waiting, _ := a.look()
	assert.Empty(t, waiting)
	assert.Empty(t, a.c.cuts(a.now))

	silent := newAsked(t)
	waiting, _ = silent.look()
	require.NotEmpty(t, waiting)
	silent.now = silent.now.Add(collectorGrace)
	waiting, _ = silent.look()
	assert.Empty(t, waiting, "a switch that answers nothing is not waited for")
}

// TestAnswersOfStrangers: only what was asked is an answer.
func TestAnswersOfStrangers(t *testing.T) {
	a := newAsked(t)
	_, due := a.look()
	forged := &openflow.PacketIn{Data: append([]byte(nil), due[1].Data...)}
	forged.Data[frameHeader] ^= 1
	assert.False(t, a.c.answer(forged, a.now), "another nonce")
	assert.False(t, a.c.answer(&openflow.PacketIn{Data: due[1].Data[:frameHeader]}, a.now))

	a.conn = new(ofconn.Conn) // The switch may be another one.
	_, again := a.look()
	require.Len(t, again, 2)
	assert.False(t, a.c.answer(&openflow.PacketIn{Data: due[1].Data}, a.now))
}
