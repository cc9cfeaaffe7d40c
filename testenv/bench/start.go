//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// idleTime is how long nothing happens while it is measured what that costs.
const idleTime = 20 * time.Second

// fleets is measurements 4 and 5, and 3 once more: all need many hosts, which take long to start.
func (b *bench) fleets(ctx context.Context) (err error) {
	most := slices.Max(b.hosts)
	f, err := b.fleet(ctx, most, usual)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()

	touched := 0
	for _, n := range slices.Sorted(slices.Values(b.hosts)) {
		if err := f.plugGuests(ctx, 0, touched); err != nil {
			return err
		}
		touched = n
		if err := f.measure(ctx, n); err != nil {
			return fmt.Errorf("%d hosts: %w", n, err)
		}
	}

	return nil
}

func (f *fleet) measure(ctx context.Context, n int) (err error) {
	dir := filepath.Join(f.b.work, fmt.Sprintf("fleet%d", n))
	if err := f.storeIntent(ctx, dir, n); err != nil {
		return err
	}
	if err := f.floor(ctx, n); err != nil {
		return err
	}

	for _, how := range []string{"cold", "warm"} {
		before := used(f.daemons)
		if err := f.launch(ctx, dir, n); err != nil {
			return err
		}

		took, err := f.awaitReady(ctx)
		ours, after := f.usage()
		if err != nil {
			text, _ := os.ReadFile(f.log)
			return errors.Join(fmt.Errorf("%w\n%s", err, text[max(0, len(text)-4000):]), f.stop())
		}

		f.b.table.add(fmt.Sprintf("%s start, %d hosts, %d flows", how, n, n*f.flows),
			fmt.Sprintf("%.2f s", took.Seconds()),
			fmt.Sprintf("processor time: %.2f s ours, %.2f s the switches'", ours.cpu.Seconds(),
				after.since(before).cpu.Seconds()))

		f.b.figures.addTimes(fmt.Sprintf("%s start, %d hosts", how, n), took)
		f.b.say("  %d hosts %s: %v", n, how, took)
		if how == "cold" {
			if err := f.stop(); err != nil {
				return err
			}
		}
	}
	defer func() { err = errors.Join(err, f.stop()) }()
	if err := f.idle(ctx, n); err != nil {
		return err
	}

	// 7919 is prime, so the changes visit all hosts.
	return f.change(ctx, func(i int) string { return flowName(i*7919%n, i%f.flows) })
}

// measureIdle measures what the processes use while nothing happens.
func (f *fleet) measureIdle(ctx context.Context, pause time.Duration) (usage, error) {
	before, _ := f.usage()
	select {
	case <-ctx.Done():
		return usage{}, ctx.Err()
	case <-time.After(pause):
	}
	after, _ := f.usage()
	f.idling = after.since(before).cpu.Seconds() / pause.Seconds()
	return after, nil
}

// idle reports the processor time while nothing happens, and the memory.
func (f *fleet) idle(ctx context.Context, n int) error {
	after, err := f.measureIdle(ctx, pick(f.b.quick, time.Second, idleTime))
	if err != nil {
		return err
	}

	f.b.table.add(fmt.Sprintf("idle, %d hosts", n), fmt.Sprintf("%.2f %% of a core", 100*f.idling),
		"controller and plugin")

	f.b.table.add(fmt.Sprintf("memory, %d hosts, %d flows", n, n*f.flows),
		fmt.Sprintf("%d KiB a host", after.memory/int64(n)/1024),
		fmt.Sprintf("%d MiB resident, controller and plugin, %d flows a host", after.memory>>20,
			f.flows))

	f.b.figures.add(fmt.Sprintf("memory, %d hosts", n), "B/host", float64(after.memory/int64(n)))
	f.b.figures.add(fmt.Sprintf("idle, %d hosts", n), "sec/sec", f.idling)
	return nil
}
