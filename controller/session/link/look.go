package link

import (
	"context"
	"crypto/tls"

	"github.com/tapline-sdn/tapline/ovsdb/client"
	"github.com/tapline-sdn/tapline/ovsdb/vswitch"
)

// Look reads a switch's database once, over a connection of its own, and writes nothing. Only ctx
// bounds how long that takes.
func Look(ctx context.Context, target string, config *tls.Config) (*vswitch.Snapshot, error) {
	conn, err := client.Dial(ctx, target, client.Options{TLS: config})
	if err != nil {
		return nil, err
	}
	defer conn.Close()

	watcher, err := vswitch.Watch(ctx, conn)
	if err != nil {
		return nil, err
	}
	return watcher.Snapshot(), nil
}
