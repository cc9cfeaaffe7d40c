package vswitch_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/tapline-sdn/tapline/ovsdb/client"
	"github.com/tapline-sdn/tapline/ovsdb/vswitch"
)

// mirrorPort copies the traffic of a port to another of its bridge, and returns
// when the switch does so.
func mirrorPort(ctx context.Context, conn *client.Conn, from, to string) error {
	watcher, err := vswitch.Watch(ctx, conn)
	if err != nil {
		return err
	}
	defer watcher.Close(ctx)
	for {
		snap := watcher.Snapshot()
		src, okSrc := snap.PortByName(from)
		out, okOut := snap.PortByName(to)
		if !okSrc || !okOut {
			return fmt.Errorf("no port %s or %s", from, to)
		}
		b, _ := snap.BridgeOfPort(src.UUID)

		txn := vswitch.NewTxn(snap, vswitch.Owner{Key: "owner", Value: "example"})
		txn.InsertMirror(b.UUID, vswitch.Mirror{
			Name: "copy-of-" + from, OutputPort: &out.UUID,
			SelectSrcPort: []vswitch.UUID{src.UUID}, SelectDstPort: []vswitch.UUID{src.UUID},
		})
		txn.IncrementNextCfg()
		result, err := txn.Commit(ctx, conn)
		if errors.Is(err, vswitch.ErrConflict) {
			continue // somebody was faster: look again
		}
		if err != nil {
			return err
		}
		for snap.System().CurCfg < result.NextCfg {
			if snap, err = watcher.Next(ctx); err != nil {
				return err
			}
		}
		return nil
	}
}

// Mirror a port, and wait until the switch has done it.
func Example_mirror() {
	ctx := context.Background()
	conn, err := client.Dial(ctx, "unix:/run/openvswitch/db.sock", client.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer conn.Close()
	fmt.Println(mirrorPort(ctx, conn, "vnet0", "vnet1"))
}
