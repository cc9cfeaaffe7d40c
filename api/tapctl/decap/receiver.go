package decap

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// receiveBuffer is the size that is asked for each socket, in octets. The kernel grants less to
// who is not root.
const receiveBuffer = 32 << 20

// A receiver is one socket that tunnels end at.
type receiver struct {
	conn net.PacketConn
	// read is a ReadMsg method of conn, without the address of the sender.
	read func(b, oob []byte) (n, oobn int, err error)
	// headed says that packets come with their IPv4 header.
	headed bool
	// lost is how many packets the kernel has dropped because the socket was full, as told with
	// the last packet.
	lost atomic.Uint32
}

// dropped is how many packets the kernel has dropped until now, also after the last one that was
// read. It is for a socket that is still open.
func (r *receiver) dropped() uint32 {
	raw, err := r.conn.(syscall.Conn).SyscallConn()
	if err != nil {
		return r.lost.Load()
	}

	lost := r.lost.Load() // where the kernel does not tell, since it is older than 4.12
	_ = raw.Control(func(fd uintptr) {
		var info [memInfo]uint32
		size := uint32(unsafe.Sizeof(info))
		_, _, failed := unix.Syscall6(unix.SYS_GETSOCKOPT, fd, unix.SOL_SOCKET, unix.SO_MEMINFO,
			uintptr(unsafe.Pointer(&info)), uintptr(unsafe.Pointer(&size)), 0)
		if failed == 0 && size == uint32(unsafe.Sizeof(info)) {
			lost = info[memInfoDrops]
		}
	})
	return lost
}

// What SO_MEMINFO tells: SK_MEMINFO_VARS numbers, among them SK_MEMINFO_DROPS (Linux,
// include/uapi/linux/sock_diag.h).
const (
	memInfo      = 9
	memInfoDrops = 8
)

// listen opens the sockets that copies of an encapsulation arrive at. An address that is not valid
// means all addresses, of IPv4 and of IPv6 if the machine has it.
func listen(
	ctx context.Context,
	encap encapsulation,
	at netip.Addr,
	port uint16,
) ([]*receiver, error) {
	switch {
	case encap.port != 0:
		r, err := listenUDP(ctx, at, port)
		return []*receiver{r}, err
	case at.IsValid():
		r, err := listenGRE(ctx, at)
		return []*receiver{r}, err
	}

	r4, err := listenGRE(ctx, netip.IPv4Unspecified())
	if err != nil {
		return nil, err
	}

	r6, err := listenGRE(ctx, netip.IPv6Unspecified())
	switch {
	case errors.Is(err, unix.EAFNOSUPPORT):
		return []*receiver{r4}, nil
	case err != nil:
		return nil, errors.Join(err, r4.conn.Close())
	}

	return []*receiver{r4, r6}, nil
}

func listenUDP(ctx context.Context, at netip.Addr, port uint16) (*receiver, error) {
	host := ""
	if at.IsValid() {
		host = at.String()
	}

	conn, err := opened(ctx, "udp", net.JoinHostPort(host, strconv.Itoa(int(port))))
	if errors.Is(err, unix.EADDRINUSE) {
		return nil, fmt.Errorf("%w: another program or a tunnel device of the kernel takes these "+
			"packets; see ss -ulnp and ip -d link", err)
	}
	if err != nil {
		return nil, err
	}

	udp := conn.(*net.UDPConn)
	return &receiver{conn: conn, read: func(b, oob []byte) (int, int, error) {
		n, oobn, _, _, err := udp.ReadMsgUDPAddrPort(b, oob)
		return n, oobn, err
	}}, nil
}

func listenGRE(ctx context.Context, at netip.Addr) (*receiver, error) {
	network := "ip6:47"
	if at.Is4() {
		network = "ip4:47"
	}

	conn, err := opened(ctx, network, at.String())
	if errors.Is(err, os.ErrPermission) {
		return nil, fmt.Errorf("%w: only root, or who has CAP_NET_RAW, receives GRE", err)
	}
	if err != nil {
		return nil, err
	}

	ip := conn.(*net.IPConn)
	return &receiver{conn: conn, headed: at.Is4(), read: func(b, oob []byte) (int, int, error) {
		n, oobn, _, _, err := ip.ReadMsgIP(b, oob)
		return n, oobn, err
	}}, nil
}

// opened opens a socket of which the kernel tells when each packet came and how many it dropped.
func opened(ctx context.Context, network, address string) (net.PacketConn, error) {
	config := net.ListenConfig{Control: func(_, _ string, conn syscall.RawConn) error {
		var err error
		failed := conn.Control(func(fd uintptr) {
			set := func(option, value int) error {
				return unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, option, value)
			}

			err = errors.Join(set(unix.SO_RCVBUF, receiveBuffer), set(unix.SO_TIMESTAMPNS, 1),
				set(unix.SO_RXQ_OVFL, 1))
			// Without privileges the buffer stays at the kernel's bound, which is no error.
			_ = set(unix.SO_RCVBUFFORCE, receiveBuffer)
		})
		return errors.Join(failed, err)
	}}

	return config.ListenPacket(ctx, network, address)
}

// packet is what a socket has received: the payload of a UDP datagram, or what follows the IP
// header.
type packet struct {
	at      time.Time
	payload []byte
}

// next waits for a packet and reads it into buffer.
func (r *receiver) next(buffer, oob []byte) (packet, error) {
	n, oobn, err := r.read(buffer, oob)
	if err != nil {
		return packet{}, err
	}

	p := packet{time.Now(), buffer[:n]}
	if r.headed {
		if p.payload, err = withoutIPv4(p.payload); err != nil {
			return packet{}, err
		}
	}

	messages, err := unix.ParseSocketControlMessage(oob[:oobn])
	if err != nil {
		return p, nil // Only the time and the count of losses are less exact.
	}

	for _, m := range messages {
		switch {
		case m.Header.Level != unix.SOL_SOCKET:
		case m.Header.Type == unix.SO_TIMESTAMPNS && len(m.Data) == 16:
			p.at = time.Unix(int64(binary.NativeEndian.Uint64(m.Data)),
				int64(binary.NativeEndian.Uint64(m.Data[8:])))
		case m.Header.Type == unix.SO_RXQ_OVFL && len(m.Data) == 4:
			r.lost.Store(binary.NativeEndian.Uint32(m.Data))
		}
	}

	return p, nil
}
