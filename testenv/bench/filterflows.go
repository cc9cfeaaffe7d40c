//go:build linux

package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/client"
	"github.com/tapline-sdn/tapline/testenv/lab"
)

// filterFlows tells how many flows the source's switch caches for the same connections with filters
// of different kinds. Each cached flow is made by a packet that ovs-vswitchd had to look at itself.
func (b *bench) filterFlows(ctx context.Context, p *product) error {
	const connections = 1000
	frames := p.connections(connections)

	var networks []string
	for i := range 80 {
		networks = append(networks, fmt.Sprintf("(src net 10.%d.0.0/16 and dst port %d)", i,
			1024+i))
	}

	for _, o := range []struct {
		name string
		flow api.TapFlowCreate
	}{
		{"no filter", api.TapFlowCreate{}},
		{"one port", api.TapFlowCreate{Filter: "udp dst port 80"}},
		{"three ports", api.TapFlowCreate{Filter: "udp dst port 80 or 443 or 22"}},
		{"ports 1024-65535", api.TapFlowCreate{Filter: "udp dst portrange 1024-65535"}},
		{"a network of 9 bits", api.TapFlowCreate{Filter: "src net 10.0.0.0/9"}},
		{"all but one address", api.TapFlowCreate{Filter: "not host 10.1.2.3"}},
		{"80 networks, each with a port",
			api.TapFlowCreate{Filter: strings.Join(networks, " or ")}},
		{"a sample of one connection in 16", api.TapFlowCreate{Sample: 16}},
	} {
		cached, err := p.cachedFor(ctx, o.flow, frames)
		if err != nil {
			return fmt.Errorf("%s: %w", o.name, err)
		}
		b.table.add(fmt.Sprintf("%d connections, %s", connections, o.name),
			fmt.Sprintf("%d cached flows", cached),
			"of the source's switch; the collector is on another host")
	}
	return nil
}

// connections are the first packets of connections from web to db, with random sources and ports.
func (p *product) connections(n int) [][]byte {
	random := rand.New(rand.NewPCG(1, 2))
	frames := make([][]byte, n)
	for i := range frames {
		frames[i] = lab.UDP{Src: p.web.MAC(), Dst: p.db.MAC(),
			SrcPort: uint16(random.Uint32()), DstPort: uint16(random.Uint32())}.Frame()
		binary.BigEndian.PutUint32(frames[i][26:], 10<<24|random.Uint32()>>8)
	}
	return frames
}

// cachedFor mirrors web with options while it sends frames, and returns how many flows are cached
// of what it has sent.
func (p *product) cachedFor(
	ctx context.Context, f api.TapFlowCreate, frames [][]byte,
) (cached int, err error) {
	if err := p.mirrorWith(ctx, f, ""); err != nil {
		return 0, err
	}
	defer func() {
		err = errors.Join(err, p.api.TapFlows().Delete(ctx, "web", client.Wait(settle)))
	}()

	if _, err := p.h1.AppCtl("revalidator/purge"); err != nil {
		return 0, err
	}
	sender, err := p.web.Sender("eth0")
	if err != nil {
		return 0, err
	}
	defer sender.Close()
	_, err = sender.Stream(ctx, lab.Stream{PPS: 2000, Count: uint64(len(frames)),
		Frame: func(seq uint64) []byte { return frames[seq] }})
	if err != nil {
		return 0, err
	}

	// A flow that packets have just met stays for seconds.
	out, err := p.h1.AppCtl("dpctl/dump-flows")
	return strings.Count(out, "src="+p.web.MAC().String()), err
}
