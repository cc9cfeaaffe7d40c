//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/client"
)

// growth is measurement 3: the cost of one change on ten hosts while ever more flows stand on them.
// The change is always the same: a flow of a guest without other flows, to a service that already
// has a flow.
func (b *bench) growth(ctx context.Context) (err error) {
	const hosts = 10
	f, err := b.fleet(ctx, hosts, crowd{guests: 50, spare: 1, sinks: 10})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()

	touched := 0
	for _, flows := range pick(b.quick, []int{10, 100}, []int{10, 100, 1000, 10000}) {
		if err := f.plugGuests(ctx, 0, touched); err != nil {
			return err
		}
		touched = hosts
		f.flows = flows / hosts
		if err := f.grown(ctx); err != nil {
			return fmt.Errorf("%d flows: %w", flows, err)
		}
	}

	return nil
}

// grown measures one change beside a number of existing flows.
func (f *fleet) grown(ctx context.Context) (err error) {
	dir := filepath.Join(f.b.work, fmt.Sprintf("growth%d", f.flows))
	if err := f.storeIntent(ctx, dir, len(f.Hosts)); err != nil {
		return err
	}
	if err := f.launch(ctx, dir, len(f.Hosts)); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.stop()) }()

	if _, err := f.awaitReady(ctx); err != nil {
		text, _ := os.ReadFile(f.log)
		return fmt.Errorf("%w\n%s", err, text[max(0, len(text)-4000):])
	}

	for i := range f.Hosts {
		_, err := f.api.TapFlows().Create(ctx, api.TapFlowCreate{
			Name: fmt.Sprintf("changes-%d", i), TapID: serviceName(i, 0), Type: "vnic",
			GuestID: guestID(i, f.guests),
		}, client.Wait(settle))
		if err != nil {
			return err
		}
	}

	// 15 s after its start the controller returns free memory to the kernel. Wait for that: it is
	// no part of a change.
	if _, err := f.measureIdle(ctx, pick(f.b.quick, time.Second, idleTime)); err != nil {
		return err
	}

	return f.change(ctx, func(i int) string { return fmt.Sprintf("changes-%d", i%len(f.Hosts)) })
}
