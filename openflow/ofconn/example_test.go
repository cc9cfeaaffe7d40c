package ofconn_test

import (
	"context"
	"fmt"
	"log"

	"github.com/tapline-sdn/tapline/openflow"
	"github.com/tapline-sdn/tapline/openflow/ofconn"
)

// Connect to a bridge of the local Open vSwitch and print its flows.
func ExampleDial() {
	ctx := context.Background()
	conn, err := ofconn.Dial(ctx, "unix:/var/run/openvswitch/br0.mgmt", nil, ofconn.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()
	flows, err := ofconn.List[openflow.FlowStatsReply](ctx, conn,
		openflow.FlowStatsRequest{Table: openflow.TableAll})
	if err != nil {
		log.Fatal(err)
	}
	for _, f := range flows {
		fmt.Println(f)
	}
}

// Be the controller of every switch that connects, and print what its ports
// do.
func ExampleServe() {
	ctx := context.Background()
	ln, err := ofconn.Listen(ctx, "ptcp:0.0.0.0:6653", nil)
	if err != nil {
		log.Fatal(err)
	}
	err = ofconn.Serve(ctx, ln, ofconn.Options{}, func(ctx context.Context, conn *ofconn.Conn) {
		id := conn.Features().DatapathID
		for events := range conn.Events() {
			for _, event := range events {
				if m, ok := event.Message.(*openflow.PortStatus); ok {
					fmt.Printf("%016x: port %v (%s): %v\n", id, m.Port.No, m.Port.Name, m.Reason)
				}
			}
		}
		fmt.Printf("%016x: %v\n", id, conn.Err())
	})
	if err != nil {
		log.Fatal(err)
	}
}
