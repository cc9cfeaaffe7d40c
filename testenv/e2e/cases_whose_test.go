//go:build linux

package e2e

import (
	"context"
	"strings"
	"syscall"
	"testing"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/testenv/lab"
)

// TestWhoseTraffic holds that a flow never copies the traffic of a guest that it does not name.
func TestWhoseTraffic(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 2, 2)
	to := w.guestSink(t, w.guest(t, w.Hosts[1], "ids"), "brtap")

	w.run(t, "an address beats a name", func(t *testing.T) { w.addressBeatsName(t, to) })
	w.run(t, "a name on two hosts", func(t *testing.T) { w.nameOnTwoHosts(t, to) })
	w.run(t, "names exchanged and put back", func(t *testing.T) { w.namesExchanged(t) })
	w.run(t, "containers are no uplinks", func(t *testing.T) { w.containersAreNoUplinks(t, to) })
	w.run(t, "the same switch twice", func(t *testing.T) { w.sameSwitchTwice(t, to) })
	w.run(t, "another switch at the same address", func(t *testing.T) { w.otherSwitch(t) })
}

// TestEvacuation mirrors a guest that runs on another host now, while its old host cannot be
// reached.
func TestEvacuation(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 2, 2)
	h1, h2 := w.Hosts[0], w.Hosts[1]
	web, db := w.guest(t, h1, "web"), w.guest(t, h2, "db")
	to := w.guestSink(t, w.guest(t, h2, "ids"), "brtap")
	flow := w.flow(t, to, vnic(web, "OUT"))

	must(t, setManagement(h1, "down"))
	t.Cleanup(func() { must(t, setManagement(h1, "up")) })
	w.hostStatus(t, h1.Name, api.Pending, "not connected")
	again := w.guestAs(t, h2, "web-again", web)
	w.flowStatus(t, flow.ID, api.Ready, "")

	frames := numbered(again.MAC(), db.MAC(), 0, 64, 100, 1514)
	send(t, again, frames...)
	exactly(t, "copies from the live place", lab.MultisetOf(frames), to.Capture)

	// A controller that never knew the old place says the same.
	w.stop(t, syscall.SIGKILL)
	w.start(t)
	w.flowStatus(t, flow.ID, api.Ready, "")
	w.stillCopies(t, to, again, db.MAC())
}

// addressBeatsName declares a guest whose interface name another guest has by now.
func (w *world) addressBeatsName(t *testing.T, to *sink) {
	h1 := w.Hosts[0]
	stranger := w.bareGuest(t, h1, "stranger", lab.GuestNIC{IfName: "vnet70"})
	peer := w.guest(t, h1, "peer1")
	t.Cleanup(func() { must(t, peer.Remove(context.Background())) })

	own, err := lab.ParseMAC("52:54:00:70:00:01")
	must(t, err)
	w.declare(t, "declared1", api.GuestNICCreate{MAC: own.String(), IfName: "vnet70"})
	flow := w.flowAs(t, to.ID, api.TapFlowCreate{Type: "vnic", GuestID: "declared1",
		Direction: "OUT"})
	w.flowStatus(t, flow.ID, api.Pending, "")
	w.nothingCopied(t, to, stranger, peer.MAC())

	// The guest itself comes, under another name.
	real := w.bareGuest(t, h1, "real", lab.GuestNIC{MAC: own, IfName: "vnet71"})
	w.flowStatus(t, flow.ID, api.Ready, "")
	w.nothingCopied(t, to, stranger, peer.MAC())
	copies := to.anew(t)
	frames := numbered(own, peer.MAC(), 0, 64, 200)
	send(t, real, frames...)
	exactly(t, "copies of the declared address", lab.MultisetOf(frames), copies)
}

// nameOnTwoHosts declares a guest whose interface name stands on two hosts, where no port tells an
// address.
func (w *world) nameOnTwoHosts(t *testing.T, to *sink) {
	nobody := map[string]string{}
	first := w.bareGuest(t, w.Hosts[0], "first",
		lab.GuestNIC{IfName: "vnet80", ExternalIDs: nobody})
	w.declare(t, "declared2", api.GuestNICCreate{MAC: "52:54:00:80:00:01", IfName: "vnet80"})
	flow := w.flowAs(t, to.ID, api.TapFlowCreate{Type: "vnic", GuestID: "declared2",
		Direction: "OUT"})
	w.flowStatus(t, flow.ID, api.Ready, "")

	second, err := w.Hosts[1].AddGuest(deadline(t), "second",
		lab.GuestNIC{IfName: "vnet80", ExternalIDs: nobody})
	must(t, err)
	w.flowStatus(t, flow.ID, api.Error, "h2")
	w.nothingCopied(t, to, second, first.MAC())

	// The error heals when its cause is gone.
	must(t, second.Remove(context.Background()))
	w.flowStatus(t, flow.ID, api.Ready, "")
}

// namesExchanged gives the spare NIC's name to another device, as a reboot may, and puts it right.
func (w *world) namesExchanged(t *testing.T) {
	h1 := w.Hosts[0]
	to := w.hostSink(t, h1)

	rename := func(from, to string) {
		must(t, h1.SetLink(from, false))
		_, err := h1.Run(deadline(t), "ip", "link", "set", from, "name", to)
		must(t, err)
		must(t, h1.SetLink(to, true))
	}

	_, err := h1.Run(deadline(t), "ip", "link", "add", "other0", "type", "veth", "peer", "name",
		"other1")
	must(t, err)
	t.Cleanup(func() {
		_, _ = h1.Run(context.Background(), "ip", "link", "del", "other1") // Its peer goes with it.
	})

	rename(lab.SpareNIC, "aside0")
	rename("other0", lab.SpareNIC)
	w.serviceStatus(t, to.ID, api.Error, "")

	rename(lab.SpareNIC, "other0")
	rename("aside0", lab.SpareNIC)
	w.serviceStatus(t, to.ID, api.Ready, "")
}

// containersAreNoUplinks puts veths of containers beside a veth uplink.
func (w *world) containersAreNoUplinks(t *testing.T, to *sink) {
	h1 := w.Hosts[0]
	flow := w.flow(t, to, vswitch(h1, lab.Wire, 0, "IN"))

	one := w.bareGuest(t, h1, "c1", lab.GuestNIC{IfName: "veth90", ExternalIDs: map[string]string{
		"contIface": "eth0", "contNetns": "/var/run/netns/c1",
	}})

	two := w.bareGuest(t, h1, "c2", lab.GuestNIC{IfName: "veth91", ExternalIDs: map[string]string{
		"contIface": "eth0", "contNetns": "/var/run/netns/c2",
	}})

	w.flowStatus(t, flow.ID, api.Ready, "")
	w.nothingCopied(t, to, one, two.MAC())
}

// sameSwitchTwice registers a host a second time, by another address.
func (w *world) sameSwitchTwice(t *testing.T, to *sink) {
	h1 := w.Hosts[0]
	web := w.guest(t, h1, "twice")
	t.Cleanup(func() { must(t, web.Remove(context.Background())) })
	flow := w.flow(t, to, vnic(web, "OUT"))

	_, err := h1.Run(deadline(t), "ip", "address", "add", "10.200.0.111/24", "dev", "mgmt0")
	must(t, err)
	t.Cleanup(func() {
		_, err := h1.Run(context.Background(), "ip", "address", "del", "10.200.0.111/24", "dev",
			"mgmt0")
		must(t, err)
	})

	_, errs, code := w.tapctl(t, "host-create", "h1b", "--ovsdb", "tcp:10.200.0.111:6640")
	if code == 0 || !strings.Contains(errs, "h1") {
		t.Errorf("the second record of the switch was accepted: exit %d, %s", code, errs)
	}

	w.flowStatus(t, flow.ID, api.Ready, "")
	w.hostStatus(t, h1.Name, api.Ready, "")
	copies := to.anew(t)
	frames := numbered(web.MAC(), to.guest.MAC(), 0, 64, 100)
	send(t, web, frames...)
	exactly(t, "copies", lab.MultisetOf(frames), copies)
}

// otherSwitch lets another switch answer at a host's address.
func (w *world) otherSwitch(t *testing.T) {
	h1 := w.Hosts[0]
	_, err := h1.VSCtl("set", "Open_vSwitch", ".", "external_ids:system-id=somebody-else")
	must(t, err)
	w.hostStatus(t, h1.Name, api.Error, "somebody-else")

	_, err = h1.VSCtl("set", "Open_vSwitch", ".", "external_ids:system-id="+h1.SystemID)
	must(t, err)
	w.hostStatus(t, h1.Name, api.Ready, "")
}

// declare registers a guest by what a user knows of it.
func (w *world) declare(t *testing.T, id string, nics ...api.GuestNICCreate) {
	t.Helper()
	_, err := w.api.Guests().Create(deadline(t), api.GuestCreate{ID: id, Name: id, NICs: nics})
	must(t, err)
	t.Cleanup(func() { must(t, w.api.Guests().Delete(context.Background(), id)) })
}

// bareGuest starts a guest of which the controller need not learn. It is gone when the test ends.
func (w *world) bareGuest(t *testing.T, h *lab.Host, name string, nic lab.GuestNIC) *lab.Guest {
	t.Helper()
	g, err := h.AddGuest(deadline(t), name, nic)
	must(t, err)
	t.Cleanup(func() { must(t, g.Remove(context.Background())) })
	return g
}

// guestAs starts another instance of a guest, with its addresses and ids, on a host.
func (w *world) guestAs(t *testing.T, h *lab.Host, name string, like *lab.Guest) *lab.Guest {
	t.Helper()
	nic := like.NICs[0].GuestNIC
	nic.IfName = "" // A name of its own: the lab's hosts share none.
	return w.bareGuest(t, h, name, nic)
}

// anew is a capture of what comes to the sink from now on.
func (s *sink) anew(t testing.TB) *lab.Capture {
	t.Helper()
	return capture(t, s.guest.Node, s.nic.Device, lab.In)
}

// nothingCopied sends frames of a guest that nobody mirrors, and expects silence at the sink.
func (w *world) nothingCopied(t *testing.T, to *sink, from *lab.Guest, dst lab.MAC) {
	t.Helper()
	copies, sent := to.anew(t), capture(t, from.Node, "eth0", lab.Out)

	frames := numbered(from.MAC(), dst, 0, 64, 100, 300)
	for range 10 {
		send(t, from, frames...)
	}

	must(t, sent.WaitLen(deadline(t), 10*len(frames)))
	must(t, copies.WaitQuiet(deadline(t), quiet))
	if n := len(copies.Frames()); n > 0 {
		t.Errorf("%d frames of %s were copied", n, from.Name)
	}
}

// setManagement takes a host's management link up or down.
func setManagement(h *lab.Host, state string) error {
	_, err := h.Run(context.Background(), "ip", "link", "set", "mgmt0", state)
	return err
}
