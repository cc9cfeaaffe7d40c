package engine

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/controller/session"
	"github.com/tapline-sdn/tapline/controller/store"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

func flowEvent(n int) Event {
	v := FlowView{Flow: &store.Flow{}}
	v.ID = fmt.Sprint(n)
	return Event{Type: "updated", Flow: &v}
}

// read takes what there is, without waiting.
func read(t *testing.T, w *Watch) (ids []string) {
	t.Helper()
	for {
		events, _, err := w.take()
		require.NoError(t, err)
		if len(events) == 0 {
			return ids
		}
		for _, e := range events {
			ids = append(ids, e.object())
		}
	}
}

func TestHistory(t *testing.T) {
	h := NewHistory(4)
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
	other := NewHistory(4)
	for name, id := range map[string]string{
		"not yet": "", "another run": func() string { w, _ := other.Watch(""); return w.ID() }(), "no number": run + "-x",
		"no place": run, "far past": run + "-18446744073709551615", "negative": run + "--1", "anything": "x", "from elsewhere": "42",
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

// TestUnwatched: before anybody watches nothing is kept, and who waits for an object is told all the same.
func TestUnwatched(t *testing.T) {
	h := NewHistory(4)
	assert.True(t, h.idle())
	changed, stopped := h.changed("1")
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
	assert.False(t, h.idle())
	assert.Empty(t, read(t, w))
	h.Publish(flowEvent(3))
	assert.Equal(t, []string{"3"}, read(t, w))
}

// TestSlowWatch: whoever falls behind the history learns it, holds nobody up, and costs no memory.
func TestSlowWatch(t *testing.T) {
	h := NewHistory(4)
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
	h := NewHistory(100_000)
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
					assert.Equal(t, fmt.Sprint(next), e.object())
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
	_, stopped := h.changed("x")
	assert.True(t, stopped)
}

// TestEvents follows everything that happens to a world, as its watchers see it.
func TestEvents(t *testing.T) {
	r, s, f := newWorld(t)
	r.ready(s)
	var w *Watch
	expect := func(text string, want ...string) {
		t.Helper()
		var got []string
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		for _, one := range want {
			for {
				if len(got) > 0 && got[0] == one {
					got = got[1:]
					break
				}
				if len(got) > 0 {
					got = got[1:]
					continue
				}
				events, err := w.Next(ctx)
				require.NoError(t, err, "%s: waiting for %q", text, one)
				for _, e := range events {
					got = append(got, told(e))
				}
			}
		}
	}
	w, _ = r.e.Watch("")
	must(r.e.CreateGuest(t.Context(), store.Guest{ID: "g", Name: "vm", NICs: []store.GuestNIC{{MAC: mac(9)}}}))(t)
	expect("declared", "created guest vm 0 ports")
	must(r.e.UpdateGuest(t.Context(), "vm", 0, func(g *store.Guest) error { g.Name = "vm2"; return nil }))(t)
	expect("renamed", "updated guest vm2 0 ports")
	require.NoError(t, r.e.DeleteGuest(t.Context(), "vm2", 0))
	expect("deleted, as it was", "deleted guest vm2 0 ports")

	moved := snapshot(t, map[string]string{"ovn-bridge-mappings": "net0:br0"}, bridge{name: "br0", datapath: "netdev", ports: []port{
		nicPort("eth0", "ixgbe"),
		guestPort("vnet7", 17, map[string]string{"attached-mac": "52:54:00:00:00:01", "vm-id": "g1"}),
		guestPort("vnet3", 13, map[string]string{"attached-mac": "52:54:00:00:00:03", "vm-id": "g3"}),
	}}, r.tapBridge(s))
	r.report("h1", moved, nil)
	expect("what the switch shows", "updated guest g1 1 ports vnet7", "deleted guest g2 0 ports", "created guest g3 1 ports vnet3")
	w, _ = r.e.Watch("")
	r.report("h1", hostSnapshot(t, r.tapBridge(s)), nil)

	must(r.e.UpdateFlow(t.Context(), "f1", 0, func(f *store.Flow) error { f.Name = "f1b"; return nil }))(t)
	expect("renamed", "updated flow f1b ready") // It may have been planned while it was stored.
	r.lose("h1", "away")
	w, _ = r.e.Watch("")
	r.report("h1", hostSnapshot(t, r.tapBridge(s)), nil)
	expect("the host returns", "updated host h1 ready")
	require.NoError(t, r.e.DeleteFlow(t.Context(), f.ID, 0))
	expect("deleted", "deleted flow f1b ready", "updated service col 0 flows")
	require.NoError(t, r.e.DeleteService(t.Context(), s.ID, 0))
	expect("deleted", "deleted service col 0 flows")
	require.NoError(t, r.e.DeleteHost(t.Context(), "h1", 0))
	expect("deleted", "deleted guest g1 0 ports", "deleted host h1 ready")
	r.end()
	_, err := w.Next(t.Context())
	for err == nil {
		_, err = w.Next(t.Context())
	}
	assert.ErrorIs(t, err, ErrStopped)
}

// TestNothingIsToldTwice: watchers hear of an object's creation first, and of each of its views once.
func TestNothingIsToldTwice(t *testing.T) {
	r := newRing(t, store.NewMemory())
	w, _ := r.e.Watch("")
	r.host("h1")
	r.report("h1", hostSnapshot(t), nil)
	s := must(r.e.CreateService(t.Context(), store.Service{Service: tap.Service{Name: "col", Type: tap.ServiceGuest, TargetID: "g2"}}))(t)
	must(r.e.CreateFlow(t.Context(), store.Flow{Flow: tap.Flow{Name: "f1", Type: tap.FlowVNIC, TapID: "col", GuestID: "g1", Enabled: true}}))(t)
	r.idle()
	r.ready(s)
	must(r.e.UpdateFlow(t.Context(), "f1", 0, func(f *store.Flow) error { f.Direction = tap.In; return nil }))(t)
	r.report("h1", hostSnapshot(t, r.tapBridge(s)), nil)
	for _, edit := range []func(*store.Service) error{disable, enable} {
		must(r.e.UpdateService(t.Context(), "col", 0, edit))(t)
		r.idle()
		r.report("h1", hostSnapshot(t, r.tapBridge(s)), map[string]session.OwnerState{"tunnel": {State: session.Busy}})
		r.report("h1", hostSnapshot(t, r.tapBridge(s)), nil)
	}
	r.lose("h1", "away")
	r.report("h1", hostSnapshot(t, r.tapBridge(s)), nil)

	last := map[string]any{}
	for {
		events, _, err := w.take()
		require.NoError(t, err)
		if len(events) == 0 {
			break
		}
		for _, e := range events {
			var view any
			switch {
			case e.Host != nil:
				view = *e.Host
			case e.Guest != nil:
				view = *e.Guest
			case e.Service != nil:
				view = *e.Service
			case e.Flow != nil:
				view = *e.Flow
			}
			before, known := last[e.object()]
			assert.Equal(t, !known, e.Type == "created", "%s: it is created first, and once", told(e))
			assert.NotEqual(t, before, view, "told twice: %s", told(e))
			last[e.object()] = view
		}
	}
	assert.Len(t, last, 5, "host, two guests, service, flow")
}

// told says an event in words.
func told(e Event) string {
	switch {
	case e.Host != nil:
		return fmt.Sprintf("%s host %s %s", e.Type, e.Host.Name, e.Host.State)
	case e.Guest != nil:
		var ports []string
		for _, n := range e.Guest.NICs {
			if n.Port != "" {
				ports = append(ports, n.Port)
			}
		}
		return strings.TrimSpace(fmt.Sprintf("%s guest %s %d ports %s", e.Type, e.Guest.Name, len(ports), strings.Join(ports, " ")))
	case e.Service != nil:
		return fmt.Sprintf("%s service %s %d flows", e.Type, e.Service.Name, e.Service.FlowCount)
	}
	return fmt.Sprintf("%s flow %s %s", e.Type, e.Flow.Name, e.Flow.State)
}

// TestNobodyIsForgotten: waiting for one object is not disturbed by what happens to others, and leaves nothing behind.
func TestNobodyIsForgotten(t *testing.T) {
	h := NewHistory(4)
	mine, _ := h.changed("1")
	other, _ := h.changed("2")
	h.Publish(flowEvent(2))
	select {
	case <-other:
	case <-time.After(patience):
		t.Fatal("nobody is woken")
	}
	select {
	case <-mine:
		t.Fatal("woken for another")
	default:
	}
	h.touch("1")
	<-mine
	assert.Empty(t, h.about)
}
