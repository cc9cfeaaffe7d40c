//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/gopacket/gopacket/pcapgo"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/client"
	"github.com/tapline-sdn/tapline/testenv/lab"
)

// liveCapture is measurement 10: how long the first packet of a live capture takes, how many a
// second one sustains at what price, and whether a flood delays changes.
func (b *bench) liveCapture(ctx context.Context) (err error) {
	p, err := b.product(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.close()) }()

	first, err := p.firstPackets(ctx, b.runs)
	if err != nil {
		return err
	}
	b.table.add("first packet of a live capture", first.String(), "GET /api/v1/capture")

	idle, err := p.changes(ctx, b.runs)
	if err != nil {
		return err
	}
	b.table.add("a tap flow enabled until ready, no capture", idle.String(), "")

	span := pick(b.quick, time.Second, 5*time.Second)
	for _, size := range []int{100, 1400} {
		if err := b.sustained(ctx, p, size, span); err != nil {
			return err
		}
	}
	return nil
}

// firstPackets captures guest web again and again while it sends.
func (p *product) firstPackets(ctx context.Context, runs int) (first sample, err error) {
	hush, err := talk(p.web, p.app, frameEvery)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, hush()) }()

	for range runs {
		called := time.Now()
		stream, err := p.api.Capture(ctx, client.Where("guest_id", p.web.ID))
		if err != nil {
			return nil, err
		}
		r, err := pcapgo.NewNgReader(stream, pcapgo.NgReaderOptions{})
		if err == nil {
			_, _, err = r.ReadPacketData()
		}
		first = append(first, time.Since(called))
		if err := errors.Join(err, stream.Close()); err != nil {
			return nil, err
		}
		time.Sleep(silence) // Let the switch take it away.
	}
	return first, nil
}

// changes makes tap flows of guest db and takes them away.
func (p *product) changes(ctx context.Context, runs int) (took sample, err error) {
	for range runs {
		called := time.Now()
		if err := p.mirror(ctx, "db", p.db); err != nil {
			return nil, err
		}
		took = append(took, time.Since(called))
		if err := p.api.TapFlows().Delete(ctx, "db", client.Wait(settle)); err != nil {
			return nil, err
		}
	}
	return took, nil
}

// sustained captures a stream of 10,000 packets a second, while tap flows come and go.
func (b *bench) sustained(ctx context.Context, p *product, size int, span time.Duration) error {
	const rate = 10_000
	pids, err := p.switches()
	if err != nil {
		return err
	}
	stream, err := p.api.Capture(ctx, client.Where("guest_id", p.web.ID),
		client.Where("rate_limit", fmt.Sprintf("%dpps", rate)))
	if err != nil {
		return err
	}
	defer stream.Close()
	read := make(chan error, 1)
	go func() {
		_, err := io.Copy(io.Discard, stream)
		read <- err
	}()

	sender, err := p.web.Sender("eth0")
	if err != nil {
		return err
	}
	frame := lab.UDP{Src: p.web.MAC(), Dst: p.app.MAC(), Len: size}.Frame()
	own := []int{p.cmd.Process.Pid}
	theirs, ours := used(pids[:1]), used(own)
	traffic := sender.Start(ctx, lab.Stream{PPS: rate, For: span,
		Frame: func(uint64) []byte { return frame }})
	took, err := p.changes(ctx, b.runs)
	sent, failed := traffic.Wait()
	if err = errors.Join(err, failed, sender.Close()); err != nil {
		return err
	}

	time.Sleep(silence)
	spent, mine := used(pids[:1]).since(theirs).cpu, used(own).since(ours).cpu
	if err := stream.Stop(ctx); err != nil {
		return err
	}
	if err := <-read; err != nil {
		return err
	}
	r, known := stream.Result()
	if !known || r.End != api.CaptureStopped {
		return fmt.Errorf("the capture ended by itself: %+v", r)
	}

	title := fmt.Sprintf("a live capture of %d packets a second, %d octets", rate, size)
	b.table.add(title, fmt.Sprintf("%.0f a second", float64(r.Captured)/span.Seconds()),
		fmt.Sprintf("%d sent; %d over the limit, %d lost; processor a packet: switch %.1f us, "+
			"controller %.1f us", sent, r.Limited, r.Lost,
			float64(spent.Microseconds())/float64(max(sent, 1)),
			float64(mine.Microseconds())/float64(max(r.Captured, 1))))
	b.table.add("a tap flow enabled until ready, beside it", took.String(), "")
	return nil
}
