package server_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/controller/engine/events"
	"github.com/tapline-sdn/tapline/controller/engine/view"
	"github.com/tapline-sdn/tapline/controller/store"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// piped is a ResponseWriter that writes into a pipe, with its deadlines.
type piped struct {
	net.Conn
	header http.Header
	status int
}

func (p *piped) Header() http.Header    { return p.header }
func (p *piped) WriteHeader(status int) { p.status = status }
func (p *piped) Flush()                 {}

// watching is a stream of events that is being read.
type watching struct {
	b     *bench
	lines *bufio.Scanner
	ended chan struct{}
	stop  context.CancelFunc
	w     *piped
}

// watch opens a stream within a bubble of time.
func (b *bench) watch(query, after string) *watching {
	b.t.Helper()
	near, far := net.Pipe()
	ctx, cancel := context.WithCancel(b.t.Context())
	x := &watching{
		b:     b,
		lines: bufio.NewScanner(near),
		ended: make(chan struct{}),
		stop:  cancel,
		w:     &piped{Conn: far, header: http.Header{}},
	}
	b.t.Cleanup(func() {
		cancel()
		near.Close()
		<-x.ended
	})
	r := httptest.NewRequestWithContext(ctx, "GET", "/api/v1/watch"+query, nil)
	r.Header.Set("Authorization", "Bearer "+token)
	if after != "" {
		r.Header.Set("Last-Event-ID", after)
	}
	go func() {
		defer close(x.ended)
		b.handler.ServeHTTP(x.w, r)
		far.Close()
	}()
	return x
}

// block reads up to an empty line. It is empty if the stream has ended.
func (x *watching) block() (fields map[string]string) {
	fields = map[string]string{}
	for x.lines.Scan() && x.lines.Text() != "" {
		name, value, _ := strings.Cut(x.lines.Text(), ":")
		fields[name] = strings.TrimPrefix(value, " ")
	}
	return fields
}

// next reads an event, in words, and its id. Heartbeats are left out.
func (x *watching) next() (words, id string) {
	x.b.t.Helper()
	for {
		f := x.block()
		require.NotEmpty(x.b.t, f, "the stream has ended")
		if f["data"] == "" {
			continue
		}
		var generic any
		require.NoError(x.b.t, json.Unmarshal([]byte(f["data"]), &generic))
		require.NoError(
			x.b.t,
			x.b.doc.Components.Schemas["Event"].Value.VisitJSON(generic),
			"%s",
			f["data"],
		)
		e := api.Event{Type: api.EventType(f["event"])}
		require.NoError(x.b.t, json.Unmarshal([]byte(f["data"]), &e))
		if e.Object == nil {
			return string(e.Type), f["id"]
		}
		_, name := e.Object.Ident()
		return fmt.Sprintf("%s %s %s", e.Type, e.Kind(), name), f["id"]
	}
}

// expect reads events and returns the id of the last.
func (x *watching) expect(events ...string) (id string) {
	x.b.t.Helper()
	for _, want := range events {
		var got string
		got, id = x.next()
		require.Equal(x.b.t, want, got)
	}
	return id
}

func (b *bench) newFlow(name string) {
	b.t.Helper()
	_, err := b.engine.CreateFlow(
		b.t.Context(),
		store.Flow{
			Flow: tap.Flow{
				Name:      name,
				TapID:     "ids",
				Type:      tap.FlowVNIC,
				GuestID:   "vm1",
				Direction: tap.Both,
				Enabled:   true,
			},
		},
	)
	require.NoError(b.t, err)
}

func TestWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.furnish()
		x := b.watch("", "")
		require.Equal(t, map[string]string{"": "watching"}, x.block())
		require.Equal(t, http.StatusOK, x.w.status)
		require.Equal(t, "text/event-stream", x.w.header.Get("Content-Type"))
		first := x.expect("synced")

		begin := time.Now()
		beat := x.block()
		require.Equal(t, map[string]string{"": "alive", "id": first}, beat)
		require.Equal(t, 15*time.Second, time.Since(begin))

		b.newFlow("f")
		require.NoError(t, b.engine.DeleteFlow(t.Context(), "f", 0))
		second := x.expect("created tap_flow f")
		require.NotEqual(t, first, second)
		x.expect("deleted tap_flow f")
		x.stop()
		require.Empty(t, x.block(), "it ends with its reader")

		b.newFlow("g")
		b.watch("", second).expect("deleted tap_flow f", "created tap_flow g")
		b.watch("?snapshot=true", first).
			expect("created tap_flow f", "deleted tap_flow f", "created tap_flow g")

		x = b.watch("", "")
		x.expect("synced")
		b.engine.Stop()
		require.Empty(t, x.block(), "it ends with the controller")
	})
}

func TestWatchSnapshot(t *testing.T) {
	all := []string{
		"current host h1",
		"current host h2",
		"current guest vm1",
		"current tap_service ids",
		"current tap_service probe",
		"current tap_flow f",
	}
	for name, tc := range map[string]struct {
		query, after string
		want         []string
	}{
		"all":             {"?snapshot=true", "", all},
		"of a kind":       {"?snapshot=true&kind=tap_flow", "", all[5:]},
		"of kinds":        {"?snapshot=true&kind=guest,host", "", all[:3]},
		"by name":         {"?snapshot=true&id=h2", "", all[1:2]},
		"by id":           {"?snapshot=true&id=vm-1", "", all[2:3]},
		"none":            {"?snapshot=false", "", nil},
		"another run":     {"", "abcd-7", append([]string{"reset"}, all...)},
		"not yet":         {"?kind=guest", "FUTURE", append([]string{"reset"}, all[2])},
		"not of ours":     {"?kind=guest", "x", append([]string{"reset"}, all[2])},
		"of another tool": {"?kind=guest", "42", append([]string{"reset"}, all[2])},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t)
				b.furnish()
				b.newFlow("f")
				after := tc.after
				if after == "FUTURE" {
					w, _ := b.engine.Watch("")
					after = w.ID() + "1"
				}
				x := b.watch(tc.query, after)
				for _, want := range tc.want {
					got, id := x.next()
					require.Equal(t, want, got)
					require.Empty(t, id, "it is no place to resume from")
				}
				require.NotEmpty(t, x.expect("synced"))
			})
		})
	}
}

func TestWatchFilter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.furnish()
		flows, one, guests := b.watch(
			"?kind=tap_flow",
			"",
		), b.watch(
			"?id=b",
			"",
		), b.watch(
			"?kind=guest",
			"",
		)
		for _, x := range []*watching{flows, one, guests} {
			x.expect("synced")
		}
		b.newFlow("a")
		b.newFlow("b")
		b.engine.LearnGuest(view.Guest{ID: "vm-9", Name: "learned"})
		flows.expect("created tap_flow a", "created tap_flow b")
		one.expect("created tap_flow b")
		last := guests.expect("created guest learned")
		b.newFlow("c")
		beat := map[string]string{}
		for beat["id"] == "" {
			beat = guests.block()
		}
		require.NotEqual(
			t,
			last,
			beat["id"],
			"a heartbeat moves the place, though nothing was told",
		)
		b.watch("?kind=tap_flow", last).expect("created tap_flow c")
	})
}

// TestWatchThatNeverReads: such a reader is cut off, and holds neither memory nor anybody up
// meanwhile.
func TestWatchThatNeverReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.furnish()
		dead, live := b.watch("", ""), b.watch("", "")
		require.Equal(t, map[string]string{"": "watching"}, dead.block())
		live.expect("synced")
		place := dead.expect("synced") // the last that it reads
		begin := time.Now()
		for n := range 5000 {
			v := b.engine.Services()[0]
			b.engine.Publish(events.Event{Type: "updated", Service: &v})
			if n%100 == 99 {
				for range 100 {
					live.expect("updated tap_service ids")
				}
			}
		}
		<-dead.ended
		require.Equal(
			t,
			30*time.Second,
			time.Since(begin),
			"what was written to it was not taken in time",
		)
		dead = b.watch("?kind=host", place)
		dead.expect("reset", "current host h1", "current host h2", "synced")
	})
}

// TestWatchThatLags: a reader that reads, but slower than events come, is cut off as well.
func TestWatchThatLags(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.furnish()
		slow := b.watch("", "")
		slow.expect("synced")
		publish := func(n int) {
			for range n {
				v := b.engine.Services()[0]
				b.engine.Publish(events.Event{Type: "updated", Service: &v})
			}
		}
		read := 0
		for publish(1500); len(slow.block()) > 0; publish(10) {
			read++
			time.Sleep(time.Second)
		}
		require.Less(t, read, 1500, "it was cut off")
	})
}
