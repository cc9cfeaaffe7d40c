//go:build linux

package e2e

import (
	"syscall"
	"testing"

	"github.com/tapline-sdn/tapline/testenv/lab"
)

// TestClosedPortWithoutController sends frames of the reserved VLAN while nobody repairs anything:
// no ordinary traffic may reach a collector.
func TestClosedPortWithoutController(t *testing.T) {
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
