//go:build linux

// Command guestinit is the only program of a lab's virtual machine: it runs as /init of an
// initramfs, loads the kernel's modules, brings each new NIC up, and reports NICs and frames on the
// second serial port:
//
//	start
//	nic eth1 02:74:61:01:02:03
//	frame 02:74:61:01:02:03 ffffffffffff5254...
//	gone eth1
package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

func main() {
	err := run()
	fmt.Fprintln(os.Stderr, "guestinit:", err)
	_ = unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF)
}

func run() error {
	for _, fs := range []struct{ kind, at string }{{"sysfs", "/sys"}, {"devtmpfs", "/dev"}} {
		if err := unix.Mount(fs.kind, fs.at, fs.kind, 0, ""); err != nil &&
			!errors.Is(err, unix.EBUSY) {
			return fmt.Errorf("mount %s: %w", fs.at, err)
		}
	}

	if err := load("/modules/*.ko"); err != nil {
		return err
	}

	out, err := os.OpenFile("/dev/ttyS1", os.O_WRONLY, 0)
	if err != nil {
		return err
	}

	if err := raw(out); err != nil {
		return err
	}

	lines := make(chan string, 1024)
	lines <- "\nstart" // A machine that lost its power may have left an incomplete line.
	go watch(lines)
	for line := range lines {
		if _, err := out.WriteString(line + "\n"); err != nil {
			return err
		}
	}

	return nil
}

// load loads modules until all are in: one fails while another that it needs is missing.
func load(pattern string) error {
	left, err := filepath.Glob(pattern)
	for len(left) > 0 && err == nil {
		var later []string
		for _, path := range left {
			if e := loadOne(path); e != nil && !errors.Is(e, unix.EEXIST) {
				later = append(later, path)
				err = fmt.Errorf("load %s: %w", path, e)
			}
		}

		if len(later) < len(left) {
			err = nil
		}

		left = later
	}

	return err
}

func loadOne(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return unix.FinitModule(int(f.Fd()), "", 0)
}

// raw has the port pass bytes as they are.
func raw(port *os.File) error {
	t, err := unix.IoctlGetTermios(int(port.Fd()), unix.TCGETS)
	if err != nil {
		return err
	}
	t.Oflag &^= unix.OPOST
	return unix.IoctlSetTermios(int(port.Fd()), unix.TCSETS, t)
}

// watch reports NICs that come and go. It polls, since nothing here is in a hurry.
func watch(lines chan<- string) {
	known := map[int]string{}
	for {
		links, err := netlink.LinkList()
		if err != nil {
			lines <- "error " + err.Error()
		}

		now := map[int]bool{}
		for _, link := range links {
			a := link.Attrs()
			now[a.Index] = true
			if _, seen := known[a.Index]; seen || !strings.HasPrefix(a.Name, "eth") {
				continue
			}

			if err := open(link, lines); err != nil {
				lines <- fmt.Sprintf("error %s: %v", a.Name, err)
				continue
			}

			known[a.Index] = a.Name
			lines <- fmt.Sprintf("nic %s %s", a.Name, a.HardwareAddr)
		}

		for index, name := range known {
			if !now[index] {
				delete(known, index)
				lines <- "gone " + name
			}
		}

		time.Sleep(20 * time.Millisecond)
	}
}

// open brings a NIC up and reports the frames that reach it.
func open(link netlink.Link, lines chan<- string) error {
	if err := netlink.LinkSetUp(link); err != nil {
		return err
	}
	if err := netlink.SetPromiscOn(link); err != nil {
		return err
	}

	all := uint16(unix.ETH_P_ALL<<8 | unix.ETH_P_ALL>>8)
	// Protocol 0: an unbound socket must not receive frames of other NICs.
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW, 0)
	if err != nil {
		return err
	}

	at := &unix.SockaddrLinklayer{Protocol: all, Ifindex: link.Attrs().Index}
	if err := unix.Bind(fd, at); err != nil {
		return errors.Join(err, unix.Close(fd))
	}

	go read(fd, link.Attrs().HardwareAddr, lines)
	return nil
}

func read(fd int, mac net.HardwareAddr, lines chan<- string) {
	defer unix.Close(fd)
	buf := make([]byte, 65536)
	for {
		n, from, err := unix.Recvfrom(fd, buf, 0)
		if errors.Is(err, unix.EINTR) || errors.Is(err, unix.ENETDOWN) {
			continue
		}

		if err != nil {
			return
		}

		if ll, ok := from.(*unix.SockaddrLinklayer); ok && ll.Pkttype == unix.PACKET_OUTGOING {
			continue
		}

		lines <- fmt.Sprintf("frame %s %x", mac, buf[:n])
	}
}
