//go:build linux

package lab

import (
	"context"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strconv"

	"github.com/google/uuid"
	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
)

// maxIfName is the longest name of an interface, IFNAMSIZ - 1.
const maxIfName = 15

// GuestNIC says how a guest is plugged into a switch. Its zero value is a NIC on
// br0 with a MAC address and ids of its own, and without an IP address.
type GuestNIC struct {
	// Bridge is "" for br0.
	Bridge string `json:"bridge"`
	// MAC is what the guest sees; zero means a free address 52:54:00:...
	MAC MAC `json:"mac"`
	// IP is the guest's address; zero means none.
	IP netip.Prefix `json:"ip"`
	// Tag makes the port an access port of a VLAN; 0 makes it a trunk.
	Tag int `json:"tag,omitempty"`
	// TAP makes the NIC as libvirt does for virtual machines: see NIC.SetOffloads. It is gone with
	// the process that made it.
	TAP bool `json:"tap,omitempty"`
	// IfName is the interface on the host, at most 15 characters; "" means vnetN.
	IfName string `json:"ifname"`
	// ExternalIDs replaces what libvirt writes to Interface.external_ids
	// (attached-mac, iface-id, iface-status, vm-id) if it is not nil: an empty
	// map writes nothing, as a switch port that nobody identified.
	ExternalIDs map[string]string `json:"external_ids"`
}

// NIC is a guest's NIC: a veth pair whose far end is an OVS port, or a pair of TAP devices.
type NIC struct {
	GuestNIC // complete
	// Device is the interface in the guest: eth0, eth1, ...
	Device string `json:"device"`
	// Plugged says whether the host end is a port of its bridge now.
	Plugged bool `json:"plugged"`

	guest *Guest
	tap   *tapPair // nil without TAP devices, or if another process has them
}

// Guest is a virtual machine, played by a namespace.
type Guest struct {
	*Node
	// ID is what the hypervisor calls it: external_ids:vm-id.
	ID       string `json:"id"`
	HostName string `json:"host"`
	NICs     []*NIC `json:"nics"`
}

// AddGuest starts a guest on the host. Its name is unique in the lab: 1 to 16
// lower-case letters, digits and dashes, and none of controller, fabric, mgmt,
// h1, h2... If it fails, a part of the guest may remain until Remove or Close.
func (h *Host) AddGuest(ctx context.Context, name string, nics ...GuestNIC) (*Guest, error) {
	if !regexp.MustCompile(`^[a-z][a-z0-9-]{0,15}$`).MatchString(name) {
		return nil, fmt.Errorf("guest name %q: want 1 to 16 lower-case letters, digits and dashes",
			name)
	}
	if name == "mgmt" || regexp.MustCompile(`^h[0-9]+$`).MatchString(name) ||
		h.lab.Node(name) != nil {
		return nil, fmt.Errorf("guest name %q is in use", name)
	}

	g := &Guest{
		Node:     &Node{Name: name, Namespace: h.lab.Name + "-" + name, lab: h.lab},
		ID:       uuid.NewSHA1(uuid.NameSpaceOID, []byte(h.lab.Name+"/"+name)).String(),
		HostName: h.Name,
	}
	if h.lab.state.Config.PlainIDs {
		g.ID = name
	}
	if err := h.lab.claimNamespaces(g.Node); err != nil {
		return nil, fmt.Errorf("guest %s: %w", name, err)
	}

	err := h.lab.update(func() { h.lab.state.Guests = append(h.lab.state.Guests, g) })
	if err != nil {
		return nil, fmt.Errorf("guest %s: %w", name, err)
	}

	for _, nic := range nics {
		if _, err := g.PlugNIC(ctx, nic); err != nil {
			return nil, err
		}
	}

	return g, nil
}

// Host is where the guest runs.
func (g *Guest) Host() *Host {
	g.lab.mu.Lock()
	defer g.lab.mu.Unlock()
	return g.hostLocked()
}

func (g *Guest) hostLocked() *Host {
	i := slices.IndexFunc(g.lab.Hosts, func(h *Host) bool { return h.Name == g.HostName })
	return g.lab.Hosts[i]
}

// MAC is the address of the first NIC.
func (g *Guest) MAC() MAC { return g.NICs[0].MAC }

// IP is the address of the first NIC.
func (g *Guest) IP() netip.Addr { return g.NICs[0].IP.Addr() }

// IfName is the first NIC's interface on the host.
func (g *Guest) IfName() string { return g.NICs[0].IfName }

// PlugNIC adds a NIC to the running guest, as a hypervisor's hot plug does: on
// br0 to talk, or on the tap bridge, with the MAC address and the interface
// name of a tap service, to collect.
func (g *Guest) PlugNIC(ctx context.Context, spec GuestNIC) (*NIC, error) {
	nic := &NIC{GuestNIC: spec, guest: g}
	if err := g.lab.update(func() { nic.completeLocked() }); err != nil {
		return nil, fmt.Errorf("guest %s: %w", g.Name, err)
	}
	if len(nic.IfName) > maxIfName {
		return nil, fmt.Errorf("guest %s: interface name %q has %d characters, at most %d fit",
			g.Name, nic.IfName, len(nic.IfName), maxIfName)
	}

	if err := nic.connect(); err != nil {
		return nil, fmt.Errorf("guest %s: %w", g.Name, err)
	}

	if err := g.lab.update(func() { g.NICs = append(g.NICs, nic) }); err != nil {
		return nil, fmt.Errorf("guest %s: %w", g.Name, err)
	}

	return nic, nic.Plug(ctx)
}

// connect makes the NIC's devices.
func (n *NIC) connect() (err error) {
	host := vethEnd{node: n.guest.Host().Node, ifname: n.IfName}
	guest := vethEnd{node: n.guest.Node, ifname: n.Device, mac: n.MAC, addr: n.IP}
	if n.TAP {
		host.mac = n.MAC.hostSide()
		n.tap, err = newTapPair(host, guest)
		return err
	}
	return connect(host, guest, ethernetMTU)
}

// completeLocked fills in what the caller left open.
func (n *NIC) completeLocked() {
	g, s := n.guest, &n.guest.lab.state
	serial := s.NextNIC
	s.NextNIC++
	if n.Bridge == "" {
		n.Bridge = WireBridge
	}
	if n.MAC == (MAC{}) {
		n.MAC = guestMAC(serial + 1)
	}
	if n.IfName == "" {
		n.IfName = "vnet" + strconv.Itoa(serial)
	}

	for i := 0; n.Device == ""; i++ {
		device := "eth" + strconv.Itoa(i)
		if !slices.ContainsFunc(g.NICs, func(other *NIC) bool { return other.Device == device }) {
			n.Device = device
		}
	}

	if n.ExternalIDs == nil {
		n.ExternalIDs = map[string]string{
			"attached-mac": n.MAC.String(),
			"iface-id": uuid.NewSHA1(uuid.NameSpaceOID,
				fmt.Appendf(nil, "%s/%d", g.ID, serial)).String(),
			"iface-status": "active",
			"vm-id":        g.ID,
		}
	}
}

// Plug makes the NIC's host end a port of its bridge, in one transaction as
// libvirt does it.
func (n *NIC) Plug(ctx context.Context) error {
	host := n.guest.Host()
	if err := host.SetLink(n.IfName, true); err != nil {
		return fmt.Errorf("plug NIC %s of guest %s: %w", n.Device, n.guest.Name, err)
	}

	args := []string{"--", "--if-exists", "del-port", n.IfName, "--", "add-port", n.Bridge,
		n.IfName}

	if n.Tag != 0 {
		args = append(args, "tag="+strconv.Itoa(n.Tag))
	}

	for key, value := range n.ExternalIDs {
		args = append(args, "--", "set", "Interface", n.IfName,
			fmt.Sprintf("external_ids:%q=%q", key, value))
	}

	if _, err := host.vsctl(ctx, args...); err != nil {
		return fmt.Errorf("plug NIC %s of guest %s: %w", n.Device, n.guest.Name, err)
	}

	return n.guest.lab.update(func() { n.Plugged = true })
}

// Unplug deletes the port and leaves the guest with a NIC without carrier. Plug
// brings it back as a new Port row.
func (n *NIC) Unplug(ctx context.Context) error {
	host := n.guest.Host()
	if _, err := host.vsctl(ctx, "--if-exists", "del-port", n.IfName); err != nil {
		return fmt.Errorf("unplug NIC %s of guest %s: %w", n.Device, n.guest.Name, err)
	}
	if err := host.SetLink(n.IfName, false); err != nil {
		return fmt.Errorf("unplug NIC %s of guest %s: %w", n.Device, n.guest.Name, err)
	}
	return n.guest.lab.update(func() { n.Plugged = false })
}

// Remove takes the NIC away from the guest for good.
func (n *NIC) Remove(ctx context.Context) error {
	if err := n.Unplug(ctx); err != nil {
		return err
	}
	if n.tap != nil {
		if err := n.tap.close(); err != nil {
			return fmt.Errorf("remove NIC of guest %s: %w", n.guest.Name, err)
		}
	}
	if err := n.guest.deleteLink(n.Device); err != nil {
		return fmt.Errorf("remove NIC of guest %s: %w", n.guest.Name, err)
	}

	g := n.guest
	return g.lab.update(func() {
		g.NICs = slices.DeleteFunc(g.NICs, func(other *NIC) bool { return other == n })
	})
}

// Plug plugs all NICs, Unplug unplugs them.
func (g *Guest) Plug(ctx context.Context) error   { return g.each(ctx, (*NIC).Plug) }
func (g *Guest) Unplug(ctx context.Context) error { return g.each(ctx, (*NIC).Unplug) }

// Restart deletes the guest's ports and adds them again: same names and ids,
// new Port and Interface rows.
func (g *Guest) Restart(ctx context.Context) error {
	if err := g.Unplug(ctx); err != nil {
		return err
	}
	return g.Plug(ctx)
}

// MoveTo migrates the running guest: its ports disappear from one host and
// appear on the other with the same names, addresses and ids. The guest itself
// does not notice: its sockets, captures and senders stay open.
func (g *Guest) MoveTo(ctx context.Context, to *Host) error {
	from := g.Host()
	if from == to {
		return nil
	}
	if err := g.Unplug(ctx); err != nil {
		return err
	}

	ns, err := netns.GetFromName(to.Namespace)
	if err != nil {
		return fmt.Errorf("move guest %s: open network namespace %s: %w", g.Name, to.Namespace, err)
	}
	defer ns.Close()

	for _, n := range g.NICs {
		err := from.withLink(n.IfName, func(links *netlink.Handle, link netlink.Link) error {
			return links.LinkSetNsFd(link, int(ns))
		})
		if err != nil {
			return fmt.Errorf("move guest %s to %s: %w", g.Name, to.Name, err)
		}
	}

	if err := g.lab.update(func() { g.HostName = to.Name }); err != nil {
		return err
	}

	return g.Plug(ctx)
}

// Remove deletes the guest with its ports and its namespace.
func (g *Guest) Remove(ctx context.Context) error {
	for _, n := range slices.Clone(g.NICs) {
		if err := n.Remove(ctx); err != nil {
			return err
		}
	}

	if err := deleteNamespace(g.Namespace); err != nil {
		return fmt.Errorf("remove guest %s: %w", g.Name, err)
	}
	return g.lab.update(func() {
		s := &g.lab.state
		s.Guests = slices.DeleteFunc(s.Guests, func(other *Guest) bool { return other == g })
		s.Namespaces = slices.DeleteFunc(s.Namespaces,
			func(name string) bool { return name == g.Namespace })
	})
}

func (g *Guest) each(ctx context.Context, do func(*NIC, context.Context) error) error {
	for _, n := range g.NICs {
		if err := do(n, ctx); err != nil {
			return err
		}
	}
	return nil
}

// attach completes a guest that was read from the state file.
func (g *Guest) attach(l *Lab) error {
	if g.Node == nil || !slices.ContainsFunc(l.Hosts,
		func(h *Host) bool { return h.Name == g.HostName }) {
		return fmt.Errorf("%s: a guest has no name or runs on an unknown host %q", stateFile,
			g.HostName)
	}

	g.lab = l
	for _, n := range g.NICs {
		n.guest = g
	}

	return nil
}

// update changes the state and writes it down.
func (l *Lab) update(change func()) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	change()
	return l.saveLocked()
}
