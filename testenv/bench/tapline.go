//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/client"
	"github.com/tapline-sdn/tapline/testenv/lab"
)

// product is a scene with a controller and a tap service, ids, on the second host.
type product struct {
	*scene
	*controller
	service api.TapService
	nic     *lab.NIC
}

// settle bounds how long a service or flow may be pending.
const settle = 10 * time.Second

// product starts a scene under a controller.
func (b *bench) product(ctx context.Context) (p *product, err error) {
	s, err := newScene(ctx, "tapline", lab.WireBridge)
	if err != nil {
		return nil, err
	}

	p = &product{scene: s}
	defer func() {
		if err != nil {
			err = errors.Join(err, p.close())
		}
	}()

	if p.controller, err = b.start(ctx, place{command: s.Controller.Command,
		dial: s.Controller.Dial, api: 8640, of: 6653}); err != nil {
		return p, err
	}

	for _, h := range s.Hosts {
		if _, err := p.api.Hosts().Create(ctx, api.HostCreate{Name: h.Name, OVSDB: h.OVSDB()},
			client.Wait(settle)); err != nil {
			return p, err
		}
	}

	p.service, p.nic, err = p.sink(ctx, "analysis", s.ids)
	return p, err
}

// sink makes a tap service of a guest and waits until it is ready.
func (p *product) sink(ctx context.Context, name string, g *lab.Guest) (api.TapService, *lab.NIC,
	error) {
	s, err := p.api.TapServices().Create(ctx,
		api.TapServiceCreate{Name: name, Type: "guest", TargetID: g.ID})
	if err != nil {
		return s, nil, err
	}

	mac, err := lab.ParseMAC(s.MACAddr)
	if err != nil {
		return s, nil, err
	}

	nic, err := g.PlugNIC(ctx, lab.GuestNIC{Bridge: lab.WireBridge, MAC: mac, IfName: s.IfName})
	if err != nil {
		return s, nil, err
	}

	if s, err = p.api.TapServices().Enable(ctx, s.ID, client.Wait(settle)); err == nil &&
		s.Status != api.Ready {
		err = fmt.Errorf("tap service %s is %s: %s", s.Name, s.Status, s.Reason)
	}

	return s, nic, err
}

// mirror makes a flow of a guest and waits until it is ready.
func (p *product) mirror(ctx context.Context, name string, g *lab.Guest) error {
	f, err := p.api.TapFlows().Create(ctx, p.vnic(name, g), client.Wait(settle))
	if err == nil && f.Status != api.Ready {
		err = fmt.Errorf("tap flow %s is %s: %s", f.Name, f.Status, f.Reason)
	}
	return err
}

func (p *product) vnic(name string, g *lab.Guest) api.TapFlowCreate {
	return api.TapFlowCreate{Name: name, TapID: p.service.ID, Type: "vnic", GuestID: g.ID}
}

func (p *product) close() error {
	var err error
	if p.controller != nil {
		err = p.stop()
	}
	return errors.Join(err, p.Lab.Close())
}

// ours is the contender Tapline.
type ours struct {
	*product
	title, about string
	owns         bool // closes the product
	begin, end   func(ctx context.Context) error
}

func (o *ours) name() string  { return o.title }
func (o *ours) note() string  { return o.about }
func (o *ours) stage() *scene { return o.scene }

func (o *ours) collector() (*lab.Node, string, func([]byte) bool) {
	return o.ids.Node, o.nic.Device, isTalk
}

// isTalk picks the frames that [talk] sends.
func isTalk(frame []byte) bool {
	_, _, ok := lab.Sequence(frame)
	return ok
}

func (o *ours) on(ctx context.Context) error  { return o.begin(ctx) }
func (o *ours) off(ctx context.Context) error { return o.end(ctx) }

func (o *ours) close() error {
	if o.owns {
		return o.product.close()
	}
	return nil
}

// tapline returns four contenders. The mirror of web is the first flow of its service on its host,
// which makes patch ports, a Mirror and flows on both hosts; or it is one more flow, which adds a
// port to a Mirror. Either is created and deleted, or enabled and disabled. Each contender has a
// scene of its own, because what exists beside the flow must not change.
func (b *bench) tapline(ctx context.Context) ([]contender, error) {
	var out []contender
	for _, more := range []bool{false, true} {
		p, err := b.product(ctx)
		if err != nil {
			return out, err
		}

		flows := p.api.TapFlows()
		text := pick(more, "one more flow", "a service's first flow")
		out = append(out, &ours{
			product: p, title: "Tapline, " + text + ", create and delete",
			about: "POST, DELETE tap_flows", owns: true,
			begin: func(ctx context.Context) error {
				_, err := flows.Create(ctx, p.vnic("web", p.web))
				return err
			},
			end: func(ctx context.Context) error { return flows.Delete(ctx, "web") },
		}, &ours{
			product: p, title: "Tapline, " + text + ", enable and disable",
			about: "POST tap_flows/switched/enable, disable",
			begin: func(ctx context.Context) error {
				_, err := flows.Enable(ctx, "switched")
				return err
			},
			end: func(ctx context.Context) error {
				_, err := flows.Disable(ctx, "switched")
				return err
			},
		})

		if more {
			err = p.mirror(ctx, "db", p.db)
		}

		if err == nil {
			off := false
			f := p.vnic("switched", p.web)
			// Another direction, since an identical flow is refused.
			f.Direction, f.Enabled = "OUT", &off
			_, err = flows.Create(ctx, f)
		}

		if err != nil {
			return out, err
		}
	}

	return out, nil
}
