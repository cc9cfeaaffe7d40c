//go:build linux

package lab_test

import (
	"net/netip"
	"testing"

	"github.com/tapline-sdn/tapline/testenv/lab"
)

// TestTAPDevices passes frames between a guest with a TAP device and one without, both ways.
func TestTAPDevices(t *testing.T) {
	l := lab.Start(t, 1)
	ctx, h := deadline(t), l.Hosts[0]
	web, err := h.AddGuest(ctx, "web",
		lab.GuestNIC{TAP: true, IP: netip.MustParsePrefix("10.220.0.1/24")})
	must(t, err)
	db := addGuest(t, h, "db", "10.220.0.2")

	ping(t, db.Node, web.IP())
	there := openCapture(t, db.Node, "eth0", lab.CaptureConfig{Direction: lab.In})
	back := openCapture(t, web.Node, "eth0", lab.CaptureConfig{Direction: lab.In})
	sent, returned := frames(web.MAC(), db.MAC()), frames(db.MAC(), web.MAC())
	must(t, openSender(t, web.Node, "eth0").Send(sent...))
	must(t, openSender(t, db.Node, "eth0").Send(returned...))
	exactly(t, there, sent)
	exactly(t, back, returned)

	must(t, web.NICs[0].SetOffloads(true, true))
	must(t, web.NICs[0].SetOffloads(false, false))
	if err := db.NICs[0].SetOffloads(true, true); err == nil {
		t.Error("a veth pair was told the offloads of a TAP device")
	}

	must(t, web.Remove(ctx))
	addGuest(t, h, "web", "10.220.0.1") // Its name, and the names of its devices, are free again.
}
