package change

import (
	"errors"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/tapline-sdn/tapline/controller/engine/fleet"
	"github.com/tapline-sdn/tapline/controller/engine/intent"
	"github.com/tapline-sdn/tapline/controller/engine/view"
	"github.com/tapline-sdn/tapline/controller/inventory"
	"github.com/tapline-sdn/tapline/controller/store"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// newChecker returns a checker that knows host h1, guest vm1 with one NIC, service t1 of that
// guest, and flow f1 from host h1 to it.
func newChecker() *Checker {
	in := intent.New()
	hosts := fleet.New(in, inventory.Observer{Cluster: "c", TapBridge: "brtap"})
	in.Hosts.Put(&store.Host{ID: "id-h1", Name: "h1", OVSDB: "tcp:192.0.2.1:6640",
		TunnelIP: netip.MustParseAddr("10.0.0.1")})

	guest := &store.Guest{ID: "id-vm1", Name: "vm1",
		NICs: []store.GuestNIC{{MAC: tap.MAC{2, 0, 0, 0, 0, 1}}}}

	in.Guests.Put(guest)
	hosts.Places.ClaimGuest(guest, true)
	in.Services.Put(&store.Service{Service: tap.Service{ID: "id-t1", Name: "t1",
		Type: tap.ServiceGuest, TargetID: "id-vm1"}})

	in.Flows.Put(&store.Flow{Flow: tap.Flow{ID: "id-f1", Name: "f1", Type: tap.FlowVSwitch,
		HostID: "id-h1", TapID: "id-t1"}})

	in.FlowsOfService.Add("id-t1", "id-f1")
	return New(in, hosts)
}

// refused asserts that an error is one of a kind about a field.
func refused(t *testing.T, err error, kind view.ErrorKind, field string, about string) {
	t.Helper()
	var why *view.Error
	if assert.True(t, errors.As(err, &why), "%s: %v", about, err) {
		assert.Equal(t, kind, why.Kind, about)
		assert.Equal(t, field, why.Field, about)
	}
}

func TestBadGuests(t *testing.T) {
	mac := tap.MAC{2, 0, 0, 0, 0, 9}
	for name, test := range map[string]struct {
		guest store.Guest
		kind  view.ErrorKind
		field string
	}{
		"id of another":  {store.Guest{ID: "id-vm1"}, view.Conflict, "id"},
		"id with blanks": {store.Guest{ID: "a b"}, view.Invalid, "id"},
		"no NIC":         {store.Guest{Name: "vm2"}, view.Invalid, "nics"},
		"a NIC of nothing": {store.Guest{Name: "vm2", NICs: []store.GuestNIC{{}}},
			view.Invalid, "nics[0]"},
		"multicast address": {store.Guest{Name: "vm2", NICs: []store.GuestNIC{{MAC: tap.MAC{1}}}},
			view.Invalid, "nics[0].mac"},
		"long interface name": {
			store.Guest{Name: "vm2", NICs: []store.GuestNIC{{IfName: "abcdefghijklmnop"}}},
			view.Invalid, "nics[0].ifname"},
		"one NIC twice": {
			store.Guest{Name: "vm2", NICs: []store.GuestNIC{{MAC: mac}, {MAC: mac}}},
			view.Invalid, "nics[1]"},
		"NIC of another": {
			store.Guest{Name: "vm2", NICs: []store.GuestNIC{{MAC: tap.MAC{2, 0, 0, 0, 0, 1}}}},
			view.Conflict, "nics[0]"},
	} {
		refused(t, newChecker().NewGuest(&test.guest), test.kind, test.field, name)
	}

	good := store.Guest{Name: "vm2", NICs: []store.GuestNIC{{MAC: mac}}}
	assert.NoError(t, newChecker().NewGuest(&good))
	assert.NotEmpty(t, good.ID)
}

func TestBadHosts(t *testing.T) {
	const target = "tcp:192.0.2.2:6640"
	nic := store.HostNIC{Name: "eth9", MAC: tap.MAC{2, 0, 0, 0, 0, 9}}
	for name, test := range map[string]struct {
		host  store.Host
		kind  view.ErrorKind
		field string
	}{
		"no target":     {store.Host{OVSDB: "192.0.2.2"}, view.Invalid, "ovsdb"},
		"target of h1":  {store.Host{OVSDB: "tcp:192.0.2.1:6640"}, view.Conflict, "ovsdb"},
		"id of another": {store.Host{ID: "id-h1", OVSDB: target}, view.Conflict, "id"},
		"address of h1": {store.Host{OVSDB: target, TunnelIP: netip.MustParseAddr("10.0.0.1")},
			view.Conflict, "tunnel_ip"},
		"loopback": {store.Host{OVSDB: target, TunnelIP: netip.MustParseAddr("127.0.0.1")},
			view.Invalid, "tunnel_ip"},
		"tap bridge as wire": {store.Host{OVSDB: target, Wires: map[string]string{"w": "brtap"}},
			view.Invalid, "wires"},
		"one NIC twice": {store.Host{OVSDB: target, NICs: []store.HostNIC{nic, nic}},
			view.Invalid, "nics[1].name"},
	} {
		_, err := newChecker().NewHost(&test.host)
		refused(t, err, test.kind, test.field, name)
	}
}

// TestRegisteredAgain: a host that was deleted and is not cleaned yet gets its id back.
func TestRegisteredAgain(t *testing.T) {
	c := newChecker()
	gone := *c.intent.Hosts.Find("h1")
	gone.Deleting = true
	c.intent.Hosts.Put(&gone)

	again := store.Host{Name: "h1", OVSDB: gone.OVSDB}
	tombstone, err := c.NewHost(&again)
	assert.NoError(t, err)
	assert.Equal(t, &gone, tombstone)
	assert.Equal(t, "id-h1", again.ID)
}

// TestInUse: what something refers to is not deleted.
func TestInUse(t *testing.T) {
	c := newChecker()
	refused(t, c.Unused("id-vm1", "guest vm1"), view.Conflict, "", "target of a service")
	refused(t, c.HostFree(c.intent.Hosts.Find("h1")), view.Conflict, "", "source of a flow")
	refused(t, c.Unfed(c.intent.Services.Find("t1")), view.Conflict, "", "fed by a flow")

	flow := *c.intent.Flows.Find("f1")
	flow.Deleting = true
	c.intent.Flows.Put(&flow)
	assert.NoError(t, c.HostFree(c.intent.Hosts.Find("h1")))
	assert.NoError(t, c.Unfed(c.intent.Services.Find("t1")))
}

// TestAllocatedAddress: nobody can guess the address of a tap NIC.
func TestAllocatedAddress(t *testing.T) {
	c := newChecker()
	seen := map[tap.MAC]bool{}
	varies := tap.MAC{}
	var first tap.MAC
	for range 64 {
		s := tap.Service{Type: tap.ServiceGuest}
		c.nameNIC(&s)
		assert.Equal(t, byte(2), s.MAC[0]&3, "%s: locally administered and unicast", s.MAC)
		assert.False(t, seen[s.MAC])
		if len(seen) == 0 {
			first = s.MAC
		}

		seen[s.MAC] = true
		for i := range varies {
			varies[i] |= s.MAC[i] ^ first[i]
		}
	}

	assert.Equal(t, tap.MAC{0xfc, 0xff, 0xff, 0xff, 0xff, 0xff}, varies, "46 bits are random")
}
