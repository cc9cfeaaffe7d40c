//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tapline-sdn/tapline/testenv/lab"
)

// contender is one way to mirror what guest web of its scene sends and receives to the second host.
type contender interface {
	name() string
	note() string
	stage() *scene
	// collector returns the interface where copies arrive and a function that recognises them.
	collector() (node *lab.Node, device string, copies func(frame []byte) bool)
	on(ctx context.Context) error
	off(ctx context.Context) error
	close() error
}

const (
	frameEvery = 500 * time.Microsecond // of the steady traffic
	// steady traffic before a run, so that the switch has cached it
	warmUp  = 60 * time.Millisecond
	silence = 60 * time.Millisecond // so long without a copy means that no more will come
	never   = 3 * time.Second       // so long without the first copy means that none will come
)

// outcome is what was measured of one contender.
type outcome struct {
	first    sample // from the call to the first copy
	last     sample // from the answer to the last copy; 0 if it came before
	lastCall sample // from the call
	missed   int    // runs without any copy
	endless  int    // runs whose copies did not end
}

// firstCopy is measurement 1: the time to the first copy and to the last.
func (b *bench) firstCopy(ctx context.Context) (err error) {
	var contenders []contender
	defer func() {
		for _, c := range contenders {
			err = errors.Join(err, c.close())
		}
	}()

	beginners := []func(context.Context) ([]contender, error){b.tapline}
	if !b.alone {
		beginners = append(beginners, b.floor, b.script, b.ovn)
	}
	for _, begin := range beginners {
		more, err := begin(ctx)
		contenders = append(contenders, more...)
		if err != nil {
			return err
		}
	}

	outcomes := make([]outcome, len(contenders))
	for round := range b.runs {
		for i := range contenders {
			// Rotate the order, so that each contender follows each other.
			at := (i + round) % len(contenders)
			if err := outcomes[at].run(ctx, contenders[at]); err != nil {
				return fmt.Errorf("%s, run %d: %w", contenders[at].name(), round+1, err)
			}
		}
		if (round+1)%10 == 0 {
			b.say("  %d of %d runs", round+1, b.runs)
		}
	}

	for i, c := range contenders {
		o := &outcomes[i]
		note := c.note()
		if o.missed > 0 {
			note += fmt.Sprintf("; no copy within %v in %d runs", never, o.missed)
		}
		b.table.add("first copy: "+c.name(), o.first.String(), note)
		b.figures.addTimes("first copy: "+c.name(), o.first...)
	}

	for i, c := range contenders {
		o := &outcomes[i]
		note := fmt.Sprintf("%s after the call", ms(o.lastCall.median()))
		if o.endless > 0 {
			note += fmt.Sprintf("; in %d runs they did not end", o.endless)
		}
		b.table.add("last copy after the answer: "+c.name(), o.last.String(), note)
		b.figures.addTimes("last copy: "+c.name(), o.last...)
	}

	return nil
}

// run turns the mirror on and off once, while traffic flows without pause.
func (o *outcome) run(ctx context.Context, c contender) (err error) {
	s := c.stage()
	hush, err := talk(s.web, s.app, frameEvery)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, hush()) }()

	node, device, copies := c.collector()
	capture, err := node.Capture(device, lab.CaptureConfig{Direction: lab.In, Keep: copies})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, capture.Close()) }()

	time.Sleep(warmUp)
	if n := len(capture.Frames()); n > 0 {
		return fmt.Errorf("%d copies came before the mirror was turned on", n)
	}

	called := time.Now()
	if err := c.on(ctx); err != nil {
		return err
	}

	patient, cancel := context.WithTimeout(ctx, never)
	defer cancel()
	if err := capture.WaitLen(patient, 1); err != nil {
		o.missed++
	} else {
		o.first = append(o.first, capture.Frames()[0].Time.Sub(called))
	}

	time.Sleep(warmUp)

	called = time.Now()
	if err := c.off(ctx); err != nil {
		return err
	}

	answered := time.Now()
	patient, cancel = context.WithTimeout(ctx, never)
	defer cancel()
	if err := capture.WaitQuiet(patient, silence); err != nil {
		o.endless++
		return nil
	}

	if frames := capture.Frames(); len(frames) > 0 {
		last := frames[len(frames)-1].Time
		o.last = append(o.last, max(0, last.Sub(answered)))
		o.lastCall = append(o.lastCall, last.Sub(called))
	}

	return nil
}
