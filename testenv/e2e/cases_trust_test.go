//go:build linux

package e2e

import (
	"context"
	"fmt"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/client"
	"github.com/tapline-sdn/tapline/testenv/fault"
	"github.com/tapline-sdn/tapline/testenv/lab"
)

// stationIP is an address of the underlay that no host has.
const stationIP = "10.210.0.66"

// TestDestinationIsPinned has another host claim to have the collector's NIC. All copies go on to
// the collector and none to the claimant, whose port stays where it is; the service and its flow
// are an error that names both hosts; and when the claim ends, they are ready again.
func TestDestinationIsPinned(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 3, 3)
	h1, h2, h3 := w.Hosts[0], w.Hosts[1], w.Hosts[2]
	web, db := w.guest(t, h1, "web"), w.guest(t, h1, "db")
	to := w.guestSink(t, w.guest(t, h2, "ids"), "brtap")
	flow := w.flow(t, to, vnic(web, "OUT"))
	mac, err := lab.ParseMAC(to.MACAddr)
	must(t, err)

	// The wire learns where db is. Else what web sends would be flooded, to the claimant as well.
	heard := capture(t, web.Node, web.NICs[0].Device, lab.In)
	send(t, db, numbered(db.MAC(), web.MAC(), 0, 64)...)
	must(t, heard.WaitLen(deadline(t), 1))

	for _, tc := range []struct {
		name  string
		claim lab.GuestNIC
		own   bool // the port itself has the address, as mac_in_use shows
	}{
		{"by attached-mac", lab.GuestNIC{IfName: "vnet66",
			ExternalIDs: map[string]string{"attached-mac": to.MACAddr}}, false},
		{"by its own address", lab.GuestNIC{IfName: "vnet67",
			ExternalIDs: map[string]string{}}, true},
		{"by its own address and attached-mac", lab.GuestNIC{IfName: "vnet68", MAC: mac,
			ExternalIDs: map[string]string{"attached-mac": to.MACAddr}}, true},
		{"by the interface's name and attached-mac", lab.GuestNIC{IfName: to.IfName,
			ExternalIDs: map[string]string{"attached-mac": to.MACAddr}}, false},
	} {
		w.run(t, tc.name, func(t *testing.T) {
			bridge, err := h2.VSCtl("port-to-br", to.IfName)
			must(t, err)
			claimant, err := h3.AddGuest(deadline(t), unique("c"), tc.claim)
			must(t, err)
			gone := false
			defer func() {
				if !gone {
					must(t, claimant.Remove(context.Background()))
				}
			}()

			if tc.own {
				_, err := h3.Run(deadline(t), "ip", "link", "set", claimant.IfName(), "address",
					to.MACAddr)
				must(t, err)
			}

			stolen := capture(t, claimant.Node, claimant.NICs[0].Device, lab.In)
			w.disputed(t, to.ID, flow.ID)
			for range 5 {
				copies := capture(t, to.guest.Node, to.nic.Device, lab.In)
				frames := numbered(web.MAC(), db.MAC(), 0, 64, 200)
				send(t, web, frames...)
				exactly(t, "copies at the collector", lab.MultisetOf(frames), copies)
			}

			must(t, stolen.WaitQuiet(deadline(t), quiet))
			for _, f := range stolen.Frames() {
				if _, _, ours := lab.Sequence(f.Data); ours {
					t.Fatalf("the claimant got a copy: %s", lab.Describe(f.Data))
				}
			}

			if at, err := h3.VSCtl("port-to-br", claimant.IfName()); err != nil ||
				at != lab.WireBridge {
				t.Errorf("the claimant's port is on %q now: %v", at, err)
			}
			if at, err := h2.VSCtl("port-to-br", to.IfName); err != nil || at != bridge {
				t.Errorf("the collector's port is on %q now: %v", at, err)
			}

			must(t, claimant.Remove(context.Background()))
			gone = true
			w.flowStatus(t, flow.ID, api.Ready, "")
		})
	}
}

// disputed waits until a service and its flow are an error that names both places.
func (w *world) disputed(t *testing.T, service, flow string) {
	t.Helper()
	_, err := await(patience, func() error {
		s, err := w.api.TapServices().Get(deadline(t), service)
		if err != nil {
			return err
		}

		f, err := w.api.TapFlows().Get(deadline(t), flow)
		if err != nil {
			return err
		}

		for what, status := range map[string][2]string{
			"service": {string(s.Status), s.Reason}, "flow": {string(f.Status), f.Reason},
		} {
			if status[0] != string(api.Error) ||
				!strings.Contains(status[1], "h2") || !strings.Contains(status[1], "h3") {
				return fmt.Errorf("%s is %s: %s", what, status[0], status[1])
			}
		}

		return nil
	})
	if err != nil { // Go on: whether anything is copied to the claimant matters more.
		t.Errorf("the dispute is not told: %v", err)
	}
}

// TestTunnelAddressIsLearnedOnce has a host name another tunnel address than before, or one that
// another host has. Copies go on to the collector's host, and nothing goes to the other address.
func TestTunnelAddressIsLearnedOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 4, 3)
	h1, h2, h4 := w.Hosts[0], w.Hosts[1], w.Hosts[3]
	web, db := w.guest(t, h1, "web"), w.guest(t, h1, "db")
	to := w.guestSink(t, w.guest(t, h2, "ids"), "brtap")
	flow := w.flow(t, to, vnic(web, "OUT"))

	// The station answers for its address, so that a switch would find it.
	_, err := w.Fabric.Run(deadline(t), "ip", "address", "add", stationIP+"/24", "dev", "underlay")
	must(t, err)
	station := capture(t, w.Fabric, "underlay", lab.In)
	encapIP := func(h *lab.Host, address string) {
		t.Helper()
		_, err := h.VSCtl("set", "open_vswitch", ".", "external_ids:ovn-encap-ip="+address)
		must(t, err)
	}

	arrives := func(t *testing.T) {
		t.Helper()
		for range 5 {
			copies := capture(t, to.guest.Node, to.nic.Device, lab.In)
			frames := numbered(web.MAC(), db.MAC(), 0, 64, 200)
			send(t, web, frames...)
			exactly(t, "copies at the collector", lab.MultisetOf(frames), copies)
		}

		for _, f := range station.Frames() {
			if toStation(f.Data) {
				t.Fatalf("the station got %d bytes: %s", len(f.Data), lab.Describe(f.Data))
			}
		}
	}

	w.run(t, "an address of nobody", func(t *testing.T) {
		encapIP(h2, stationIP)
		defer encapIP(h2, h2.TunnelIP.String())
		_, err := await(5*time.Second, func() error {
			h, err := w.api.Hosts().Get(deadline(t), h2.Name)
			if err == nil && !strings.Contains(h.Reason, stationIP) {
				err = fmt.Errorf("host is %s: %s", h.Status, h.Reason)
			}
			return err
		})
		if err != nil {
			t.Errorf("the host does not say that it ignores the address: %v", err)
		}

		arrives(t)
	})

	w.run(t, "an address of another host", func(t *testing.T) {
		encapIP(h1, h2.TunnelIP.String())
		defer encapIP(h1, h1.TunnelIP.String())
		arrives(t)
	})

	w.run(t, "a new host with an address of another host", func(t *testing.T) {
		encapIP(h4, h2.TunnelIP.String())
		defer encapIP(h4, h4.TunnelIP.String())
		_, err := w.api.Hosts().Create(deadline(t), hostCreate(h4))
		must(t, err)
		defer func() {
			must(t, w.api.Hosts().Delete(context.Background(), h4.Name,
				client.Wait(10*time.Second)))
		}()

		eventually(t, "the new host is refused", func() error {
			h, err := w.api.Hosts().Get(deadline(t), h4.Name)
			if err == nil && (h.Status != api.Error || !strings.Contains(h.Reason, "h2")) {
				err = fmt.Errorf("host is %s: %s", h.Status, h.Reason)
			}
			return err
		})

		arrives(t)
	})

	w.flowStatus(t, flow.ID, api.Ready, "")
}

// toStation reports whether an IPv4 packet goes to the station.
func toStation(frame []byte) bool {
	const etherType, ipv4, dstAt = 12, 0x0800, 14 + 16
	if len(frame) < dstAt+4 || int(frame[etherType])<<8|int(frame[etherType+1]) != ipv4 {
		return false
	}
	return netip.AddrFrom4([4]byte(frame[dstAt:])).String() == stationIP
}

// TestForgedProbes floods a host with forged probes from the underlay, by a station that knows keys
// and addresses. Changes take the time that they take without it, and the host stays connected.
func TestForgedProbes(t *testing.T) {
	w := newWorld(t, 2, 2)
	h1, h2 := w.Hosts[0], w.Hosts[1]
	web := w.guest(t, h1, "web")
	to := w.guestSink(t, w.guest(t, h2, "ids"), "brtap")
	flow := w.flow(t, to, vnic(web, "OUT"))
	toggle := func() (slowest time.Duration) {
		for range 5 {
			for _, change := range []func() error{
				func() error {
					_, err := w.api.TapFlows().Disable(deadline(t), flow.ID, client.Wait(patience))
					return err
				},
				func() error {
					_, err := w.api.TapFlows().Enable(deadline(t), flow.ID, client.Wait(patience))
					return err
				},
				func() error { // Both hosts take part in a change of the service.
					_, err := w.api.TapServices().Disable(deadline(t), to.ID, client.Wait(patience))
					return err
				},
				func() error {
					_, err := w.api.TapServices().Enable(deadline(t), to.ID, client.Wait(patience))
					return err
				},
			} {
				begin := time.Now()
				must(t, change())
				slowest = max(slowest, time.Since(begin))
			}
		}
		return slowest
	}

	alone := toggle()

	sender, err := w.Fabric.Sender("underlay")
	must(t, err)
	defer sender.Close()
	station := fault.Station{
		EthSrc: [6]byte{0x02, 0xee, 0, 0, 0, 1}, EthDst: underlayMAC(t, h2), To: h2.TunnelIP,
	}

	key := w.probeKey(t, h2)
	probe := append([]byte{0x02, 't', 'a', 0, 0, 1, 0x02, 't', 'a', 0, 0, 2, 0x88, 0xb5},
		make([]byte, 46)...)

	for name, from := range map[string]netip.Addr{
		"from a stranger": netip.MustParseAddr(stationIP), "from a peer": h1.TunnelIP,
	} {
		w.run(t, name, func(t *testing.T) {
			station.From = from
			frame := station.GRE(key, probe)
			flood := sender.Start(context.Background(), lab.Stream{PPS: 15_000, For: time.Minute,
				Frame: func(uint64) []byte { return frame }})

			before, err := h2.Received(lab.UnderlayUplink)
			must(t, err)
			eventually(t, "the flood exceeds every burst that is let through", func() error {
				now, err := h2.Received(lab.UnderlayUplink)
				if err == nil && now-before < 40_000 {
					err = fmt.Errorf("%d frames so far", now-before)
				}
				return err
			})

			// The flow for probes takes those of a peer, whatever they say. It is made anew with
			// the service, so it is asked before that changes.
			if taken := w.probesTaken(t, h2); from == h1.TunnelIP && taken < 10_000 {
				t.Errorf("only %d forged probes reached the flow for probes", taken)
			}

			flooded := toggle()
			sent, err := flood.Stop()
			must(t, err)
			t.Logf("slowest change: %v alone, %v with %d forged probes", alone, flooded, sent)
			if limit := 4*alone + 500*time.Millisecond; flooded > limit {
				t.Errorf("a change took %v, want at most %v", flooded, limit)
			}
			if log := w.logTail(); strings.Contains(log, "OpenFlow disconnected") {
				t.Errorf("a host lost its connection:\n%s", log)
			}
		})
	}
}

// probeKey is the tunnel key of the probes that a host accepts.
func (w *world) probeKey(t *testing.T, h *lab.Host) uint32 {
	t.Helper()
	flows, err := h.OFCtl("--no-stats", "dump-flows", "brtap")
	must(t, err)
	for line := range strings.Lines(flows) {
		match := regexp.MustCompile(`tun_id=(0x[0-9a-f]+|\d+)`).FindStringSubmatch(line)
		if match == nil || !strings.Contains(line, "CONTROLLER") {
			continue
		}
		key, err := strconv.ParseUint(match[1], 0, 32)
		must(t, err)
		return uint32(key)
	}

	t.Fatalf("no flow of %s takes probes:\n%s", h.Name, flows)
	return 0
}

// probesTaken is how many packets the flows for probes of a host have taken.
func (w *world) probesTaken(t *testing.T, h *lab.Host) (n uint64) {
	t.Helper()
	flows, err := h.OFCtl("dump-flows", "brtap")
	must(t, err)
	for line := range strings.Lines(flows) {
		match := regexp.MustCompile(`n_packets=(\d+)`).FindStringSubmatch(line)
		if match == nil || !strings.Contains(line, "CONTROLLER") {
			continue
		}
		packets, err := strconv.ParseUint(match[1], 10, 64)
		must(t, err)
		n += packets
	}

	return n
}
