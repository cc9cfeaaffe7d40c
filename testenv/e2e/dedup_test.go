//go:build linux

package e2e

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/client"
	"github.com/tapline-sdn/tapline/testenv/lab"
)

// dedup: what two mirrored guests on two hosts send to each other comes twice, and once with dedup,
// as does what others send to them and they to others. The guests get everything.
func (s *stage) dedup(t *testing.T) {
	for where, collector := range map[string]*lab.Guest{"here": s.ids1, "there": s.ids2} {
		s.run(t, "collector "+where, func(t *testing.T) {
			to := s.guestSink(t, collector, "brtap")
			web, app := s.flow(t, to, vnic(s.web, "BOTH")), s.flow(t, to, vnic(s.app, "BOTH"))
			since, between, others := s.sendBetween(t, to)
			copied(t, "without dedup", to, since, slices.Concat(between, between, others))

			on := true
			s.patchService(t, to.ID, api.TapServicePatch{Dedup: &on})
			since, between, others = s.sendBetween(t, to)
			copied(t, "with dedup", to, since, slices.Concat(between, others))

			// A filter here copies less than what arrives there, so that nothing is left to it.
			s.change(t, web.ID, api.TapFlowPatch{Filter: api.Set("arp")})
			receiver := capture(t, s.app.Node, "eth0", lab.In)
			since = silence(t, to)
			frames := numbered(s.web.MAC(), s.app.MAC(), 0, 60, 900)
			send(t, s.web, frames...)
			copied(t, "with a filter where it is sent", to, since, frames)
			exactly(t, "the receiver", lab.MultisetOf(frames), receiver)

			s.change(t, web.ID, api.TapFlowPatch{Filter: api.Remove[string]()})
			_, err := s.api.TapFlows().Disable(deadline(t), web.ID, client.Wait(10*time.Second))
			must(t, err)
			since = silence(t, to)
			frames = numbered(s.web.MAC(), s.app.MAC(), 0, 60, 900)
			send(t, s.web, frames...)
			copied(t, "with one tap flow", to, since, frames)

			got, err := s.api.TapFlows().Get(deadline(t), app.ID)
			must(t, err)
			if got.Status != api.Ready {
				t.Errorf("the flow is %s: %s", got.Status, got.Reason)
			}
		})
	}
}

// sendBetween sends frames between web and app on their two hosts, and between each of them and db,
// which nobody mirrors. It returns them by whether both ends are mirrored, and how many copies had
// come before.
func (s *stage) sendBetween(t *testing.T, to *sink) (since int, between, others [][]byte) {
	t.Helper()
	// The switches learn where everybody is.
	send(t, s.app, numbered(s.app.MAC(), lab.Broadcast(), 0, 60)...)
	send(t, s.db, numbered(s.db.MAC(), lab.Broadcast(), 0, 60)...)
	send(t, s.web, numbered(s.web.MAC(), lab.Broadcast(), 0, 60)...)
	since = silence(t, to)

	there := append(numbered(s.web.MAC(), s.app.MAC(), 0, 60, 700, 1400),
		numbered(s.web.MAC(), lab.Broadcast(), 0, 60)...)
	back := numbered(s.app.MAC(), s.web.MAC(), 0, 60, 1400)
	send(t, s.web, there...)
	send(t, s.app, back...)

	toDB, fromDB := numbered(s.web.MAC(), s.db.MAC(), 0, 100),
		numbered(s.db.MAC(), s.app.MAC(), 0, 100)
	send(t, s.web, toDB...)
	send(t, s.db, fromDB...)
	return since, append(there, back...), append(toDB, fromDB...)
}

// silence waits until no more copies come, and returns how many there were.
func silence(t *testing.T, to *sink) int {
	t.Helper()
	must(t, to.WaitQuiet(deadline(t), quiet))
	return len(to.Data())
}

// copied checks which copies have come since there were some number.
func copied(t *testing.T, what string, to *sink, since int, want [][]byte) {
	t.Helper()
	_, _ = await(arrives, func() error {
		if n := len(to.Data()) - since; n < len(want) {
			return fmt.Errorf("have %d", n)
		}
		return nil
	})
	must(t, to.WaitQuiet(deadline(t), quiet))
	if diff := lab.Diff(lab.MultisetOf(want), lab.MultisetOf(to.Data()[since:])); diff != "" {
		t.Errorf("%s: %s", what, diff)
	}
}

// patchService changes a tap service and waits until it is ready again.
func (s *stage) patchService(t *testing.T, id string, patch api.TapServicePatch) {
	t.Helper()
	got, err := s.api.TapServices().Update(deadline(t), id, patch, client.Wait(10*time.Second))
	must(t, err)
	if got.Status != api.Ready {
		t.Fatalf("service %s is %s: %s", got.Name, got.Status, got.Reason)
	}
}
