//go:build linux

package lab

import (
	"errors"
	"fmt"
	"os"
	"sync"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// A NIC as libvirt makes it is a TAP device on the host, whose other side is the virtio NIC of a
// virtual machine. A second TAP device plays that NIC, and both pass frames with the header that
// says what a device is left to do (struct virtio_net_hdr):
//
//	guest            this process            host
//	eth0 --frames--> read       write -----> vnet0, a port of br0
//	eth0 <---------- write       read <----- vnet0
//
// Its devices exist for as long as the process that made them.
type tapPair struct {
	guest, host *os.File
	pumps       sync.WaitGroup
}

const (
	tapDevice = "/dev/net/tun"
	// maxTapFrame is the largest frame with its header: 64 KiB, and some.
	maxTapFrame = 1<<16 + 64
	// tapQueue is how many frames may wait for the process.
	tapQueue = 4096

	// TUN_F_CSUM, TUN_F_TSO4, TUN_F_TSO6 and TUN_F_TSO_ECN of linux/if_tun.h.
	tapOffloads = 0x01 | 0x02 | 0x04 | 0x08
)

// newTapPair makes the devices, up, without offloads.
func newTapPair(host, guest vethEnd) (*tapPair, error) {
	var p tapPair
	var err error
	if p.host, err = host.openTap(); err != nil {
		return nil, err
	}
	if p.guest, err = guest.openTap(); err != nil {
		return nil, errors.Join(err, p.host.Close())
	}

	p.pumps.Go(func() { pump(p.guest, p.host) })
	p.pumps.Go(func() { pump(p.host, p.guest) })
	return &p, nil
}

// openTap makes a TAP device, with the queue of one processor.
func (e vethEnd) openTap() (*os.File, error) {
	request, err := unix.NewIfreq(e.ifname)
	if err != nil {
		return nil, fmt.Errorf("TAP device %s: %w", e.ifname, err)
	}
	request.SetUint16(unix.IFF_TAP | unix.IFF_NO_PI | unix.IFF_VNET_HDR)

	var file *os.File
	err = e.node.Do(func() error {
		fd, err := unix.Open(tapDevice, unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
		if err != nil {
			return err
		}
		if err := unix.IoctlIfreq(fd, unix.TUNSETIFF, request); err != nil {
			return errors.Join(err, unix.Close(fd))
		}
		file = os.NewFile(uintptr(fd), e.ifname)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("%s: make TAP device %s: %w", e.node.Name, e.ifname, err)
	}

	if err := errors.Join(setTapOffloads(file, false), e.configureTap()); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

func (e vethEnd) configureTap() error {
	return e.node.withLink(e.ifname, func(links *netlink.Handle, link netlink.Link) error {
		if err := links.LinkSetHardwareAddr(link, e.mac[:]); err != nil {
			return fmt.Errorf("set address %s: %w", e.mac, err)
		}
		if err := links.LinkSetTxQLen(link, tapQueue); err != nil {
			return fmt.Errorf("set the length of the queue: %w", err)
		}
		if e.addr.IsValid() {
			if err := links.AddrReplace(link, &netlink.Addr{IPNet: ipNet(e.addr)}); err != nil {
				return fmt.Errorf("add address %s: %w", e.addr, err)
			}
		}
		return links.LinkSetUp(link)
	})
}

// pump passes frames on until either file is closed. What a device does not take is lost, as on a
// NIC that is down.
func pump(from, to *os.File) {
	buffer := make([]byte, maxTapFrame)
	for {
		n, err := from.Read(buffer)
		if err != nil {
			return
		}
		if _, err := to.Write(buffer[:n]); errors.Is(err, os.ErrClosed) {
			return
		}
	}
}

// setTapOffloads says what the reader of a TAP device does: finish checksums and divide TCP
// segments of up to 64 KiB, or neither of it. The kernel does what is left.
func setTapOffloads(file *os.File, on bool) error {
	var flags int
	if on {
		flags = tapOffloads
	}

	conn, err := file.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = conn.Control(func(fd uintptr) {
		failed = unix.IoctlSetInt(int(fd), unix.TUNSETOFFLOAD, flags)
	})
	if err = errors.Join(err, failed); err != nil {
		return fmt.Errorf("set offloads of TAP device %s: %w", file.Name(), err)
	}
	return nil
}

func (p *tapPair) close() error {
	err := errors.Join(p.guest.Close(), p.host.Close())
	p.pumps.Wait()
	return err
}

// SetOffloads says what a NIC with a TAP device leaves to others, as the host and guest settings of
// libvirt's <driver> do: whether the guest sends large segments and unfinished checksums, and
// whether it takes them. Neither is so at first.
func (n *NIC) SetOffloads(sends, takes bool) error {
	if n.tap == nil {
		return fmt.Errorf("NIC %s of guest %s has no TAP device", n.Device, n.guest.Name)
	}
	return errors.Join(setTapOffloads(n.tap.guest, sends), setTapOffloads(n.tap.host, takes))
}

// hostSide is the address that libvirt gives the host's end of a NIC.
func (m MAC) hostSide() MAC {
	m[0] = 0xfe
	return m
}
