package mirror_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/plugin/mirror"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// TestSelectorWithUnseenHosts: the members of a selector may be on hosts that were not seen yet, so
// what its service receives from there stays until all were seen. The selector itself mirrors
// nothing.
func TestSelectorWithUnseenHosts(t *testing.T) {
	s := newScene(t)
	s.host("a")
	s.host("b", unseen)
	s.guestTap("t1", on("a", "brtap", "tapt1"))
	s.Flows = append(s.Flows, tap.Flow{ID: "sel", Name: "sel", TapID: "t1", Type: tap.FlowSelector,
		Selector: "name=w*", Direction: tap.Both, Enabled: true, Created: epoch})

	p := mirror.New()
	result := p.Apply(s.Change)
	program := find(t, result.Programs, func(p tap.Program) bool { return p.Host == "a" })
	holds := func(p tap.Program) bool {
		return slices.ContainsFunc(p.Held, func(h tap.Hold) bool { return h.Owner == "t1" })
	}
	assert.True(t, holds(program), "a member on b may send to it")
	assert.Empty(t, program.Mirrors)
	status := find(t, result.Statuses, func(s tap.Status) bool { return s.ID == "sel" })
	assert.Equal(t, tap.StateProgrammed, status.State, status.Reason)

	// Host b shows a guest that matches: the controller tells of it as a flow of type vnic.
	full := newScene(t)
	full.host("a")
	full.host("b")
	full.guestTap("t1", on("a", "brtap", "tapt1"))
	full.guest("w1", 1, on("b", "br0", "vnet1"))
	member := s.Flows[0]
	member.ID, member.Type, member.Selector = "sel/w1/x", tap.FlowVNIC, ""
	member.GuestID, member.MAC = "w1", nicMAC(1)
	full.Flows = append(full.Flows, s.Flows[0], member)

	result = p.Apply(tap.Change{Revision: 2, Hosts: full.Hosts[1:], Guests: full.Guests,
		Flows: []tap.Flow{member}})
	program = find(t, result.Programs, func(p tap.Program) bool { return p.Host == "a" })
	assert.False(t, holds(program), "all hosts were seen")
	at := find(t, result.Programs, func(p tap.Program) bool { return p.Host == "b" })
	require.Len(t, at.Mirrors, 1)
	assert.Equal(t, []string{"vnet1"}, at.Mirrors[0].SelectSrc)

	want := mirror.Full(mirror.DefaultConfig(), full.Change)
	for _, now := range want.Programs {
		incremental := find(t, result.Programs,
			func(p tap.Program) bool { return p.Host == now.Host })
		assert.True(t, now.Equal(&incremental), "host %s", now.Host)
	}
}

// TestCheckSelector: a flow with a selector names no source of another type, and is not made twice.
func TestCheckSelector(t *testing.T) {
	s := newScene(t)
	s.host("a")
	s.guestTap("t1", on("a", "brtap", "tapt1"))
	flow := tap.Flow{ID: "sel", Name: "sel", TapID: "t1", Type: tap.FlowSelector,
		Selector: "name=w*", Direction: tap.Both, Enabled: true}
	s.Flows = append(s.Flows, flow)
	p := mirror.New()
	p.Apply(s.Change)

	check := func(adjust func(*tap.Flow)) error {
		f := flow
		f.ID = "other"
		adjust(&f)
		_, err := p.Check(t.Context(), 1, tap.Resource{Flow: &f})
		return err
	}
	require.NoError(t, check(func(f *tap.Flow) { f.Selector = "name=x*" }))
	require.NoError(t, check(func(f *tap.Flow) { f.Snaplen = 64 }))
	require.ErrorContains(t, check(func(*tap.Flow) {}), "tap flow sel (sel) already mirrors")
	for field, adjust := range map[string]func(*tap.Flow){
		"guest_id": func(f *tap.Flow) { f.GuestID = "g" },
		"mac_addr": func(f *tap.Flow) { f.MAC = nicMAC(1) },
		"host_id":  func(f *tap.Flow) { f.HostID = "a" },
		"wire_id":  func(f *tap.Flow) { f.WireID = "net0" },
		"vlan_id":  func(f *tap.Flow) { f.VLAN = 7 },
	} {
		require.ErrorContains(t, check(adjust), field+": leave it out")
	}
}
