//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/client"
	"github.com/tapline-sdn/tapline/testenv/lab"
)

// watch is measurement 8: what the watch on tunnel paths, neighbours, MTUs and growing captures
// costs while nothing happens. Every host mirrors a guest to every other host, so each is watched
// from both ends.
func (b *bench) watch(ctx context.Context) (err error) {
	hosts := pick(b.quick, 2, 5)
	l, err := lab.New(ctx, lab.Config{Name: fmt.Sprintf("watch%08x", rand.Uint32()), Hosts: hosts})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()

	c, err := b.start(ctx, place{command: l.Controller.Command, dial: l.Controller.Dial, api: 8640,
		of: 6653})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.stop()) }()

	p := &product{scene: &scene{Lab: l}, controller: c}
	m, err := p.mesh(ctx)
	if err != nil {
		return err
	}

	pause := pick(b.quick, time.Second, idleTime)
	none, err := p.idle(ctx, pause)
	if err != nil {
		return err
	}
	b.table.add(fmt.Sprintf("idle, %d hosts with a tap service each, no flow", hosts),
		fmt.Sprintf("%.2f ms a second", none), "controller and plugin")

	for _, remote := range []bool{false, true} {
		if err := m.mirror(ctx, remote); err != nil {
			return err
		}
		idle, err := p.idle(ctx, pause)
		if err != nil {
			return err
		}

		paths := pick(remote, hosts*(hosts-1), 0)
		note := ""
		if remote {
			note = fmt.Sprintf("%.0f µs a second for each path", 1000*(idle-none)/float64(paths))
		}
		b.table.add(fmt.Sprintf("the same with %d local flows and %d tunnel paths", hosts, paths),
			fmt.Sprintf("%.2f ms a second", idle), note)
	}
	return nil
}

// mesh is a mirrored guest and a tap service on each host.
type mesh struct {
	*product
	guests   []*lab.Guest
	services []api.TapService
}

func (p *product) mesh(ctx context.Context) (*mesh, error) {
	m := &mesh{product: p}
	for i, h := range p.Hosts {
		if _, err := p.api.Hosts().Create(ctx, api.HostCreate{Name: h.Name, OVSDB: h.OVSDB()},
			client.Wait(settle)); err != nil {
			return nil, err
		}

		web, err := h.AddGuest(ctx, fmt.Sprint("web", i), lab.GuestNIC{Bridge: lab.WireBridge})
		if err != nil {
			return nil, err
		}
		ids, err := h.AddGuest(ctx, fmt.Sprint("ids", i), lab.GuestNIC{Bridge: lab.WireBridge})
		if err != nil {
			return nil, err
		}

		service, _, err := p.sink(ctx, "analysis-"+ids.Name, ids)
		if err != nil {
			return nil, err
		}
		m.guests, m.services = append(m.guests, web), append(m.services, service)
	}
	return m, nil
}

// mirror mirrors each host's guest to the service of the same host, or to those of all others.
func (m *mesh) mirror(ctx context.Context, remote bool) error {
	for from, guest := range m.guests {
		for to, service := range m.services {
			if (from != to) != remote {
				continue
			}
			f, err := m.api.TapFlows().Create(ctx, api.TapFlowCreate{
				Name: fmt.Sprintf("flow-%d-%d", from, to), TapID: service.ID, Type: "vnic",
				GuestID: guest.ID,
			}, client.Wait(settle))
			if err == nil && f.Status != api.Ready {
				err = fmt.Errorf("tap flow %s is %s: %s", f.Name, f.Status, f.Reason)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// idle is the processor time in ms a second that the controller and its plugin take while nothing
// happens.
func (p *product) idle(ctx context.Context, pause time.Duration) (float64, error) {
	pids := append(children(p.cmd.Process.Pid), p.cmd.Process.Pid)
	if pause > time.Second { // What changed last has settled, and captures are no longer new.
		time.Sleep(pause)
	}

	before := used(pids)
	select {
	case <-ctx.Done():
		return 0, ctx.Err()
	case <-time.After(pause):
	}
	return used(pids).since(before).cpu.Seconds() * 1000 / pause.Seconds(), nil
}
