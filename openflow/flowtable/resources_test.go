package flowtable_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tapline-sdn/tapline/openflow"
	"github.com/tapline-sdn/tapline/openflow/action"
	"github.com/tapline-sdn/tapline/openflow/flowtable"
	"github.com/tapline-sdn/tapline/openflow/ofconn"
	"github.com/tapline-sdn/tapline/openflow/oxm"
	"github.com/tapline-sdn/tapline/testenv/ovs"
)

func wantedGroups() []openflow.GroupMod {
	onward := []action.Action{action.Resubmit{InPort: openflow.PortInPort, Table: 8}}
	return []openflow.GroupMod{
		{Group: openflow.GroupTypeSelect, ID: 7, Buckets: []openflow.Bucket{
			{Weight: 1, Actions: onward}, {Weight: 3},
		}},
		{Group: openflow.GroupTypeAll, ID: 9, Buckets: []openflow.Bucket{{Actions: onward}}},
	}
}

func wantedMeters() []openflow.MeterMod {
	return []openflow.MeterMod{
		{ID: 2, Flags: openflow.MeterPktps | openflow.MeterBurst | openflow.MeterCount,
			Bands: []openflow.Band{{Kind: openflow.BandDrop, Rate: 100, BurstSize: 50}}},
		{ID: 5, Flags: openflow.MeterKbps | openflow.MeterBurst | openflow.MeterCount,
			Bands: []openflow.Band{{Kind: openflow.BandDrop, Rate: 4000, BurstSize: 600}}},
	}
}

// groupMessages are mods of groups as messages of a bundle.
func groupMessages(mods []openflow.GroupMod) (messages []openflow.Message) {
	for i := range mods {
		messages = append(messages, &mods[i])
	}
	return messages
}

func meterMessages(mods []openflow.MeterMod) (messages []openflow.Message) {
	for i := range mods {
		messages = append(messages, &mods[i])
	}
	return messages
}

// bringResources makes the groups and meters of a switch equal to what is wanted.
func bringResources(t *testing.T, conn *ofconn.Conn, groups []openflow.GroupMod,
	meters []openflow.MeterMod) {
	t.Helper()
	ctx := within(t)
	have, err := flowtable.DumpResources(ctx, conn)
	if err != nil {
		t.Fatal(err)
	}

	setGroups, freedGroups := flowtable.DiffGroups(groups, have.Groups)
	setMeters, freedMeters := flowtable.DiffMeters(meters, have.Meters)
	for _, send := range []error{
		flowtable.AddMessages(ctx, conn, meterMessages(setMeters)),
		flowtable.ApplyMessages(ctx, conn, groupMessages(append(setGroups, freedGroups...))),
		flowtable.AddMessages(ctx, conn, meterMessages(freedMeters)),
	} {
		if send != nil {
			t.Fatal(send)
		}
	}

	have, err = flowtable.DumpResources(ctx, conn)
	if err != nil {
		t.Fatal(err)
	}
	for _, left := range []any{
		first(flowtable.DiffGroups(groups, have.Groups)),
		first(flowtable.DiffMeters(meters, have.Meters)),
	} {
		if diff := cmp.Diff(left, [2]int{}); diff != "" {
			t.Fatalf("what was applied does not read back (%+v): %s", have, diff)
		}
	}
}

// first counts what two lists have.
func first[T any](a, b []T) [2]int { return [2]int{len(a), len(b)} }

// TestResourcesReadBack: what a real switch reports of groups and meters equals what was wanted.
func TestResourcesReadBack(t *testing.T) {
	conn := dial(t, ovs.StartBridge(t))
	groups, meters := wantedGroups(), wantedMeters()
	bringResources(t, conn, groups, meters)

	groups[0].Buckets[1].Weight, meters[0].Bands[0].Rate = 15, 200
	bringResources(t, conn, groups, meters)
	bringResources(t, conn, groups[1:], meters[:1])
	bringResources(t, conn, nil, nil)
}

// TestFragmentMode: the mode is set without changing the rest of the configuration.
func TestFragmentMode(t *testing.T) {
	conn := dial(t, ovs.StartBridge(t))
	ctx := within(t)
	have, err := flowtable.DumpResources(ctx, conn)
	if err != nil || have.Config.Flags != openflow.FragNormal {
		t.Fatalf("a new bridge has %+v, %v", have.Config, err)
	}

	config := have.Config
	config.Flags |= openflow.FragNXMatch
	set := []openflow.Message{&openflow.SetConfig{SwitchConfig: config}}
	if err := flowtable.AddMessages(ctx, conn, set); err != nil {
		t.Fatal(err)
	}

	again, err := flowtable.DumpResources(ctx, conn)
	if err != nil || again.Config != config || again.Equal(&have) {
		t.Fatalf("it has %+v, %v: want %+v", again.Config, err, config)
	}
}

// TestGroupsAndFlowsTogether: a group and a flow that uses it stand in one bundle, and a bundle
// with a flow of an unknown meter changes nothing and names the flow.
func TestGroupsAndFlowsTogether(t *testing.T) {
	conn := dial(t, ovs.StartBridge(t))
	ctx := within(t)
	groups := wantedGroups()
	flow := openflow.FlowMod{Priority: 1, Match: oxm.Match{oxm.InPort(1)},
		Instructions: []action.Instruction{action.ApplyActions{action.Group{ID: 7}}}}
	metered := openflow.FlowMod{Priority: 2,
		Instructions: []action.Instruction{action.Meter{ID: 77}}}

	var refused *flowtable.ModError
	err := flowtable.ApplyMessages(ctx, conn, []openflow.Message{&groups[0], &flow, &metered})
	if !errors.As(err, &refused) || refused.Mod != openflow.Message(&metered) {
		t.Fatalf("Apply: %v, want a ModError of the flow with the meter", err)
	}
	if have := dump(t, ctx, conn); len(have) != 0 {
		t.Errorf("after a refused bundle the table has %v", have)
	}

	err = flowtable.ApplyMessages(ctx, conn, []openflow.Message{&groups[0], &flow})
	if err != nil {
		t.Fatal(err)
	}
	if have := dump(t, ctx, conn); len(have) != 1 {
		t.Errorf("the table has %v, want the flow", have)
	}
	if have, err := flowtable.DumpResources(ctx, conn); err != nil || len(have.Groups) != 1 {
		t.Errorf("it has the groups %v, %v", have.Groups, err)
	}
}

func TestUses(t *testing.T) {
	groups, meters := flowtable.Uses([]action.Instruction{
		action.Meter{ID: 3},
		action.ApplyActions{action.Clone{Actions: []action.Action{action.Group{ID: 4}}}},
		action.WriteActions{action.Group{ID: 5}}, action.GotoTable{Table: 9},
	})
	if diff := cmp.Diff([][]uint32{{4, 5}, {3}}, [][]uint32{groups, meters}); diff != "" {
		t.Error(diff)
	}
}
