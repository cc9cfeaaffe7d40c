//go:build linux

package lab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

const netnsDir = "/run/netns"

// Node is a network namespace: the controller, the fabric, a host or a guest.
type Node struct {
	// Name is unique within the lab: controller, fabric, h1, or the guest's name.
	Name string `json:"name"`
	// Namespace is the name that ip-netns(8) knows it by.
	Namespace string `json:"namespace"`

	lab *Lab
	env []string
}

// Do runs fn in the node's namespace, on the calling goroutine, which stays on
// one OS thread meanwhile. Sockets that fn opens belong to the namespace for
// good; goroutines that it starts do not run in it.
func (n *Node) Do(fn func() error) error {
	runtime.LockOSThread()
	here, err := netns.Get()
	if err != nil {
		runtime.UnlockOSThread()
		return fmt.Errorf("read the current network namespace: %w", err)
	}
	defer here.Close()

	there, err := netns.GetFromName(n.Namespace)
	if err != nil {
		runtime.UnlockOSThread()
		return fmt.Errorf("open network namespace %s: %w", n.Namespace, err)
	}
	defer there.Close()

	if err := netns.Set(there); err != nil {
		runtime.UnlockOSThread()
		return fmt.Errorf("enter network namespace %s: %w", n.Namespace, err)
	}
	defer func() {
		// A thread that cannot return stays locked, so that it ends with its
		// goroutine instead of running others in the wrong namespace.
		if netns.Set(here) == nil {
			runtime.UnlockOSThread()
		}
	}()

	return fn()
}

// Dial connects from within the namespace. It fits http.Transport.DialContext.
// The address must hold an IP literal: a name would be resolved outside.
func (n *Node) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	var conn net.Conn
	err := n.Do(func() error {
		var err error
		conn, err = (&net.Dialer{}).DialContext(ctx, network, address)
		return err
	})
	return conn, err
}

// Listen listens within the namespace.
func (n *Node) Listen(ctx context.Context, network, address string) (net.Listener, error) {
	var listener net.Listener
	err := n.Do(func() error {
		var err error
		listener, err = (&net.ListenConfig{}).Listen(ctx, network, address)
		return err
	})
	return listener, err
}

// Command prepares a command that runs in the namespace. On a host its
// environment makes plain ovs-vsctl, ovs-ofctl and ovs-appctl talk to that
// host's daemons. The process is the command itself, without a wrapper.
func (n *Node) Command(ctx context.Context, name string, args ...string) *exec.Cmd {
	args = append([]string{"--net=" + filepath.Join(netnsDir, n.Namespace), "--", name}, args...)
	cmd := exec.CommandContext(ctx, program("nsenter"), args...)
	cmd.Env = append(os.Environ(), n.env...)
	return cmd
}

// Run executes a command in the namespace and returns what it printed on
// stdout; an error holds what it printed on stderr.
func (n *Node) Run(ctx context.Context, name string, args ...string) (string, error) {
	out, err := output(ctx, n.Command(ctx, name, args...))
	if err != nil {
		return out, fmt.Errorf("on %s: %s: %w", n.Name, name, err)
	}
	return out, nil
}

// SetLink sets an interface of the node up or down.
func (n *Node) SetLink(ifname string, up bool) error {
	return n.withLink(ifname, func(links *netlink.Handle, link netlink.Link) error {
		if up {
			return links.LinkSetUp(link)
		}
		return links.LinkSetDown(link)
	})
}

// Received counts the frames that an interface of the node has received.
func (n *Node) Received(ifname string) (frames uint64, err error) {
	err = n.withLink(ifname, func(_ *netlink.Handle, link netlink.Link) error {
		frames = link.Attrs().Statistics.RxPackets
		return nil
	})
	return frames, err
}

// withLink calls fn with an interface of the node.
func (n *Node) withLink(ifname string, fn func(*netlink.Handle, netlink.Link) error) error {
	return n.withLinks(func(links *netlink.Handle) error {
		link, err := links.LinkByName(ifname)
		if err != nil {
			return fmt.Errorf("interface %s: %w", ifname, err)
		}
		if err := fn(links, link); err != nil {
			return fmt.Errorf("interface %s: %w", ifname, err)
		}
		return nil
	})
}

// withLinks calls fn with a netlink connection to the node's namespace.
func (n *Node) withLinks(fn func(*netlink.Handle) error) error {
	ns, err := netns.GetFromName(n.Namespace)
	if err != nil {
		return fmt.Errorf("open network namespace %s: %w", n.Namespace, err)
	}
	defer ns.Close()

	links, err := netlink.NewHandleAt(ns, unix.NETLINK_ROUTE)
	if err != nil {
		return fmt.Errorf("netlink in namespace %s: %w", n.Namespace, err)
	}
	defer links.Close()

	if err := fn(links); err != nil {
		return fmt.Errorf("%s: %w", n.Name, err)
	}

	return nil
}

// createNamespace makes the namespace, quiet: nothing in it sends a frame that
// nobody asked for.
func (n *Node) createNamespace(ipv6 bool) error {
	runtime.LockOSThread()
	here, err := netns.Get()
	if err != nil {
		runtime.UnlockOSThread()
		return fmt.Errorf("read the current network namespace: %w", err)
	}
	defer here.Close()
	defer func() {
		if netns.Set(here) == nil {
			runtime.UnlockOSThread()
		}
	}()

	created, err := netns.NewNamed(n.Namespace)
	if err != nil {
		return fmt.Errorf("create network namespace %s: %w", n.Namespace, err)
	}
	defer created.Close()

	settings := map[string]string{
		// A host has the tunnel address on br-phy and its uplink beside it:
		// only the interface that holds an address may answer ARP for it.
		"ipv4/conf/all/arp_ignore": "1",
	}

	if !ipv6 {
		settings["ipv6/conf/all/disable_ipv6"] = "1"
		settings["ipv6/conf/default/disable_ipv6"] = "1"
	}

	for name, value := range settings {
		err := os.WriteFile(filepath.Join("/proc/sys/net", name), []byte(value), 0)
		if errors.Is(err, os.ErrNotExist) {
			continue // a kernel without IPv6
		}
		if err != nil {
			return fmt.Errorf("namespace %s: set net/%s=%s: %w", n.Namespace, name, value, err)
		}
	}

	return nil
}

// deleteNamespace removes a namespace with all interfaces in it; one that does
// not exist is no error.
func deleteNamespace(name string) error {
	path := filepath.Join(netnsDir, name)
	err := unix.Unmount(path, unix.MNT_DETACH)
	// EINVAL: the file is there without its mount, as after a crash half-way.
	if err != nil && !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("unmount network namespace %s: %w", name, err)
	}

	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("remove network namespace %s: %w", name, err)
	}

	return nil
}
