//go:build linux

package lab

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"unsafe"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// vethEnd is one end of a veth pair.
type vethEnd struct {
	node   *Node
	ifname string
	mac    MAC          // zero: the kernel chooses
	master string       // the Linux bridge that it joins, or ""
	addr   netip.Prefix // zero: none
}

// connect makes a veth pair, up at both ends, without offloads.
func connect(a, b vethEnd, mtu int) error {
	err := a.node.withLinks(func(links *netlink.Handle) error {
		peer, err := netns.GetFromName(b.node.Namespace)
		if err != nil {
			return fmt.Errorf("open network namespace %s: %w", b.node.Namespace, err)
		}
		defer peer.Close()

		attrs := netlink.NewLinkAttrs()
		attrs.Name, attrs.MTU = a.ifname, mtu
		pair := netlink.NewVeth(attrs)
		pair.PeerName, pair.PeerNamespace, pair.PeerMTU = b.ifname, netlink.NsFd(peer), uint32(mtu)
		if a.mac != (MAC{}) {
			pair.HardwareAddr = net.HardwareAddr(a.mac[:])
		}
		if b.mac != (MAC{}) {
			pair.PeerHardwareAddr = net.HardwareAddr(b.mac[:])
		}

		return links.LinkAdd(pair)
	})
	if err != nil {
		return fmt.Errorf("connect %s of %s with %s of %s: %w", a.ifname, a.node.Name, b.ifname,
			b.node.Name, err)
	}

	for _, end := range []vethEnd{a, b} {
		if err := end.configure(); err != nil {
			return err
		}
	}

	return nil
}

func (e vethEnd) configure() error {
	if err := e.node.disableOffloads(e.ifname); err != nil {
		return err
	}
	return e.node.withLink(e.ifname, func(links *netlink.Handle, link netlink.Link) error {
		if e.master != "" {
			bridge, err := links.LinkByName(e.master)
			if err != nil {
				return fmt.Errorf("bridge %s: %w", e.master, err)
			}
			if err := links.LinkSetMaster(link, bridge); err != nil {
				return fmt.Errorf("join bridge %s: %w", e.master, err)
			}
		}

		if e.addr.IsValid() {
			if err := links.AddrReplace(link, &netlink.Addr{IPNet: ipNet(e.addr)}); err != nil {
				return fmt.Errorf("add address %s: %w", e.addr, err)
			}
		}
		return links.LinkSetUp(link)
	})
}

// addBridge makes a Linux bridge that forwards every frame as it is, tagged
// ones too, and sends none itself.
func (n *Node) addBridge(name string, mtu int, addr netip.Prefix) error {
	return n.withLinks(func(links *netlink.Handle) error {
		attrs := netlink.NewLinkAttrs()
		attrs.Name, attrs.MTU = name, mtu
		snooping := false
		bridge := &netlink.Bridge{LinkAttrs: attrs, MulticastSnooping: &snooping}
		if err := links.LinkAdd(bridge); err != nil {
			return fmt.Errorf("add bridge %s: %w", name, err)
		}
		if addr.IsValid() {
			if err := links.AddrAdd(bridge, &netlink.Addr{IPNet: ipNet(addr)}); err != nil {
				return fmt.Errorf("bridge %s: add address %s: %w", name, addr, err)
			}
		}

		return links.LinkSetUp(bridge)
	})
}

// offloads are what must be off on a veth pair that a userspace switch reads:
// with them the sender's kernel leaves checksums unfinished and segments
// larger than the MTU, counting on a NIC that is not there.
var offloads = [...]struct {
	name    string
	command uint32
}{
	{"tx-checksum", unix.ETHTOOL_STXCSUM},
	{"tcp-segmentation", unix.ETHTOOL_STSO},
	{"generic-segmentation", unix.ETHTOOL_SGSO},
	{"generic-receive", unix.ETHTOOL_SGRO},
}

func (n *Node) disableOffloads(ifname string) error { return n.SetOffloads(ifname, false) }

// SetOffloads does what "ethtool -K IFNAME tx on tso on gso on gro on" does, or the same with off,
// netdevice(7). They are off in a lab, and may be on where the kernel's datapath switches.
func (n *Node) SetOffloads(ifname string, on bool) error {
	type value struct{ command, data uint32 } // struct ethtool_value
	type request struct {                     // struct ifreq
		name [unix.IFNAMSIZ]byte
		data unsafe.Pointer
		_    [16]byte
	}
	return n.Do(func() error {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return fmt.Errorf("open a socket for ethtool: %w", err)
		}
		defer unix.Close(fd)

		for _, offload := range offloads {
			v := &value{command: offload.command}
			if on {
				v.data = 1
			}
			r := &request{data: unsafe.Pointer(v)}
			copy(r.name[:unix.IFNAMSIZ-1], ifname)
			_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SIOCETHTOOL,
				uintptr(unsafe.Pointer(r)))

			runtime.KeepAlive(v)
			if errno != 0 && errno != unix.EOPNOTSUPP {
				return fmt.Errorf("%s: interface %s: set %s to %v: %w", n.Name, ifname,
					offload.name, on, errno)
			}
		}

		return nil
	})
}

// deleteLink removes an interface; one that does not exist is no error.
func (n *Node) deleteLink(ifname string) error {
	err := n.withLink(ifname, func(links *netlink.Handle, link netlink.Link) error {
		return links.LinkDel(link)
	})
	var missing netlink.LinkNotFoundError
	if errors.As(err, &missing) {
		return nil
	}
	return err
}

func ipNet(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}
