package flowtable_test

import (
	"context"
	"fmt"
	"log"

	"github.com/tapline-sdn/tapline/openflow"
	"github.com/tapline-sdn/tapline/openflow/action"
	"github.com/tapline-sdn/tapline/openflow/flowtable"
	"github.com/tapline-sdn/tapline/openflow/ofconn"
	"github.com/tapline-sdn/tapline/openflow/oxm"
)

// What has to change is computed without a switch.
func ExampleDiff() {
	want := []flowtable.Flow{{
		Priority: 100,
		Cookie:   7,
		Match:    oxm.Match{oxm.InPort(1)},
		Instructions: []action.Instruction{action.ApplyActions{
			action.SetField{Field: oxm.TunnelID(42)},
			action.Output{Port: 2},
		}},
	}}
	have := []openflow.FlowStats{{Match: oxm.Match{oxm.InPort(9)}}}
	for _, m := range flowtable.Diff(want, have, flowtable.Options{}) {
		fmt.Println(m.Command, &m)
	}
	// Output:
	// DELETE_STRICT table=0,priority=0,in_port=9,cookie=0x0
	// ADD table=0,priority=100,in_port=1,cookie=0x7,actions=set_field:0x2a->tun_id,output:2
}

// Bring a bridge to one flow, whatever it had, in one step.
func ExampleApply() {
	ctx := context.Background()
	conn, err := ofconn.Dial(ctx, "unix:/var/run/openvswitch/br0.mgmt", nil, ofconn.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()
	have, err := flowtable.Dump(ctx, conn)
	if err != nil {
		log.Fatal(err)
	}
	want := []flowtable.Flow{{Instructions: []action.Instruction{
		action.ApplyActions{action.Output{Port: openflow.PortNormal}},
	}}}
	if err := flowtable.Apply(ctx, conn, flowtable.Diff(want, have,
		flowtable.Options{})); err != nil {
		log.Fatal(err)
	}
}
