//go:build linux

package e2e

import (
	"math/rand/v2"
	"net/netip"
	"os"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/tapline-sdn/tapline/controller/inventory"
	"github.com/tapline-sdn/tapline/testenv/lab"
	"github.com/tapline-sdn/tapline/testenv/ovn"
	"github.com/tapline-sdn/tapline/testenv/release"
)

// network is what OVN has in TestOVN: web and db on one logical switch with an ACL, app on another
// host and another switch, and a router between them.
type network struct {
	*world
	ovn           *ovn.OVN
	h1            *lab.Host
	web, db, app  *lab.Guest
	ids, ids2     *lab.Guest
	router1, far2 lab.MAC // the router's addresses on the two switches
}

var (
	webIP = netip.MustParseAddr("10.0.1.2")
	dbIP  = netip.MustParseAddr("10.0.1.3")
	appIP = netip.MustParseAddr("10.0.2.2")
)

// TestOVN mirrors on a br-int that ovn-controller fills: copies equal what the guests' NICs show,
// each packet once, whatever ovn-controller does.
func TestOVN(t *testing.T) {
	name := otherRelease
	if set := os.Getenv(release.Variable); set != "" {
		name, _, _ = strings.Cut(set, ",")
	}
	n := newNetwork(t, name)

	n.run(t, "vswitch BOTH", func(t *testing.T) {
		to := n.guestSink(t, n.ids, "brtap")
		n.flow(t, to, vswitch(n.h1, ovn.Bridge, 0, "BOTH"))
		sent, fromDB, fromApp := n.talk(t)
		exactly(t, "copies", sum(sent, fromDB, fromApp), to.Capture)
	})

	n.run(t, "explain", n.explains)
	n.run(t, "vnic", func(t *testing.T) {
		out, in := n.guestSink(t, n.ids, "brtap"), n.guestSink(t, n.ids2, "brtap")
		n.flow(t, out, vnic(n.web, "OUT"))
		n.flow(t, in, vnic(n.web, "IN"))
		n.copiesAreExact(t, out, in)

		n.ovn.Recompute(n.h1)
		n.copiesAreExact(t, out, in)

		n.ovn.KillController(n.h1)
		n.copiesAreExact(t, out, in)

		n.ovn.StartController(n.h1)
		n.ovn.NB("sync")
		n.copiesAreExact(t, out, in)
		n.neverSaid(t, "repaired what somebody else has changed")
	})

	n.run(t, "load balancer", n.loadBalancer)
	n.run(t, "localnet", n.localnet)
	n.run(t, "mirrors of OVN", n.mirrorsOfOVN)
	n.run(t, "underlay that carries geneve", n.underlay)
	n.run(t, "a bridge that is made again", n.bridgeMadeAgain)
}

// explains shows that the explanation tells what OVN means for copies.
func (n *network) explains(t *testing.T) {
	to := n.guestSink(t, n.ids, "brtap")
	both, tagged := vnic(n.web, "BOTH"), vswitch(n.h1, ovn.Bridge, 7, "BOTH")
	both.Name, tagged.Name = unique("both"), unique("tagged")
	n.flow(t, to, both)
	n.flow(t, to, tagged)

	out, errs, code := n.tapctl(t, "explain", "tap-flow", tagged.Name)
	if code != 0 || !strings.Contains(out, "OVN's packets have no tag") {
		t.Errorf("of a VLAN of %s: exit %d, %s%s", ovn.Bridge, code, errs, out)
	}

	again := inventory.CopiesChangedPackets(n.h1.Release())
	out, errs, code = n.tapctl(t, "explain", "tap-flow", both.Name)
	if code != 0 || strings.Contains(out, "packets may arrive twice: Open vSwitch") != again {
		t.Errorf("of a NIC on Open vSwitch %s: exit %d, %s%s", n.h1.Release(), code, errs, out)
	}
}

// newNetwork starts OVN of a release, whose Open vSwitch the hosts run too.
func newNetwork(t *testing.T, name string) *network {
	t.Helper()
	w := newWorld(t, 2, 0, lab.WithReleases(name))
	h1, h2 := w.Hosts[0], w.Hosts[1]
	n := &network{world: w, h1: h1, ovn: ovn.Start(t, w.Lab, name, h1, h2),
		router1: lab.MAC{0x02, 0, 0, 0, 1, 1}, far2: lab.MAC{0x02, 0, 0, 0, 2, 1}}
	for _, h := range []*lab.Host{h1, h2} {
		eventually(t, ovn.Bridge+" of "+h.Name, func() error {
			_, err := h.VSCtl("br-exists", ovn.Bridge)
			return err
		})
		w.register(t, h)
	}

	onOVN := lab.GuestNIC{Bridge: ovn.Bridge}
	n.web, n.db = w.neutronGuest(t, h1, "web"), w.guest(t, h1, "db", onOVN)
	n.app = w.guest(t, h2, "app", onOVN)
	n.ids, n.ids2 = w.guest(t, h2, "ids"), w.guest(t, h2, "ids2")
	n.build(t)
	return n
}

// build makes the logical network, and waits until web and app reach each other.
func (n *network) build(t *testing.T) {
	t.Helper()
	port := func(g *lab.Guest) string { return g.NICs[0].ExternalIDs["iface-id"] }
	address := func(g *lab.Guest, ip netip.Addr) string {
		return g.MAC().String() + " " + ip.String()
	}
	n.ovn.NB("ls-add", "ls1", "--", "ls-add", "ls2", "--", "lr-add", "lr",
		"--", "lrp-add", "lr", "lr-1", n.router1.String(), "10.0.1.1/24",
		"--", "lrp-add", "lr", "lr-2", n.far2.String(), "10.0.2.1/24",
		"--", "lsp-add", "ls1", "ls1-lr", "--", "lsp-set-type", "ls1-lr", "router",
		"--", "lsp-set-addresses", "ls1-lr", "router",
		"--", "lsp-set-options", "ls1-lr", "router-port=lr-1",
		"--", "lsp-add", "ls2", "ls2-lr", "--", "lsp-set-type", "ls2-lr", "router",
		"--", "lsp-set-addresses", "ls2-lr", "router",
		"--", "lsp-set-options", "ls2-lr", "router-port=lr-2",
		"--", "lsp-add", "ls1", port(n.web), "--", "lsp-set-addresses", port(n.web),
		address(n.web, webIP),
		"--", "lsp-add", "ls1", port(n.db), "--", "lsp-set-addresses", port(n.db),
		address(n.db, dbIP),
		"--", "lsp-add", "ls2", port(n.app), "--", "lsp-set-addresses", port(n.app),
		address(n.app, appIP),
		"--", "acl-add", "ls1", "from-lport", "100", "ip4", "allow-related",
		"--", "acl-add", "ls1", "to-lport", "100", "ip4", "allow-related")

	n.reach(t)
}

// neutronGuest starts a guest with a NIC on br-int as Neutron and os-vif name and mark it: the
// device by the first digits of the port's id.
func (w *world) neutronGuest(t *testing.T, h *lab.Host, name string) *lab.Guest {
	t.Helper()
	g, err := h.AddGuest(deadline(t), name)
	must(t, err)

	port := uuid.NewString()
	mac := lab.MAC{0xfa, 0x16, 0x3e, byte(rand.Uint32()), byte(rand.Uint32()), byte(rand.Uint32())}
	_, err = g.PlugNIC(deadline(t), lab.GuestNIC{
		Bridge: ovn.Bridge, MAC: mac, IfName: "tap" + port[:11],
		ExternalIDs: map[string]string{"attached-mac": mac.String(), "iface-id": port,
			"iface-status": "active", "vm-uuid": g.ID},
	})
	must(t, err)

	eventually(t, "guest "+name+" learned", func() error {
		_, err := w.api.Guests().Get(deadline(t), g.ID)
		return err
	})
	return g
}

// packets are UDP packets of several new connections.
func (n *network) packets(from *lab.Guest, to lab.MAC, src, dst netip.Addr) (frames [][]byte) {
	for i := range 5 {
		u := lab.UDP{Src: from.MAC(), Dst: to, SrcIP: src, DstIP: dst, Tag: rand.Uint32(),
			Len: 100 + i, SrcPort: uint16(4000 + rand.IntN(20000)), DstPort: 53}
		frames = append(frames, u.Frame(), u.Frame())
	}
	return frames
}

// talk has web, db and app talk to each other. It returns what web sent, what db sent, and what
// came from app to web.
func (n *network) talk(t *testing.T) (sent, fromDB, fromApp lab.Multiset) {
	t.Helper()
	out, db := capture(t, n.web.Node, "eth0", lab.Out), capture(t, n.db.Node, "eth0", lab.Out)
	in := capture(t, n.web.Node, "eth0", lab.In)
	toApp, toDB := n.packets(n.web, n.router1, webIP, appIP),
		n.packets(n.web, n.db.MAC(), webIP, dbIP)
	ofDB := n.packets(n.db, n.web.MAC(), dbIP, webIP)
	ofApp := n.packets(n.app, n.far2, appIP, webIP)
	send(t, n.web, toApp...)
	send(t, n.web, toDB...)
	send(t, n.db, ofDB...)
	send(t, n.app, ofApp...)

	sent, fromDB = settled(t, out, len(toApp)+len(toDB)), settled(t, db, len(ofDB))
	received := settled(t, in, len(ofDB)+len(ofApp))
	fromApp = lab.Multiset{}
	for frame, count := range received {
		if rest := count - fromDB[frame]; rest > 0 {
			fromApp[frame] = rest
		}
	}
	return sent, fromDB, fromApp
}

// copiesAreExact compares what web sends and receives with what arrives.
func (n *network) copiesAreExact(t *testing.T, out, in *sink) {
	t.Helper()
	outs, ins := out.again(t, n.h1), in.again(t, n.h1)
	sent, fromDB, fromApp := n.talk(t)
	exactly(t, "what web sends", sent, outs)
	exactly(t, "what web receives", sum(fromDB, fromApp), ins)
}
