package e2e

import (
	"strings"
	"testing"

	"github.com/tapline-sdn/tapline/testenv/lab"
)

// TestSamePacketTwice has two tap flows of one service that may deliver the same packet: the
// explanation names the other flow.
func TestSamePacketTwice(t *testing.T) {
	w := newWorld(t, 2, 2)
	h1 := w.Hosts[0]
	web := w.guest(t, h1, "web")
	to := w.guestSink(t, w.guest(t, w.Hosts[1], "ids"), "brtap")

	// br-ex carries the uplink, br0 the guest; a patch pair joins them.
	_, err := h1.VSCtl("add-br", "br-ex", "--", "set", "Bridge", "br-ex", h1.DatapathType(),
		"--", "add-port", "br-ex", "ex-int", "--", "set", "Interface", "ex-int", "type=patch",
		"options:peer=int-ex", "--", "add-port", lab.WireBridge, "int-ex",
		"--", "set", "Interface", "int-ex", "type=patch", "options:peer=ex-int")
	must(t, err)

	first, second := vnic(web, "BOTH"), vswitch(h1, "br-ex", 0, "BOTH")
	first.Name, second.Name = "guest-side", "outer-side"
	w.flow(t, to, first)
	w.flow(t, to, second)
	for flow, other := range map[string]string{"guest-side": "outer-side",
		"outer-side": "guest-side"} {
		out, errs, code := w.tapctl(t, "explain", "tap-flow", flow)
		if code != 0 || !strings.Contains(out, other) {
			t.Errorf("explain of %s does not name %s: exit %d, %s%s", flow, other, code, errs, out)
		}
	}
}
