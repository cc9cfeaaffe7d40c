package explain

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/tapline-sdn/tapline/openflow"
	"github.com/tapline-sdn/tapline/openflow/action"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// TestResources: groups and meters stand if some flow does that uses them, and those that no flow
// of the owners uses are left out.
func TestResources(t *testing.T) {
	program := &tap.Program{
		Meters: []tap.MeterEntry{
			{Owner: "svc", Mod: openflow.MeterMod{ID: 1, Flags: openflow.MeterPktps}},
			{Owner: "other", Mod: openflow.MeterMod{ID: 2, Flags: openflow.MeterPktps}},
		},
		Groups: []tap.GroupEntry{{Owner: "cap", Mod: openflow.GroupMod{ID: 3,
			Group: openflow.GroupTypeSelect}}},
	}
	uses := func(do ...action.Instruction) *tap.FlowEntry {
		return &tap.FlowEntry{Mod: openflow.FlowMod{Instructions: do}}
	}

	r := resources{groups: map[uint32]RowState{}, meters: map[uint32]RowState{}}
	r.note(uses(action.Meter{ID: 1}), RowMissing)
	r.note(uses(action.Meter{ID: 1}), RowStands)
	r.note(uses(action.ApplyActions{action.Group{ID: 3}}), RowMissing)
	assert.Equal(t, []SwitchFlow{
		{Owner: "svc", Text: "meter=1,pktps", State: RowStands},
		{Owner: "cap", Text: "group_id=3,type=select", State: RowMissing},
	}, r.lines(program))
}
