package session

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/openflow"
	"github.com/tapline-sdn/tapline/openflow/action"
	"github.com/tapline-sdn/tapline/openflow/ofconn"
	"github.com/tapline-sdn/tapline/ovsdb/vswitch"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// countingSwitch is the connection of a switch that counts what goes into its tunnel.
type countingSwitch struct {
	mu sync.Mutex

	knows  bool // the neighbour
	twice  bool // counts what leaves a second time
	portOf bool // has the port
	mute   bool // answers nothing
	extra  uint64

	stats  openflow.PortStats
	frames []*openflow.PacketOut
}

func (s *countingSwitch) Send(_ context.Context, msgs ...openflow.Message) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range msgs {
		out := m.(*openflow.PacketOut)
		s.frames = append(s.frames, out)
		s.stats.TxPackets++
		s.stats.TxBytes += uint64(len(out.Data))
		if s.knows && s.twice {
			s.stats.TxPackets++
			s.stats.TxBytes += uint64(len(out.Data)) + 50
		}
		s.stats.TxPackets += s.extra
		s.stats.TxBytes += 1000 * s.extra
	}
	return nil
}

func (s *countingSwitch) Batch(
	ctx context.Context, msgs []openflow.Message,
) (openflow.Message, []*ofconn.RequestError, error) {
	last := len(msgs) - 1
	s.mu.Lock()
	mute, portOf := s.mute, s.portOf
	s.mu.Unlock()
	if mute {
		<-ctx.Done()
		return nil, nil, ctx.Err()
	}
	if err := s.Send(ctx, msgs[:last]...); err != nil {
		return nil, nil, err
	}
	if !portOf {
		return nil, []*ofconn.RequestError{{}}, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return &openflow.MultipartReply{Body: openflow.PortStatsReply{s.stats}}, nil, nil
}

// alter changes what the switch does.
func (s *countingSwitch) alter(change func(*countingSwitch)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s)
}

// sent are the frames that the switch was given.
func (s *countingSwitch) sent() []*openflow.PacketOut {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.frames)
}

// asked is a remote collector that a test asks for.
type asked struct {
	*countingSwitch
	c     *collectors
	list  []tap.Collector
	says  counting
	woken atomic.Int32
}

// askFor asks for a collector within a bubble of testing/synctest, until the test ends.
func askFor(t *testing.T, sw *countingSwitch, counts counting) *asked {
	a := &asked{countingSwitch: sw, says: counts, list: []tap.Collector{{
		Addr: netip.MustParseAddr("198.51.100.7"), Port: "tl-erspan", KeepAliveKey: 1023,
		ERSPAN: 2, Owners: []string{"cap1", "cap2"},
	}}}
	a.c = newCollectors(func() { a.woken.Add(1) })
	a.look()

	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		a.c.run(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
	})
	return a
}

// look returns the owners that wait.
func (a *asked) look() (waiting map[string]string, gone map[string]bool) {
	number := func(string) openflow.PortNo { return 9 }
	return a.c.follow(a.countingSwitch, a.says, a.list, number)
}

// after lets time pass.
func after(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// TestCollectorIsAskedFor: a frame into the tunnel tells whether the switch knows where to send.
func TestCollectorIsAskedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := askFor(t, &countingSwitch{twice: true, portOf: true}, countsTwice)
		waiting, gone := a.look()
		require.Len(t, waiting, 2, "nothing is delivered before it is known")
		assert.Contains(t, waiting["cap1"], "has not said yet")
		assert.Empty(t, gone)

		after(time.Millisecond)
		require.Len(t, a.sent(), 1)
		assert.Len(t, a.sent()[0].Data, minFrame)
		assert.Equal(t, action.Output{Port: 9}, a.sent()[0].Actions[3], "it is not cut")

		a.alter(func(s *countingSwitch) { s.knows = true })
		after(10 * time.Millisecond)
		waiting, _ = a.look()
		assert.Empty(t, waiting, "it is found within milliseconds of its answer")
		assert.Empty(t, a.c.cuts())
		assert.EqualValues(t, 1, a.woken.Load())

		sent := len(a.sent())
		after(10 * time.Second)
		assert.InDelta(t, sent+20, len(a.sent()), 1, "it is asked for twice a second")

		a.alter(func(s *countingSwitch) { s.knows = false })
		after(collectorPause)
		waiting, _ = a.look()
		assert.Empty(t, waiting, "it may be back within a second")
		after(collectorLost + collectorPause)
		waiting, gone = a.look()
		assert.Contains(t, waiting["cap1"], "nobody answers for 198.51.100.7")
		assert.True(t, gone["cap2"])
		assert.True(t, a.c.cuts()[a.list[0].Addr])

		a.alter(func(s *countingSwitch) { s.knows = true })
		after(collectorPause)
		waiting, _ = a.look()
		assert.Empty(t, waiting, "at once when it is back")
		assert.Empty(t, a.c.cuts())
	})
}

// TestCollectorWithoutNeighbour: a collector that never answers is told to be gone after a second.
func TestCollectorWithoutNeighbour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := askFor(t, &countingSwitch{twice: true, portOf: true}, countsTwice)
		after(collectorLost - time.Millisecond)
		_, gone := a.look()
		assert.Empty(t, gone)
		after(2 * collectorPause)
		_, gone = a.look()
		assert.True(t, gone["cap1"])
	})
}

// TestUnclearAnswers: as long as a switch has not answered, a collector counts neither as reached
// nor as gone, however long that takes.
func TestUnclearAnswers(t *testing.T) {
	for name, sw := range map[string]*countingSwitch{
		"no answer":      {twice: true, portOf: true, knows: true, mute: true},
		"no port yet":    {twice: true, knows: true},
		"other counters": {twice: true, portOf: true, knows: true, extra: 3},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := askFor(t, sw, countsTwice)
				after(time.Minute)
				waiting, gone := a.look()
				assert.Contains(t, waiting["cap1"], "has not said yet")
				assert.Empty(t, gone)
				assert.Empty(t, a.c.cuts())
				assert.Less(t, len(a.sent()), 200, "it is not asked without end")

				a.alter(func(s *countingSwitch) { s.mute, s.portOf, s.extra = false, true, 0 })
				after(questionTime + collectorPause)
				waiting, _ = a.look()
				assert.Empty(t, waiting)
			})
		})
	}
}

// TestSwitchThatDoesNotTell: where a switch counts everything once, nothing is known and nothing is
// held back. A release that nobody knows is believed once it has counted something twice.
func TestSwitchThatDoesNotTell(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		kernel := askFor(t, &countingSwitch{portOf: true}, countsOnce)
		unknown := askFor(t, &countingSwitch{portOf: true}, countsMaybe)
		later := askFor(t, &countingSwitch{portOf: true, twice: true, knows: true}, countsMaybe)
		after(10 * time.Second)
		for _, a := range []*asked{kernel, unknown, later} {
			waiting, _ := a.look()
			assert.Empty(t, waiting)
			assert.Empty(t, a.c.cuts())
			assert.Greater(t, len(a.sent()), 10, "it is kept alive")
		}

		for _, a := range []*asked{kernel, unknown, later} {
			a.alter(func(s *countingSwitch) { s.knows = false })
		}
		after(10 * time.Second)
		assert.Empty(t, kernel.c.cuts())
		assert.Empty(t, unknown.c.cuts())
		assert.NotEmpty(t, later.c.cuts())
	})
}

// TestAnotherSwitch: what one switch knew says nothing of the next one.
func TestAnotherSwitch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := askFor(t, &countingSwitch{twice: true, portOf: true, knows: true}, countsTwice)
		after(time.Second)
		waiting, _ := a.look()
		require.Empty(t, waiting)

		a.countingSwitch = &countingSwitch{twice: true, portOf: true}
		waiting, _ = a.look()
		assert.Len(t, waiting, 2)
		after(3 * time.Second)
		_, gone := a.look()
		assert.Len(t, gone, 2)
	})
}

// failing is a connection that has ended.
type failing struct{ asker }

func (failing) Send(context.Context, ...openflow.Message) error { return errors.New("ended") }

// TestAskedInVain: over a connection that has ended nothing is concluded.
func TestAskedInVain(t *testing.T) {
	_, err := ask(t.Context(), failing{}, countsOnce, 9, &tap.Collector{
		Addr: netip.MustParseAddr("198.51.100.7")})
	assert.Error(t, err)
}

// TestCountingOf: only the userspace datapath counts twice.
func TestCountingOf(t *testing.T) {
	for _, tc := range []struct {
		datapath, version string
		want              counting
	}{
		{"netdev", "2.15.0", countsTwice}, {"netdev", "4.0.0", countsTwice},
		{"netdev", "5.0.0", countsMaybe}, {"netdev", "", countsMaybe},
		{"system", "3.1.0", countsOnce}, {"", "3.1.0", countsOnce},
	} {
		assert.Equal(t, tc.want, countingBy(&vswitch.Bridge{DatapathType: tc.datapath},
			tc.version), "%s %s", tc.datapath, tc.version)
	}
}
