//go:build linux

package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/client"
	"github.com/tapline-sdn/tapline/testenv/lab"
)

// TestReadyMeansThatItArrives changes what lies between a source and its collector. Copies come
// again by themselves, or the status says why they do not.
func TestReadyMeansThatItArrives(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 2, 2)
	h1, h2 := w.Hosts[0], w.Hosts[1]
	web, db := w.guest(t, h1, "web"), w.guest(t, h1, "db")
	to := w.guestSink(t, w.guest(t, h2, "ids"), "brtap")

	w.run(t, "the collector's host is rebuilt", func(t *testing.T) {
		flow := w.flow(t, to, vnic(web, "OUT"))
		tag, traffic := stream(t, web, db.MAC(), 200)
		t.Cleanup(func() { _ = traffic.Stop() })
		firstOf(t, to.Capture, tag, time.Time{})

		for _, hwaddr := range []string{"02:aa:bb:cc:dd:01", "02:aa:bb:cc:dd:02"} {
			_, err := h2.VSCtl("set", "Bridge", lab.UnderlayBridge, "other_config:hwaddr="+hwaddr)
			must(t, err)
			changed := time.Now()
			eventually(t, "the underlay's address is another", func() error {
				shown, err := h2.VSCtl("get", "Interface", lab.UnderlayBridge, "mac_in_use")
				if err == nil && shown != "\""+hwaddr+"\"\n" && shown != "\""+hwaddr+"\"" {
					err = fmt.Errorf("it is %s", shown)
				}
				return err
			})

			// Copies that were on their way do not count.
			first := firstOf(t, to.Capture, tag, time.Now().Add(200*time.Millisecond))
			if took := first.Sub(changed); took > 1500*time.Millisecond {
				t.Errorf("the first copy came %v after the change", took)
			}
		}

		must(t, traffic.Stop())
		w.flowStatus(t, flow.ID, api.Ready, "")
	})

	w.run(t, "the underlay of the collector's host shrinks", func(t *testing.T) {
		w.shrunkUnderlay(t, to, web, db)
	})

	w.run(t, "an agent sets QoS on our port again and again", func(t *testing.T) {
		w.qosOfOthers(t, to, web, db)
	})

	w.run(t, "the source's device is gone", func(t *testing.T) {
		lost, err := h1.AddGuest(deadline(t), "lost", lab.GuestNIC{IfName: "vnet99"})
		must(t, err)
		t.Cleanup(func() { _, _ = h1.VSCtl("--if-exists", "del-port", "vnet99") })
		eventually(t, "the guest is learned", func() error {
			_, err := w.api.Guests().Get(deadline(t), lost.ID)
			return err
		})

		flow := w.flow(t, to, vnic(lost, "BOTH"))
		_, err = h1.Run(deadline(t), "ip", "link", "del", "vnet99")
		must(t, err)
		w.flowStatus(t, flow.ID, api.Pending, "vnet99")
	})

	w.run(t, "the switch drops large segments at tunnels", func(t *testing.T) {
		flow := w.flow(t, to, vnic(web, "OUT"))
		w.flowStatus(t, flow.ID, api.Ready, "")
		_, err := h1.VSCtl("set", "Open_vSwitch", ".", "other_config:userspace-tso-enable=true")
		must(t, err)
		off := func() error {
			_, err := h1.VSCtl("remove", "Open_vSwitch", ".", "other_config",
				"userspace-tso-enable")
			return err
		}

		t.Cleanup(func() { _ = off() })
		if w.Datapath() == lab.System { // The kernel's datapath does not know the setting.
			w.stillCopies(t, to, web, db.MAC())
			w.flowStatus(t, flow.ID, api.Ready, "")
			return
		}

		w.flowStatus(t, flow.ID, api.Error, "userspace-tso-enable")
		must(t, off())
		w.flowStatus(t, flow.ID, api.Ready, "")
	})

	w.run(t, "the source's device was never opened", func(t *testing.T) {
		w.neverOpened(t, to)
	})

	w.run(t, "the source's link is down", func(t *testing.T) {
		down, err := h1.AddGuest(deadline(t), "down", lab.GuestNIC{IfName: "vnet98"})
		must(t, err)
		t.Cleanup(func() { must(t, down.Remove(context.Background())) })
		eventually(t, "the guest is learned", func() error {
			_, err := w.api.Guests().Get(deadline(t), down.ID)
			return err
		})

		flow := w.flow(t, to, vnic(down, "BOTH"))
		must(t, h1.SetLink("vnet98", false))
		w.flowStatus(t, flow.ID, api.Pending, "vnet98")
		must(t, h1.SetLink("vnet98", true))
		w.flowStatus(t, flow.ID, api.Ready, "")
	})
}

// neverOpened mirrors a guest whose port has no device, and one of a type that the switch cannot
// open.
func (w *world) neverOpened(t *testing.T, to *sink) {
	h1 := w.Hosts[0]
	for _, set := range [][]string{
		{}, {"type=dpdkvhostuserclient", "options:vhost-server-path=/nowhere"},
	} {
		args := append([]string{"--no-wait", "add-port", lab.WireBridge, "ghost0", "--", "set",
			"Interface", "ghost0", "external_ids:attached-mac=52:54:00:aa:00:01",
			"external_ids:vm-id=ghost"}, set...)

		_, err := h1.VSCtl(args...)
		must(t, err)
		eventually(t, "the guest is learned", func() error {
			_, err := w.api.Guests().Get(deadline(t), "ghost")
			return err
		})

		flow := w.flowAsWithin(t, to.ID, api.TapFlowCreate{Type: "vnic", GuestID: "ghost",
			Direction: "BOTH"}, 100*time.Millisecond)

		w.flowStatus(t, flow.ID, api.Pending, "could not open network device ghost0")
		must(t, w.api.TapFlows().Delete(deadline(t), flow.ID, client.Wait(patience)))
		_, err = h1.VSCtl("--no-wait", "del-port", "ghost0")
		must(t, err)
	}
}

// shrunkUnderlay makes the underlay of the collector's host too small for a copy of full size, and
// as large as it was again. Copies are cut, and whole again, soon after: nobody waits for the next
// regular measurement.
func (w *world) shrunkUnderlay(t *testing.T, to *sink, web, db *lab.Guest) {
	const full, before = 1514, 9000
	w.flow(t, to, vnic(web, "OUT"))
	w.stillCopies(t, to, web, db.MAC())

	for _, c := range []struct{ mtu, arrives int }{{1500, 1500 - 28}, {before, full}} {
		must(t, w.Hosts[1].SetUnderlayMTU(deadline(t), c.mtu))
		took := eventually(t, fmt.Sprintf("copies with an underlay of %d", c.mtu), func() error {
			copies := to.anew(t)
			send(t, web, numbered(web.MAC(), db.MAC(), 0, full)...)
			must(t, copies.WaitQuiet(deadline(t), quiet))
			if got := copies.Data(); len(got) != 1 || len(got[0]) != c.arrives {
				return fmt.Errorf("%d copies, want one of %d octets", len(got), c.arrives)
			}
			return nil
		})

		t.Logf("MTU %d: after %v", c.mtu, took)
		if took > 4*time.Second {
			t.Errorf("with an underlay of %d, copies came after %v", c.mtu, took)
		}
	}
}

// qosOfOthers has an operator's agent set QoS and policing on our patch port again and again. They
// bend nothing there, so the flow stays ready and copies come.
func (w *world) qosOfOthers(t *testing.T, to *sink, web, db *lab.Guest) {
	h1 := w.Hosts[0]
	flow := w.flow(t, to, vnic(web, "OUT"))
	ports, err := h1.VSCtl("list-ports", lab.WireBridge)
	must(t, err)
	names := slices.DeleteFunc(strings.Fields(ports), func(name string) bool {
		return !strings.HasPrefix(name, "tlm-")
	})
	if len(names) != 1 {
		t.Fatalf("patch ports on %s: %q", lab.WireBridge, names)
	}

	for range 30 { // What comes back more than 16 times would count as a dispute.
		_, err := h1.VSCtl("--", "--id=@q", "create", "QoS", "type=linux-htb",
			"other_config:max-rate=10000000", "--", "set", "Port", names[0], "qos=@q",
			"--", "set", "Interface", names[0], "ingress_policing_rate=10000")
		must(t, err)
		f, err := w.api.TapFlows().Get(deadline(t), flow.ID)
		must(t, err)
		if f.Status != api.Ready {
			t.Fatalf("the flow is %s %q", f.Status, f.Reason)
		}
	}

	w.stillCopies(t, to, web, db.MAC())
	if qos, err := h1.VSCtl("get", "Port", names[0], "qos"); err != nil ||
		strings.TrimSpace(qos) == "[]" {
		t.Errorf("QoS of the operator was taken away: %q, %v", qos, err)
	}
}

// TestCopiesAreCutToFit mirrors frames that are too large for the underlay, and for the tap NIC.
func TestCopiesAreCutToFit(t *testing.T) {
	t.Parallel()
	l := lab.Start(t, 2, func(c *lab.Config) { c.UnderlayMTU = 1500 })
	w := &world{Lab: l, controller: startController(t, l.Controller, settings{})}
	for _, h := range l.Hosts {
		w.register(t, h)
	}

	w.tellOnFailure(t)
	h1, h2 := w.Hosts[0], w.Hosts[1]
	web, db := w.guest(t, h1, "web"), w.guest(t, h1, "db")
	far := w.guestSink(t, w.guest(t, h2, "ids"), "brtap")
	near := w.guestSink(t, w.guest(t, h1, "ids1"), "brtap")
	remote, local := w.flow(t, far, vnic(web, "OUT")), w.flow(t, near, vnic(web, "OUT"))

	// The GRE header with a key, and its IPv4 header, take 28 octets of the underlay's 1,500.
	const fits = 1500 - 28
	original := capture(t, db.Node, "eth0", lab.In)
	frames := numbered(web.MAC(), db.MAC(), 0, 64, fits-1, fits, fits+1, 1514)
	send(t, web, frames...)
	exactly(t, "the guest's own frames", lab.MultisetOf(frames), original)
	exactly(t, "copies on the host", lab.MultisetOf(frames), near.Capture)
	if w.Datapath() == lab.Netdev {
		exactly(t, "copies over the underlay", lab.MultisetOf(cutTo(frames, fits)), far.Capture)
		w.isCut(t, remote.ID, &api.Cut{Size: fits, SourceMTU: 1500, MTU: 1500})
	} else { // The kernel divides packets of the tunnel into fragments (RFC 791), which all arrive.
		exactly(t, "copies over the underlay", lab.MultisetOf(frames), far.Capture)
		w.isCut(t, remote.ID, nil)
	}
	w.isCut(t, local.ID, nil)

	// Frames of a guest with an MTU of 8,000 do not fit the tap NIC's 1,500 either.
	for _, g := range []*lab.Guest{web, db} {
		must(t, g.SetMTU("eth0", 8000))
		must(t, h1.SetMTU(g.IfName(), 8000))
	}

	original, copies := capture(t, db.Node, "eth0", lab.In), near.anew(t)
	large := [][]byte{lab.UDP{Src: web.MAC(), Dst: db.MAC(), Tag: rand.Uint32(), Len: 8000}.Frame()}
	// The first ones may pass before the switch has told the new MTU.
	eventually(t, "large frames pass and are copied", func() error {
		send(t, web, large...)
		if arrived, copied := len(original.Frames()), len(copies.Frames()); arrived*copied == 0 {
			return fmt.Errorf("%d have arrived, %d were copied", arrived, copied)
		}
		return nil
	})
	must(t, original.WaitQuiet(deadline(t), quiet))
	must(t, copies.WaitQuiet(deadline(t), quiet))
	if want, got := len(original.Frames()), len(copies.Frames()); got == 0 || got > want {
		t.Errorf("%d copies of %d large frames", got, want)
	}

	for _, copied := range copies.Data() {
		if len(copied) != 1514 {
			t.Errorf("a copy has %d octets, want 1514", len(copied))
		}
	}

	w.isCut(t, local.ID, &api.Cut{Size: 1514, SourceMTU: 8000, MTU: 1500})
}

// isCut waits until a tap flow says how its copies are cut, nil for not at all, and that its
// explanation names both MTUs.
func (w *world) isCut(t *testing.T, flow string, want *api.Cut) {
	t.Helper()
	eventually(t, "the tap flow says how its copies are cut", func() error {
		x, err := w.api.TapFlows().Explain(deadline(t), flow)
		if err != nil {
			return err
		}

		got := x.Counters.Cut
		if (got == nil) != (want == nil) {
			return fmt.Errorf("cut is %+v, want %+v", got, want)
		}
		if got == nil {
			return nil
		}

		numbers := api.Cut{Size: got.Size, SourceMTU: got.SourceMTU, MTU: got.MTU}
		if numbers != *want || !strings.Contains(got.Reason, fmt.Sprint(want.SourceMTU)) ||
			!strings.Contains(got.Reason, fmt.Sprint(want.MTU)) {
			return fmt.Errorf("cut is %+v, want %+v", *got, *want)
		}

		return nil
	})
}

// cutTo is what becomes of frames that are cut to a length.
func cutTo(frames [][]byte, length int) [][]byte {
	var all [][]byte
	for _, frame := range frames {
		all = append(all, frame[:min(len(frame), length)])
	}
	return all
}
