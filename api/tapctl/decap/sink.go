package decap

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/tapline-sdn/tapline/api/pcapng"
	"github.com/tapline-sdn/tapline/api/tapctl/cli"
	"github.com/tapline-sdn/tapline/api/tapctl/oneline"
)

// A Sink takes frames. See [OpenSink].
type Sink interface {
	put(at time.Time, frame []byte) error
	// flush hands on what put has kept back.
	flush() error
	// end is the last call.
	end(Totals) error
}

// OpenSink opens where frames go: a line a frame, a pcapng file of a name, or standard output as
// pcapng for the name "-". The encapsulation is the name of the interface in pcapng.
func OpenSink(app *cli.App, name, encap string, verbose bool) (Sink, error) {
	if name == "" {
		return lines{app.Out, verbose}, nil
	}

	to, err := app.OpenPcapng(name, "tcpdump -nr -")
	if err != nil {
		return nil, err
	}
	return newFile(to, encap, app.Version)
}

// file writes pcapng.
type file struct {
	to     io.WriteCloser
	writer *pcapng.Writer
}

// newFile begins a pcapng file. It closes to at the end.
func newFile(to io.WriteCloser, encap, version string) (*file, error) {
	w, err := pcapng.NewWriter(to, pcapng.Interface{
		Name: encap, Description: "taken out of " + encap,
	}, "tapctl "+version)
	if err != nil {
		return nil, errors.Join(err, to.Close())
	}
	return &file{to, w}, w.Flush()
}

func (f *file) put(at time.Time, frame []byte) error {
	return f.writer.Frame(at, frame, len(frame))
}

func (f *file) flush() error { return f.writer.Flush() }

func (f *file) end(t Totals) error {
	return errors.Join(f.writer.Statistics(pcapng.Statistics{
		Start: t.start, End: time.Now(), Received: t.frames, Overflowed: uint64(t.lost),
	}), f.to.Close())
}

// lines prints a line a frame.
type lines struct {
	to      io.Writer
	verbose bool
}

func (l lines) put(at time.Time, frame []byte) error {
	_, err := fmt.Fprintln(l.to, oneline.Line(at, frame, len(frame), l.verbose))
	return err
}

func (lines) flush() error     { return nil }
func (lines) end(Totals) error { return nil }

// device is a TAP device, on which the frames arrive.
type device struct{ queue *os.File }

// deviceMTU holds the frames of underlays with jumbo frames.
const deviceMTU = 9216

// openDevice opens the TAP device of a name. One that does not exist is made, and ends with the
// program. The kernel's own protocols are kept off it: what arrives there is not for this machine.
// One that exists is left as its owner made it.
func openDevice(name string) (*device, error) {
	_, err := netlink.LinkByName(name)
	var absent netlink.LinkNotFoundError
	made := errors.As(err, &absent)
	if err != nil && !made {
		return nil, err
	}

	d, err := attach(name)
	if err != nil {
		return nil, fmt.Errorf("TAP device %s: %w", name, err)
	}
	if !made {
		return d, nil
	}

	if err := isolate(name); err != nil {
		return nil, errors.Join(fmt.Errorf("TAP device %s: %w", name, err), d.queue.Close())
	}
	return d, nil
}

// attach opens a TAP device. The kernel makes one that does not exist, and takes it away when it is
// closed (Documentation/networking/tuntap.rst).
func attach(name string) (*device, error) {
	request, err := unix.NewIfreq(name)
	if err != nil {
		return nil, fmt.Errorf("a name has at most 15 characters: %w", err)
	}
	request.SetUint16(unix.IFF_TAP | unix.IFF_NO_PI)

	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("/dev/net/tun: %w", err)
	}
	if err := unix.IoctlIfreq(fd, unix.TUNSETIFF, request); err != nil {
		return nil, errors.Join(fmt.Errorf("TUNSETIFF: %w", err), unix.Close(fd))
	}
	return &device{os.NewFile(uintptr(fd), name)}, nil
}

// isolate sets a device up, without ARP and IPv6: a mirrored router advertisement must not
// configure this machine.
func isolate(name string) error {
	link, err := netlink.LinkByName(name)
	if err != nil {
		return err
	}

	ipv6 := "/proc/sys/net/ipv6/conf/" + name + "/disable_ipv6"
	if err := os.WriteFile(ipv6, []byte("1"), 0); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}

	return errors.Join(netlink.LinkSetMTU(link, deviceMTU), netlink.LinkSetARPOff(link),
		netlink.LinkSetUp(link))
}

func (d *device) put(_ time.Time, frame []byte) error {
	_, err := d.queue.Write(frame)
	return err
}

func (*device) flush() error       { return nil }
func (d *device) end(Totals) error { return d.queue.Close() }
