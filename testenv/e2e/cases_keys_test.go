//go:build linux

package e2e

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/tapline-sdn/tapline/testenv/fault"
	"github.com/tapline-sdn/tapline/testenv/lab"
)

// TestKeysCannotBeGuessed: a station that spoofs a peer's address and tries every small key, and
// every key near those of other services, gets no frame to a collector. Each sender and service has
// a key of its own.
func TestKeysCannotBeGuessed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 3, 3)
	h1, h2, h3 := w.Hosts[0], w.Hosts[1], w.Hosts[2]
	web, app := w.guest(t, h1, "web"), w.guest(t, h3, "app")
	ids := w.guest(t, h2, "ids")
	to, other := w.guestSink(t, ids, "brtap"), w.guestSink(t, w.guest(t, h2, "ids2"), "brtap")
	for _, s := range []*sink{to, other} {
		w.flow(t, s, vnic(web, "OUT"))
		w.flow(t, s, vnic(app, "OUT"))
	}

	keys := tunnelKeys(t, h2)
	if len(keys) < 4 {
		t.Fatalf("%d keys of two services with two senders each: %v", len(keys), keys)
	}

	sender, err := w.Fabric.Sender("underlay")
	must(t, err)
	defer sender.Close()
	const tag = 0x666
	station := fault.Station{EthSrc: [6]byte{0x02, 0xee, 0, 0, 0, 1},
		EthDst: underlayMAC(t, h2), From: h1.TunnelIP, To: h2.TunnelIP}

	frame := lab.UDP{Src: web.MAC(), Dst: ids.MAC(), Tag: tag}.Frame()
	forge := func(key uint32) { must(t, sender.Send(station.GRE(key, frame))) }
	for key := range uint32(5000) {
		forge(key)
	}

	for key, owner := range keys {
		for near := uint32(1); near < 100; near++ {
			forge(key + near)
			forge(key - near)
		}
		if owner != h1.TunnelIP.String() {
			forge(key) // What another sender's key is worth here.
		}
	}

	for _, s := range []*sink{to, other} {
		must(t, s.WaitQuiet(deadline(t), quiet))
		for _, f := range s.Frames() {
			if got, _, _ := lab.Sequence(f.Data); got == tag {
				t.Fatalf("a forged copy came through: %s", lab.Describe(f.Data))
			}
		}
	}
}

// tunnelKeys are the keys that a host accepts, and the tunnel address of who sends with each.
func tunnelKeys(t *testing.T, h *lab.Host) map[uint32]string {
	t.Helper()
	flows, err := h.OFCtl("--no-stats", "dump-flows", "brtap")
	must(t, err)

	keys := map[uint32]string{}
	for _, m := range regexp.MustCompile(`tun_id=(0x[0-9a-f]+|\d+),tun_src=([0-9.]+)`).
		FindAllStringSubmatch(flows, -1) {
		key, err := strconv.ParseUint(m[1], 0, 32)
		must(t, err)
		if sender, taken := keys[uint32(key)]; taken && sender != m[2] {
			t.Errorf("%s and %s send with the same key %#x", sender, m[2], key)
		}
		keys[uint32(key)] = m[2]
	}

	return keys
}

// underlayMAC is the address of a host on the underlay.
func underlayMAC(t *testing.T, h *lab.Host) lab.MAC {
	t.Helper()
	text, err := h.VSCtl("get", "Interface", lab.UnderlayBridge, "mac_in_use")
	must(t, err)
	mac, err := lab.ParseMAC(strings.Trim(text, `"`))
	must(t, err)
	return mac
}

// TestForeignTunnelWithOurKey: a tunnel port of somebody else, on a host that sends copies, has the
// key of one of its services, as OVN's mirrors may. What it carries never reaches the collector.
func TestForeignTunnelWithOurKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 2, 2)
	h1, h2 := w.Hosts[0], w.Hosts[1]
	web, db := w.guest(t, h1, "web"), w.guest(t, h1, "db")
	to := w.guestSink(t, w.guest(t, h2, "ids"), "brtap")
	flow := w.flow(t, to, vnic(web, "OUT"))

	// The same key in each port's own form, and what it carries: everything that floods.
	for key := range tunnelKeys(t, h2) {
		name := fmt.Sprintf("ovn%x", key)
		_, err := h1.VSCtl("add-port", lab.WireBridge, name, "--", "set", "Interface", name,
			"type=gre", "options:remote_ip="+h2.TunnelIP.String(),
			fmt.Sprintf("options:key=%d", key))
		must(t, err)
		t.Cleanup(func() {
			_, err := h1.VSCtl("--if-exists", "del-port", lab.WireBridge, name)
			must(t, err)
		})
	}

	eventually(t, "copies take another tunnel", func() error {
		x, err := w.api.TapFlows().Explain(context.Background(), flow.ID)
		if err != nil {
			return err
		}

		for _, hop := range x.Path {
			if hop.What == "tunnel" && hop.Port == "tl-vxlan" && x.Status == "ready" {
				return nil
			}
		}

		return fmt.Errorf("it is %s: %s", x.Status, x.Reason)
	})

	copies := to.again(t, nil)
	broadcast := lab.MAC{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
	send(t, db, numbered(db.MAC(), broadcast, 0, 64, 200, 300)...)
	frames := numbered(web.MAC(), db.MAC(), 0, 64, 200)
	send(t, web, frames...)
	exactly(t, "copies", lab.MultisetOf(frames), copies)
}
