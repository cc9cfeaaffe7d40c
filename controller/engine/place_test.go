package engine

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/controller/engine/view"
	"github.com/tapline-sdn/tapline/controller/inventory/switchtest"
	"github.com/tapline-sdn/tapline/controller/store"
	"github.com/tapline-sdn/tapline/ovsdb/vswitch"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// emptyBridge is a switch with br0 and nothing of a guest.
func emptyBridge(t *testing.T, more ...switchtest.Bridge) *vswitch.Snapshot {
	return switchtest.Snapshot(t, nil, append([]switchtest.Bridge{{Name: "br0", Datapath: "netdev",
		Ports: []switchtest.Port{
			switchtest.NICPort("eth0", "ixgbe"),
		}}}, more...)...)
}

// claim is a bridge on which somebody claims the address of a service's NIC.
func claim(s view.Service) switchtest.Bridge {
	return switchtest.Bridge{Name: "br1", Datapath: "netdev", Ports: []switchtest.Port{
		switchtest.GuestPort("vnet66", 66, map[string]string{"attached-mac": s.MAC.String()}),
	}}
}

// deliversTo is where the plugin is told that a service's NIC is, and who else claims it, by host
// names.
func (r *ring) deliversTo(id string) (locations, claims []string) {
	r.e.mu.Lock()
	defer r.e.mu.Unlock()

	a := r.e.standing.Attachment(r.e.intent.Services.ByID[id])
	for _, at := range a.Locations {
		locations = append(locations, r.e.intent.HostName(at.Host))
	}

	for _, at := range a.Claims {
		claims = append(claims, r.e.intent.HostName(at.Host))
	}

	return locations, claims
}

// TestDestinationIsPinned: whoever claims a collector's address gets nothing, whatever happens to
// the controller.
func TestDestinationIsPinned(t *testing.T) {
	memory := store.NewMemory()
	r, s, _ := newWorldIn(t, memory)
	r.host("h2")
	r.ready(s)
	assert.Equal(t, "h1", must(r.e.Service(s.ID))(t).PlaceHost)
	revision := must(r.e.Service(s.ID))(t).Revision

	pinned := func(r *ring, claims ...string) {
		t.Helper()
		to, others := r.deliversTo(s.ID)
		assert.Equal(t, []string{"h1"}, to)
		assert.Equal(t, claims, others)
	}

	r.report("h2", emptyBridge(t, claim(s)), nil)
	pinned(r, "h2")
	assert.Equal(t, []string{"vnet66"}, portsOn(must(r.e.Host("h2"))(t), "br1", r),
		"the claimant's port is left where it is")
	r.lose("h1", "away")
	pinned(r, "h2")

	require.Eventually(t, func() bool {
		state := must(memory.Load(t.Context()))(t)
		for _, record := range state.Records {
			if record.Kind == store.KindPlace {
				return true
			}
		}
		return false
	}, patience, 1000)

	r.end()
	again := newRing(t, memory)
	again.report("h2", emptyBridge(t, claim(s)), nil)
	to, others := again.deliversTo(s.ID)
	assert.Empty(t, to, "h1 was not seen yet")
	assert.Equal(t, []string{"h2"}, others)
	again.report("h1", hostSnapshot(t, again.tapBridge(s)), nil)
	pinned(again, "h2")
	assert.Equal(t, revision, must(again.e.Service(s.ID))(t).Revision)
}

// portsOn names the ports of a bridge of a host that no program moves away.
func portsOn(h view.Host, bridge string, r *ring) (ports []string) {
	d := r.program(h.Name)
	r.e.mu.Lock()
	defer r.e.mu.Unlock()

	for _, p := range r.e.fleet.Running[h.ID].Observed.Ports {
		moved := false
		if d != nil {
			for _, planned := range d.Program.Ports {
				moved = moved || planned.Name == p.Name
			}
		}
		if p.Bridge == bridge && !moved {
			ports = append(ports, p.Name)
		}
	}

	return ports
}

// TestDestinationFollowsItsGuest: a destination moves once it was read back as gone, to where its
// guest's own NICs stand.
func TestDestinationFollowsItsGuest(t *testing.T) {
	r, s, _ := newWorld(t)
	r.host("h2")
	r.ready(s)
	r.report("h2", emptyBridge(t, claim(s)), nil)
	r.report("h1", emptyBridge(t), nil)
	to, _ := r.deliversTo(s.ID)
	assert.Empty(t, to, "its guest is nowhere")

	r.report("h2", hostSnapshot(t, r.tapBridge(s)), nil)
	to, claims := r.deliversTo(s.ID)
	assert.Equal(t, []string{"h2"}, to)
	assert.Empty(t, claims)
	assert.Equal(t, "h2", must(r.e.Service(s.ID))(t).PlaceHost)
}

// TestAcceptPlace: from a host that cannot be reached a destination moves by an operator's word
// alone.
func TestAcceptPlace(t *testing.T) {
	r, s, _ := newWorld(t)
	r.host("h2")
	r.ready(s)
	r.lose("h1", "dead")
	r.report("h2", hostSnapshot(t, r.tapBridge(s), switchtest.Bridge{Name: "br9"}), nil)
	to, claims := r.deliversTo(s.ID)
	assert.Equal(t, []string{"h1"}, to)
	assert.Equal(t, []string{"h2"}, claims)

	_, err := r.e.AcceptPlace(t.Context(), s.ID, 0, "h3")
	wantError(t, err, view.Invalid, "accept_place", "no host")
	accepted := must(r.e.AcceptPlace(t.Context(), s.ID, 0, "h2"))(t)
	assert.Equal(t, "h2", accepted.PlaceHost)
	r.idle()
	to, _ = r.deliversTo(s.ID)
	assert.Equal(t, []string{"h2"}, to)
}

// TestEvacuation: with evacuation, a destination leaves a dead host together with its guest.
func TestEvacuation(t *testing.T) {
	r, s, _ := newWorld(t)
	r.host("h2")
	r.ready(s)
	r.e.mu.Lock()
	r.e.config.Evacuate = true
	r.e.mu.Unlock()
	r.report("h2", hostSnapshot(t, r.tapBridge(s), switchtest.Bridge{Name: "br9"}), nil)
	to, _ := r.deliversTo(s.ID)
	assert.Equal(t, []string{"h1"}, to, "it lives")
	r.lose("h1", "dead")
	to, _ = r.deliversTo(s.ID)
	assert.Equal(t, []string{"h2"}, to)
}

// TestClaimOfLostHost: what a host showed before it was lost is no claim beside a live place.
func TestClaimOfLostHost(t *testing.T) {
	r, s, _ := newWorld(t)
	r.host("h2")
	r.ready(s)
	claims := func(want ...string) {
		t.Helper()
		to, others := r.deliversTo(s.ID)
		assert.Equal(t, []string{"h1"}, to)
		assert.Equal(t, want, others)
	}

	r.report("h2", emptyBridge(t, claim(s)), nil)
	claims("h2")
	r.lose("h2", "no route to host")
	claims()
	r.idle()
	assert.NotEqual(t, tap.CodeDestinationDisputed, must(r.e.Service(s.ID))(t).Code)

	r.report("h2", emptyBridge(t, claim(s)), nil)
	claims("h2")
	r.lose("h2", "no route to host")
	r.lose("h1", "no route to host")
	claims("h2")
}
