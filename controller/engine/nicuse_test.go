package engine

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/tapline-sdn/tapline/controller/engine/view"
	"github.com/tapline-sdn/tapline/controller/inventory/switchtest"
	"github.com/tapline-sdn/tapline/controller/store"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// TestNICOfOthersAtCreation: an address that stands somewhere already is no tap NIC's.
func TestNICOfOthersAtCreation(t *testing.T) {
	r, _, _ := newWorld(t)
	r.host("h2", func(h *store.Host) {
		h.NICs = []store.HostNIC{{Name: "eth9", MAC: switchtest.MAC(0x77)}}
	})
	r.report("h2", switchtest.Snapshot(t, nil, switchtest.Bridge{Name: "br9", Datapath: "netdev",
		Ports: []switchtest.Port{
			switchtest.GuestPort("vnet9", 19, map[string]string{
				"attached-mac": switchtest.MAC(0x77).String()}),
		}}), nil)

	for name, test := range map[string]struct {
		mac  tap.MAC
		says string
	}{
		"an uplink":     {switchtest.MAC(0x99), "port eth0 on bridge br0 of host h1"},
		"a guest's NIC": {switchtest.MAC(1), "guest g1"},
		"a host's NIC":  {switchtest.MAC(0x77), "physical NIC eth9 of the host"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := r.e.CreateService(t.Context(), store.Service{Service: tap.Service{
				Name: "grab", Type: tap.ServiceGuest, TargetID: "g1", MAC: test.mac}})
			wantError(t, err, view.Conflict, "mac_addr", test.says)
		})
	}
	assert.Len(t, r.e.Services(), 1)
}

// TestNICOfOthersLater: a device that shows up with the address of a tap NIC later is left where it
// is. Once it says that it is a guest's it is moved, while its service is enabled.
func TestNICOfOthersLater(t *testing.T) {
	r, _, _ := newWorld(t)
	mac := switchtest.MAC(0x98)
	s := must(r.e.CreateService(t.Context(), store.Service{Service: tap.Service{
		Name: "late", Type: tap.ServiceGuest, TargetID: "g1", MAC: mac}}))(t)
	must(r.e.UpdateService(t.Context(), s.ID, 0, enable))(t)

	shows := func(ids map[string]string) {
		t.Helper()
		r.report("h1", hostSnapshot(t, switchtest.Bridge{Name: "br9", Datapath: "netdev",
			Ports: []switchtest.Port{{Name: "nic9", Devices: []switchtest.Device{
				{OFPort: 9, Driver: "ixgbe", MAC: mac.String(), IDs: ids}}}}}), nil)
		r.idle()
	}
	moved := func() bool {
		return slices.ContainsFunc(r.program("h1").Program.Ports, func(p tap.Port) bool {
			return p.Name == "nic9"
		})
	}

	shows(nil)
	v := must(r.e.Service(s.ID))(t)
	assert.Equal(t, tap.StateError, v.State)
	assert.Equal(t, tap.CodeNICInUse, v.Code)
	assert.Contains(t, v.Reason, "port nic9 on bridge br9 of host h1")
	assert.False(t, moved())

	shows(map[string]string{"attached-mac": mac.String()})
	assert.Equal(t, tap.StatePending, must(r.e.Service(s.ID))(t).State)
	assert.True(t, moved())

	must(r.e.UpdateService(t.Context(), s.ID, 0, disable))(t)
	r.idle()
	assert.False(t, moved(), "nothing is moved for a disabled service")

	must(r.e.UpdateService(t.Context(), s.ID, 0, enable))(t)
	must(r.e.UpdateHost(t.Context(), "h1", 0, func(h *store.Host) error {
		h.Uplinks = map[string][]string{"br9": {"nic9"}}
		return nil
	}))(t)
	r.idle()
	v = must(r.e.Service(s.ID))(t)
	assert.Equal(t, tap.CodeNICInUse, v.Code, "its user has declared it an uplink")
	assert.Contains(t, v.Reason, "an uplink of bridge br9")
	assert.False(t, moved())
}

// TestNICPluggedByHand: a device that nobody says is a guest's is the tap NIC if it was plugged
// after the switch was first seen. One that stood there before is left where it is.
func TestNICPluggedByHand(t *testing.T) {
	memory := store.NewMemory()
	r := newRing(t, memory)
	mac := switchtest.MAC(0x98)
	stands := switchtest.Bridge{Name: "br9", Datapath: "netdev", Ports: []switchtest.Port{
		{Name: "nic9", Devices: []switchtest.Device{
			{OFPort: 9, Driver: "veth", MAC: mac.String()}}},
	}}
	moved := func(r *ring, host string) bool {
		return slices.ContainsFunc(r.program(host).Program.Ports, func(p tap.Port) bool {
			return p.Name == "nic9"
		})
	}

	r.host("h1")
	r.report("h1", hostSnapshot(t), nil)
	s := must(r.e.CreateService(t.Context(), store.Service{Service: tap.Service{
		Name: "late", Type: tap.ServiceGuest, TargetID: "g1", MAC: mac}}))(t)
	must(r.e.UpdateService(t.Context(), s.ID, 0, enable))(t)
	r.host("h2")
	r.report("h2", switchtest.Snapshot(t, nil, stands), nil)
	v := must(r.e.Service(s.ID))(t)
	assert.Equal(t, tap.CodeNICInUse, v.Code, "it stood there when h2 was registered")
	assert.Contains(t, v.Reason, "port nic9 on bridge br9 of host h2")
	assert.False(t, moved(r, "h2"))

	r.report("h2", switchtest.Snapshot(t, nil), nil)
	r.report("h2", switchtest.Snapshot(t, nil, stands), nil)
	assert.False(t, moved(r, "h2"), "it was there before")

	r.report("h2", switchtest.Snapshot(t, nil), nil)
	r.report("h1", hostSnapshot(t, stands), nil)
	assert.Equal(t, tap.StatePending, must(r.e.Service(s.ID))(t).State)
	assert.True(t, moved(r, "h1"), "it was plugged")
	r.stored()
	r.end()

	again := newRing(t, memory)
	again.report("h1", hostSnapshot(t, stands), nil)
	assert.True(t, moved(again, "h1"), "it was found to be the tap NIC")
}
