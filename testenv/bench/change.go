//go:build linux

package main

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/client"
)

// change measures what one change costs while hosts with their flows stand: the flows that turn
// names, each on another host, are disabled and enabled one after the other.
func (f *fleet) change(ctx context.Context, turn func(i int) string) error {
	rounds := pick(f.b.quick, 4, 100)
	sent, err := f.sent()
	if err != nil {
		return err
	}

	before, _ := f.usage()
	begin := time.Now()
	var times sample
	for i := range rounds {
		name := turn(i)
		for _, on := range []bool{false, true} {
			called := time.Now()
			var flow api.TapFlow
			if on {
				flow, err = f.api.TapFlows().Enable(ctx, name, client.Wait(settle))
			} else {
				flow, err = f.api.TapFlows().Disable(ctx, name, client.Wait(settle))
			}

			if err != nil {
				return err
			}

			if on && flow.Status != api.Ready {
				return fmt.Errorf("flow %s is %s: %s", name, flow.Status, flow.Reason)
			}

			times = append(times, time.Since(called))
		}
	}

	after, _ := f.usage()
	now, err := f.sent()
	if err != nil {
		return err
	}

	// Idle processor time is not part of a change; subtract what this span has of it.
	idle := time.Duration(f.idling * float64(time.Since(begin)))
	cost := (after.since(before).cpu - idle) / time.Duration(2*rounds)
	f.b.table.add(fmt.Sprintf("one change, %d flows on %d hosts", f.n*f.flows, f.n),
		fmt.Sprintf("%.2f ms of processor time, without idle time",
			float64(cost)/float64(time.Millisecond)),
		fmt.Sprintf("%d bytes to the switch; until it is read back %s", (now-sent)/uint64(2*rounds),
			times))

	name := fmt.Sprintf("one change, %d flows on %d hosts", f.n*f.flows, f.n)
	f.b.figures.addTimes(name+", processor", cost)
	f.b.figures.addTimes(name, times...)
	return nil
}

// sent counts the bytes that the controller has sent to switches.
func (f *fleet) sent() (uint64, error) {
	var ports []uint16
	for _, h := range f.Hosts[:f.n] {
		var port uint16
		if _, err := fmt.Sscan(h.OVSDB[strings.LastIndexByte(h.OVSDB, ':')+1:], &port); err != nil {
			return 0, err
		}
		ports = append(ports, port)
	}

	slices.Sort(ports)
	sockets, err := netlink.SocketDiagTCPInfo(unix.AF_INET)
	if err != nil {
		return 0, fmt.Errorf("read what sockets have sent: %w", err)
	}

	// The OpenFlow listener accepts both families, so its sockets are listed under IPv6.
	more, err := netlink.SocketDiagTCPInfo(unix.AF_INET6)
	if err != nil {
		return 0, fmt.Errorf("read what sockets have sent: %w", err)
	}

	var sum uint64
	for _, s := range append(sockets, more...) {
		if s.InetDiagMsg == nil || s.TCPInfo == nil ||
			!net.IP(s.InetDiagMsg.ID.Source).IsLoopback() {
			continue
		}
		id := s.InetDiagMsg.ID
		_, database := slices.BinarySearch(ports, id.DestinationPort)
		if database || id.SourcePort == fleetOpenFlow {
			sum += s.TCPInfo.Bytes_acked
		}
	}

	return sum, nil
}
