//go:build linux

package lab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// ManagementNIC is a host's interface on the management network, where OVSDB listens.
const ManagementNIC = "mgmt0"

// SetManagement takes the host's management link down or brings it back. While it is down, the
// host's switch forwards as before, and no controller reaches it.
func (h *Host) SetManagement(up bool) error { return h.SetLink(ManagementNIC, up) }

// SetMTU changes the MTU of an interface, in bytes. The far end of its cable keeps its own.
func (n *Node) SetMTU(ifname string, mtu int) error {
	return n.withLink(ifname, func(links *netlink.Handle, link netlink.Link) error {
		return links.LinkSetMTU(link, mtu)
	})
}

// SetUnderlayMTU changes the MTU of the underlay between the fabric and one host: of the cable, of
// its uplink and of the port with the tunnel address.
func (h *Host) SetUnderlayMTU(ctx context.Context, mtu int) error {
	if err := h.lab.Fabric.SetMTU("underlay-"+h.Name, mtu); err != nil {
		return err
	}
	_, err := h.vsctl(ctx,
		"set", "Interface", UnderlayUplink, fmt.Sprintf("mtu_request=%d", mtu),
		"--", "set", "Interface", UnderlayBridge, fmt.Sprintf("mtu_request=%d", mtu))
	return err
}

// Rebuild gives the host's tunnel address another MAC, as when the machine was replaced. The
// kernels of other hosts forget the old one. Their switches, which have a neighbour table of their
// own for tunnels, do not.
func (h *Host) Rebuild(ctx context.Context) (MAC, error) {
	old, err := h.macOf(UnderlayBridge)
	if err != nil {
		return MAC{}, err
	}

	mac := old
	mac[3]++ // hostMAC leaves this byte 0.

	_, err = h.vsctl(ctx, "set", "Bridge", UnderlayBridge,
		fmt.Sprintf("other_config:hwaddr=%q", mac.String()))
	if err != nil {
		return MAC{}, err
	}

	err = waitFor(ctx, "the new MAC of "+UnderlayBridge, func() bool {
		now, err := h.macOf(UnderlayBridge)
		return err == nil && now == mac
	})

	for _, other := range h.lab.Hosts {
		if other != h {
			err = errors.Join(err, other.forgetNeighbour(UnderlayBridge, h.TunnelIP))
		}
	}

	return mac, err
}

// forgetNeighbour deletes an entry of the kernel's neighbour table; one that is not there is no
// error.
func (n *Node) forgetNeighbour(ifname string, ip netip.Addr) error {
	return n.withLink(ifname, func(links *netlink.Handle, link netlink.Link) error {
		err := links.NeighDel(&netlink.Neigh{LinkIndex: link.Attrs().Index, IP: ip.AsSlice()})
		if errors.Is(err, unix.ENOENT) {
			return nil
		}
		return err
	})
}

func (h *Host) macOf(ifname string) (mac MAC, err error) {
	err = h.withLink(ifname, func(_ *netlink.Handle, link netlink.Link) error {
		mac = MAC(link.Attrs().HardwareAddr)
		return nil
	})
	return mac, err
}

// TagUnderlay puts the host's underlay into VLAN tags, the outer one first: one tag, or two (QinQ).
// Hosts reach each other if all have the same tags. No tags take the present ones away.
func (h *Host) TagUnderlay(ctx context.Context, vlans ...int) error {
	if len(vlans) > 2 {
		return fmt.Errorf("host %s: %d VLAN tags: want at most 2", h.Name, len(vlans))
	}

	// Native tunnels send by the local port of the bridge that has the route, so these flows see
	// the encapsulated packets too. The inner tag is pushed first and taken off last.
	flows := []string{"priority=0,actions=NORMAL"}
	send := "in_port=LOCAL,actions="
	for i, vlan := range slices.Backward(vlans) {
		ethertype := "0x8100"
		if i == 0 && len(vlans) == 2 {
			ethertype = "0x88a8"
		}
		send += fmt.Sprintf("push_vlan:%s,set_field:%d->vlan_vid,", ethertype, 0x1000|vlan)
	}
	switch len(vlans) {
	case 1:
		flows = []string{
			send + "output:" + UnderlayUplink,
			fmt.Sprintf("in_port=%s,dl_vlan=%d,actions=pop_vlan,LOCAL", UnderlayUplink, vlans[0]),
		}
	case 2:
		flows = []string{
			send + "output:" + UnderlayUplink,
			fmt.Sprintf("in_port=%s,dl_vlan=%d,actions=pop_vlan,goto_table:1", UnderlayUplink,
				vlans[0]),
			fmt.Sprintf("table=1,dl_vlan=%d,actions=pop_vlan,LOCAL", vlans[1]),
		}
	}

	// Only with a limit of 2 the switch reads what is behind the second tag.
	_, err := h.vsctl(ctx, "set", "Open_vSwitch", ".",
		fmt.Sprintf("other_config:vlan-limit=%d", max(len(vlans), 1)))
	if err != nil {
		return err
	}
	if _, err := h.ofctl(ctx, "del-flows", UnderlayBridge); err != nil {
		return err
	}
	for _, flow := range flows {
		if _, err := h.ofctl(ctx, "add-flow", UnderlayBridge, flow); err != nil {
			return err
		}
	}
	return nil
}

// Overlay describes an operator's own tunnel between two hosts, with a bridge on each.
type Overlay struct {
	// Name is the name of the bridges, at most 12 characters; "" means ov-br. The tunnel ports
	// have the same name and the suffix -t.
	Name string
	// Type is a tunnel type of Open vSwitch: gre, vxlan, geneve, ...; "" means gre.
	Type string
	// FlowBased leaves the remote address and the key to flows. Otherwise the port has a fixed
	// remote address.
	FlowBased bool
	// LocalIP gives the port the host's tunnel address as local_ip.
	LocalIP bool
	// AnyKey lets the port take packets of any key, also where its remote address is fixed.
	AnyKey bool
	// Net is where the bridges have their addresses; the zero value means 10.230.0.0/24.
	Net netip.Prefix
}

// overlayKey is the key of all packets of overlays.
const overlayKey = 4242

// OverlayEnd is the overlay's bridge on one host.
type OverlayEnd struct {
	Host *Host
	Addr netip.Addr
	name string
}

// AddOverlay makes an overlay between two hosts. Close removes it; so does the end of the lab.
func (l *Lab) AddOverlay(ctx context.Context, a, b *Host, o Overlay) (*OverlayEnd, *OverlayEnd,
	error) {
	if o.Name == "" {
		o.Name = "ov-br"
	}
	if o.Type == "" {
		o.Type = "gre"
	}
	if !o.Net.IsValid() {
		o.Net = netip.MustParsePrefix("10.230.0.0/24")
	}

	first := o.Net.Addr().Next()
	ends := []*OverlayEnd{{a, first, o.Name}, {b, first.Next(), o.Name}}
	for i, end := range ends {
		if err := end.create(ctx, o, ends[1-i].Host); err != nil {
			return nil, nil, errors.Join(err, ends[0].Close(), ends[1].Close())
		}
	}

	return ends[0], ends[1], nil
}

// create makes the bridge, its port to the peer and the flows between both.
func (e *OverlayEnd) create(ctx context.Context, o Overlay, peer *Host) error {
	port := e.Port()
	args := []string{
		"add-br", o.Name, "--", "set", "Bridge", o.Name, e.Host.DatapathType(),
		"--", "add-port", o.Name, port, "--", "set", "Interface", port, "type=" + o.Type,
	}

	remote, key := peer.TunnelIP.String(), fmt.Sprint(overlayKey)
	if o.FlowBased {
		remote = "flow"
	}
	if o.FlowBased || o.AnyKey {
		key = "flow"
	}

	args = append(args, "options:remote_ip="+remote, "options:key="+key)
	if o.LocalIP {
		args = append(args, "options:local_ip="+e.Host.TunnelIP.String())
	}
	if _, err := e.Host.vsctl(ctx, args...); err != nil {
		return err
	}

	if key == "flow" {
		out := fmt.Sprintf("in_port=LOCAL,actions=set_field:%d->tun_id,", overlayKey)
		if o.FlowBased {
			out += fmt.Sprintf("set_field:%s->tun_dst,", peer.TunnelIP)
		}
		for _, args := range [][]string{
			{"del-flows", o.Name},
			{"add-flow", o.Name, out + "output:" + port},
			{"add-flow", o.Name, "in_port=" + port + ",actions=LOCAL"},
		} {
			if _, err := e.Host.ofctl(ctx, args...); err != nil {
				return err
			}
		}
	}

	end := vethEnd{node: e.Host.Node, ifname: o.Name, addr: netip.PrefixFrom(e.Addr, o.Net.Bits())}
	return end.configure()
}

// Ping sends a number of echo requests to another end and returns how many were answered.
func (e *OverlayEnd) Ping(ctx context.Context, to *OverlayEnd, count int) (answered int,
	err error) {
	out, err := e.Host.Run(ctx, "ping", "-q", "-c", fmt.Sprint(count), "-i", "0.02", "-W", "1",
		to.Addr.String())

	for line := range strings.Lines(out) {
		if _, after, found := strings.Cut(line, "packets transmitted, "); found {
			if _, scanErr := fmt.Sscan(after, &answered); scanErr != nil {
				return 0, scanErr
			}
			return answered, nil // ping(8) exits with 1 where nothing was answered.
		}
	}

	return 0, fmt.Errorf("ping on %s says %q: %w", e.Host.Name, out, err)
}

// Port is the name of the tunnel port.
func (e *OverlayEnd) Port() string { return e.name + "-t" }

// Bridge is the name of the bridge.
func (e *OverlayEnd) Bridge() string { return e.name }

// Close removes the overlay's bridge from its host.
func (e *OverlayEnd) Close() error {
	_, err := e.Host.VSCtl("--if-exists", "del-br", e.name)
	return err
}

// Forward makes the guest a router between its NICs.
func (g *Guest) Forward() error {
	settings := []struct{ name, value string }{
		{"ip_forward", "1"},
		// A router with one NIC would tell hosts of a shorter way.
		{"conf/all/send_redirects", "0"},
		{"conf/default/send_redirects", "0"},
		{"conf/" + g.NICs[0].Device + "/send_redirects", "0"},
	}
	return g.Do(func() error {
		for _, s := range settings {
			if err := os.WriteFile("/proc/sys/net/ipv4/"+s.name, []byte(s.value), 0); err != nil {
				return fmt.Errorf("guest %s: %w", g.Name, err)
			}
		}
		return nil
	})
}

// AddRoute adds a route to the node's table.
func (n *Node) AddRoute(to netip.Prefix, via netip.Addr) error {
	return n.withLinks(func(links *netlink.Handle) error {
		route := &netlink.Route{Dst: ipNet(to), Gw: net.IP(via.AsSlice())}
		if err := links.RouteReplace(route); err != nil {
			return fmt.Errorf("route %s via %s: %w", to, via, err)
		}
		return nil
	})
}
