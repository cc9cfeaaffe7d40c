//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tapline-sdn/tapline/testenv/lab"
)

// arrival is measurement 2: a mirrored guest moves from host to host while it sends without pause,
// until copies come from its new host.
func (b *bench) arrival(ctx context.Context) (err error) {
	p, err := b.product(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.close()) }()

	if err := p.mirror(ctx, "web", p.web); err != nil {
		return err
	}

	hush, err := talk(p.web, p.app, frameEvery)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, hush()) }()

	var local, remote sample
	for range pick(b.quick, 1, 20) {
		for _, way := range []struct {
			to     *lab.Host
			result *sample
		}{{p.h2, &local}, {p.h1, &remote}} {
			took, err := p.move(ctx, way.to)
			if err != nil {
				return err
			}
			*way.result = append(*way.result, took)
		}
	}

	note := "from the first packet that passes the new host to the first copy of one"
	b.table.add("a guest arrives on another host than the collector's", remote.String(), note)
	b.table.add("a guest arrives on the collector's host", local.String(), note)
	b.figures.addTimes("arrival on another host", remote...)
	b.figures.addTimes("arrival on the collector's host", local...)
	return nil
}

// move migrates web to another host and returns the time between its first packet there and the
// first copy of one.
func (p *product) move(ctx context.Context, to *lab.Host) (took time.Duration, err error) {
	originals, err := p.app.Capture("eth0", lab.CaptureConfig{Direction: lab.In, Keep: isTalk})
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, originals.Close()) }()

	copies, err := p.ids.Capture(p.nic.Device, lab.CaptureConfig{Direction: lab.In, Keep: isTalk})
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, copies.Close()) }()

	time.Sleep(warmUp)
	if err := p.web.MoveTo(ctx, to); err != nil {
		return 0, err
	}

	// The sender's socket returns an error while its link is down; sending works again once it is
	// up.
	began := time.Now()
	patient, cancel := context.WithTimeout(ctx, never)
	defer cancel()
	err = copies.Wait(patient, func(frames []lab.Frame) bool {
		return len(frames) > 0 && frames[len(frames)-1].Time.After(began)
	})
	if err != nil {
		return 0, fmt.Errorf("no copy after the move to %s: %w", to.Name, err)
	}

	time.Sleep(warmUp)
	left, arrived := gap(originals.Frames())
	for _, f := range copies.Frames() {
		if f.Time.After(left.Add((arrived.Sub(left)) / 2)) {
			return max(0, f.Time.Sub(arrived)), nil
		}
	}

	return 0, fmt.Errorf("no copy after the move to %s", to.Name)
}

// gap is the longest time between two frames.
func gap(frames []lab.Frame) (from, to time.Time) {
	for i := 1; i < len(frames); i++ {
		if frames[i].Time.Sub(frames[i-1].Time) > to.Sub(from) {
			from, to = frames[i-1].Time, frames[i].Time
		}
	}
	return from, to
}
