package vswitch_test

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/tapline-sdn/tapline/ovsdb/client"
	"github.com/tapline-sdn/tapline/ovsdb/vswitch"
)

// watchPorts prints the ports of a bridge, again whenever the switch changes,
// until ctx or the connection ends.
func watchPorts(ctx context.Context, out io.Writer, target, bridge string) error {
	conn, err := client.Dial(ctx, target, client.Options{})
	if err != nil {
		return err
	}
	defer conn.Close()
	watcher, err := vswitch.Watch(ctx, conn)
	if err != nil {
		return err
	}
	for {
		snap, err := watcher.Next(ctx)
		if err != nil {
			return err
		}
		b, ok := snap.Bridge(bridge)
		if !ok {
			continue
		}
		for _, p := range snap.BridgePorts(b) {
			fmt.Fprintln(out, p.Name, snap.PortInterfaces(p)[0].OFPort)
		}
	}
}

// Watch the ports of a bridge.
func Example_watch() {
	err := watchPorts(context.Background(), os.Stdout, "unix:/run/openvswitch/db.sock", "br0")
	fmt.Println(err)
}
