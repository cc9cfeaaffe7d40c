package filter_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/openflow"
	"github.com/tapline-sdn/tapline/openflow/action"
	"github.com/tapline-sdn/tapline/openflow/oxm"
	"github.com/tapline-sdn/tapline/plugin/filter"
)

// TestFlowsOfARule checks what Placement adds to the rules of a program.
func TestFlowsOfARule(t *testing.T) {
	program := filter.Program{Rules: []filter.Rule{
		{Match: oxm.Match{oxm.EthType(0x806)}},
		{Level: 1, Accept: true, Clauses: [][]oxm.Match{
			{{oxm.EthType(0x800)}, {oxm.EthType(0x86dd)}},
			{{oxm.VLANVID(1)}, {oxm.VLANVID(2)}, {oxm.VLANVID(3)}},
		}},
		{Level: 2, Accept: true},
	}}
	require.Equal(t, 8, program.Len())
	require.Equal(t, 1, program.Conjunctions())

	flows := program.Flows(filter.Placement{
		Table: 2, Priority: 1000, Match: oxm.Match{oxm.Metadata(7)}, Cookie: 9,
		Accept:      []action.Instruction{action.GotoTable{Table: 4}},
		Conjunction: 40,
	})

	var lines []string
	for i := range flows {
		assert.Equal(t, openflow.Cookie(9), flows[i].Cookie)
		lines = append(lines, flows[i].String())
	}
	const rest, cookie = "table=2,priority=", ",cookie=0x9,actions="
	assert.Equal(t, []string{
		rest + "1000,metadata=0x7,eth_type=0x806" + cookie + "drop",
		rest + "999,metadata=0x7,conj_id=40" + cookie + "goto_table:4",
		rest + "999,metadata=0x7,eth_type=0x800" + cookie + "conjunction(40,1/2)",
		rest + "999,metadata=0x7,eth_type=0x86dd" + cookie + "conjunction(40,1/2)",
		rest + "999,metadata=0x7,dl_vlan=1" + cookie + "conjunction(40,2/2)",
		rest + "999,metadata=0x7,dl_vlan=2" + cookie + "conjunction(40,2/2)",
		rest + "999,metadata=0x7,dl_vlan=3" + cookie + "conjunction(40,2/2)",
		rest + "998,metadata=0x7" + cookie + "goto_table:4",
	}, lines)
}
