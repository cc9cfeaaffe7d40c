//go:build linux

package e2e

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/client"
	"github.com/tapline-sdn/tapline/testenv/lab"
)

// TestLoopsInsideOtherLayers mirrors what carries the copies themselves, where a guard has to look
// behind VLAN tags, into other tunnels or at a guest that routes. Copies must not grow out of
// themselves: either they come once, or the flow is in error within a second.
func TestLoopsInsideOtherLayers(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		setUp func(t *testing.T, w *world)
		// flow is mirrored on a host to a collector on the other, on both hosts.
		flow func(w *world, h *lab.Host) (api.TapFlowCreate, bool)
	}{
		{"underlay in a VLAN", inVLANs(7), underlayOf},
		{"underlay in two VLANs", inVLANs(8, 9), underlayOf},
		{"underlay in VXLAN", underlayInVXLAN, wireOf},
		{"underlay through a guest that routes", routingGuest,
			func(w *world, h *lab.Host) (api.TapFlowCreate, bool) {
				return vnic(w.Guest("router"), "BOTH"), h == w.Hosts[0]
			}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, 2, 0)
			c.setUp(t, w)
			for _, h := range w.Hosts {
				w.register(t, h)
			}

			h1, h2 := w.Hosts[0], w.Hosts[1]
			sinks := map[*lab.Host]*sink{
				h2: w.guestSink(t, w.guest(t, h1, "ids1"), "brtap"),
				h1: w.guestSink(t, w.guest(t, h2, "ids2"), "brtap"),
			}

			web, db := w.guest(t, h1, "web"), w.guest(t, h1, "db")
			w.flow(t, sinks[h1], vnic(web, "OUT"))
			looped := map[*sink]string{}
			for h, to := range sinks {
				if f, ok := c.flow(w, h); ok {
					looped[to] = w.flow(t, to, f).ID
				}
			}

			// The underlay's own traffic is mirrored, the copies of it are not.
			_, err := h1.Run(deadline(t), "ping", "-c", "3", "-i", "0.1", "-W", "1",
				h2.TunnelIP.String())
			if err != nil {
				t.Errorf("the underlay does not carry a ping: %v", err)
			}

			for to, flow := range looped {
				w.copiesEnd(t, to, flow)
			}

			// Whatever became of the flow, others are copied as ever.
			copies := sinks[h1].anew(t)
			frames := numbered(web.MAC(), db.MAC(), 0, 64, 100, 1000)
			send(t, web, frames...)
			err = copies.Wait(deadline(t), func([]lab.Frame) bool {
				return lab.Diff(lab.MultisetOf(frames), onlyFrom(copies, web.MAC())) == ""
			})
			if err != nil {
				t.Errorf("%v: %s", err, lab.Diff(lab.MultisetOf(frames),
					onlyFrom(copies, web.MAC())))
			}
		})
	}
}

// manyCopies are more than the traffic of an idle underlay gives.
const manyCopies = 50

// TestCaptureThatFeedsOnItself mirrors the wire that carries the underlay inside a tunnel of which
// the switch knows nothing, so no guard can tell its packets. The capture is stopped within a
// second, and others go on. Once the underlay takes another way, the capture does too.
func TestCaptureThatFeedsOnItself(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 2, 0)
	underlayInKernel(t, w)
	for _, h := range w.Hosts {
		w.register(t, h)
	}

	h1, h2 := w.Hosts[0], w.Hosts[1]
	web, db := w.guest(t, h1, "web"), w.guest(t, h1, "db")
	to, other := w.guestSink(t, w.guest(t, h2, "ids1"), "brtap"),
		w.guestSink(t, w.guest(t, h2, "ids2"), "brtap")

	w.flow(t, other, vnic(web, "OUT"))

	flow := w.flowAs(t, to.ID, vswitch(h1, lab.Wire, 0, "BOTH"))
	took := w.flowStatus(t, flow.ID, api.Error, "bridge "+lab.WireBridge)
	f, err := w.api.TapFlows().Get(deadline(t), flow.ID)
	must(t, err)
	t.Logf("stopped %v after it was made, with %d copies: %s", took, len(to.Frames()), f.Reason)
	if f.ReasonCode != "capture_loops" {
		t.Errorf("the reason has code %q", f.ReasonCode)
	}

	must(t, to.WaitQuiet(deadline(t), quiet))
	if all := to.Frames(); len(all) > manyCopies {
		if d := all[len(all)-1].Time.Sub(all[manyCopies].Time); d > time.Second {
			t.Errorf("copies grew out of themselves for %v", d)
		}
	}

	// What else is mirrored there is copied as ever.
	copies := other.anew(t)
	frames := numbered(web.MAC(), db.MAC(), 0, 64, 100, 1000)
	send(t, web, frames...)
	exactly(t, "copies", lab.MultisetOf(frames), copies)

	for _, h := range w.Hosts {
		_, err := h.VSCtl("del-port", lab.UnderlayBridge, "vx0",
			"--", "add-port", lab.UnderlayBridge, lab.UnderlayUplink)
		must(t, err)
	}

	enabled := false
	for range 2 {
		_, err := w.api.TapFlows().Update(deadline(t), flow.ID, api.TapFlowPatch{Enabled: &enabled},
			client.Wait(10*time.Second))
		must(t, err)
		enabled = true
	}

	w.flowStatus(t, flow.ID, api.Ready, "")

	copies = to.anew(t)
	send(t, web, frames...)
	must(t, copies.WaitQuiet(deadline(t), quiet))
	if diff := lab.Diff(lab.MultisetOf(frames), onlyFrom(copies, web.MAC())); diff != "" {
		t.Error(diff)
	}
}

// underlayOf is everything on a host's underlay bridge.
func underlayOf(_ *world, h *lab.Host) (api.TapFlowCreate, bool) {
	return vswitch(h, lab.UnderlayBridge, 0, "BOTH"), true
}

// wireOf is everything on a host's bridge of guests.
func wireOf(_ *world, h *lab.Host) (api.TapFlowCreate, bool) {
	return vswitch(h, lab.Wire, 0, "BOTH"), true
}

// inVLANs puts the underlay of all hosts into VLANs.
func inVLANs(vlans ...int) func(t *testing.T, w *world) {
	return func(t *testing.T, w *world) {
		for _, h := range w.Hosts {
			must(t, h.TagUnderlay(deadline(t), vlans...))
		}
	}
}

// underlayInVXLAN replaces the uplinks of the underlay bridges by a VXLAN tunnel through the wire.
func underlayInVXLAN(t *testing.T, w *world) {
	underlayThroughWire(t, w, func(_ *lab.Host, to string) {}, func(to string) []string {
		return []string{"type=vxlan", "options:key=99", "options:remote_ip=" + to}
	})
}

// underlayInKernel does so by a device of the kernel, with a UDP port that is nobody's: the switch
// cannot know what its packets are.
func underlayInKernel(t *testing.T, w *world) {
	underlayThroughWire(t, w, func(h *lab.Host, to string) {
		_, err := h.Run(deadline(t), "ip", "link", "add", "vx0", "type", "vxlan", "id", "99",
			"remote", to, "dstport", "5555")
		must(t, err)
		must(t, h.SetLink("vx0", true))
	}, func(string) []string { return nil })
}

// underlayThroughWire replaces the uplink of each underlay bridge by vx0, which leads to an address
// on the wire. device makes it, if the switch does not; settings are those of its Interface.
func underlayThroughWire(t *testing.T, w *world, device func(h *lab.Host, to string),
	settings func(to string) []string) {
	base := func(h *lab.Host) string { return fmt.Sprintf("10.240.0.%d", h.Index) }
	for i, h := range w.Hosts {
		to := base(w.Hosts[1-i])
		_, err := h.Run(deadline(t), "ip", "address", "add", base(h)+"/24", "dev",
			lab.WireBridge)
		must(t, err)
		must(t, h.SetLink(lab.WireBridge, true))
		device(h, to)

		args := []string{"del-port", lab.UnderlayBridge, lab.UnderlayUplink,
			"--", "add-port", lab.UnderlayBridge, "vx0"}

		if set := settings(to); set != nil {
			args = append(append(args, "--", "set", "Interface", "vx0"), set...)
		}

		_, err = h.VSCtl(args...)
		must(t, err)
	}

	eventually(t, "the underlay works", func() error {
		_, err := w.Hosts[0].Run(deadline(t), "ping", "-c", "1", "-W", "1",
			w.Hosts[1].TunnelIP.String())
		return err
	})
}

// routingGuest leads the underlay between the two hosts through a guest of the first.
func routingGuest(t *testing.T, w *world) {
	h1, h2 := w.Hosts[0], w.Hosts[1]
	router, err := h1.AddGuest(deadline(t), "router", lab.GuestNIC{
		Bridge: lab.UnderlayBridge, IP: netip.MustParsePrefix("10.210.0.254/24"),
	})
	must(t, err)
	must(t, router.Forward())
	must(t, h1.AddRoute(netip.PrefixFrom(h2.TunnelIP, 32), router.IP()))
	must(t, h2.AddRoute(netip.PrefixFrom(h1.TunnelIP, 32), router.IP()))
	eventually(t, "the underlay works", func() error {
		_, err := h1.Run(deadline(t), "ping", "-c", "1", "-W", "1", h2.TunnelIP.String())
		return err
	})
}

// copiesEnd fails unless hardly any copies come any more soon after what was mirrored has ended.
// ARP and the controller's own probes may go on.
func (w *world) copiesEnd(t *testing.T, to *sink, flow string) {
	t.Helper()
	const window, few = 500 * time.Millisecond, 25
	began := time.Now()
	_, err := await(2*time.Second, func() error {
		since := time.Now().Add(-window)
		late := 0
		for _, f := range to.Frames() {
			if f.Time.After(since) {
				late++
			}
		}

		if since.Before(began) || late > few {
			return fmt.Errorf("%d copies came within the last %v", late, window)
		}

		return nil
	})

	f, getErr := w.api.TapFlows().Get(deadline(t), flow)
	must(t, getErr)
	t.Logf("%d copies in all; the flow is %s %q", len(to.Frames()), f.Status, f.Reason)
	if err != nil {
		t.Errorf("copies of three pings do not end: %v", err)
	}

	if f.Status == api.Ready && len(to.Frames()) > 300 {
		t.Errorf("%d copies of three pings, and the flow is ready", len(to.Frames()))
	}
}
