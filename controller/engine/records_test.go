package engine

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/controller/engine/view"
	"github.com/tapline-sdn/tapline/controller/inventory"
	"github.com/tapline-sdn/tapline/controller/inventory/switchtest"
	"github.com/tapline-sdn/tapline/controller/store"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

func addr(s string) netip.Addr { return netip.MustParseAddr(s) }

func TestHosts(t *testing.T) {
	r := newRing(t, store.NewMemory())
	ctx := t.Context()
	made := r.host("h1", func(h *store.Host) { h.ID = "id-1" })
	assert.Equal(t, "id-1", made.ID)
	assert.NotZero(t, made.Revision)
	assert.Equal(t, tap.StatePending, made.State)
	other := r.host("h2")
	for _, ref := range []string{"id-1", "h1"} {
		assert.Equal(t, "h1", must(r.e.Host(ref))(t).Name)
	}

	assert.Equal(t, []string{"h1", "h2"}, []string{r.e.Hosts()[0].Name, r.e.Hosts()[1].Name})

	free := r.target()
	for _, tc := range []struct {
		name  string
		h     store.Host
		kind  view.ErrorKind
		field string
		text  string
	}{
		{"name", store.Host{Name: "h1", OVSDB: free}, view.Conflict, "name", "already exists"},
		{"name that is an id", store.Host{Name: "id-1", OVSDB: free}, view.Conflict, "name",
			"already exists"},
		{"id", store.Host{ID: "id-1", Name: "h9", OVSDB: free}, view.Conflict, "id",
			"already exists"},
		{"id that is a name", store.Host{ID: "h2", Name: "h9", OVSDB: free}, view.Conflict, "id",
			"already exists"},
		{"target", store.Host{Name: "h9", OVSDB: made.OVSDB}, view.Conflict, "ovsdb",
			"already is host h1"},
		{"tunnel address", store.Host{Name: "h9", OVSDB: free, TunnelIP: made.TunnelIP},
			view.Conflict, "tunnel_ip", "that of host h1"},
		{"same tunnel address, mapped", store.Host{Name: "h9", OVSDB: free,
			TunnelIP: addr("::ffff:192.0.2.1")}, view.Conflict, "tunnel_ip", "that of host h1"},
		{"no name", store.Host{OVSDB: free}, view.Invalid, "name",
			"is not accepted: want 1 to 128 letters"},
		{"bad name", store.Host{Name: "a b", OVSDB: free}, view.Invalid, "name",
			"is not accepted: want 1 to 128 letters"},
		{"bad id", store.Host{ID: "/", Name: "h9", OVSDB: free}, view.Invalid, "id",
			"is not accepted: want 1 to 128 letters"},
		{"no target", store.Host{Name: "h9"}, view.Invalid, "ovsdb", "OVSDB target"},
		{"bad target", store.Host{Name: "h9", OVSDB: "http://x"}, view.Invalid, "ovsdb",
			"OVSDB target"},
		{"loopback", store.Host{Name: "h9", OVSDB: free, TunnelIP: addr("127.0.0.1")}, view.Invalid,
			"tunnel_ip", "no address that other hosts"},
		{"multicast", store.Host{Name: "h9", OVSDB: free, TunnelIP: addr("224.0.0.1")},
			view.Invalid, "tunnel_ip", "no address that other hosts"},
		{"zone", store.Host{Name: "h9", OVSDB: free, TunnelIP: addr("fe80::1%eth0")}, view.Invalid,
			"tunnel_ip", "no address that other hosts"},
		{"wire without bridge", store.Host{Name: "h9", OVSDB: free,
			Wires: map[string]string{"net0": ""}}, view.Invalid, "wires", "not a bridge name"},
		{"wire on the tap bridge", store.Host{Name: "h9", OVSDB: free,
			Wires: map[string]string{"net0": "brtap"}}, view.Invalid, "wires",
			"carries the copies"},
		{"NIC without name", store.Host{Name: "h9", OVSDB: free,
			NICs: []store.HostNIC{{MAC: switchtest.MAC(1)}}}, view.Invalid, "nics[0].name",
			"not an interface name"},
		{"NIC without address", store.Host{Name: "h9", OVSDB: free,
			NICs: []store.HostNIC{{Name: "eth0"}}}, view.Invalid, "nics[0].mac", "no unicast"},
		{"NIC twice", store.Host{Name: "h9", OVSDB: free,
			NICs: []store.HostNIC{{Name: "eth0", MAC: switchtest.MAC(1)},
				{Name: "eth0", MAC: switchtest.MAC(2)}}}, view.Invalid, "nics[1].name", "twice"},
		{"address twice", store.Host{Name: "h9", OVSDB: free,
			NICs: []store.HostNIC{{Name: "eth0", MAC: switchtest.MAC(1)},
				{Name: "eth1", MAC: switchtest.MAC(1)}}}, view.Invalid, "nics[1].mac", "two NICs"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := r.e.CreateHost(ctx, tc.h)
			wantError(t, err, tc.kind, tc.field, tc.text)
			assert.Len(t, r.e.Hosts(), 2)
		})
	}

	// Those of a bond have one address.
	r.host("h3", func(h *store.Host) {
		h.NICs = []store.HostNIC{{Name: "eth0", MAC: switchtest.MAC(1), UsedBy: "bond0"},
			{Name: "eth1", MAC: switchtest.MAC(1), UsedBy: "bond0"}}
	})

	_, err := r.e.UpdateHost(ctx, "h1", other.Revision,
		func(h *store.Host) error { h.Wires = map[string]string{"net0": "br0"}; return nil })
	wantError(t, err, view.Stale, "", "is at revision")
	_, err = r.e.UpdateHost(ctx, "h1", 0, func(h *store.Host) error { h.ID = "x"; return nil })
	wantError(t, err, view.Invalid, "id", "cannot be changed")
	_, err = r.e.UpdateHost(ctx, "h1", 0, func(h *store.Host) error { h.Name = "h2"; return nil })
	wantError(t, err, view.Conflict, "name", "already exists")
	boom := errors.New("boom")
	_, err = r.e.UpdateHost(ctx, "h1", 0, func(*store.Host) error { return boom })
	assert.ErrorIs(t, err, boom)
	_, err = r.e.UpdateHost(ctx, "nope", 0, func(*store.Host) error { return nil })
	wantError(t, err, view.NotFound, "", `no host "nope"`)
	same := must(r.e.UpdateHost(ctx, "h1", made.Revision,
		func(*store.Host) error { return nil }))(t)
	assert.Equal(t, made.Revision, same.Revision, "nothing changed")
	now := must(r.e.UpdateHost(ctx, "h1", made.Revision,
		func(h *store.Host) error {
			h.Name, h.Wires = "h1b",
				map[string]string{"net0": "br0"}
			return nil
		}))(t)
	assert.Greater(t, now.Revision, made.Revision)
	assert.Equal(t, made.CreatedAt, now.CreatedAt)
	_, err = r.e.Host("h1")
	wantError(t, err, view.NotFound, "", "there is no host")

	wantError(t, r.e.DeleteHost(ctx, "h1b", made.Revision, false), view.Stale, "", "is at revision")
	require.NoError(t, r.e.DeleteHost(ctx, "h1b", now.Revision, false))
	wantError(t, r.e.DeleteHost(ctx, "id-1", 0, false), view.NotFound, "", "there is no host")
	again := r.host("h1", func(h *store.Host) { h.ID, h.TunnelIP = "id-1", made.TunnelIP })
	assert.NotEqual(t, made.Revision, again.Revision)
}

func TestGuests(t *testing.T) {
	r := newRing(t, store.NewMemory())
	ctx := t.Context()
	r.host("h1")
	r.report("h1", hostSnapshot(t), nil)
	var from, nicFrom inventory.Sources
	from.Add("name", inventory.FromOVSDB)
	for _, field := range []string{"mac", "ifname", "port"} {
		nicFrom.Add(field, inventory.FromOVSDB)
	}

	assert.Equal(t, []view.Guest{
		{ID: "g1", Name: "g1", NICs: []view.NIC{{MAC: switchtest.MAC(1), IfName: "vnet1",
			HostID: r.running("h1").ID, Host: "h1", Bridge: "br0", Port: "vnet1",
			Sources: nicFrom}}, Sources: from},
		{ID: "g2", Name: "g2", NICs: []view.NIC{{MAC: switchtest.MAC(2), IfName: "vnet2",
			HostID: r.running("h1").ID, Host: "h1", Bridge: "br0", Port: "vnet2",
			Sources: nicFrom}}, Sources: from},
	}, r.e.Guests())

	nic := func(n byte) []store.GuestNIC { return []store.GuestNIC{{MAC: switchtest.MAC(n)}} }
	made := must(r.e.CreateGuest(ctx, store.Guest{ID: "g1", Name: "web",
		NICs: []store.GuestNIC{{MAC: switchtest.MAC(1), IP: addr("10.0.0.1")}}}))(t)
	assert.True(t, made.Declared)
	assert.Equal(t, "vnet1", made.NICs[0].Port, "what is declared is found where it is seen")
	assert.Equal(t, made, must(r.e.Guest("web"))(t))
	assert.Equal(t, made, must(r.e.Guest("g1"))(t))
	assert.Len(t, r.e.Guests(), 2)
	for _, tc := range []struct {
		name  string
		g     store.Guest
		kind  view.ErrorKind
		field string
		text  string
	}{
		{"name", store.Guest{Name: "web", NICs: nic(9)}, view.Conflict, "name", "already exists"},
		{"id", store.Guest{ID: "g1", Name: "x", NICs: nic(9)}, view.Conflict, "id",
			"already exists"},
		{"id that is a name", store.Guest{ID: "web", Name: "x", NICs: nic(9)}, view.Conflict, "id",
			"already exists"},
		{"bad id", store.Guest{ID: "a b", Name: "x", NICs: nic(9)}, view.Invalid, "id",
			"is not accepted: want 1 to 128 letters"},
		{"no NIC", store.Guest{Name: "x"}, view.Invalid, "nics", "has no NIC"},
		{"empty NIC", store.Guest{Name: "x", NICs: []store.GuestNIC{{}}}, view.Invalid, "nics[0]",
			"neither mac nor ifname"},
		{"multicast", store.Guest{Name: "x", NICs: []store.GuestNIC{{MAC: tap.MAC{1}}}},
			view.Invalid, "nics[0].mac", "multicast"},
		{"long name", store.Guest{Name: "x", NICs: []store.GuestNIC{{IfName: "sixteen-letters-"}}},
			view.Invalid, "nics[0].ifname", "15 characters"},
		{"NIC twice", store.Guest{Name: "x", NICs: []store.GuestNIC{{MAC: switchtest.MAC(9)},
			{MAC: switchtest.MAC(9)}}}, view.Invalid, "nics[1]", "the same"},
		{"name twice", store.Guest{Name: "x", NICs: []store.GuestNIC{{IfName: "a"},
			{IfName: "a", MAC: switchtest.MAC(9)}}}, view.Invalid, "nics[1]", "the same"},
		{"another's NIC", store.Guest{Name: "x", NICs: nic(1)}, view.Conflict, "nics[0]",
			"belongs to guest web"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := r.e.CreateGuest(ctx, tc.g)
			wantError(t, err, tc.kind, tc.field, tc.text)
			assert.Len(t, r.e.Guests(), 2)
		})
	}

	keep := func(*store.Guest) error { return nil }
	_, err := r.e.UpdateGuest(ctx, "g2", 0, keep)
	wantError(t, err, view.Conflict, "", "learned from the switches")
	wantError(t, r.e.DeleteGuest(ctx, "g2", 0), view.Conflict, "", "learned from the switches")
	_, err = r.e.UpdateGuest(ctx, "nope", 0, keep)
	wantError(t, err, view.NotFound, "", "there is no guest")
	_, err = r.e.UpdateGuest(ctx, "web", made.Revision+7, keep)
	wantError(t, err, view.Stale, "", "is at revision")
	_, err = r.e.UpdateGuest(ctx, "web", 0, func(g *store.Guest) error { g.ID = "x"; return nil })
	wantError(t, err, view.Invalid, "id", "cannot be changed")
	now := must(r.e.UpdateGuest(ctx, "web", made.Revision,
		func(g *store.Guest) error { g.Name, g.NICs = "www", nic(7); return nil }))(t)
	assert.Equal(t, []tap.MAC{switchtest.MAC(7), switchtest.MAC(1)},
		[]tap.MAC{now.NICs[0].MAC, now.NICs[1].MAC}, "the one that is seen stays a NIC of it")
	must(r.e.CreateGuest(ctx, store.Guest{Name: "free",
		NICs: []store.GuestNIC{{IfName: "vnet1"}}}))(t)
	require.NoError(t, r.e.DeleteGuest(ctx, "www", now.Revision))
	assert.False(t, must(r.e.Guest("g1"))(t).Declared, "it is still seen")
	wantError(t, func() error {
		_, err := r.e.Guest("www")
		return err
	}(), view.NotFound, "", "there is no guest")
}

// TestWhatPeopleCallThings: people call guests and mirrors what they like, in any language, as the
// document of the API says.
func TestWhatPeopleCallThings(t *testing.T) {
	r := newRing(t, store.NewMemory())
	for i, name := range []string{"a b", "采集 1", "50%", "q?x=1", "Ünï", "a#b", "{x}: &y",
		"x-", ".a", strings.Repeat("é", 128)} {
		made := must(r.e.CreateGuest(t.Context(),
			store.Guest{Name: name, NICs: []store.GuestNIC{{MAC: switchtest.MAC(byte(i))}}}))(t)
		assert.Equal(t, made.ID, must(r.e.Guest(name))(t).ID)
	}
	for _, name := range []string{"", "-x", ".", "..", "a/b", " a", "a\u00a0", "a\nb", "a\u202eb",
		"\u200b", "\ufffd", "\xff", strings.Repeat("é", 129)} {
		_, err := r.e.CreateGuest(t.Context(), store.Guest{Name: name,
			NICs: []store.GuestNIC{{MAC: switchtest.MAC(99)}}})
		wantError(t, err, view.Invalid, "name", "is not a name: want 1 to 128 printable characters")
	}
}

// TestDeclaredUplink: a port that a guest claims is no uplink any more, and is one again when the
// claim is taken back.
func TestDeclaredUplink(t *testing.T) {
	r := newRing(t, store.NewMemory())
	r.host("h1")
	r.report("h1", hostSnapshot(t), nil)
	uplinks := func() []string { return must(r.e.Wire("net0"))(t).Hosts[0].Uplinks }
	assert.Equal(t, []string{"eth0"}, uplinks())
	must(r.e.CreateGuest(t.Context(), store.Guest{Name: "vm",
		NICs: []store.GuestNIC{{IfName: "eth0"}}}))(t)
	assert.Empty(t, uplinks())
	require.NoError(t, r.e.DeleteGuest(t.Context(), "vm", 0))
	assert.Equal(t, []string{"eth0"}, uplinks())
}

func TestServicesAndFlows(t *testing.T) {
	r, s, f := newWorld(t)
	ctx := t.Context()
	h1 := r.running("h1").ID
	assert.False(t, s.Enabled, "disabled when created")
	assert.Equal(t, tap.StateDisabled, s.State)
	assert.Regexp(t, "^tap[a-z0-9]{6}$", s.IfName)
	assert.False(t, s.MAC.IsZero() || s.MAC.IsMulticast())
	assert.NotZero(t, s.Key)
	assert.Contains(t, s.NICXML, s.IfName)
	assert.Equal(t, 1, must(r.e.Service("col"))(t).FlowCount)
	assert.Equal(t, must(r.e.Service(s.ID))(t), must(r.e.Service("col"))(t))
	assert.Equal(t, s.ID, f.TapID, "the name was resolved")
	assert.Equal(t, tap.Both, f.Direction)
	assert.Equal(t, switchtest.MAC(1), f.MAC, "the guest's only NIC")
	assert.Equal(t, must(r.e.Flow(f.ID))(t), must(r.e.Flow("f1"))(t))
	assert.Len(t, r.e.Services(), 1)
	assert.Len(t, r.flows(), 1)

	service := func(name string, typ tap.ServiceType, target string, m tap.MAC) error {
		_, err := r.e.CreateService(ctx, store.Service{Service: tap.Service{Name: name, Type: typ,
			TargetID: target, MAC: m}})
		return err
	}

	flow := func(f tap.Flow) error {
		_, err := r.e.CreateFlow(ctx, store.Flow{Flow: f})
		return err
	}

	for _, tc := range []struct {
		name  string
		err   error
		kind  view.ErrorKind
		field string
	}{
		{"service's name", service("col", tap.ServiceGuest, "g1", tap.MAC{}), view.Conflict,
			"name"},
		{"second service of a guest", service("x", tap.ServiceGuest, "g2", tap.MAC{}),
			view.Conflict, "target_id"},
		{"service's target", service("x", tap.ServiceGuest, "nope", tap.MAC{}), view.Invalid,
			"target_id"},
		{"service's type", service("x", "moon", "g1", tap.MAC{}), view.Invalid, "type"},
		{"address of a guest's NIC", service("x", tap.ServiceGuest, "g1", switchtest.MAC(2)),
			view.Conflict, "mac_addr"},
		{"NIC that the host does not have", service("x", tap.ServiceHost, "h1", switchtest.MAC(9)),
			view.Invalid, "mac_addr"},
		{"no such host", service("x", tap.ServiceHost, "nope", switchtest.MAC(9)), view.Invalid,
			"target_id"},
		{"flow's name", flow(tap.Flow{Name: "f1", Type: tap.FlowVNIC, TapID: "col", GuestID: "g1",
			Direction: tap.In}), view.Conflict, "name"},
		{"identical flow", flow(tap.Flow{Name: "x", Type: tap.FlowVNIC, TapID: "col",
			GuestID: "g1"}), view.Conflict, ""},
		{"flow's service", flow(tap.Flow{Name: "x", Type: tap.FlowVNIC, TapID: "nope",
			GuestID: "g1"}), view.Invalid, "tap_id"},
		{"flow's guest", flow(tap.Flow{Name: "x", Type: tap.FlowVNIC, TapID: "col",
			GuestID: "nope"}), view.Invalid, "guest_id"},
		{"guest taps itself", flow(tap.Flow{Name: "x", Type: tap.FlowVNIC, TapID: "col",
			GuestID: "g2"}), view.Invalid, "guest_id"},
		{"flow's host", flow(tap.Flow{Name: "x", Type: tap.FlowVSwitch, TapID: "col",
			HostID: "nope", WireID: "net0"}), view.Invalid, "host_id"},
		{"flow's wire", flow(tap.Flow{Name: "x", Type: tap.FlowVSwitch, TapID: "col", HostID: "h1",
			WireID: "nope"}), view.Invalid, "wire_id"},
		{"flow's VLAN", flow(tap.Flow{Name: "x", Type: tap.FlowVSwitch, TapID: "col", HostID: "h1",
			WireID: "net0", VLAN: 4095}), view.Invalid, "vlan_id"},
		{"flow's direction", flow(tap.Flow{Name: "x", Type: tap.FlowVNIC, TapID: "col",
			GuestID: "g1", Direction: "UP"}), view.Invalid, "direction"},
	} {
		t.Run(tc.name, func(t *testing.T) { wantError(t, tc.err, tc.kind, tc.field, "") })
	}

	assert.Len(t, r.e.Services(), 1)
	assert.Len(t, r.flows(), 1)

	by := must(r.e.CreateFlow(ctx, store.Flow{Flow: tap.Flow{Name: "f2", Type: tap.FlowVSwitch,
		TapID: s.ID, HostID: "h1", WireID: "net0"}}))(t)
	assert.Equal(t, h1, by.HostID)
	other := must(r.e.CreateService(ctx, store.Service{Service: tap.Service{Name: "col2",
		Type: tap.ServiceGuest, TargetID: "g1"}}))(t)
	assert.NotEqual(t, s.Key, other.Key)
	assert.NotEqual(t, s.MAC, other.MAC)
	assert.NotEqual(t, s.IfName, other.IfName)

	_, err := r.e.UpdateService(ctx, "col", 0,
		func(s *store.Service) error { s.TargetID = "g1"; return nil })
	wantError(t, err, view.Invalid, "", "cannot be changed")
	_, err = r.e.UpdateService(ctx, "col", s.Revision+9, enable)
	wantError(t, err, view.Stale, "", "is at revision")
	_, err = r.e.UpdateFlow(ctx, "f2", 0,
		func(f *store.Flow) error { f.Type = tap.FlowVNIC; return nil })
	wantError(t, err, view.Invalid, "", "cannot be changed")
	_, err = r.e.UpdateFlow(ctx, "f2", by.Revision+9, func(*store.Flow) error { return nil })
	wantError(t, err, view.Stale, "", "is at revision")
	_, err = r.e.UpdateFlow(ctx, "f2", 0,
		func(f *store.Flow) error { f.TapID = "nope"; return nil })
	wantError(t, err, view.Invalid, "tap_id", "no tap service")
	_, err = r.e.UpdateFlow(ctx, "f1", 0,
		func(f *store.Flow) error { f.TapID = "col2"; return nil })
	wantError(t, err, view.Invalid, "guest_id", "cannot tap itself")
	moved := must(r.e.UpdateFlow(ctx, "f2", by.Revision,
		func(f *store.Flow) error { f.TapID, f.Name = "col2", "f2b"; return nil }))(t)
	assert.Equal(t, other.ID, moved.TapID)
	assert.Equal(t, by.CreatedAt, moved.Created, "its rank stays")
	assert.Equal(t, 1, must(r.e.Service("col"))(t).FlowCount)
	assert.Equal(t, 1, must(r.e.Service("col2"))(t).FlowCount)
	same := must(r.e.UpdateFlow(ctx, "f2b", 0, func(f *store.Flow) error { return nil }))(t)
	assert.Equal(t, moved.Revision, same.Revision)

	wantError(t, r.e.DeleteService(ctx, "col", 0), view.Conflict, "",
		"is where tap flow f1 goes; delete that first")
	wantError(t, r.e.DeleteHost(ctx, "h1", 0, false), view.Conflict, "", "source of tap flow f2b")
	must(r.e.CreateGuest(ctx, store.Guest{ID: "g1", Name: "web",
		NICs: []store.GuestNIC{{MAC: switchtest.MAC(1)}}}))(t)
	wantError(t, r.e.DeleteGuest(ctx, "web", 0), view.Conflict, "",
		"destination of tap service col2")
	wantError(t, r.e.DeleteWire(ctx, "net0"), view.Conflict, "", "source of tap flow f2b")
	wantError(t, r.e.DeleteFlow(ctx, "f1", f.Revision+9), view.Stale, "", "is at revision")
	require.NoError(t, r.e.DeleteFlow(ctx, "f1", f.Revision))
	wantError(t, r.e.DeleteFlow(ctx, f.ID, 0), view.NotFound, "", "no tap flow")
	require.NoError(t, r.e.DeleteService(ctx, "col", 0))
	wantError(t, r.e.DeleteService(ctx, "col", 0), view.NotFound, "", "no tap service")
	require.NoError(t, r.e.DeleteFlow(ctx, "f2b", 0))
	require.NoError(t, r.e.DeleteService(ctx, other.ID, other.Revision))
	require.NoError(t, r.e.DeleteGuest(ctx, "web", 0))
	require.NoError(t, r.e.DeleteHost(ctx, "h1", 0, false))
	r.idle()

	// What was deleted is erased by goroutines of the engine.
	assert.Eventually(t, func() bool {
		r.e.mu.Lock()
		defer r.e.mu.Unlock()
		return assert.Zero(new(testing.T), r.e.standing.Sizes())
	}, patience, time.Millisecond)

	r.e.mu.Lock()
	defer r.e.mu.Unlock()

	assert.Zero(t, r.e.standing.Sizes())
	assert.Equal(t, inventory.NewPlaces(r.e.fleet), r.e.places)
	assert.Zero(t, r.e.fleet.Sizes().Datapaths)
}

func TestWires(t *testing.T) {
	r := newRing(t, store.NewMemory())
	ctx := t.Context()
	h := r.host("h1")
	r.report("h1", hostSnapshot(t, switchtest.Bridge{Name: "br1"}), nil)
	at := func(bridge string, declared bool, uplinks ...string) []view.WireHost {
		return []view.WireHost{{HostID: h.ID, Host: "h1", Bridge: bridge, Uplinks: uplinks,
			Declared: declared}}
	}

	assert.Equal(t, []view.Wire{
		{ID: "br0", Name: "br0", Hosts: at("br0", false, "eth0")},
		{ID: "br1", Name: "br1", Hosts: at("br1", false)},
		{ID: "net0", Name: "net0", Hosts: at("br0", false, "eth0")},
	}, r.e.Wires())

	to := func(s string) *string { return &s }
	assert.Equal(t, at("br1", true), must(r.e.UpdateWire(ctx, "dmz",
		map[string]*string{"h1": to("br1")}))(t).Hosts)
	_, err := r.e.UpdateWire(ctx, "dmz", map[string]*string{"nope": to("br1")})
	assert.Equal(t, view.Invalid, kindOf(err))
	_, err = r.e.UpdateWire(ctx, "dmz", map[string]*string{"h1": to("")})
	wantError(t, err, view.Invalid, "wires", "not a bridge name")
	wantError(t, r.e.DeleteWire(ctx, "net0"), view.Conflict, "", "announced by the switch")
	require.NoError(t, r.e.DeleteWire(ctx, "dmz"))
	wantError(t, r.e.DeleteWire(ctx, "dmz"), view.NotFound, "", "no wire")
}

// TestReload: an engine on the same store knows what the one before knew.
func TestReload(t *testing.T) {
	r, s, f := newWorld(t)
	must(r.e.CreateGuest(t.Context(), store.Guest{Name: "vm",
		NICs: []store.GuestNIC{{MAC: switchtest.MAC(9)}}}))(t)
	r.end()
	again := newRing(t, r.store)
	assert.Equal(t, r.e.ClusterID(), again.e.ClusterID())
	assert.Equal(t, s.Service, must(again.e.Service("col"))(t).Service)
	got := must(again.e.Flow("f1"))(t)
	assert.True(t, f.Created.Equal(got.Created))
	assert.Equal(t, f.Revision, got.Revision)
	assert.Equal(t, 1, must(again.e.Service("col"))(t).FlowCount)
	assert.True(t, must(again.e.Guest("vm"))(t).Declared)
	assert.Equal(t, "h1", must(again.e.Host("h1"))(t).Name)
	wantError(t, again.e.DeleteService(t.Context(), "col", 0), view.Conflict, "", "tap flow f1")
}

// failing is a store that refuses.
type failing struct {
	store.Store
	err error
}

func (f *failing) Commit(ctx context.Context, ops ...store.Op) (uint64, error) {
	if f.err != nil {
		return 0, f.err
	}
	return f.Store.Commit(ctx, ops...)
}

// TestStoreRefuses: what could not be stored did not happen.
func TestStoreRefuses(t *testing.T) {
	for _, tc := range []struct {
		name string
		err  error
		kind view.ErrorKind
	}{{"conflict", store.ErrConflict, view.Stale},
		{"disk", errors.New("disk full"), view.Unavailable},
		{"closed", store.ErrClosed, view.Unavailable}} {
		t.Run(tc.name, func(t *testing.T) {
			s := &failing{Store: store.NewMemory()}
			r := newRing(t, s)
			r.host("h1")
			r.report("h1", hostSnapshot(t), nil)
			before := must(r.e.Host("h1"))(t)
			s.err = tc.err
			_, err := r.e.CreateGuest(t.Context(), store.Guest{Name: "vm",
				NICs: []store.GuestNIC{{MAC: switchtest.MAC(9)}}})
			assert.Equal(t, tc.kind, kindOf(err))
			assert.ErrorIs(t, err, tc.err)
			_, err = r.e.UpdateHost(t.Context(), "h1", 0,
				func(h *store.Host) error { h.Name = "x"; return nil })
			assert.Equal(t, tc.kind, kindOf(err))
			assert.Equal(t, tc.kind, kindOf(r.e.DeleteHost(t.Context(), "h1", 0, false)))
			_, err = r.e.CreateService(t.Context(), store.Service{Service: tap.Service{Name: "col",
				Type: tap.ServiceGuest, TargetID: "g2"}})
			assert.Equal(t, tc.kind, kindOf(err))
			assert.Empty(t, r.e.Services())
			assert.Len(t, r.e.Guests(), 2)
			assert.Equal(t, before, must(r.e.Host("h1"))(t))
		})
	}
}

// TestNames: views carry the names of what they refer to, as they are now, and tell when those
// change.
func TestNames(t *testing.T) {
	r, s, f := newWorld(t)
	assert.Equal(t, []string{"col", "g1", ""}, []string{f.Tap, f.Guest, f.Host})
	assert.Equal(t, []string{"g2", "", ""}, []string{s.Target, s.HostID, s.Host})
	r.ready(s)
	assert.Equal(t, "h1", must(r.e.Service("col"))(t).Host)

	w, _ := r.e.Watch("")
	must(r.e.CreateGuest(t.Context(), store.Guest{ID: "g1", Name: "web",
		NICs: []store.GuestNIC{{MAC: switchtest.MAC(1), IP: addr("10.0.0.7")}}}))(t)
	must(r.e.UpdateService(t.Context(), "col", 0,
		func(s *store.Service) error { s.Name = "ids"; return nil }))(t)
	f = must(r.e.Flow("f1"))(t)
	assert.Equal(t, []string{"ids", "web"}, []string{f.Tap, f.Guest})
	seen := ""
	events, _, err := w.Poll()
	require.NoError(t, err)
	for _, e := range events {
		if e.Flow != nil {
			seen = e.Flow.Tap + " " + e.Flow.Guest
		}
	}

	assert.Equal(t, "ids web", seen)
	must(r.e.CreateService(t.Context(), store.Service{Service: tap.Service{Name: "of-web",
		Type: tap.ServiceGuest, TargetID: "web"}}))(t)
	assert.Equal(t, []netip.Addr{addr("10.0.0.7")}, must(r.e.Service("of-web"))(t).TargetIPs)

	sw := must(r.e.CreateFlow(t.Context(), store.Flow{Flow: tap.Flow{Name: "sw",
		Type: tap.FlowVSwitch, TapID: "ids", HostID: "h1", WireID: "net0"}}))(t)
	assert.Equal(t, "h1", sw.Host)
	must(r.e.UpdateHost(t.Context(), "h1", 0,
		func(h *store.Host) error { h.Name = "h9"; return nil }))(t)
	assert.Equal(t, "h9", must(r.e.Flow("sw"))(t).Host)
}

// TestUpdateWireAtomic: a wire of several hosts is declared as a whole or not at all.
func TestUpdateWireAtomic(t *testing.T) {
	r := newRing(t, store.NewMemory())
	for _, name := range []string{"h1", "h2", "h3"} {
		r.host(name)
	}

	declared := func() (out []string) {
		for _, h := range r.e.Hosts() {
			out = append(out, h.Host.Wires["net7"])
		}
		return out
	}

	bridge := func(s string) *string { return &s }
	ctx := t.Context()
	for want, bridges := range map[string]map[string]*string{
		`no host "h9"`:     {"h1": bridge("br0"), "h9": bridge("br0")},
		"is given twice":   {"h1": bridge("br0"), must(r.e.Host("h1"))(t).ID: bridge("br1")},
		"carries the copi": {"h1": bridge("br0"), "h2": bridge("br0"), "h3": bridge("brtap")},
		"1 to 15":          {"h1": bridge("br0"), "h2": bridge("a-name-that-is-too-long")},
	} {
		_, err := r.e.UpdateWire(ctx, "net7", bridges)
		require.ErrorContains(t, err, want)
		assert.Equal(t, []string{"", "", ""}, declared(), want)
	}

	must(r.e.UpdateWire(ctx, "net7", map[string]*string{"h1": bridge("br0"),
		"h2": bridge("br1")}))(t)
	assert.Equal(t, []string{"br0", "br1", ""}, declared())
	assert.Equal(t, must(r.e.Host("h1"))(t).Revision, must(r.e.Host("h2"))(t).Revision, "one batch")
	must(r.e.UpdateWire(ctx, "net7", map[string]*string{"h1": nil, "h2": nil,
		"h3": bridge("br2")}))(t)
	assert.Equal(t, []string{"", "", "br2"}, declared())
}

// TestAmbiguousGuests: what means a declared guest by its name and a seen one by its id is refused
// with what to do.
func TestAmbiguousGuests(t *testing.T) {
	r, _, f := newWorld(t) // the switches show g1 and g2
	ctx := t.Context()
	_, err := r.e.CreateGuest(ctx, store.Guest{Name: "g2",
		NICs: []store.GuestNIC{{MAC: switchtest.MAC(9)}}})
	wantError(t, err, view.Conflict, "name", "declare that one by --id g2, or choose another name")
	must(r.e.CreateGuest(ctx, store.Guest{ID: "g2", Name: "g2",
		NICs: []store.GuestNIC{{MAC: switchtest.MAC(2)}}}))(t)
	must(r.e.UpdateGuest(ctx, "g2", 0, func(g *store.Guest) error { g.Name = "db"; return nil }))(t)

	// One that is declared first and then appears under that id.
	declared := must(r.e.CreateGuest(ctx, store.Guest{Name: "g7",
		NICs: []store.GuestNIC{{MAC: switchtest.MAC(9)}}}))(t)
	r.report("h1", switchtest.Snapshot(t, map[string]string{"ovn-bridge-mappings": "net0:br0"},
		switchtest.Bridge{Name: "br0", Datapath: "netdev", Ports: []switchtest.Port{
			switchtest.GuestPort("vnet1", 11, map[string]string{"attached-mac": "52:54:00:00:00:01",
				"vm-id": "g1"}),
			switchtest.GuestPort("vnet7", 17, map[string]string{"attached-mac": "52:54:00:00:00:07",
				"vm-id": "g7"}),
		}}), nil)

	_, err = r.e.Guest("g7")
	wantError(t, err, view.Conflict, "", "rename it by guest-update")
	_, err = r.e.CreateFlow(ctx, store.Flow{Flow: tap.Flow{Name: "x", Type: tap.FlowVNIC,
		TapID: "col", GuestID: "g7"}})
	wantError(t, err, view.Conflict, "guest_id", "say "+declared.ID)
	assert.Equal(t, declared.ID, must(r.e.Guest(declared.ID))(t).ID)
	must(r.e.UpdateGuest(ctx, declared.ID, 0,
		func(g *store.Guest) error { g.Name = "web7"; return nil }))(t)
	assert.Equal(t, "g7", must(r.e.Guest("g7"))(t).ID)
	must(r.e.CreateFlow(ctx, store.Flow{Flow: tap.Flow{Name: "x", Type: tap.FlowVNIC, TapID: "col",
		GuestID: "g7"}}))(t)
	must(r.e.UpdateFlow(ctx, f.ID, 0,
		func(f *store.Flow) error { f.Name = "renamed"; return nil }))(t)
}

// TestRequestOfRecord: what identifies a creation outlives its changes and the controller.
func TestRequestOfRecord(t *testing.T) {
	r, _, _ := newWorld(t)
	by := store.Request{Key: "k", Digest: "d"}
	must(r.e.CreateGuest(t.Context(), store.Guest{Meta: store.Meta{Request: by, Revision: 77},
		Name: "g", NICs: []store.GuestNIC{{MAC: switchtest.MAC(7)}}}))(t)
	must(r.e.CreateHost(t.Context(), store.Host{Meta: store.Meta{Request: by}, Name: "h",
		OVSDB: r.target()}))(t)
	must(r.e.CreateService(t.Context(), store.Service{Meta: store.Meta{Request: by},
		Service: tap.Service{Name: "s", Type: tap.ServiceGuest, TargetID: "g"}}))(t)
	must(r.e.CreateFlow(t.Context(), store.Flow{Meta: store.Meta{Request: by},
		Flow: tap.Flow{Name: "f", Type: tap.FlowVNIC, TapID: "s", GuestID: "g1"}}))(t)
	must(r.e.UpdateFlow(t.Context(), "f", 0,
		func(f *store.Flow) error { f.Name = "f2"; return nil }))(t)
	must(r.e.UpdateGuest(t.Context(), "g", 0,
		func(g *store.Guest) error { g.Name = "g9"; return nil }))(t)
	r.end()
	again := newRing(t, r.store).e
	var ids []string
	for _, c := range again.Creations() {
		assert.Equal(t, by, c.Request)
		ids = append(ids, c.ID)
	}

	assert.Equal(t, []string{
		must(again.Guest("g9"))(t).ID, must(again.Host("h"))(t).ID, must(again.Service("s"))(t).ID,
		must(again.Flow("f2"))(t).ID,
	}, ids, "in their order, and none of those without a key")
}
