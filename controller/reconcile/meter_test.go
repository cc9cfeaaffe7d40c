package reconcile_test

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/tapline-sdn/tapline/controller/reconcile"
	"github.com/tapline-sdn/tapline/openflow"
	"github.com/tapline-sdn/tapline/openflow/action"
	"github.com/tapline-sdn/tapline/openflow/flowtable"
	"github.com/tapline-sdn/tapline/openflow/oxm"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

func TestMeters(t *testing.T) {
	from := netip.MustParseAddr("10.0.0.1")
	entry := func(owner string, cookie openflow.Cookie, table openflow.TableID, match oxm.Match,
		do ...action.Instruction) tap.FlowEntry {
		return tap.FlowEntry{Owner: owner, Mod: openflow.FlowMod{Cookie: cookie, Table: table,
			Priority: 1, Match: match, Instructions: do}}
	}

	output := action.ApplyActions{action.Output{Port: 5}}
	cut := action.ApplyActions{action.Clone{Actions: []action.Action{
		action.OutputTrunc{Port: 5, MaxLen: 1472}}}}
	program := &tap.Program{Flows: []tap.FlowEntry{
		entry("cap", 0x7461_0002_0000_0001, 0, oxm.Match{oxm.InPort(1)},
			action.GotoTable{Table: 2}),
		entry("cap", 0x7461_0002_0000_0001, 2, nil, action.GotoTable{Table: 3}),
		entry("cap", 0x7461_0002_0000_0001, 3, oxm.Match{oxm.Metadata(1)}, output),
		entry("svc", 0x7461_0003_0000_0003, 0, oxm.Match{oxm.InPort(2), oxm.TunSrc(from)},
			action.GotoTable{Table: 3}),
		entry("svc", 0x7461_0003_0000_0003, 3, oxm.Match{oxm.Metadata(2)}, cut),
		entry(tap.OwnerBridge, 0x7461_0001_0000_0009, 1, nil, action.GotoTable{Table: 2}),
	}}

	d := &reconcile.Desired{Program: program}
	m := d.Meters()
	key := func(i int) flowtable.Key {
		f := &program.Flows[i].Mod
		return flowtable.KeyOf(f.Table, f.Priority, f.Match)
	}

	assert.Equal(t, map[flowtable.Key]reconcile.Meter{
		key(0): {Owner: "cap", Enters: true},
		key(1): {Owner: "cap", Selects: true},
		key(2): {Owner: "cap", Leaves: true},
		key(3): {Owner: "svc", Enters: true, From: from},
		key(4): {Owner: "svc", Leaves: true},
	}, m.Of)

	for i, f := range program.Flows {
		selected := f.Mod.Cookie&m.Mask == m.Cookie
		assert.Equal(t, f.Owner != tap.OwnerBridge, selected,
			"flow %d with cookie %v, asked for %v/%v", i, f.Mod.Cookie, m.Cookie, m.Mask)
	}

	assert.Empty(t, (&reconcile.Desired{Program: &tap.Program{}}).Meters().Of)
}

// TestMetersOfOptions: the flows of a filter say what it accepts and rejects, conjunctions count
// nothing, and a group tells what the meter has let through.
func TestMetersOfOptions(t *testing.T) {
	entry := func(table openflow.TableID, priority uint16, do ...action.Instruction) tap.FlowEntry {
		return tap.FlowEntry{Owner: "cap", Mod: openflow.FlowMod{Cookie: 7, Table: table,
			Priority: priority, Instructions: do}}
	}
	program := &tap.Program{
		Flows: []tap.FlowEntry{
			entry(0, 1, action.Meter{ID: 1}, action.GotoTable{Table: 1}),
			entry(2, 9, action.GotoTable{Table: 4}),
			entry(2, 8),
			{Owner: "cap", Counts: tap.CountsDuplicates, Mod: openflow.FlowMod{Cookie: 7, Table: 2,
				Priority: 10}},
			{Owner: "cap", Counts: tap.CountsSent, TapFlows: []string{"f"},
				Mod: openflow.FlowMod{Cookie: 7, Table: 16, Priority: 10}},
			entry(2, 7, action.ApplyActions{action.Conjunction{ID: 1, Clause: 1, Clauses: 2}}),
			entry(4, 1, action.Meter{ID: 2}, action.ApplyActions{action.Group{ID: 3}}),
			entry(8, 1, action.ApplyActions{action.Output{Port: 5}}),
		},
		Meters: []tap.MeterEntry{
			{Owner: tap.OwnerBridge, Mod: openflow.MeterMod{ID: 1}},
			{Owner: "svc", Counts: tap.CountsLimited, Mod: openflow.MeterMod{ID: 2}},
		},
	}

	m := (&reconcile.Desired{Program: program}).Meters()
	assert.Equal(t, map[uint32]string{2: "svc"}, m.Limits)
	assert.Equal(t, 3, (&reconcile.Desired{Program: program}).FilterFlows("cap"))
	got := make([]reconcile.Meter, len(program.Flows))
	for i := range program.Flows {
		f := &program.Flows[i].Mod
		got[i] = m.Of[flowtable.KeyOf(f.Table, f.Priority, f.Match)]
	}
	assert.Equal(t, []reconcile.Meter{
		{Owner: "cap", Enters: true}, {Owner: "cap", Selects: true}, {Owner: "cap", Rejects: true},
		{Owner: "cap", Rejects: true, Counts: tap.CountsDuplicates},
		{Owner: "cap", Counts: tap.CountsSent, TapFlows: []string{"f"}},
		{}, {}, {Owner: "cap", Leaves: true, Sampled: true},
	}, got)
}
