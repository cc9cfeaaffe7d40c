//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/client"
)

// longFilter is a filter of 200 rules: a network each, of which no two can be joined.
func longFilter(third int) string {
	var parts []string
	for i := range 200 {
		parts = append(parts, fmt.Sprintf("ip dst net 10.%d.%d.0/24", i, third))
	}
	return strings.Join(parts, " or ")
}

// options is measurement 9: the processor time that a packet costs the source's switch with each
// option of a tap flow, beside no mirror and a plain one, and how long it takes to change a long
// filter. All take turns on the same two switches.
func (b *bench) options(ctx context.Context) (err error) {
	p, err := b.product(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.close()) }()

	nothing := func() error { return nil }
	ways := []way{{"no mirror", nil, nothing, nothing}}
	for _, o := range []struct {
		name string
		flow api.TapFlowCreate
		rate string
	}{
		{"plain mirror", api.TapFlowCreate{}, ""},
		{"filter that accepts", api.TapFlowCreate{Filter: "udp port 9"}, ""},
		{"filter that rejects", api.TapFlowCreate{Filter: "tcp port 443"}, ""},
		{"cut to 64 octets", api.TapFlowCreate{Snaplen: 64}, ""},
		{"rate limit that drops nothing", api.TapFlowCreate{}, "1Mpps"},
		{"rate limit of 1,000 a second", api.TapFlowCreate{}, "1000pps"},
		{"sample of one in 2", api.TapFlowCreate{Sample: 2}, ""},
		{"tag pushed", api.TapFlowCreate{VLAN: "100"}, ""},
	} {
		ways = append(ways, way{o.name, p.nic,
			func() error { return p.mirrorWith(ctx, o.flow, o.rate) },
			func() error { return p.api.TapFlows().Delete(ctx, "web", client.Wait(settle)) }})
	}

	if err := b.optionTurns(ctx, p, ways); err != nil {
		return err
	}
	if err := b.filterFlows(ctx, p); err != nil {
		return err
	}
	return b.changeFilter(ctx, p)
}

// mirrorWith mirrors web with options to the service, with a rate limit or, if that is "", none.
func (p *product) mirrorWith(ctx context.Context, f api.TapFlowCreate, rate string) error {
	limit := api.Remove[string]()
	if rate != "" {
		limit = api.Set(rate)
	}
	_, err := p.api.TapServices().Update(ctx, p.service.ID, api.TapServicePatch{RateLimit: limit},
		client.Wait(settle))
	if err != nil {
		return err
	}

	base := p.vnic("web", p.web)
	f.Name, f.TapID, f.Type, f.GuestID = base.Name, base.TapID, base.Type, base.GuestID
	got, err := p.api.TapFlows().Create(ctx, f, client.Wait(settle))
	if err == nil && got.Status != api.Ready {
		err = fmt.Errorf("tap flow %s is %s: %s", got.Name, got.Status, got.Reason)
	}
	return err
}

// optionTurns measures each way in turn, and compares it with the plain mirror, which is the
// second.
func (b *bench) optionTurns(ctx context.Context, p *product, ways []way) error {
	const size, plain = 600, 1
	results := make([][]load, len(ways))
	for round := range pick(b.quick, 1, 9) {
		for i := range ways {
			at := (i + round) % len(ways)
			if err := ways[at].on(); err != nil {
				return fmt.Errorf("%s: %w", ways[at].name, err)
			}
			l, err := p.measureLoad(ctx, ways[at].nic, bearable, size,
				pick(b.quick, 200*time.Millisecond, 500*time.Millisecond))
			if err := errors.Join(err, ways[at].off()); err != nil {
				return fmt.Errorf("%s: %w", ways[at].name, err)
			}
			results[at] = append(results[at], l)
		}
	}

	for i, way := range ways {
		var change []float64
		for turn, l := range results[i] {
			change = append(change, 100*(l.source()/results[plain][turn].source()-1))
		}
		cpu, beside := spread(results[i], load.source), quartilesOf(change)
		b.table.add(fmt.Sprintf("%d bytes, %d packets a second, %s", size, bearable, way.name),
			fmt.Sprintf("%.2f us of the source's ovs-vswitchd a packet", cpu.middle),
			fmt.Sprintf("beside a plain mirror, turn by turn: %+.1f %% (%+.1f to %+.1f); copies "+
				"of %.1f %%", beside.middle, beside.low, beside.high,
				100*spread(results[i], load.copied).middle))
	}
	return nil
}

// changeFilter measures how long it takes from the call that changes a filter of 200 rules until
// the change is read back.
func (b *bench) changeFilter(ctx context.Context, p *product) error {
	if err := p.mirrorWith(ctx, api.TapFlowCreate{Filter: longFilter(1)}, ""); err != nil {
		return err
	}

	var times []float64
	for i := range pick(b.quick, 2, 20) {
		begin := time.Now()
		f, err := p.api.TapFlows().Update(ctx, "web",
			api.TapFlowPatch{Filter: api.Set(longFilter(2 + i))}, client.Wait(settle))
		if err != nil || f.Status != api.Ready {
			return errors.Join(err, fmt.Errorf("tap flow is %s: %s", f.Status, f.Reason))
		}
		times = append(times, float64(time.Since(begin).Microseconds())/1e3)
	}

	q := quartilesOf(times)
	b.table.add("a filter of 200 networks is changed",
		fmt.Sprintf("%.0f ms", q.middle),
		fmt.Sprintf("from the call until it is read back; quartiles %.0f to %.0f ms", q.low,
			q.high))
	return p.api.TapFlows().Delete(ctx, "web")
}
