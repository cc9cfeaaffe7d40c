//go:build linux

package e2e

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/testenv/lab"
)

// TestSettingsOfOthers has the hosts' own administration set what Tapline has to live with, or has
// to name.
func TestSettingsOfOthers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 4, 2)
	h1 := w.Hosts[0]
	web, db := w.guest(t, h1, "web"), w.guest(t, h1, "db")
	to := w.guestSink(t, w.guest(t, w.Hosts[1], "ids"), "brtap")

	w.run(t, "a bridge that is a VLAN of another", func(t *testing.T) { w.fakeBridge(t, to) })
	w.run(t, "bridges of the other datapath type",
		func(t *testing.T) { w.otherDatapath(t, to, web, db) })

	w.run(t, "tunnel addresses of both families",
		func(t *testing.T) { w.bothFamilies(t) })

	w.run(t, "flow-restore-wait", func(t *testing.T) { w.flowRestoreWait(t, to, web, db) })
}

// fakeBridge mirrors a wire whose bridge is VLAN 7 of br0, made by ovs-vsctl add-br br7 br0 7.
func (w *world) fakeBridge(t *testing.T, to *sink) {
	h1 := w.Hosts[0]
	_, err := h1.VSCtl("add-br", "br7", lab.WireBridge, "7")
	must(t, err)
	t.Cleanup(func() {
		_, err := h1.VSCtl("--if-exists", "del-br", "br7")
		must(t, err)
	})

	bridge := "br7"
	_, err = w.api.Hosts().Update(deadline(t), h1.Name,
		api.HostPatch{Wires: map[string]*string{"n7": &bridge}})
	must(t, err)
	t.Cleanup(func() {
		_, err := w.api.Hosts().Update(context.Background(), h1.Name,
			api.HostPatch{Wires: map[string]*string{"n7": nil}})
		must(t, err)
	})

	w.flow(t, to, vswitch(h1, "n7", 0, "BOTH"))
	copies, guest := to.anew(t), w.Guest("web")
	seven := numbered(guest.MAC(), w.Guest("db").MAC(), 7, 64, 200)
	send(t, guest, append(seven, numbered(guest.MAC(), w.Guest("db").MAC(), 8, 64)...)...)
	exactly(t, "copies of VLAN 7", lab.MultisetOf(seven), copies)
}

// otherDatapath adds bridges of the datapath type that brtap does not have, and flows of them.
func (w *world) otherDatapath(t *testing.T, to *sink, web, db *lab.Guest) {
	h1 := w.Hosts[0]
	other := map[string]string{lab.Netdev: lab.System, lab.System: lab.Netdev}[w.Datapath()]
	flow := w.flow(t, to, vnic(web, "OUT"))
	for _, name := range []string{"sys1", "sys2", "sys3"} {
		_, err := h1.VSCtl("--no-wait", "add-br", name, "--", "set", "Bridge", name,
			"datapath_type="+other)
		must(t, err)
		t.Cleanup(func() {
			_, err := h1.VSCtl("--no-wait", "--if-exists", "del-br", name)
			must(t, err)
		})
	}

	eventually(t, "the bridges are known", func() error {
		h, err := w.api.Hosts().Get(deadline(t), h1.Name)
		if err == nil && !slices.Contains(h.Bridges, "sys3") {
			err = fmt.Errorf("they are %q", h.Bridges)
		}
		return err
	})

	before, err := h1.VSCtl("get", "Bridge", "brtap", "_uuid")
	must(t, err)

	for _, name := range []string{"sys1", "sys2", "sys3"} {
		f := w.flowAsWithin(t, to.ID, vswitch(h1, name, 0, "BOTH"), 500*time.Millisecond)
		if f.Status == api.Ready {
			t.Errorf("a flow of the other datapath type is ready")
		}
	}

	w.flowStatus(t, flow.ID, api.Ready, "")
	copies := to.anew(t)
	frames := numbered(web.MAC(), db.MAC(), 0, 64, 1000)
	send(t, web, frames...)
	exactly(t, "copies of the flow that was there", lab.MultisetOf(frames), copies)
	after, err := h1.VSCtl("get", "Bridge", "brtap", "_uuid")
	must(t, err)
	if kind, err := h1.VSCtl("get", "Bridge", "brtap", "datapath_type"); err != nil ||
		strings.Trim(kind, `"`) != w.Datapath() || after != before {
		t.Errorf("brtap was %s and is %s of type %s, %v", before, after, kind, err)
	}
}

// bothFamilies registers hosts that show tunnel addresses of two families, in another order each.
// The family that works between them is used.
func (w *world) bothFamilies(t *testing.T) {
	h3, h4 := w.Hosts[2], w.Hosts[3]
	for h, both := range map[*lab.Host]string{
		h3: "fd00::3," + h3.TunnelIP.String(), h4: h4.TunnelIP.String() + ",fd00::4",
	} {
		_, err := h.VSCtl("set", "Open_vSwitch", ".",
			fmt.Sprintf("external_ids:ovn-encap-ip=%q", both))
		must(t, err)
		w.register(t, h)
	}

	web, db := w.guest(t, h3, "web3"), w.guest(t, h3, "db3")
	to := w.guestSink(t, w.guest(t, h4, "ids4"), "brtap")
	w.flow(t, to, vnic(web, "OUT"))
	w.stillCopies(t, to, web, db.MAC())
}

// flowRestoreWait restarts the switch with flow-restore-wait: it then takes no OpenFlow connection,
// which the reason must say.
func (w *world) flowRestoreWait(t *testing.T, to *sink, web, db *lab.Guest) {
	h1 := w.Hosts[0]
	flow := w.flow(t, to, vnic(web, "OUT"))
	_, err := h1.VSCtl("--no-wait", "set", "Open_vSwitch", ".",
		"other_config:flow-restore-wait=true")
	must(t, err)
	must(t, h1.RestartVSwitchd(deadline(t)))
	w.flowStatus(t, flow.ID, api.Pending, "flow-restore-wait")

	_, err = h1.VSCtl("--no-wait", "remove", "Open_vSwitch", ".", "other_config",
		"flow-restore-wait")
	must(t, err)
	w.flowStatus(t, flow.ID, api.Ready, "")
	w.stillCopies(t, to, web, db.MAC())
}
