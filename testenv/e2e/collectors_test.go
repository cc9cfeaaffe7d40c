//go:build linux

package e2e

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/client"
	"github.com/tapline-sdn/tapline/plugin/tap"
	"github.com/tapline-sdn/tapline/testenv/lab"
)

// collectorStage is a lab with two hosts of ours and a box that is none: host 3, which collects.
type collectorStage struct {
	*stage
	box *lab.Host
}

// newCollectorStage starts the lab. Hosts talk VXLAN to each other, since ERSPAN ports would take
// GRE away from them.
func newCollectorStage(t *testing.T) *collectorStage {
	t.Helper()
	l := lab.Start(t, 3, func(c *lab.Config) { c.IPv6 = true })
	w := &world{Lab: l, controller: startController(t, l.Controller, settings{
		more: fmt.Sprintf("plugins: [{name: mirror, path: %s, config: {tunnel: vxlan}}]",
			program(t, "tapline-mirror")),
	})}
	w.tellOnFailure(t)
	h1, h2 := l.Hosts[0], l.Hosts[1]
	w.register(t, h1)
	w.register(t, h2)

	return &collectorStage{
		stage: &stage{
			world: w, h1: h1, h2: h2, h3: l.Hosts[2],
			web: w.guest(t, h1, "web"), db: w.guest(t, h1, "db"), app: w.guest(t, h2, "app"),
			ids1: w.guest(t, h1, "ids1"), ids1b: w.guest(t, h1, "ids1b"),
			ids2: w.guest(t, h2, "ids2"), ids2b: w.guest(t, h2, "ids2b"),
		},
		box: l.Hosts[2],
	}
}

// TestRemoteCollectors sends copies to a box that is no host of ours, by all encapsulations and on
// both families, and to pools.
func TestRemoteCollectors(t *testing.T) {
	s := newCollectorStage(t)
	s.run(t, "IPv4", func(t *testing.T) { s.encapsulations(t, s.box.TunnelIP) })
	s.run(t, "underlay", s.underlayIsGuarded)
	s.run(t, "box vanishes", s.boxVanishes)
	s.run(t, "own screen", s.ownScreen)
	s.run(t, "pool", s.pool)
	s.run(t, "IPv6", func(t *testing.T) { s.encapsulations(t, s.moveToIPv6(t)) })
}

// encaps are the encapsulations and a key of each.
var encaps = []struct {
	name string
	key  uint32
}{{"gre", 0xfffffff0}, {"vxlan", 0xabcdef}, {"geneve", 7}, {"erspan1", 1000}, {"erspan2", 0}}

// remoteBox is a remote collector with what the box gets of its copies.
type remoteBox struct {
	api.TapService
	*lab.Capture
	to netip.Addr
}

// remote makes a remote collector at an address of the box, and enables it.
func (s *collectorStage) remote(t testing.TB, to netip.Addr, encap string, key uint32) *remoteBox {
	t.Helper()
	v, err := s.api.TapServices().Create(deadline(t), api.TapServiceCreate{Name: unique("box"),
		Type: "remote", Address: to.String(), Encap: encap, Key: &key})
	must(t, err)
	s.deleteService(t, v.ID)
	v, err = s.api.TapServices().Enable(deadline(t), v.ID, client.Wait(answerTime))
	must(t, err)
	return &remoteBox{TapService: v, to: to,
		Capture: capture(t, s.box.Node, lab.UnderlayUplink, lab.In)}
}

// copies are the inner frames that the box got.
func (b *remoteBox) copies() (inner [][]byte) {
	for _, outer := range b.Data() {
		key, frame, is := takeOut(outer, b.to, b.Encap)
		if is && key == *b.Key {
			inner = append(inner, frame)
		}
	}
	return inner
}

// takeOut takes the frame out of what a tunnel sent to an address; false for other packets.
func takeOut(outer []byte, to netip.Addr, encap string) (key uint32, inner []byte, is bool) {
	ip, proto, length := outer[min(14, len(outer)):], 9, 20
	address := 16
	if to.Is6() {
		proto, length, address = 6, 40, 24
	}
	if len(ip) < length+16 || !bytes.Equal(ip[address:address+len(to.AsSlice())], to.AsSlice()) {
		return 0, nil, false
	}

	be := binary.BigEndian
	payload, udp := ip[length:], ip[proto] == 17
	switch {
	case encap == "gre" && ip[proto] == 47 && be.Uint32(payload) == 0x20006558:
		return be.Uint32(payload[4:]), payload[8:], true
	case encap == "vxlan" && udp && be.Uint16(payload[2:]) == 4789:
		return be.Uint32(payload[12:]) >> 8, payload[16:], true
	case encap == "geneve" && udp && be.Uint16(payload[2:]) == 6081:
		return be.Uint32(payload[12:]) >> 8, payload[16:], true
	case encap == "erspan1" && ip[proto] == 47 && be.Uint32(payload) == 0x100088be:
		return uint32(be.Uint16(payload[10:]) & 0x3ff), payload[16:], true
	case encap == "erspan2" && ip[proto] == 47 && be.Uint32(payload) == 0x100022eb:
		return uint32(be.Uint16(payload[10:]) & 0x3ff), payload[20:], true
	}
	return 0, nil, false
}

// expect waits until the box has the frames, and compares. What guests send by themselves, over
// IPv6, does not count.
func (b *remoteBox) expect(t testing.TB, want [][]byte) {
	t.Helper()
	var got [][]byte
	look := func() error {
		got = nil
		for _, frame := range b.copies() {
			if len(frame) < 14 || binary.BigEndian.Uint16(frame[12:]) != 0x86dd {
				got = append(got, frame)
			}
		}
		if len(got) < len(want) {
			return fmt.Errorf("%d of %d copies", len(got), len(want))
		}
		return nil
	}

	_, _ = await(arrives, look)
	time.Sleep(quiet) // More would have come by now.
	_ = look()
	if diff := lab.Diff(lab.MultisetOf(want), lab.MultisetOf(got)); diff != "" {
		t.Errorf("%s to %v: %s", b.Encap, b.to, diff)
	}
}

// encapsulations compares inner frames with those that were sent. Of the full-size one as much
// arrives as fits an underlay of MTU 1500, since nothing tells the switch of another.
func (s *collectorStage) encapsulations(t *testing.T, to netip.Addr) {
	overheads := map[string]int{"gre": 28, "vxlan": 36, "geneve": 36, "erspan1": 36, "erspan2": 40}
	copies, outer := map[string]int{}, [][]byte(nil)
	for _, encap := range encaps {
		t.Run(encap.name, func(t *testing.T) {
			box := s.remote(t, to, encap.name, encap.key)
			f := s.flowAs(t, box.ID, vnic(s.web, "OUT"))
			if s.Datapath() == lab.System && to.Is6() && isGRE(encap.name) {
				if f.Status != api.Error || f.ReasonCode != string(tap.CodeGREUnavailable) {
					t.Errorf("flow is %s: %s %s", f.Status, f.ReasonCode, f.Reason)
				}
				return
			}
			if f.Status != api.Ready {
				t.Fatalf("flow is %s: %s", f.Status, f.Reason)
			}

			frames := append(numbered(s.web.MAC(), s.db.MAC(), 0, 60, 64, 65, 700, 1400),
				numbered(s.web.MAC(), s.db.MAC(), 30, 68, 1300)...)
			full := numbered(s.web.MAC(), s.db.MAC(), 0, 1514)[0]
			send(t, s.web, append(frames, full)...)

			limit := 1500 - overheads[encap.name]
			if to.Is6() {
				limit -= 20
			}
			box.expect(t, append(frames, full[:limit]))
			for _, packet := range box.Data() {
				if key, inner, is := takeOut(packet, to, encap.name); is && key == encap.key &&
					bytes.HasPrefix(inner[6:], full[6:12]) {
					copies[encap.name]++
					outer = append(outer, packet)
				}
			}
		})
	}

	if s.Datapath() == lab.System {
		return // The machine with the kernel's datapath has no tshark.
	}
	decoded := decodedByTshark(t, s.web.MAC(), outer)
	if !maps.Equal(decoded, copies) {
		t.Errorf("tshark finds frames of the guest in %v, and we in %v", decoded, copies)
	}
}

// isGRE reports whether an encapsulation is one of IP protocol 47.
func isGRE(encap string) bool { return encap == "gre" || strings.HasPrefix(encap, "erspan") }

// decodedByTshark counts by encapsulation the packets in which tshark finds a whole frame of a
// sender.
func decodedByTshark(t *testing.T, sender lab.MAC, packets [][]byte) map[string]int {
	t.Helper()
	var file bytes.Buffer
	w := pcapgo.NewWriter(&file)
	must(t, w.WriteFileHeader(65535, layers.LinkTypeEthernet))
	for _, p := range packets {
		must(t, w.WritePacket(gopacket.CaptureInfo{CaptureLength: len(p), Length: len(p)}, p))
	}

	tshark := exec.CommandContext(deadline(t), "tshark", "-r", "-", "-T", "fields",
		"-e", "frame.protocols", "-e", "eth.src", "-e", "gre.proto")
	tshark.Stdin = &file
	out, err := tshark.Output()
	if err != nil {
		t.Fatalf("tshark: %v", err)
	}

	found := map[string]int{}
	for line := range strings.Lines(string(out)) {
		fields := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(fields) != 3 || !strings.HasSuffix(fields[1], ","+sender.String()) {
			continue
		}
		for _, encap := range encaps {
			protocol := map[string]string{"erspan1": "erspan", "erspan2": "erspan"}[encap.name]
			inside := strings.Contains(fields[0], ":"+cmp.Or(protocol, encap.name)+":eth:")
			greProto := map[string]string{"erspan1": "0x88be", "erspan2": "0x22eb"}[encap.name]
			if inside && strings.Contains(fields[2], greProto) {
				found[encap.name]++
			}
		}
	}
	return found
}

// moveToIPv6 gives the underlay IPv6 addresses, and the hosts tunnel addresses among them. It
// returns that of the box.
func (s *collectorStage) moveToIPv6(t *testing.T) netip.Addr {
	t.Helper()
	address := func(h *lab.Host) netip.Addr {
		return netip.MustParseAddr(fmt.Sprintf("fd00:210::%d", 10+h.Index))
	}
	for _, h := range s.Hosts {
		_, err := h.Run(deadline(t), "ip", "-6", "addr", "add", address(h).String()+"/64", "dev",
			lab.UnderlayBridge, "nodad")
		must(t, err)
	}
	for _, h := range []*lab.Host{s.h1, s.h2} {
		ip := address(h).String()
		_, err := s.api.Hosts().Update(deadline(t), h.Name,
			api.HostPatch{TunnelIP: api.Set(ip)}, client.Wait(answerTime))
		must(t, err)
	}
	return address(s.box)
}

// underlayIsGuarded mirrors the bridge that carries the copies themselves.
func (s *collectorStage) underlayIsGuarded(t *testing.T) {
	for i, encap := range encaps {
		t.Run(encap.name, func(t *testing.T) {
			box := s.remote(t, s.box.TunnelIP, encap.name, encap.key)
			for _, h := range []*lab.Host{s.h1, s.h2} {
				s.flowAs(t, box.ID, vswitch(h, lab.UnderlayBridge, 0, "BOTH"))
			}

			from, err := s.Fabric.Sender("underlay")
			must(t, err)
			defer from.Close()
			var frames [][]byte
			for seq := range 20 {
				frames = append(frames, lab.UDP{Src: lab.MAC{2, 0xee, 0, 0, 0, 2},
					Dst: lab.Broadcast(), Tag: uint32(0x2000 + i), Seq: uint64(seq)}.Frame())
			}
			must(t, from.Send(frames...))

			// Each host copies each once, and neither copies the other's copies.
			count := func() (ours, others int) {
				for _, frame := range box.copies() {
					if tag, _, ok := lab.Sequence(frame); ok && tag == uint32(0x2000+i) {
						ours++
					} else {
						others++
					}
				}
				return ours, others
			}
			_, _ = await(arrives, func() error {
				if ours, _ := count(); ours < 2*len(frames) {
					return fmt.Errorf("%d copies", ours)
				}
				return nil
			})
			time.Sleep(5 * quiet) // A loop would show by now.
			if ours, others := count(); ours != 2*len(frames) || others > 1000 {
				t.Errorf("%d copies of %d frames, %d others", ours, 2*len(frames), others)
			}
		})
	}
}

// ownScreen captures on the box by tapctl, which makes it a collector for that time.
func (s *collectorStage) ownScreen(t *testing.T) {
	file := filepath.Join(t.TempDir(), "web.pcapng")
	const count = 200
	cmd := s.box.Command(deadline(t), program(t, "tapctl"), "capture", "--guest-id", s.web.ID,
		"--filter", "udp", "--direction", "OUT", "--via", "vxlan", "--via-address",
		s.box.TunnelIP.String(), "-w", file, "-c", strconv.Itoa(count))
	token, err := os.ReadFile(filepath.Join(s.dataDir, "admin.token"))
	must(t, err)
	cmd.Env = append(cmd.Env, "TAPLINE_SERVER="+s.relayedAPI(t, s.box.Node),
		"TAPLINE_TOKEN="+strings.TrimSpace(string(token)))
	stderr, err := cmd.StderrPipe()
	must(t, err)
	must(t, cmd.Start())

	said := bufio.NewReader(stderr)
	first, err := said.ReadString('\n')
	if err != nil || !strings.Contains(first, "capturing from guest") {
		rest, _ := io.ReadAll(said)
		t.Fatalf("tapctl said %q and %q (%v), %v", first, rest, err, cmd.Wait())
	}

	frames := numbered(s.web.MAC(), s.db.MAC(), 0, slices.Repeat([]int{300}, count)...)
	send(t, s.web, frames...)
	rest, err := io.ReadAll(said)
	must(t, err)
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%v: %s", err, rest)
	}

	captured, err := os.Open(file)
	must(t, err)
	defer captured.Close()
	if diff := lab.Diff(lab.MultisetOf(frames), lab.MultisetOf(framesOf(t, captured))); diff != "" {
		t.Errorf("%s\n%s", diff, rest)
	}

	flows, err := s.api.TapFlows().List(deadline(t))
	must(t, err)
	services, err := s.api.TapServices().List(deadline(t))
	must(t, err)
	ports, err := s.h1.VSCtl("list-ports", "brtap")
	must(t, err)
	if len(flows.TapFlows)+len(services.TapServices) > 0 || strings.Contains(ports, "tl-vxlan-") {
		t.Errorf("left: %v, %v, ports %s", flows.TapFlows, services.TapServices, ports)
	}
}

// framesOf are the frames of a pcapng file.
func framesOf(t *testing.T, file io.Reader) (frames [][]byte) {
	t.Helper()
	r, err := pcapgo.NewNgReader(file, pcapgo.DefaultNgReaderOptions)
	must(t, err)
	for {
		data, _, err := r.ReadPacketData()
		if errors.Is(err, io.EOF) {
			return frames
		}
		must(t, err)
		frames = append(frames, data)
	}
}

// relayedAPI passes connections on a node on to the API, which listens on the controller's machine
// alone. It returns the URL there.
func (s *collectorStage) relayedAPI(t *testing.T, node *lab.Node) string {
	t.Helper()
	l, err := node.Listen(deadline(t), "tcp", "127.0.0.1:0")
	must(t, err)
	to := strings.TrimPrefix(s.server, "http://")
	var relays sync.WaitGroup
	relays.Go(func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			relays.Go(func() { relay(near, s.Controller, to) })
		}
	})
	t.Cleanup(func() {
		must(t, l.Close())
		relays.Wait()
	})
	return "http://" + l.Addr().String()
}

// relay passes what comes on a connection on to an address that a node reaches, and back.
func relay(near net.Conn, via *lab.Node, to string) {
	defer near.Close()
	far, err := via.Dial(context.Background(), "tcp", to)
	if err != nil {
		return
	}
	defer far.Close()

	back := make(chan struct{})
	go func() {
		defer close(back)
		_, _ = io.Copy(near, far)
		_ = near.Close()
	}()
	_, _ = io.Copy(far, near)
	_ = far.Close()
	<-back
}

// boxVanishes: without a neighbour a flow says so, and what guests send stays whole. Once the box
// is back, a stream that went on all the time is copied again within a second.
func (s *collectorStage) boxVanishes(t *testing.T) {
	box := s.remote(t, s.box.TunnelIP, "vxlan", 77)
	flow := vnic(s.web, "OUT")
	flow.Snaplen = 64
	f := s.flowAs(t, box.ID, flow)
	address := s.box.TunnelIP.String() + "/24"
	tag, running := stream(t, s.web, s.db.MAC(), 200)
	arrived := func(after time.Time) func() error {
		return func() error {
			for _, frame := range box.Frames() {
				_, inner, is := takeOut(frame.Data, box.to, "vxlan")
				if got, _, ok := lab.Sequence(inner); is && ok && got == tag &&
					frame.Time.After(after) {
					return nil
				}
			}
			return fmt.Errorf("no copy after %v", after)
		}
	}
	eventually(t, "copies", arrived(time.Time{}))

	receiver := capture(t, s.db.Node, "eth0", lab.In)
	_, err := s.box.Run(deadline(t), "ip", "addr", "del", address, "dev", lab.UnderlayBridge)
	must(t, err)
	defer func() {
		_, err := s.box.Run(deadline(t), "ip", "addr", "replace", address, "dev",
			lab.UnderlayBridge)
		must(t, err)
	}()

	// Before 2.17, a cached answer of the box would be learned from again.
	for _, forget := range []string{"revalidator/purge", "tnl/neigh/flush"} {
		_, err = s.h1.AppCtl(forget)
		must(t, err)
	}
	if s.Datapath() == lab.System {
		_, err := s.h1.Run(deadline(t), "ip", "neigh", "flush", "dev", lab.UnderlayBridge)
		must(t, err)
		s.flowStatus(t, f.ID, api.Ready, "is not known")
	} else {
		s.flowStatus(t, f.ID, api.Pending, "nobody answers for")
	}

	// After 10 s without a packet, Open vSwitch forgets what it has cached of the box's answers. It
	// learns a neighbour only from an answer that it has not cached.
	_, err = s.h1.AppCtl("revalidator/purge")
	must(t, err)
	_, err = s.box.Run(deadline(t), "ip", "addr", "add", address, "dev", lab.UnderlayBridge)
	must(t, err)
	back := time.Now()
	took := eventually(t, "copies again", arrived(back))
	t.Logf("copies again after %v", took)
	if took > time.Second*time.Duration(lab.Slowness()) {
		t.Errorf("copies came again after %v: want a second", took)
	}
	s.flowStatus(t, f.ID, api.Ready, "")

	must(t, running.Stop())
	for _, frame := range receiver.Data() {
		if got, _, ok := lab.Sequence(frame); ok && got == tag && len(frame) < 60 {
			t.Errorf("what the guest sent arrived with %d octets", len(frame))
			break
		}
	}
}
