//go:build linux

package e2e

import (
	"context"
	"fmt"
	"strings"
	"syscall"
	"testing"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/client"
	"github.com/tapline-sdn/tapline/testenv/lab"
)

// TestOverlayOfOperator holds that an operator's own tunnels work on while hosts are registered,
// mirrored and deleted, and that mirroring works all the same.
func TestOverlayOfOperator(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 2, 0)
	for name, overlay := range map[string]lab.Overlay{
		"flow-based GRE":                       {FlowBased: true},
		"flow-based GRE with its own address":  {FlowBased: true, LocalIP: true},
		"GRE between two addresses":            {LocalIP: true, AnyKey: true},
		"GRE between two addresses with a key": {LocalIP: true},
		"flow-based VXLAN":                     {Type: "vxlan", FlowBased: true},
		"Geneve to an address":                 {Type: "geneve"},
	} {
		w.run(t, name, func(t *testing.T) { w.besideOverlay(t, overlay) })
	}
}

// besideOverlay registers both hosts, mirrors from one to the other and deletes them again.
func (w *world) besideOverlay(t *testing.T, overlay lab.Overlay) {
	h1, h2 := w.Hosts[0], w.Hosts[1]
	near, far, err := w.AddOverlay(deadline(t), h1, h2, overlay)
	must(t, err)
	t.Cleanup(func() { must(t, near.Close()); must(t, far.Close()) })

	passes := func(when string) {
		t.Helper()
		const pings = 20
		eventually(t, "the overlay passes everything "+when, func() error {
			n, err := near.Ping(deadline(t), far, pings)
			if err == nil && n != pings { // A busy machine loses one now and then.
				err = fmt.Errorf("%d of %d pings", n, pings)
			}
			return err
		})
	}
	passes("before anything is registered")

	for _, h := range w.Hosts {
		w.register(t, h)
		t.Cleanup(func() {
			must(t, w.api.Hosts().Delete(context.Background(), h.Name, client.Wait(patience)))
			passes("after " + h.Name + " is deleted")
		})
	}
	passes("with both hosts registered")

	web, db := w.guest(t, h1, unique("web")), w.guest(t, h1, unique("db"))
	to := w.guestSink(t, w.guest(t, h2, unique("ids")), "brtap")
	w.flow(t, to, vnic(web, "OUT"))
	passes("while a guest is mirrored")

	copies := to.anew(t)
	frames := numbered(web.MAC(), db.MAC(), 0, 64, 100, 1400)
	send(t, web, frames...)
	exactly(t, "copies", lab.MultisetOf(frames), copies)
	passes("after that")
	for _, g := range []*lab.Guest{web, db} {
		must(t, g.Remove(deadline(t)))
	}
}

// TestOverlayThatComesLater adds an operator's GRE port that Open vSwitch prefers to ours. Copies
// must not reach it: they come by another way, or they end and the status names the port.
func TestOverlayThatComesLater(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 2, 2)
	h1, h2 := w.Hosts[0], w.Hosts[1]
	web, db := w.guest(t, h1, "web"), w.guest(t, h1, "db")
	to := w.guestSink(t, w.guest(t, h2, "ids"), "brtap")
	flow := w.flow(t, to, vnic(web, "OUT"))

	near, far, err := w.AddOverlay(deadline(t), h1, h2, lab.Overlay{LocalIP: true, AnyKey: true})
	must(t, err)
	took := eventually(t, "copies come by another way, or the status names the port", func() error {
		f, err := w.api.TapFlows().Get(deadline(t), flow.ID)
		if err != nil {
			return err
		}
		if f.Status != api.Ready && strings.Contains(f.Reason, far.Port()) {
			return nil
		}
		copies := to.anew(t)
		send(t, web, numbered(web.MAC(), db.MAC(), 0, 64)...)
		if err := copies.WaitQuiet(deadline(t), quiet); err != nil {
			return err
		}
		if len(copies.Frames()) == 1 {
			return nil
		}
		return fmt.Errorf("the flow is %s %q, and no copy comes", f.Status, f.Reason)
	})
	t.Logf("whole or told %v after the overlay came", took)

	tenant := capture(t, h2.Node, far.Bridge(), lab.Both)
	send(t, web, numbered(web.MAC(), db.MAC(), 0, 64, 100, 300)...)
	must(t, tenant.WaitQuiet(deadline(t), quiet))
	if n := onlyFrom(tenant, web.MAC()).Len(); n > 0 {
		t.Errorf("%d copies reached the operator's bridge", n)
	}

	eventually(t, "the overlay passes everything", func() error {
		n, err := near.Ping(deadline(t), far, 20)
		if err == nil && n != 20 {
			err = fmt.Errorf("%d of 20 pings", n)
		}
		return err
	})
	must(t, near.Close())
	must(t, far.Close())
	w.flowStatus(t, flow.ID, api.Ready, "")
	w.stillCopies(t, to, web, db.MAC())
}

// onlyFrom is what a capture has of one station.
func onlyFrom(c *lab.Capture, src lab.MAC) lab.Multiset {
	all := lab.Multiset{}
	for _, data := range c.Data() {
		if len(data) >= 12 && lab.MAC(data[6:12]) == src {
			all[string(data)]++
		}
	}
	return all
}

// TestClosedPortWithoutController sends frames of the reserved VLAN while nobody repairs anything:
// no ordinary traffic may reach a collector.
func TestClosedPortWithoutController(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 2, 2)
	h1, h2 := w.Hosts[0], w.Hosts[1]
	web := w.guest(t, h1, "web")
	dead := w.guest(t, h1, "dead", lab.GuestNIC{IfName: "vnet95"})
	near := w.guestSink(t, w.guest(t, h1, "ids1"), "brtap")
	far := w.guestSink(t, w.guest(t, h2, "ids2"), "brtap")
	w.flow(t, near, vnic(web, "BOTH"))
	w.flow(t, far, vnic(web, "BOTH"))

	w.stop(t, syscall.SIGKILL)
	t.Cleanup(func() { w.start(t) })
	_, err := h1.VSCtl("set", "Port", "vnet95", "tag=4095")
	must(t, err)

	closed := func(when string) {
		t.Helper()
		atNear, atFar := near.again(t, nil), far.again(t, nil)
		sent := capture(t, dead.Node, "eth0", lab.Out)
		broadcast := lab.MAC{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
		frames := numbered(dead.MAC(), broadcast, 0, 64, 200)
		for range 20 {
			send(t, dead, frames...)
		}
		must(t, sent.WaitLen(deadline(t), 20*len(frames)))
		must(t, atNear.WaitQuiet(deadline(t), quiet))
		must(t, atFar.WaitQuiet(deadline(t), quiet))
		if near, far := len(atNear.Frames()), len(atFar.Frames()); near+far > 0 {
			t.Errorf("%s: %d and %d foreign frames reached the collectors", when, near, far)
		}
	}
	closed("with mirrors")
	_, err = h1.VSCtl("clear", "Bridge", "br0", "mirrors")
	must(t, err)
	closed("without mirrors")
}
