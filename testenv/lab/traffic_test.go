//go:build linux

package lab_test

import (
	"fmt"
	"io"
	"net"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tapline-sdn/tapline/testenv/lab"
)

// Tags of the streams that tests send.
const (
	probeTag = iota + 1
	dataTag
)

// frames are of all sizes that matter, untagged and tagged, and two broadcasts.
func frames(src, dst lab.MAC) [][]byte {
	var all [][]byte
	for _, length := range []int{60, 61, 64, 1000, 1513, 1514} {
		all = append(all, lab.UDP{Src: src, Dst: dst, Tag: dataTag, Seq: uint64(len(all)),
			Len: length}.Frame())
	}

	for _, length := range []int{64, 1517, 1518} {
		all = append(all, lab.UDP{Src: src, Dst: dst, VLAN: 100, PCP: 5, Tag: dataTag,
			Seq: uint64(len(all)), Len: length}.Frame())
	}

	return append(all,
		lab.ARP{Src: src}.Frame(),
		lab.ARP{Src: src, VLAN: 4094}.Frame(),
		lab.UDP{Src: src, Dst: dst, Tag: dataTag, Len: 64}.Frame(),
		lab.UDP{Src: src, Dst: dst, Tag: dataTag, Len: 64}.Frame(), // the same twice
	)
}

func openCapture(t *testing.T, n *lab.Node, ifname string, c lab.CaptureConfig) *lab.Capture {
	t.Helper()
	capture, err := n.Capture(ifname, c)
	must(t, err)
	t.Cleanup(func() { must(t, capture.Close()) })
	return capture
}

func openSender(t *testing.T, n *lab.Node, ifname string) *lab.Sender {
	t.Helper()
	sender, err := n.Sender(ifname)
	must(t, err)
	t.Cleanup(func() { must(t, sender.Close()) })
	return sender
}

// exactly waits for as many frames as were sent, and then for silence, and
// compares them. Their order is no criterion: OVS handles a batch of packets
// flow by flow.
func exactly(t *testing.T, capture *lab.Capture, want [][]byte) {
	t.Helper()
	waitErr := capture.WaitLen(deadline(t), len(want))
	must(t, capture.WaitQuiet(deadline(t), 50*time.Millisecond))
	if diff := lab.Diff(lab.MultisetOf(want), capture.Multiset()); diff != "" {
		t.Errorf("%s(%v)", diff, waitErr)
	}
	if lost, err := capture.Lost(); err != nil || lost != 0 {
		t.Errorf("the capture lost %d frames: %v", lost, err)
	}
}

func TestWirePassesFramesUnchanged(t *testing.T) {
	l := lab.Start(t, 2)
	web := addGuest(t, l.Hosts[0], "web", "10.220.0.1")
	db := addGuest(t, l.Hosts[1], "db", "10.220.0.2")
	ping(t, web.Node, db.IP())
	capture := openCapture(t, db.Node, "eth0", lab.CaptureConfig{Direction: lab.In})
	sent := frames(web.MAC(), db.MAC())
	must(t, openSender(t, web.Node, "eth0").Send(sent...))
	exactly(t, capture, sent)
}

// TestSenderWaitsForSwitches sends more at once than a switch holds that does not run.
func TestSenderWaitsForSwitches(t *testing.T) {
	lab.SkipUnless(t, lab.Netdev)
	l := lab.Start(t, 2)
	web := addGuest(t, l.Hosts[0], "web", "10.220.0.1")
	db := addGuest(t, l.Hosts[1], "db", "10.220.0.2")
	ping(t, web.Node, db.IP())
	capture := openCapture(t, db.Node, "eth0", lab.CaptureConfig{Direction: lab.In})

	var sent [][]byte
	for seq := range uint64(1000) {
		sent = append(sent, lab.UDP{Src: web.MAC(), Dst: db.MAC(), Tag: dataTag, Seq: seq}.Frame())
	}
	sender := openSender(t, web.Node, "eth0")
	for _, h := range l.Hosts {
		pid := h.VSwitchdPID()
		must(t, unix.Kill(pid, unix.SIGSTOP))
		goesOn := time.AfterFunc(300*time.Millisecond, func() { _ = unix.Kill(pid, unix.SIGCONT) })
		defer goesOn.Stop()
	}
	must(t, sender.Send(sent...))
	exactly(t, capture, sent)
}

func TestAccessPortTags(t *testing.T) {
	l := lab.Start(t, 2)
	ctx := deadline(t)
	web, err := l.Hosts[0].AddGuest(ctx, "web", lab.GuestNIC{Tag: 7})
	must(t, err)
	db, err := l.Hosts[1].AddGuest(ctx, "db", lab.GuestNIC{})
	must(t, err)
	capture := openCapture(t, db.Node, "eth0", lab.CaptureConfig{Direction: lab.In})
	must(t, openSender(t, web.Node, "eth0").Send(lab.UDP{Src: web.MAC(), Dst: db.MAC(),
		Tag: dataTag}.Frame()))
	must(t, capture.WaitLen(ctx, 1))
	if vlan := lab.VLANOf(capture.Frames()[0].Data); vlan != 7 {
		t.Errorf("the frame has VLAN %d, want 7", vlan)
	}
}

// TestMirrorThroughGRE sets a mirror up by hand: br0 of h1 to a collector on h2
// through a flow-based GRE tunnel. It shows that the lab's underlay carries it.
func TestMirrorThroughGRE(t *testing.T) {
	l := lab.Start(t, 2)
	ctx := deadline(t)
	h1, h2 := l.Hosts[0], l.Hosts[1]
	web := addGuest(t, h1, "web", "10.220.0.1")
	db := addGuest(t, h1, "db", "10.220.0.2")
	collector, err := h2.AddGuest(ctx, "collector")
	must(t, err)
	for _, h := range l.Hosts {
		vsctl(t, h, "add-br", "brtap", "--", "set", "Bridge", "brtap", "datapath_type=netdev",
			"fail_mode=secure", "protocols=OpenFlow13",
			"--", "add-port", "brtap", "tl-gre", "--", "set", "Interface", "tl-gre", "type=gre",
			"options:remote_ip=flow", "options:key=flow", "ofport_request=1")
	}

	_, err = collector.PlugNIC(ctx, lab.GuestNIC{Bridge: "brtap"})
	must(t, err)
	vsctl(t, h1,
		"add-port", "br0", "tlm-1", "vlan_mode=trunk", "trunks=4095",
		"--", "set", "Interface", "tlm-1", "type=patch", "options:peer=tlt-1",
		"--", "add-port", "brtap", "tlt-1",
		"--", "set", "Interface", "tlt-1", "type=patch", "options:peer=tlm-1", "ofport_request=2",
		"--", "--id=@out", "get", "Port", "tlm-1", "--", "--id=@web", "get", "Port", web.IfName(),
		"--", "--id=@m", "create", "Mirror", "name=tl-1", "select_src_port=@web",
		"output_port=@out",
		"--", "set", "Bridge", "br0", "mirrors=@m")

	ofctl(t, h1, "add-flow", "brtap",
		fmt.Sprintf("in_port=2,actions=set_field:77->tun_id,set_field:%s->tun_dst,output:1",
			h2.TunnelIP))

	ofctl(t, h2, "add-flow", "brtap",
		fmt.Sprintf("in_port=1,tun_id=77,tun_src=%s,actions=output:%s",
			h1.TunnelIP, get(t, h2, "Interface", collector.IfName(), "ofport")))

	// The tunnel drops packets until the neighbour's address is known.
	sender := openSender(t, web.Node, "eth0")
	probes := openCapture(t, collector.Node, "eth0", lab.CaptureConfig{Direction: lab.In})
	probing := sender.Start(ctx, lab.Stream{PPS: 100, For: 20 * time.Second,
		Frame: func(seq uint64) []byte {
			return lab.UDP{Src: web.MAC(), Dst: db.MAC(), Tag: probeTag, Seq: seq}.Frame()
		}})

	waitErr := probes.WaitLen(ctx, 1)
	_, err = probing.Stop()
	must(t, waitErr)
	must(t, err)

	capture := openCapture(t, collector.Node, "eth0",
		lab.CaptureConfig{Direction: lab.In, Keep: func(frame []byte) bool {
			tag, _, ok := lab.Sequence(frame)
			return !ok || tag != probeTag
		}})

	sent := frames(web.MAC(), db.MAC())
	must(t, sender.Send(sent...))
	exactly(t, capture, sent)
}

func TestStreamIsSteadyAndComplete(t *testing.T) {
	l := lab.Start(t, 1)
	ctx := deadline(t)
	web := addGuest(t, l.Hosts[0], "web", "10.220.0.1")
	db := addGuest(t, l.Hosts[0], "db", "10.220.0.2")
	ping(t, web.Node, db.IP())
	capture := openCapture(t, db.Node, "eth0", lab.CaptureConfig{Direction: lab.In,
		Keep: func(frame []byte) bool { // and not what the kernel sends by itself
			tag, _, ok := lab.Sequence(frame)
			return ok && tag == dataTag
		}})
	stream := lab.Stream{PPS: 1000, Count: 500, Frame: func(seq uint64) []byte {
		return lab.UDP{Src: web.MAC(), Dst: db.MAC(), Tag: dataTag, Seq: seq}.Frame()
	}}

	begin := time.Now()
	sent, err := openSender(t, web.Node, "eth0").Stream(ctx, stream)
	took := time.Since(begin)
	must(t, err)
	if sent != stream.Count || took < 450*time.Millisecond {
		t.Errorf("sent %d frames in %v, want %d in 0.5 s", sent, took, stream.Count)
	}

	must(t, capture.WaitLen(ctx, int(sent)))
	for i, frame := range capture.Frames() {
		if _, seq, _ := lab.Sequence(frame.Data); seq != uint64(i) {
			t.Fatalf("frame %d has sequence number %d", i, seq)
		}
	}

	must(t, capture.WaitQuiet(ctx, 20*time.Millisecond))
	if n := len(capture.Frames()); n != int(sent) {
		t.Errorf("%d frames arrived, want %d", n, sent)
	}

	sent, err = openSender(t, web.Node, "eth0").Stream(ctx,
		lab.Stream{PPS: 1000, For: 50 * time.Millisecond, Frame: stream.Frame})
	if err != nil || sent < 10 || sent > 70 { // a loaded machine is late
		t.Errorf("50 ms at 1,000 frames a second: sent %d, %v; want about 50", sent, err)
	}
}

func TestSpareNICLeadsToTheFabric(t *testing.T) {
	l := lab.Start(t, 2)
	ctx := deadline(t)
	h := l.Hosts[1]
	vsctl(t, h, "add-br", "brtap", "--", "set", "Bridge", "brtap", "datapath_type=netdev",
		"--", "add-port", "brtap", lab.SpareNIC)

	if mac := get(t, h, "Interface", lab.SpareNIC, "mac_in_use"); mac != `"`+h.SpareMAC.String()+
		`"` {
		t.Errorf("mac_in_use %s, want %s", mac, h.SpareMAC)
	}

	guest, err := h.AddGuest(ctx, "web", lab.GuestNIC{Bridge: "brtap"})
	must(t, err)
	capture, err := h.CaptureSpare(lab.CaptureConfig{Direction: lab.In})
	must(t, err)
	defer capture.Close()
	sent := frames(guest.MAC(), lab.Broadcast())
	must(t, openSender(t, guest.Node, "eth0").Send(sent...))
	exactly(t, capture, sent)
}

// TestKernelTrafficHasChecksums holds the offloads of the veth pairs: with them
// on, TCP and UDP of the guests' kernels leave with unfinished checksums and in
// segments larger than a frame.
func TestKernelTrafficHasChecksums(t *testing.T) {
	l := lab.Start(t, 2)
	ctx := deadline(t)
	web := addGuest(t, l.Hosts[0], "web", "10.220.0.1")
	db := addGuest(t, l.Hosts[1], "db", "10.220.0.2")
	capture := openCapture(t, l.Fabric, "net0-h1", lab.CaptureConfig{})
	listener, err := db.Listen(ctx, "tcp", db.IP().String()+":80")
	must(t, err)
	defer listener.Close()
	received := make(chan int64, 1)
	go func() {
		defer close(received)
		if conn, err := listener.Accept(); err == nil {
			n, _ := io.Copy(io.Discard, conn)
			conn.Close()
			received <- n
		}
	}()

	conn, err := web.Dial(ctx, "tcp", listener.Addr().String())
	must(t, err)
	const size = 1 << 20
	_, err = conn.Write(make([]byte, size))
	must(t, err)
	must(t, conn.(*net.TCPConn).CloseWrite())
	if n := <-received; n != size {
		t.Errorf("%d bytes arrived through TCP, want %d", n, size)
	}

	must(t, conn.Close())
	udp, err := web.Dial(ctx, "udp", db.IP().String()+":9")
	must(t, err)
	_, err = udp.Write([]byte("datagram"))
	must(t, err)
	must(t, udp.Close())
	must(t, capture.WaitQuiet(ctx, 20*time.Millisecond))

	seen := capture.Frames()
	if len(seen) < size/1500 {
		t.Errorf("%d frames on the wire, want %d or more", len(seen), size/1500)
	}

	for _, frame := range seen {
		if len(frame.Data) > lab.MaxFrame || !lab.ChecksumsRight(frame.Data) {
			t.Fatalf("a frame is too long or has a wrong checksum: %s", lab.Describe(frame.Data))
		}
	}
}

func TestLabIsQuiet(t *testing.T) {
	l := lab.Start(t, 2)
	addGuest(t, l.Hosts[0], "web", "10.220.0.1")
	db := addGuest(t, l.Hosts[1], "db", "10.220.0.2")
	capture := openCapture(t, db.Node, "eth0", lab.CaptureConfig{})
	wire := openCapture(t, l.Fabric, "net0-h1", lab.CaptureConfig{})
	must(t, wire.WaitQuiet(deadline(t), 500*time.Millisecond))
	for _, frame := range append(capture.Frames(), wire.Frames()...) {
		t.Errorf("nobody asked for this frame: %s", lab.Describe(frame.Data))
	}
}

func vsctl(t *testing.T, h *lab.Host, args ...string) {
	t.Helper()
	_, err := h.VSCtl(args...)
	must(t, err)
}

func ofctl(t *testing.T, h *lab.Host, args ...string) {
	t.Helper()
	_, err := h.OFCtl(args...)
	must(t, err)
}
