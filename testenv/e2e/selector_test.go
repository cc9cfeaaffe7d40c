//go:build linux

package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"syscall"
	"testing"
	"time"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/client"
	"github.com/tapline-sdn/tapline/testenv/lab"
)

// TestSelector follows guests by a selector as they come, move, are renamed and go. What they send
// and get is copied exactly once; one that ceases to match is silent at once, however busy it is.
func TestSelector(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 2, 2)
	h1, h2 := w.Hosts[0], w.Hosts[1]
	peer := w.guest(t, h1, "peer")
	to := w.guestSink(t, w.guest(t, h2, "ids"), "brtap")
	x := &selecting{world: w, to: to, peer: peer}

	x.flow = w.flowAs(t, to.ID, api.TapFlowCreate{Type: "selector", Direction: "BOTH",
		Selector: fmt.Sprintf("name=web-*|ids,wire=%s,!label.private", lab.Wire)})
	if x.flow.Status != api.Pending || x.flow.ReasonCode != "selects_nothing" {
		t.Fatalf("the flow is %s %s: %s", x.flow.Status, x.flow.ReasonCode, x.flow.Reason)
	}

	web1 := x.comes(t, h1, "web-1")
	x.has(t, web1)
	x.exact(t, web1)
	web2 := x.comes(t, h2, "web-2")
	x.has(t, web1, web2)
	x.exact(t, web1, web2) // What is flooded passes the NICs of both, on two hosts.
	x.exact(t, web2, web1)

	x.restarts(t, web1)
	x.has(t, web1, web2)

	must(t, web1.MoveTo(context.Background(), h2))
	x.has(t, web1, web2)
	x.exact(t, web1) // The two share a capture, which copies each frame once.

	x.ceases(t, web1, api.GuestPatch{Name: &[]string{"old-1"}[0]})
	x.has(t, web2)
	x.ceases(t, web2, api.GuestPatch{Labels: api.Set(map[string]*string{"private": new(string)})})
	w.flowStatus(t, x.flow.ID, api.Pending, "no NIC that is plugged on a host matches")

	x.begins(t, web1, api.GuestPatch{Name: &[]string{"web-1"}[0]})
	x.has(t, web1)
	x.exact(t, web1)

	must(t, web1.Remove(context.Background()))
	w.flowStatus(t, x.flow.ID, api.Pending, "no NIC that is plugged on a host matches")
	_, err := w.api.TapFlows().Disable(deadline(t), x.flow.ID, client.Wait(answerTime))
	must(t, err)
	w.flowStatus(t, x.flow.ID, api.Disabled, "")
}

// selecting is a tap flow with a selector to a collector.
type selecting struct {
	*world
	to   *sink
	peer *lab.Guest // matches nothing, and talks with those that do
	flow api.TapFlow
}

// comes starts a guest that is declared already, and shows when it is mirrored.
func (x *selecting) comes(t *testing.T, h *lab.Host, name string) *lab.Guest {
	t.Helper()
	mac := lab.MAC{0x52, 0x54, 0x77, byte(rand.Uint32()), byte(rand.Uint32()), byte(rand.Uint32())}
	_, err := x.api.Guests().Create(deadline(t), api.GuestCreate{Name: name,
		NICs: []api.GuestNICCreate{{MAC: mac.String()}}})
	must(t, err)

	g, err := h.AddGuest(deadline(t), name, lab.GuestNIC{MAC: mac})
	must(t, err)
	plugged := time.Now()
	tag, traffic := stream(t, g, x.peer.MAC(), 1000)
	first := firstOf(t, x.to.Capture, tag, time.Time{})
	t.Logf("%s: first copy %v after it was plugged", name, first.Sub(plugged))
	must(t, traffic.Stop())
	return g
}

// has waits until the members of the flow are guests, and all are ready.
func (x *selecting) has(t *testing.T, guests ...*lab.Guest) {
	t.Helper()
	eventually(t, "members", func() error {
		f, err := x.api.TapFlows().Get(deadline(t), x.flow.ID)
		if err != nil {
			return err
		}
		list, err := x.api.TapFlowMembers(deadline(t), x.flow.ID)
		if err != nil {
			return err
		}

		wanted := api.MemberCounts{Total: len(guests), Ready: len(guests)}
		if f.Status != api.Ready || *f.Members != wanted || list.Total != len(guests) {
			return fmt.Errorf("%s %s %+v: %+v", f.Status, f.Reason, *f.Members, list.Members)
		}
		at := map[string]string{}
		for _, m := range list.Members {
			at[m.MACAddr] = m.HostName
		}
		for _, g := range guests {
			if at[g.MAC().String()] != g.Host().Name {
				return fmt.Errorf("%s is at %q", g.Name, at[g.MAC().String()])
			}
		}
		return nil
	})
}

// exact holds that what a guest sends and gets is copied once, and what passes the NICs of others
// on other hosts meanwhile; nothing else is.
func (x *selecting) exact(t *testing.T, g *lab.Guest, others ...*lab.Guest) {
	t.Helper()
	must(t, x.to.WaitQuiet(deadline(t), quiet))
	source := capture(t, g.Node, "eth0", lab.Both)
	var beside []*lab.Capture
	for _, other := range others {
		beside = append(beside, capture(t, other.Node, "eth0", lab.Both))
	}
	copies := capture(t, x.to.guest.Node, x.to.nic.Device, lab.In)

	frames := append(untaggedKinds(g.MAC(), x.peer.MAC()),
		numbered(g.MAC(), x.peer.MAC(), 100, 64, 1518)...)
	answers := untaggedKinds(x.peer.MAC(), g.MAC())
	send(t, g, frames...)
	send(t, x.peer, answers...)
	want := settled(t, source, len(frames)+len(answers))
	for _, c := range beside {
		want = sum(want, settled(t, c, 0))
	}
	exactly(t, "copies of "+g.Name, want, copies)
}

// restarts kills the controller, and holds that a busy guest is mirrored without a gap meanwhile.
func (x *selecting) restarts(t *testing.T, g *lab.Guest) {
	t.Helper()
	source := capture(t, g.Node, "eth0", lab.Out)
	copies := capture(t, x.to.guest.Node, x.to.nic.Device, lab.In)
	tag, traffic := stream(t, g, x.peer.MAC(), 500)
	firstOf(t, copies, tag, time.Time{})

	x.stop(t, syscall.SIGKILL)
	x.start(t)
	x.flowStatus(t, x.flow.ID, api.Ready, "")
	firstOf(t, copies, tag, time.Now().Add(200*time.Millisecond))
	must(t, traffic.Stop())
	must(t, source.WaitQuiet(deadline(t), quiet))
	must(t, copies.WaitQuiet(deadline(t), quiet))
	if wrong := missed(source, copies, tag); wrong != "" {
		t.Error(wrong)
	}
}

// ceases changes a busy guest so that it matches no more, and holds that it is silent then.
func (x *selecting) ceases(t *testing.T, g *lab.Guest, patch api.GuestPatch) {
	t.Helper()
	source := capture(t, g.Node, "eth0", lab.Out)
	tag, traffic := stream(t, g, x.peer.MAC(), 1000)
	firstOf(t, x.to.Capture, tag, time.Time{})

	_, err := x.api.Guests().Update(deadline(t), g.Name, patch)
	must(t, err)
	answered := time.Now()
	firstOf(t, source, tag, answered.Add(lastCopy+200*time.Millisecond)) // It still runs.
	last := lastOf(x.to.Capture, tag)
	t.Logf("%s: last copy %v after the answer", g.Name, last.Sub(answered))
	if late := last.Sub(answered); late > lastCopy {
		t.Errorf("copies of %s still came %v after the answer", g.Name, late)
	}
	must(t, traffic.Stop())
}

// begins changes a busy guest so that it matches, and holds that it is mirrored then.
func (x *selecting) begins(t *testing.T, g *lab.Guest, patch api.GuestPatch) {
	t.Helper()
	tag, traffic := stream(t, g, x.peer.MAC(), 1000)
	id := g.Name
	if patch.Name != nil {
		id = "old-1"
	}
	_, err := x.api.Guests().Update(deadline(t), id, patch)
	must(t, err)
	answered := time.Now()
	first := firstOf(t, x.to.Capture, tag, time.Time{})
	t.Logf("%s: first copy %v after the answer", g.Name, first.Sub(answered))
	if late := first.Sub(answered); late > latestCopy {
		t.Errorf("the first copy of %s came %v after the answer", g.Name, late)
	}
	must(t, traffic.Stop())
}
