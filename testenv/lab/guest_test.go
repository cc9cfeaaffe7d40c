//go:build linux

package lab_test

import (
	"strings"
	"testing"

	"github.com/tapline-sdn/tapline/testenv/lab"
)

func TestGuestKeepsItsIdentity(t *testing.T) {
	l := lab.Start(t, 2)
	ctx := deadline(t)
	h1, h2 := l.Hosts[0], l.Hosts[1]
	web := addGuest(t, h1, "web", "10.220.0.1")
	db := addGuest(t, h1, "db", "10.220.0.2")
	capture, err := web.Capture("eth0", lab.CaptureConfig{})
	must(t, err)
	defer capture.Close()

	ids := get(t, h1, "Interface", web.IfName(), "external_ids")
	for _, want := range []string{"attached-mac=\"" + web.MAC().String() + "\"", "iface-id=",
		"iface-status=active", "vm-id=\"" + web.ID + "\""} {
		if !strings.Contains(strings.ReplaceAll(ids, " ", ""), want) {
			t.Errorf("external_ids %s, want %s among them", ids, want)
		}
	}

	port := get(t, h1, "Port", web.IfName(), "_uuid")
	must(t, web.Restart(ctx))
	if again := get(t, h1, "Port", web.IfName(), "_uuid"); again == port {
		t.Error("the restarted guest has the same Port row")
	}

	ping(t, web.Node, db.IP())

	must(t, web.MoveTo(ctx, h2))
	if moved := get(t, h2, "Interface", web.IfName(), "external_ids"); moved != ids {
		t.Errorf("external_ids after migration %s, want %s", moved, ids)
	}
	if _, err := h1.VSCtl("get", "Port", web.IfName(), "_uuid"); err == nil {
		t.Error("the port is still on the first host")
	}
	if web.Host() != h2 {
		t.Errorf("the guest is on %s", web.Host().Name)
	}

	count := len(capture.Frames())
	ping(t, web.Node, db.IP())
	must(t, capture.WaitLen(ctx, count+2)) // it survived the migration

	must(t, web.Remove(ctx))
	if l.Guest("web") != nil || l.Node("web") != nil {
		t.Error("the removed guest is still known")
	}

	addGuest(t, h1, "web", "10.220.0.1") // its name is free again
}

func TestGuestNICs(t *testing.T) {
	l := lab.Start(t, 1)
	ctx := deadline(t)
	h := l.Hosts[0]
	mac, err := lab.ParseMAC("52:54:00:aa:bb:cc")
	must(t, err)
	guest, err := h.AddGuest(ctx, "many",
		lab.GuestNIC{Tag: 100, IfName: "first"},
		lab.GuestNIC{ExternalIDs: map[string]string{}},
		lab.GuestNIC{MAC: mac, ExternalIDs: map[string]string{"attached_mac": "x", "vm-uuid": "y"}})
	must(t, err)
	if tag := get(t, h, "Port", "first", "tag"); tag != "100" {
		t.Errorf("tag %s, want 100", tag)
	}
	if ids := get(t, h, "Interface", guest.NICs[1].IfName, "external_ids"); ids != "{}" {
		t.Errorf("external_ids %s, want none", ids)
	}
	if ids := get(t, h, "Interface", guest.NICs[2].IfName,
		"external_ids"); ids != "{attached_mac=x, vm-uuid=y}" {
		t.Errorf("external_ids %s", ids)
	}

	out, err := guest.Run(ctx, "ip", "-brief", "link", "show", "eth2")
	if err != nil || !strings.Contains(out, mac.String()) {
		t.Errorf("eth2 of the guest: %v: %s", err, out)
	}

	_, err = h.VSCtl("add-br", "brtap", "--", "set", "Bridge", "brtap", "datapath_type=netdev",
		"fail_mode=secure")
	must(t, err)
	tap, err := guest.PlugNIC(ctx, lab.GuestNIC{Bridge: "brtap", IfName: "tapabc123"})
	must(t, err)
	if ports, err := h.VSCtl("list-ports", "brtap"); err != nil || ports != "tapabc123" {
		t.Errorf("ports of brtap: %v: %s", err, ports)
	}
	if tap.Device != "eth3" {
		t.Errorf("the tap NIC is %s in the guest, want eth3", tap.Device)
	}

	must(t, tap.Remove(ctx))
	if ports, err := h.VSCtl("list-ports", "brtap"); err != nil || ports != "" {
		t.Errorf("ports of brtap after removal: %v: %s", err, ports)
	}

	for _, name := range []string{"many", "h1", "mgmt", "controller", "fabric", "Upper", "",
		"seventeenletters1"} {
		if _, err := h.AddGuest(ctx, name); err == nil {
			t.Errorf("guest name %q was accepted", name)
		}
	}

	if _, err := guest.PlugNIC(ctx, lab.GuestNIC{IfName: "sixteenletters16"}); err == nil {
		t.Error("an interface name of 16 characters was accepted")
	}
}

func get(t *testing.T, h *lab.Host, table, record, column string) string {
	t.Helper()
	out, err := h.VSCtl("get", table, record, column)
	must(t, err)
	return out
}
