//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tapline-sdn/tapline/testenv/lab"
)

// data is measurement 7: what a guest's traffic reaches while it is mirrored to another host, and what the switches spend on it.
func (b *bench) data(ctx context.Context) (err error) {
	m, err := newManual(ctx, "hand")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, m.close()) }()
	p, err := b.product(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.close()) }()
	hand := &script{m}
	ways := []struct {
		name  string
		stage *scene
		nic   *lab.NIC // of the collector; nil if nothing is mirrored
		on    func() error
		off   func() error
	}{
		{"no mirror", m.scene, nil, func() error { return nil }, func() error { return nil }},
		{"mirror by hand, a GRE port for it", m.scene, m.nic, func() error { return hand.on(ctx) }, func() error { return hand.off(ctx) }},
		{"mirror by Tapline", p.scene, p.nic, func() error { return p.mirror(ctx, "web", p.web) },
			func() error { return p.api.TapFlows().Delete(ctx, "web") }},
	}
	rounds := pick(b.quick, 1, 5)
	span := pick(b.quick, 300*time.Millisecond, 2*time.Second)
	for _, size := range []int{64, 1400} {
		results := make([][]load, len(ways))
		for round := range rounds {
			for i := range ways {
				at := (i + round) % len(ways)
				way := ways[at]
				if err := way.on(); err != nil {
					return err
				}
				time.Sleep(warmUp)
				l, err := burden(way.stage, way.nic, size, span)
				if err := errors.Join(err, way.off()); err != nil {
					return fmt.Errorf("%s: %w", way.name, err)
				}
				results[at] = append(results[at], l)
			}
		}
		for i, way := range ways {
			l := middle(results[i])
			note := fmt.Sprintf("%.0f Mbit/s; %.1f us of ovs-vswitchd a packet", l.arrived*float64(size)*8/1e6, l.cpu)
			if way.nic != nil {
				note += fmt.Sprintf("; copies of %.1f %% of what arrived", 100*l.copies/l.arrived)
			}
			b.table.add(fmt.Sprintf("%d bytes, %s", size, way.name), fmt.Sprintf("%.0f packets a second", l.arrived), note)
		}
	}
	return nil
}

// load is what went through, in packets a second, and microseconds of both switches' processor time for each that arrived.
type load struct{ arrived, copies, cpu float64 }

// middle is the median of each figure.
func middle(all []load) load {
	of := func(get func(load) float64) float64 {
		var s sample
		for _, l := range all {
			s = append(s, time.Duration(get(l)*1e3))
		}
		return float64(s.median()) / 1e3
	}
	return load{of(func(l load) float64 { return l.arrived }), of(func(l load) float64 { return l.copies }), of(func(l load) float64 { return l.cpu })}
}

// burden has web send to app as fast as it can.
func burden(s *scene, collector *lab.NIC, size int, span time.Duration) (l load, err error) {
	var arrived, copied atomic.Int64
	count := func(n *atomic.Int64) func([]byte) bool {
		return func(frame []byte) bool {
			if isTalk(frame) {
				n.Add(1)
			}
			return false // It is counted, not kept.
		}
	}
	app, err := s.app.Capture("eth0", lab.CaptureConfig{Direction: lab.In, Keep: count(&arrived)})
	if err != nil {
		return l, err
	}
	defer func() { err = errors.Join(err, app.Close()) }()
	if collector != nil {
		ids, err := s.ids.Capture(collector.Device, lab.CaptureConfig{Direction: lab.In, Keep: count(&copied)})
		if err != nil {
			return l, err
		}
		defer func() { err = errors.Join(err, ids.Close()) }()
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
	before := used(pids)
	var sending sync.WaitGroup
	var failed error
	sending.Go(func() {
		for end := time.Now().Add(span); time.Now().Before(end) && failed == nil; {
			for range 32 {
				if err := sender.Send(frame); err != nil && !errors.Is(err, unix.ENOBUFS) {
					failed = err
				}
			}
			runtime.Gosched()
		}
	})
	sending.Wait()
	time.Sleep(silence) // What is under way arrives.
	spent := used(pids).since(before)
	n := float64(arrived.Load())
	return load{n / span.Seconds(), float64(copied.Load()) / span.Seconds(), float64(spent.cpu.Microseconds()) / max(n, 1)}, failed
}

// switches are the processes of both hosts' ovs-vswitchd.
func (s *scene) switches() ([]int, error) {
	var pids []int
	for _, h := range s.Hosts {
		text, err := os.ReadFile(h.RunDir + "/ovs-vswitchd.pid")
		if err != nil {
			return nil, err
		}
		var pid int
		if _, err := fmt.Sscan(string(text), &pid); err != nil {
			return nil, fmt.Errorf("%s/ovs-vswitchd.pid: %w", h.RunDir, err)
		}
		pids = append(pids, pid)
	}
	return pids, nil
}
