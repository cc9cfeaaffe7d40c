package openflow_test

import (
	"fmt"

	"github.com/tapline-sdn/tapline/openflow"
	"github.com/tapline-sdn/tapline/openflow/action"
	"github.com/tapline-sdn/tapline/openflow/oxm"
)

func ExampleAppendMessage() {
	b, err := openflow.AppendMessage(nil, 1, &openflow.FlowMod{
		Priority:     10,
		Match:        oxm.Match{oxm.InPort(1)},
		Instructions: []action.Instruction{action.ApplyActions{action.Output{Port: 2}}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	m, xid, err := openflow.Parse(b)
	fmt.Println(m, xid, err)
	// Output: table=0,priority=10,in_port=1,cookie=0x0,actions=output:2 1 <nil>
}
