//go:build linux

package e2e

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/tapline-sdn/tapline/controller/inventory"
	"github.com/tapline-sdn/tapline/testenv/lab"
	"github.com/tapline-sdn/tapline/testenv/ovn"
)

// loadBalancer has web talk to a virtual address: what it sends is copied as it left, and what db
// receives as it arrived, with the address that OVN has put in.
func (n *network) loadBalancer(t *testing.T) {
	virtual := netip.MustParseAddr("10.0.1.100")
	n.ovn.NB("lb-add", "lb", virtual.String()+":53", dbIP.String()+":53", "udp",
		"--", "ls-lb-add", "ls1", "lb")

	out, in := n.guestSink(t, n.ids, "brtap"), n.guestSink(t, n.ids2, "brtap")
	n.flow(t, out, vnic(n.web, "OUT"))
	n.flow(t, in, vnic(n.db, "IN"))

	outs, ins := out.again(t, n.h1), in.again(t, n.h1)
	left, arrived := capture(t, n.web.Node, "eth0", lab.Out), capture(t, n.db.Node, "eth0", lab.In)
	frames := n.packets(n.web, n.db.MAC(), webIP, virtual)
	send(t, n.web, frames...)

	sent, received := settled(t, left, len(frames)), settled(t, arrived, len(frames))
	if received.Len() != len(frames) || lab.Diff(sent, received) == "" {
		t.Errorf("the load balancer made %d frames of %d, want as many others", received.Len(),
			len(frames))
	}
	exactly(t, "what web sends", sent, outs)
	exactly(t, "what db receives", received, ins)
}

// localnet joins a logical switch to br0, where OVN tags its packets. A NIC on br-int has no tag,
// and the bridge of the physical network shows it.
func (n *network) localnet(t *testing.T) {
	const vlan = 30
	edge := n.guest(t, n.h1, "edge", lab.GuestNIC{Bridge: ovn.Bridge})
	outside := n.guest(t, n.h1, "outside", lab.GuestNIC{Tag: vlan})
	_, err := n.h1.VSCtl("set", "Open_vSwitch", ".",
		"external_ids:ovn-bridge-mappings=physnet:"+lab.WireBridge)
	must(t, err)
	port := edge.NICs[0].ExternalIDs["iface-id"]
	n.ovn.NB("ls-add", "ls3", "--", "lsp-add", "ls3", port,
		"--", "lsp-set-addresses", port, edge.MAC().String(),
		"--", "lsp-add", "ls3", "to-physnet", "", fmt.Sprint(vlan),
		"--", "lsp-set-type", "to-physnet", "localnet",
		"--", "lsp-set-addresses", "to-physnet", "unknown",
		"--", "lsp-set-options", "to-physnet", "network_name=physnet")

	heard := capture(t, outside.Node, "eth0", lab.In)
	eventually(t, "edge reaches the physical network", func() error {
		send(t, edge, numbered(edge.MAC(), outside.MAC(), 0, 60)...)
		if len(heard.Frames()) == 0 {
			return errors.New("outside hears nothing")
		}
		return nil
	})
	must(t, heard.WaitQuiet(deadline(t), quiet))

	both, wire := n.guestSink(t, n.ids, "brtap"), n.guestSink(t, n.ids2, "brtap")
	n.flow(t, both, vnic(edge, "BOTH"))
	passing := vswitch(n.h1, "physnet", vlan, "BOTH")
	passing.Filter = "not arp" // OVN announces edge there when it likes.
	n.flow(t, wire, passing)

	copies, physical := both.again(t, n.h1), wire.again(t, n.h1)
	left, arrived := capture(t, edge.Node, "eth0", lab.Out), capture(t, edge.Node, "eth0", lab.In)
	there, back := numbered(edge.MAC(), outside.MAC(), 0, 60, 500, 1514),
		numbered(outside.MAC(), edge.MAC(), 0, 60, 500, 1514)
	send(t, edge, there...)
	send(t, outside, back...)

	sent, received := settled(t, left, len(there)), settled(t, arrived, len(back))
	exactly(t, "what edge sends and receives", sum(sent, received), copies)
	exactly(t, "what passes the physical network", tagged(sum(sent, received), vlan), physical)

	inner := vswitch(n.h1, ovn.Bridge, 0, "BOTH")
	inner.Name = unique("inner")
	n.flow(t, wire, inner)
	again := inventory.CopiesChangedPackets(n.h1.Release())
	out, errs, code := n.tapctl(t, "explain", "tap-flow", inner.Name)
	if code != 0 || strings.Contains(out, "of what patch ports bring to "+ovn.Bridge) != again {
		t.Errorf("explanation of %s: exit %d, %s%s", ovn.Bridge, code, errs, out)
	}
}

// mirrorsOfOVN has OVN mirror the same NIC, into a tunnel and to a port. Neither changes what the
// other copies.
func (n *network) mirrorsOfOVN(t *testing.T) {
	out, in := n.guestSink(t, n.ids, "brtap"), n.guestSink(t, n.ids2, "brtap")
	flows := []string{n.flow(t, out, vnic(n.web, "OUT")).ID, n.flow(t, in, vnic(n.web, "IN")).ID}
	take := func(tunnel string) {
		for _, id := range flows {
			n.takesTunnel(t, id, tunnel)
		}
	}

	port := n.web.NICs[0].ExternalIDs["iface-id"]
	n.ovn.NB("mirror-add", "far", "gre", fmt.Sprint(1+rand.IntN(1<<20)), "from-lport",
		n.Hosts[1].TunnelIP.String(), "--", "lsp-attach-mirror", port, "far")
	theirs := n.mirrorToPort(t, port)
	take("tl-vxlan") // beside OVN's GRE port to the same host

	mirrors := n.foreignMirrors(t)
	n.copiesAreExact(t, out, in)
	if now := n.foreignMirrors(t); now != mirrors || !strings.Contains(now, "far") {
		t.Errorf("mirrors of OVN were\n%s\nand are\n%s", mirrors, now)
	}
	if theirs != nil && len(theirs.Frames()) == 0 {
		t.Error("OVN's own mirror copies nothing")
	}

	n.ovn.NB("lsp-detach-mirror", port, "far", "--", "mirror-del")
	take("tl-gre")
	n.copiesAreExact(t, out, in)
	n.neverSaid(t, "repaired what somebody else has changed")
}

// takesTunnel waits until the copies of a tap flow take a tunnel port, and the flow is ready.
func (w *world) takesTunnel(t *testing.T, flow, port string) {
	t.Helper()
	eventually(t, "copies by "+port, func() error {
		x, err := w.api.TapFlows().Explain(deadline(t), flow)
		if err != nil {
			return err
		}

		for _, hop := range x.Path {
			if hop.What == "tunnel" && hop.Port == port && x.Status == "ready" {
				return nil
			}
		}
		return fmt.Errorf("it is %s: %s", x.Status, x.Reason)
	})
}

// mirrorToPort has OVN mirror what a port sends to another port of br-int, and captures there; nil
// where the release of OVN cannot.
func (n *network) mirrorToPort(t *testing.T, port string) *lab.Capture {
	t.Helper()
	if !n.ovn.MirrorsToPorts() {
		return nil
	}

	g, err := n.h1.AddGuest(deadline(t), "ovnsink",
		lab.GuestNIC{Bridge: ovn.Bridge, ExternalIDs: map[string]string{"mirror-id": "sink"}})
	must(t, err)
	n.ovn.NB("mirror-add", "near", "local", "from-lport", "sink",
		"--", "lsp-attach-mirror", port, "near")
	return capture(t, g.Node, "eth0", lab.In)
}

// foreignMirrors are the Mirror rows of h1 that are not ours, with what they select and where their
// copies go.
func (n *network) foreignMirrors(t *testing.T) string {
	t.Helper()
	var theirs []string
	for table, columns := range map[string]string{
		"Mirror":    "name,output_port,select_src_port,select_dst_port,external_ids",
		"Interface": "name,type,options,external_ids",
	} {
		rows, err := n.h1.VSCtl("--format=csv", "--no-headings", "--columns="+columns, "list",
			table)
		must(t, err)
		for row := range strings.Lines(rows) {
			if !strings.Contains(row, "tapline") &&
				(table == "Mirror" || strings.Contains(row, "gre")) {
				theirs = append(theirs, row)
			}
		}
	}

	slices.Sort(theirs)
	return strings.Join(theirs, "")
}

// underlay has the bridge of the underlay mirrored to the host to which OVN's geneve packets go:
// the guests receive each packet once.
func (n *network) underlay(t *testing.T) {
	to := n.guestSink(t, n.ids, "brtap")
	n.flow(t, to, vswitch(n.h1, lab.UnderlayBridge, 0, "BOTH"))

	heard := map[*lab.Guest]*lab.Capture{}
	for _, g := range []*lab.Guest{n.web, n.app} {
		heard[g] = capture(t, g.Node, "eth0", lab.In)
	}
	toApp, toWeb := n.packets(n.web, n.router1, webIP, appIP),
		n.packets(n.app, n.far2, appIP, webIP)
	send(t, n.web, toApp...)
	send(t, n.app, toWeb...)

	for g, want := range map[*lab.Guest]int{n.app: len(toApp), n.web: len(toWeb)} {
		if got := settled(t, heard[g], want).Len(); got != want {
			t.Errorf("%s received %d packets, want each of %d once", g.Name, got, want)
		}
	}
}

// bridgeMadeAgain deletes br-int. ovn-controller makes another one, the guests' NICs are plugged
// again, and copies go on.
func (n *network) bridgeMadeAgain(t *testing.T) {
	out, in := n.guestSink(t, n.ids, "brtap"), n.guestSink(t, n.ids2, "brtap")
	flows := []string{n.flow(t, out, vnic(n.web, "OUT")).ID, n.flow(t, in, vnic(n.web, "IN")).ID}

	before, err := n.h1.VSCtl("get", "Bridge", ovn.Bridge, "_uuid")
	must(t, err)
	_, err = n.h1.VSCtl("del-br", ovn.Bridge)
	must(t, err)
	eventually(t, "another "+ovn.Bridge, func() error {
		now, err := n.h1.VSCtl("get", "Bridge", ovn.Bridge, "_uuid")
		if err == nil && now == before {
			err = errors.New("it is the same")
		}
		return err
	})

	for _, g := range []*lab.Guest{n.web, n.db} {
		must(t, g.Plug(deadline(t)))
	}
	for _, id := range flows {
		n.flowStatus(t, id, "ready", "")
	}
	n.reach(t)
	n.copiesAreExact(t, out, in)
}

// reach waits until app reaches web, and web hears nothing more.
func (n *network) reach(t *testing.T) {
	t.Helper()
	heard := capture(t, n.web.Node, "eth0", lab.In)
	eventually(t, "app reaches web", func() error {
		send(t, n.app, n.packets(n.app, n.far2, appIP, webIP)...)
		if len(heard.Frames()) == 0 {
			return errors.New("web hears nothing")
		}
		return nil
	})
	must(t, heard.WaitQuiet(deadline(t), quiet))
}
