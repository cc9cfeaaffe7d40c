package decap_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/gopacket/gopacket/pcapgo"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"github.com/tapline-sdn/tapline/api/tapctl/cli"
	"github.com/tapline-sdn/tapline/api/tapctl/cmd"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long to wait for what must come.
const patience = 20 * time.Second

// call is a run of tapctl decap.
type call struct {
	out    bytes.Buffer
	code   chan int
	stderr *io.PipeReader
}

// start runs tapctl decap and waits until it listens.
func start(t *testing.T, args ...string) *call {
	t.Helper()
	reader, writer := io.Pipe()
	c := &call{code: make(chan int, 1), stderr: reader}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)

	run := func() {
		c.code <- cmd.Run(ctx, cli.World{
			Name: "tapctl", Version: "test", Out: &c.out, Err: writer, In: strings.NewReader(""),
			Env: func(string) string { return "" }, Root: os.Geteuid() == 0,
		}, append([]string{"decap"}, args...))
		writer.Close()
	}

	home, err := netns.Get()
	require.NoError(t, err)
	defer home.Close()

	began := make(chan struct{})
	go func() {
		// The sockets belong to the network namespace of the thread that opens them.
		runtime.LockOSThread()
		close(began)
		if err := netns.Set(home); err != nil {
			writer.CloseWithError(err)
			return
		}
		run()
	}()
	<-began

	said := make([]byte, 256)
	n, err := reader.Read(said)
	require.NoError(t, err)
	require.Contains(t, string(said[:n]), "listening", "what tapctl said first")

	return c
}

// end waits for the end of a call, and returns its exit code and what it said.
func (c *call) end(t *testing.T) (code int, said string) {
	t.Helper()
	text, err := io.ReadAll(c.stderr)
	require.NoError(t, err)
	return <-c.code, string(text)
}

// freePort is a UDP port that nobody has.
func freePort(t *testing.T) int {
	t.Helper()
	conn, err := net.ListenUDP("udp", nil)
	require.NoError(t, err)
	require.NoError(t, conn.Close())
	return conn.LocalAddr().(*net.UDPAddr).Port
}

// frames are mirrored frames, each of its own length.
func frames(n int) [][]byte {
	all := make([][]byte, n)
	for i := range all {
		all[i] = bytes.Repeat([]byte{byte(i + 1)}, 14+i)
	}
	return all
}

// read returns the frames of a pcapng file.
func read(t *testing.T, file io.Reader) (all [][]byte) {
	t.Helper()
	r, err := pcapgo.NewNgReader(file, pcapgo.DefaultNgReaderOptions)
	require.NoError(t, err)
	for {
		data, info, err := r.ReadPacketData()
		if err == io.EOF {
			return all
		}
		require.NoError(t, err)
		require.WithinDuration(t, time.Now(), info.Timestamp, 2*patience)
		all = append(all, data)
	}
}

func TestUDP(t *testing.T) {
	vxlan := func(vni uint32) []byte {
		return binary.BigEndian.AppendUint32([]byte{8, 0, 0, 0}, vni<<8)
	}
	port := freePort(t)
	c := start(t, "--encap", "vxlan", "--port", fmt.Sprint(port), "--key", "7", "-w", "-",
		"-c", "20")

	for _, host := range []string{"127.0.0.1", "::1"} {
		conn, err := net.Dial("udp", net.JoinHostPort(host, fmt.Sprint(port)))
		if host == "::1" && err != nil {
			t.Skip("this machine has no IPv6:", err)
		}
		require.NoError(t, err)

		for _, frame := range frames(10) {
			for _, packet := range [][]byte{
				append(vxlan(8), frame...), append(vxlan(7), frame...),
				[]byte("\x00no VXLAN at all"),
			} {
				_, err := conn.Write(packet)
				require.NoError(t, err)
			}
		}
		require.NoError(t, conn.Close())
	}

	code, said := c.end(t)
	assert.Zero(t, code)
	assert.Contains(t, said, "20 frames taken out\n0 packets dropped by the kernel\n")
	assert.Contains(t, said, "20 frames of other keys left out")
	assert.Contains(t, said, "packets not understood: carries no Ethernet frame")
	assert.Equal(t, append(frames(10), frames(10)...), read(t, &c.out))
}

func TestFileAndTime(t *testing.T) {
	file := filepath.Join(t.TempDir(), "copies.pcapng")
	port := freePort(t)
	c := start(t, "--encap", "geneve", "--port", fmt.Sprint(port), "-w", file, "--for", "1s")

	conn, err := net.Dial("udp", fmt.Sprintf("127.0.0.1:%d", port))
	require.NoError(t, err)
	defer conn.Close()
	for _, frame := range frames(5) {
		_, err := conn.Write(append([]byte{0, 0, 0x65, 0x58, 0, 0, 9, 0}, frame...))
		require.NoError(t, err)
	}

	code, said := c.end(t)
	assert.Zero(t, code, "the end of the time is no failure")
	assert.Contains(t, said, "5 frames taken out")

	written, err := os.Open(file)
	require.NoError(t, err)
	defer written.Close()
	assert.Equal(t, frames(5), read(t, written))

	info, err := written.Stat()
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), info.Mode(), "guests' traffic is for its owner")
}

func TestLines(t *testing.T) {
	port := freePort(t)
	c := start(t, "--encap", "vxlan", "--port", fmt.Sprint(port), "-c", "2")

	conn, err := net.Dial("udp", fmt.Sprintf("127.0.0.1:%d", port))
	require.NoError(t, err)
	defer conn.Close()
	for _, frame := range frames(2) {
		_, err := conn.Write(append([]byte{8, 0, 0, 0, 0, 0, 1, 0}, frame...))
		require.NoError(t, err)
	}

	code, said := c.end(t)
	assert.Zero(t, code)
	assert.Contains(t, said, "2 frames taken out")
	assert.Regexp(t, `^\d\d:\d\d:\d\d\.\d{6} .*802.3, length 14\n`+
		`\d\d:\d\d:\d\d\.\d{6} .*802.3, length 15\n$`, c.out.String())
}

// ownNetwork gives the test a network namespace with a loopback device.
func ownNetwork(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}

	runtime.LockOSThread()
	home, err := netns.Get()
	require.NoError(t, err)
	ns, err := netns.New()
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, netns.Set(home))
		require.NoError(t, ns.Close())
		require.NoError(t, home.Close())
		runtime.UnlockOSThread()
	})

	lo, err := netlink.LinkByName("lo")
	require.NoError(t, err)
	require.NoError(t, netlink.LinkSetUp(lo))
}

func TestGREToADevice(t *testing.T) {
	ownNetwork(t)
	c := start(t, "--encap", "gre", "-i", "copies", "-c", "6")

	link, err := netlink.LinkByName("copies")
	require.NoError(t, err)
	attrs := link.Attrs()
	assert.NotZero(t, attrs.RawFlags&unix.IFF_NOARP, "the device must not take part in ARP")
	addrs, err := netlink.AddrList(link, netlink.FAMILY_V6)
	require.NoError(t, err)
	assert.Empty(t, addrs, "the device must not have IPv6")
	listening := listenRaw(t, attrs.Index)

	conn, err := net.Dial("ip4:47", "127.0.0.1")
	require.NoError(t, err)
	defer conn.Close()
	send := func(frame []byte) {
		_, err := conn.Write(append([]byte{0x20, 0, 0x65, 0x58, 0, 0, 0, 7}, frame...))
		require.NoError(t, err)
	}
	for _, frame := range frames(5) {
		send(frame)
	}

	for _, want := range frames(5) {
		buffer := make([]byte, 2000)
		n, err := unix.Read(listening, buffer)
		require.NoError(t, err)
		assert.Equal(t, want, buffer[:n])
	}

	send(frames(6)[5]) // the last: the device goes
	code, said := c.end(t)
	assert.Zero(t, code)
	assert.Contains(t, said, "6 frames taken out")
	_, err = netlink.LinkByName("copies")
	assert.ErrorAs(t, err, new(netlink.LinkNotFoundError), "the device must go with the program")
}

// listenRaw opens a socket that gets the frames which arrive on a device.
func listenRaw(t *testing.T, index int) int {
	t.Helper()
	all := int(binary.NativeEndian.Uint16([]byte{0, unix.ETH_P_ALL})) // in network byte order
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW, all)
	require.NoError(t, err)
	t.Cleanup(func() { unix.Close(fd) })

	require.NoError(t, unix.Bind(fd, &unix.SockaddrLinklayer{
		Protocol: uint16(all), Ifindex: index,
	}))
	limit := unix.NsecToTimeval(int64(patience))
	require.NoError(t, unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &limit))
	return fd
}

func TestWrongCommandLines(t *testing.T) {
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"no encapsulation": {[]string{"-w", "-"}, "encap"},
		"an unknown one": {
			[]string{"--encap", "nvgre", "-w", "-"}, `"nvgre" is no encapsulation: want gre, vxlan`,
		},
		"two places": {[]string{"--encap", "gre", "-w", "-", "-i", "tap0"}, "interface"},
		"a port of GRE": {
			[]string{"--encap", "erspan1", "--port", "1", "-w", "-"}, "erspan1 has no ports",
		},
		"port 0": {
			[]string{"--encap", "vxlan", "--port", "0", "-w", "-"}, "want 1 to 65535",
		},
		"no address": {
			[]string{"--encap", "vxlan", "--listen", "eth0", "-w", "-"},
			`"eth0" is no IP address`,
		},
		"a negative count": {[]string{"--encap", "vxlan", "-c", "-1", "-w", "-"}, "--count"},
		"a time without end": {
			[]string{"--encap", "vxlan", "--for", "-1s", "-w", "-"}, "want a time",
		},
	} {
		t.Run(name, func(t *testing.T) {
			var stderr bytes.Buffer
			code := cmd.Run(context.Background(), cli.World{
				Name: "tapctl", Out: io.Discard, Err: &stderr,
				Env: func(string) string { return "" },
			}, append([]string{"decap"}, c.args...))
			assert.Equal(t, cli.ExitUsage, code)
			assert.Contains(t, stderr.String(), c.want)
		})
	}
}

func TestAPortThatIsTaken(t *testing.T) {
	taken, err := net.ListenUDP("udp", nil)
	require.NoError(t, err)
	defer taken.Close()

	var stderr bytes.Buffer
	code := cmd.Run(context.Background(), cli.World{
		Name: "tapctl", Out: io.Discard, Err: &stderr, Env: func(string) string { return "" },
	}, []string{"decap", "--encap", "vxlan", "-w", "-", "--port",
		fmt.Sprint(taken.LocalAddr().(*net.UDPAddr).Port)})
	assert.Equal(t, cli.ExitFailed, code)
	assert.Contains(t, stderr.String(), "ss -ulnp")
}
