//go:build linux

package lab

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Direction says which frames a capture keeps, seen from the interface.
type Direction int

// The zero value keeps both.
const (
	Both Direction = iota
	In             // what the interface receives: what its veth peer sent
	Out            // what is sent through the interface
)

const (
	captureBuffer = 64 << 20 // bytes of socket buffer
	captureLimit  = 1 << 20  // frames kept
	captureBatch  = 256      // frames read before a waiter hears of them
	maxRead       = 1 << 16  // bytes of the largest frame
)

// CaptureConfig says what to capture; its zero value is everything.
type CaptureConfig struct {
	Direction Direction
	// Keep chooses frames; nil keeps all. It runs on the capture's goroutine and
	// must not keep the slice.
	Keep func(frame []byte) bool
}

// Frame is a captured frame.
type Frame struct {
	Data []byte    // whole, VLAN tag in place, without frame check sequence
	Time time.Time // by the kernel
	Out  bool      // was sent through the interface
}

// Capture collects the frames of one interface until Close. It is ready when
// made: a frame sent afterwards is seen. The first 2^20 frames are kept; those
// beyond are counted by Lost.
type Capture struct {
	file *os.File
	conn syscall.RawConn
	done chan struct{}

	mu      sync.Mutex
	frames  []Frame
	lost    uint64        // read but not kept
	dropped uint64        // by the kernel
	err     error         // why reading ended
	changed chan struct{} // closed and renewed when any of these change
}

// Capture starts to capture on an interface of the node.
func (n *Node) Capture(ifname string, c CaptureConfig) (*Capture, error) {
	file, err := n.packetSocket(ifname, func(fd int) error {
		for _, option := range []struct{ level, name, value int }{
			{unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, captureBuffer},
			{unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1},
			{unix.SOL_PACKET, unix.PACKET_AUXDATA, 1},
		} {
			if err := unix.SetsockoptInt(fd, option.level, option.name, option.value); err != nil {
				return os.NewSyscallError("setsockopt", err)
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("capture on %s of %s: %w", ifname, n.Name, err)
	}

	conn, err := file.SyscallConn()
	if err != nil {
		file.Close()
		return nil, fmt.Errorf("capture on %s of %s: %w", ifname, n.Name, err)
	}

	capture := &Capture{file: file, conn: conn, done: make(chan struct{}),
		changed: make(chan struct{})}

	go capture.read(c)
	return capture, nil
}

// packetSocket opens a packet(7) socket bound to an interface of the node.
func (n *Node) packetSocket(ifname string, prepare func(fd int) error) (*os.File, error) {
	var file *os.File
	err := n.Do(func() error {
		device, err := net.InterfaceByName(ifname)
		if err != nil {
			return err
		}

		// Protocol 0 receives nothing: no frame of another interface slips in
		// before the socket is bound.
		fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK,
			0)
		if err != nil {
			return os.NewSyscallError("socket", err)
		}

		err = prepare(fd)
		if err == nil {
			address := &unix.SockaddrLinklayer{Protocol: networkOrder(unix.ETH_P_ALL),
				Ifindex: device.Index}
			err = os.NewSyscallError("bind", unix.Bind(fd, address))
		}

		if err != nil {
			unix.Close(fd)
			return err
		}

		file = os.NewFile(uintptr(fd), "packet:"+ifname)
		return nil
	})

	return file, err
}

func networkOrder(v uint16) uint16 {
	var b [2]byte
	binary.BigEndian.PutUint16(b[:], v)
	return binary.NativeEndian.Uint16(b[:])
}

// read runs until the socket is closed or broken.
func (c *Capture) read(config CaptureConfig) {
	defer close(c.done)
	buffer, control := make([]byte, maxRead), make([]byte, 256)
	for {
		var batch []Frame
		var broken error
		err := c.conn.Read(func(fd uintptr) bool {
			var drained bool
			batch, drained, broken = receive(int(fd), buffer, control, config)
			return len(batch) > 0 || !drained || broken != nil
		})

		c.add(batch)
		if err = errors.Join(err, broken); err != nil {
			c.fail(err)
			return
		}
	}
}

// receive reads frames until the socket is drained or there are enough for a
// batch. Only a drained socket wakes its reader again.
func receive(fd int, buffer, control []byte, config CaptureConfig) (batch []Frame, drained bool,
	err error) {
	for range captureBatch {
		n, oobn, _, from, err := unix.Recvmsg(fd, buffer, control, 0)
		switch {
		case errors.Is(err, unix.EINTR), errors.Is(err, unix.ENETDOWN):
			continue // the interface went down: it may come back
		case errors.Is(err, unix.EAGAIN):
			return batch, true, nil
		case err != nil:
			return batch, false, os.NewSyscallError("recvmsg", err)
		}

		link, _ := from.(*unix.SockaddrLinklayer)
		out := link != nil && link.Pkttype == unix.PACKET_OUTGOING
		if config.Direction == In && out || config.Direction == Out && !out {
			continue
		}

		frame := Frame{Out: out}
		frame.Data, frame.Time = decodePacket(buffer[:n], control[:oobn])
		if config.Keep == nil || config.Keep(frame.Data) {
			batch = append(batch, frame)
		}
	}
	return batch, false, nil
}

// decodePacket copies a frame and puts its VLAN tag back, which the kernel has
// taken out into the auxiliary data, packet(7).
func decodePacket(data, control []byte) ([]byte, time.Time) {
	var at time.Time
	var aux unix.TpacketAuxdata
	messages, _ := unix.ParseSocketControlMessage(control)
	for _, m := range messages {
		switch {
		case m.Header.Level == unix.SOL_PACKET && m.Header.Type == unix.PACKET_AUXDATA &&
			len(m.Data) >= int(unsafe.Sizeof(aux)):
			aux = *(*unix.TpacketAuxdata)(unsafe.Pointer(&m.Data[0]))
		case m.Header.Level == unix.SOL_SOCKET && m.Header.Type == unix.SO_TIMESTAMPNS &&
			len(m.Data) >= int(unsafe.Sizeof(unix.Timespec{})):
			at = time.Unix((*unix.Timespec)(unsafe.Pointer(&m.Data[0])).Unix())
		}
	}

	const addresses = 12
	if aux.Status&unix.TP_STATUS_VLAN_VALID == 0 || len(data) < addresses {
		return append([]byte(nil), data...), at
	}

	tpid := uint16(etherVLAN)
	if aux.Status&unix.TP_STATUS_VLAN_TPID_VALID != 0 {
		tpid = aux.Vlan_tpid
	}

	frame := make([]byte, 0, len(data)+vlanLen)
	frame = append(frame, data[:addresses]...)
	frame = binary.BigEndian.AppendUint16(frame, tpid)
	frame = binary.BigEndian.AppendUint16(frame, aux.Vlan_tci)
	return append(frame, data[addresses:]...), at
}

func (c *Capture) add(batch []Frame) {
	if len(batch) == 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	room := min(captureLimit-len(c.frames), len(batch))
	c.frames = append(c.frames, batch[:room]...)
	c.lost += uint64(len(batch) - room)
	c.notify()
}

func (c *Capture) fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil {
		c.err = err
		c.notify()
	}
}

func (c *Capture) notify() {
	close(c.changed)
	c.changed = make(chan struct{})
}

// Frames returns what was captured up to now. The slice and the frames are
// shared and must not be changed.
func (c *Capture) Frames() []Frame {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.frames[:len(c.frames):len(c.frames)]
}

// Data returns the bytes of what was captured up to now.
func (c *Capture) Data() [][]byte {
	frames := c.Frames()
	data := make([][]byte, len(frames))
	for i, f := range frames {
		data[i] = f.Data
	}
	return data
}

// Multiset counts what was captured up to now.
func (c *Capture) Multiset() Multiset { return MultisetOf(c.Data()) }

// Wait returns when the condition holds for what was captured. The condition
// gets all frames, at the start and after each batch of new ones.
func (c *Capture) Wait(ctx context.Context, condition func([]Frame) bool) error {
	for {
		frames, changed, err := c.look()
		if condition(frames) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("wait for frames: capture ended after %d: %w", len(frames), err)
		}

		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for frames: have %d: %w", len(frames), context.Cause(ctx))
		case <-changed:
		}
	}
}

// WaitLen returns when n frames were captured.
func (c *Capture) WaitLen(ctx context.Context, n int) error {
	if err := c.Wait(ctx, func(frames []Frame) bool { return len(frames) >= n }); err != nil {
		return fmt.Errorf("want %d frames: %w", n, err)
	}
	return nil
}

// WaitQuiet returns when no frame has come for the given time.
func (c *Capture) WaitQuiet(ctx context.Context, quiet time.Duration) error {
	timer := time.NewTimer(quiet)
	defer timer.Stop()
	for {
		frames, changed, err := c.look()
		if err != nil {
			return fmt.Errorf("wait for silence: capture ended after %d frames: %w", len(frames),
				err)
		}

		timer.Reset(quiet)
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for silence: have %d frames: %w", len(frames),
				context.Cause(ctx))
		case <-changed:
		case <-timer.C:
			return nil
		}
	}
}

func (c *Capture) look() ([]Frame, <-chan struct{}, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.frames[:len(c.frames):len(c.frames)], c.changed, c.err
}

// Lost is how many frames are missing from Frames: dropped by the kernel since
// the socket's buffer was full, or more than a capture keeps.
func (c *Capture) Lost() (uint64, error) {
	var stats *unix.TpacketStats
	var err error
	controlErr := c.conn.Control(func(fd uintptr) {
		stats, err = unix.GetsockoptTpacketStats(int(fd), unix.SOL_PACKET, unix.PACKET_STATISTICS)
	})

	if err = errors.Join(controlErr, err); err != nil {
		return 0, fmt.Errorf("capture statistics: %w", err)
	}

	c.mu.Lock()
	defer c.mu.Unlock()

	c.dropped += uint64(stats.Drops) // reading resets the kernel's counter
	return c.dropped + c.lost, nil
}

// Close ends the capture and waits for its goroutine. Frames stays valid.
func (c *Capture) Close() error {
	err := c.file.Close()
	<-c.done
	return err
}
