//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tapline-sdn/tapline/testenv/lab"
)

// bearable is a rate, in packets a second, that two cores sustain with switches and guests on them.
// The cost of a packet can be compared at this rate only: on a saturated machine the scheduler
// decides how many packets and copies there are.
const bearable = 20000

// way is one way to mirror a guest: not at all, by hand, or by Tapline.
type way struct {
	name    string
	nic     *lab.NIC // of the collector; nil if nothing is mirrored
	on, off func() error
}

// data is measurement 7: how many packets of a guest arrive while it is mirrored to another host,
// and how much processor time the switches spend. All ways take turns on the same two switches,
// because two switch processes with equal work may differ by a tenth.
func (b *bench) data(ctx context.Context) (err error) {
	p, err := b.product(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.close()) }()

	m, err := p.byHand(ctx)
	if err != nil {
		return err
	}

	hand, nothing := &script{m}, func() error { return nil }
	ways := []way{
		{"no mirror", nil, nothing, nothing},
		{"mirror by hand, a GRE port for it", m.nic, func() error {
			return hand.on(ctx)
		}, func() error { return hand.off(ctx) }},
		{"mirror by Tapline", p.nic, func() error { return p.mirror(ctx, "web", p.web) },
			func() error { return p.api.TapFlows().Delete(ctx, "web") }},
	}

	for _, rate := range []int{bearable, 0} {
		for _, size := range []int{64, 1400} {
			if err := b.turns(ctx, p.scene, ways, rate, size); err != nil {
				return err
			}
		}
	}

	return nil
}

// turns measures each way with frames of one size, in turn, many times. The last way, Tapline, is
// compared with the one before it.
func (b *bench) turns(ctx context.Context, s *scene, ways []way, rate, size int) error {
	results := make([][]load, len(ways))
	for round := range pick(b.quick, 1, 15) {
		for i := range ways {
			at := (i + round) % len(ways)
			if err := ways[at].on(); err != nil {
				return fmt.Errorf("%s: %w", ways[at].name, err)
			}

			l, err := s.measureLoad(ctx, ways[at].nic, rate, size,
				pick(b.quick, 200*time.Millisecond, 500*time.Millisecond))
			if err := errors.Join(err, ways[at].off()); err != nil {
				return fmt.Errorf("%s: %w", ways[at].name, err)
			}

			results[at] = append(results[at], l)
		}
	}

	title := fmt.Sprintf("%d bytes, as fast as it goes, ", size)
	if rate > 0 {
		title = fmt.Sprintf("%d bytes, %d packets a second, ", size, rate)
	}

	for i, way := range ways {
		note := fmt.Sprintf("%.1f us of the source's ovs-vswitchd a packet",
			spread(results[i], load.source).middle)
		if way.nic != nil {
			note += fmt.Sprintf(", %.1f us of the collector's a copy; copies of %.1f %%",
				spread(results[i], load.sink).middle, 100*spread(results[i], load.copied).middle)
		}
		b.table.add(title+way.name, fmt.Sprintf("%.0f packets a second",
			spread(results[i], load.rate).middle), note)
	}

	last := len(ways) - 1
	change := func(get func(load) float64) string {
		var each []float64
		for turn, l := range results[last] {
			each = append(each, 100*(get(l)/get(results[last-1][turn])-1))
		}
		q := quartilesOf(each)
		return fmt.Sprintf("%+.1f %% (%+.1f to %+.1f)", q.middle, q.low, q.high)
	}

	b.table.add(title+"Tapline to by hand, turn by turn: medians (quartiles)",
		"packets "+change(load.rate),
		fmt.Sprintf("processor time: the source's %s, the collector's %s", change(load.source),
			change(load.sink)))

	return nil
}

// load is what passed in one turn.
type load struct {
	span time.Duration
	// frames, at the guest that they are for and at the collector
	arrived, copies      uint64
	sourceCPU, collector time.Duration // processor time of the two switches
}

func (l load) rate() float64   { return float64(l.arrived) / l.span.Seconds() }
func (l load) copied() float64 { return float64(l.copies) / float64(max(l.arrived, 1)) }

// source and sink are microseconds of processor time per packet.
func (l load) source() float64 {
	return float64(l.sourceCPU.Nanoseconds()) / 1e3 / float64(max(l.arrived, 1))
}
func (l load) sink() float64 {
	return float64(l.collector.Nanoseconds()) / 1e3 / float64(max(l.copies, 1))
}

// quartiles are the first quartile, the median and the third quartile.
type quartiles struct{ low, middle, high float64 }

func quartilesOf(figures []float64) quartiles {
	sorted := slices.Sorted(slices.Values(figures))
	return quartiles{sorted[len(sorted)/4], sorted[len(sorted)/2], sorted[len(sorted)*3/4]}
}

func spread(all []load, get func(load) float64) quartiles {
	var figures []float64
	for _, l := range all {
		figures = append(figures, get(l))
	}
	return quartilesOf(figures)
}

// measureLoad has web send to app, at a rate or, if that is 0, as fast as it can. The kernel's
// counters show what arrives: a program that reads the frames would take processor time from the
// switches.
func (s *scene) measureLoad(ctx context.Context, collector *lab.NIC, rate, size int,
	span time.Duration) (l load, err error) {
	// One frame from app, so that the switch keeps its MAC entry.
	if err := s.frames(s.app, s.web, 1); err != nil {
		return l, err
	}

	sender, err := s.web.Sender("eth0")
	if err != nil {
		return l, err
	}
	defer func() { err = errors.Join(err, sender.Close()) }()

	pids, err := s.switches()
	if err != nil {
		return l, err
	}

	frame := lab.UDP{Src: s.web.MAC(), Dst: s.app.MAC(), Len: size}.Frame()
	stream := lab.Stream{PPS: 1000, For: warmUp, Frame: func(uint64) []byte { return frame }}
	if _, err := sender.Stream(ctx, stream); err != nil {
		return l, err
	}

	time.Sleep(silence)
	before, err := s.counts(collector)
	if err != nil {
		return l, err
	}

	source, sink := used(pids[:1]), used(pids[1:])
	if rate > 0 {
		stream.PPS, stream.For = rate, span
		_, err = sender.Stream(ctx, stream)
	} else {
		err = flood(sender, frame, span)
	}

	if err != nil {
		return l, err
	}

	time.Sleep(silence) // Let frames under way arrive.
	l = load{span: span, sourceCPU: used(pids[:1]).since(source).cpu,
		collector: used(pids[1:]).since(sink).cpu}

	after, err := s.counts(collector)
	l.arrived, l.copies = after[0]-before[0], after[1]-before[1]
	return l, err
}

// flood sends as fast as it can until the span is over.
func flood(sender *lab.Sender, frame []byte, span time.Duration) error {
	for end := time.Now().Add(span); time.Now().Before(end); {
		for range 32 {
			if err := sender.Send(frame); err != nil && !errors.Is(err, unix.ENOBUFS) {
				return err
			}
		}
	}
	return nil
}

// counts returns how many frames app and the collector have received.
func (s *scene) counts(collector *lab.NIC) (n [2]uint64, err error) {
	if n[0], err = s.app.Received("eth0"); err == nil && collector != nil {
		n[1], err = s.ids.Received(collector.Device)
	}
	return n, err
}

// switches returns the process ids of ovs-vswitchd on both hosts.
func (s *scene) switches() ([]int, error) {
	var pids []int
	for _, h := range s.Hosts {
		pid := h.VSwitchdPID()
		if pid == 0 {
			return nil, fmt.Errorf("host %s: ovs-vswitchd does not run: see %s", h.Name,
				h.LogFile("ovs-vswitchd"))
		}
		pids = append(pids, pid)
	}

	return pids, nil
}
