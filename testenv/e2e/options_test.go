//go:build linux

package e2e

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/client"
	"github.com/tapline-sdn/tapline/testenv/lab"
)

// TestOptions holds what options do to copies against what the source's own NIC shows, and makes
// sure that the guests' own traffic stays whole.
func TestOptions(t *testing.T) {
	s := newStage(t)
	for _, where := range []string{"local", "remote"} {
		s.run(t, where+" filters", func(t *testing.T) { s.filters(t, s.collectors()[where](t)) })
		s.run(t, where+" snaplen", func(t *testing.T) { s.snaplen(t, s.collectors()[where](t)) })
		s.run(t, where+" sample", func(t *testing.T) { s.sample(t, s.collectors()[where](t)) })
		s.run(t, where+" vlan", func(t *testing.T) { s.vlanActions(t, s.collectors()[where](t)) })
		s.run(t, where+" rate limit", func(t *testing.T) {
			s.rateLimit(t, s.collectors()[where](t))
		})
	}

	s.run(t, "options change under a stream", s.optionsChange)
	s.run(t, "the switch restarts", s.optionsRestart)
	s.run(t, "cuts with an unknown neighbour", s.unknownNeighbour)
}

// expressions are filters that select some of the frames of [filterFrames], and not all.
var expressions = []string{
	"arp", "ip", "ip6", "udp", "tcp", "icmp", "not udp", "udp port 53", "src port 53",
	"dst port 53", "port 53 or port 443", "tcp port 443", "tcp dst port 443",
	"udp portrange 50-60", "host 198.18.0.1", "src host 198.18.0.3", "dst net 198.18.0.0/30",
	"net 198.18.4.0/22", "not net 198.18.0.0/16", "ip proto 47", "tcp[tcpflags] & tcp-syn != 0",
	"tcp[tcpflags] == tcp-ack", "icmp[icmptype] == icmp-echo", "ether broadcast",
	"ether multicast", "ether proto 0x8847", "ip and not udp", "(tcp or udp) and port 443",
	"ip6 and not tcp", "udp and (host 198.18.0.3 or host 198.18.5.1) and not port 53",
}

// filters compares copies with what tcpdump selects of the source's own capture.
func (s *stage) filters(t *testing.T, to *sink) {
	own := capture(t, s.web.Node, "eth0", lab.Both)
	flow := vnic(s.web, "BOTH")
	flow.Filter = expressions[0]
	f := s.flow(t, to, flow)
	for _, expression := range expressions {
		f = s.change(t, f.ID, api.TapFlowPatch{Filter: api.Set(expression)})
		mine, copies := len(own.Data()), len(to.Data())
		frames := filterFrames(s.web.MAC(), s.db.MAC())
		send(t, s.web, frames...)
		send(t, s.db, filterFrames(s.db.MAC(), s.web.MAC())...)

		must(t, own.WaitLen(deadline(t), mine+2*len(frames)))
		must(t, own.WaitQuiet(deadline(t), quiet))
		selected := tcpdump(t, expression, own.Data()[mine:])
		if len(selected) == 0 || len(selected) == len(own.Data())-mine {
			t.Errorf("%s selects %d of %d frames: the test is void", expression, len(selected),
				len(own.Data())-mine)
		}

		_, _ = await(2*time.Second, func() error {
			if n := len(to.Data()) - copies; n < len(selected) {
				return fmt.Errorf("%d copies", n)
			}
			return nil
		})
		must(t, to.WaitQuiet(deadline(t), quiet))
		got := lab.MultisetOf(to.Data()[copies:])
		if diff := lab.Diff(lab.MultisetOf(selected), got); diff != "" {
			t.Errorf("%s: %s", expression, diff)
		}
	}
}

// change changes a tap flow and waits until it is ready again.
func (s *stage) change(t testing.TB, id string, patch api.TapFlowPatch) api.TapFlow {
	t.Helper()
	f, err := s.api.TapFlows().Update(deadline(t), id, patch, client.Wait(10*time.Second))
	must(t, err)
	if f.Status != api.Ready {
		t.Fatalf("flow %s is %s: %s", f.Name, f.Status, f.Reason)
	}
	return f
}

// filterFrames are frames of many kinds, addresses and ports.
func filterFrames(src, dst lab.MAC) [][]byte {
	all := untaggedKinds(src, dst)
	for _, ports := range [][2]uint16{{1000, 53}, {53, 1000}, {1000, 443}, {55, 2}, {9, 9}} {
		all = append(all, lab.UDP{Src: src, Dst: dst, SrcPort: ports[0], DstPort: ports[1]}.Frame(),
			tcp(src, dst, ports, 0x02), tcp(src, dst, ports, 0x10))
	}
	for _, last := range [][2]byte{{0, 3}, {5, 1}, {9, 9}} {
		all = append(all, withAddresses(lab.UDP{Src: src, Dst: dst, SrcPort: 5}.Frame(), last))
	}
	return append(all, icmp(src, dst, 8), icmp(src, dst, 0))
}

// tcp is a TCP segment without data.
func tcp(src, dst lab.MAC, ports [2]uint16, flags byte) []byte {
	frame := lab.UDP{Src: src, Dst: dst, SrcPort: ports[0], DstPort: ports[1]}.Frame()
	segment := frame[34:]
	clear(segment[4:])
	frame[14+9], segment[12], segment[13] = 6, 5<<4, flags
	return frame
}

// icmp is an ICMP message that no guest answers, since it is for an address of nobody.
func icmp(src, dst lab.MAC, kind byte) []byte {
	frame := lab.UDP{Src: src, Dst: dst}.Frame()
	clear(frame[34:])
	frame[14+9], frame[34] = 1, kind
	return frame
}

// withAddresses sets the last two octets of the addresses of an IPv4 frame, swapped at the
// destination.
func withAddresses(frame []byte, last [2]byte) []byte {
	copy(frame[28:], last[:])
	frame[32], frame[33] = last[0], last[1]^1
	return frame
}

// tcpdump returns the frames that tcpdump selects.
func tcpdump(t testing.TB, expression string, frames [][]byte) (selected [][]byte) {
	t.Helper()
	in, out := filepath.Join(t.TempDir(), "in"), filepath.Join(t.TempDir(), "out")
	must(t, os.WriteFile(in, pcap(frames), 0o600))
	if text, err := exec.Command("tcpdump", "-Z", "root", "-r", in, "-w", out,
		expression).CombinedOutput(); err != nil {
		t.Fatalf("tcpdump: %v: %s", err, text)
	}

	data, err := os.ReadFile(out)
	must(t, err)
	for data = data[24:]; len(data) > 0; {
		size := 16 + int(binary.LittleEndian.Uint32(data[8:]))
		selected = append(selected, data[16:size])
		data = data[size:]
	}
	return selected
}

// pcap writes frames as a capture file (draft-ietf-opsawg-pcap).
func pcap(frames [][]byte) []byte {
	word := binary.LittleEndian.AppendUint32
	file := word(word(word(nil, 0xa1b2c3d4), 2|4<<16), 0)
	file = word(word(word(file, 0), 1<<18), 1)
	for _, frame := range frames {
		file = word(word(file, 0), 0)
		file = append(word(word(file, uint32(len(frame))), uint32(len(frame))), frame...)
	}
	return file
}

// snaplen: each copy is the beginning of a frame, and the receiver gets whole frames.
func (s *stage) snaplen(t *testing.T, to *sink) {
	flow := vnic(s.web, "OUT")
	flow.Snaplen = 100
	s.flow(t, to, flow)
	receiver := capture(t, s.db.Node, "eth0", lab.In)

	frames := numbered(s.web.MAC(), s.db.MAC(), 0, 60, 99, 100, 101, 594, 1514)
	send(t, s.web, frames...)
	var cut [][]byte
	for _, frame := range frames {
		cut = append(cut, frame[:min(len(frame), 100)])
	}
	exactly(t, "copies", lab.MultisetOf(cut), to.Capture)
	exactly(t, "the receiver", lab.MultisetOf(frames), receiver)
}

// sample: of each connection either all frames are copied, both ways, or none.
func (s *stage) sample(t *testing.T, to *sink) {
	const connections, one = 240, 4
	flow := vnic(s.web, "BOTH")
	flow.Sample = one
	s.flow(t, to, flow)

	there, back := map[uint16]int{}, map[uint16]int{}
	for port := range uint16(connections) {
		ports := [2]uint16{10_000 + port, 443}
		send(t, s.web, tcp(s.web.MAC(), s.db.MAC(), ports, 0x02))
		answer := tcp(s.db.MAC(), s.web.MAC(), [2]uint16{443, ports[0]}, 0x12)
		source := slices.Clone(answer[26:30])
		copy(answer[26:30], answer[30:34])
		copy(answer[30:34], source)
		send(t, s.db, answer)
	}

	must(t, to.WaitQuiet(deadline(t), 4*quiet))
	for _, frame := range to.Data() {
		from, into := binary.BigEndian.Uint16(frame[34:]), binary.BigEndian.Uint16(frame[36:])
		if into == 443 {
			there[from]++
		} else {
			back[into]++
		}
	}

	if len(there) < connections/one/2 || len(there) > connections/one*2 {
		t.Errorf("%d of %d connections are copied, want about one in %d", len(there), connections,
			one)
	}
	for port, n := range there {
		if n != 1 || back[port] != 1 {
			t.Errorf("of the connection from port %d, %d and %d frames are copied", port, n,
				back[port])
		}
	}
	if len(back) != len(there) {
		t.Errorf("%d connections one way, %d the other", len(there), len(back))
	}
}

// vlanActions: a tag is pushed on copies, or taken off, and the receiver sees neither.
func (s *stage) vlanActions(t *testing.T, to *sink) {
	flow := vnic(s.web, "OUT")
	flow.VLAN = "100"
	f := s.flow(t, to, flow)
	receiver := capture(t, s.db.Node, "eth0", lab.In)

	frames := append(numbered(s.web.MAC(), s.db.MAC(), 0, 60, 500, 1500),
		numbered(s.web.MAC(), s.db.MAC(), 30, 64, 500)...)
	send(t, s.web, frames...)
	var pushed [][]byte
	for _, frame := range frames {
		pushed = append(pushed, withTag(frame, 0x8100, 100))
	}
	exactly(t, "with a tag", lab.MultisetOf(pushed), to.Capture)

	s.change(t, f.ID, api.TapFlowPatch{VLAN: api.Set[api.VLANAction]("strip")})
	more := append(numbered(s.web.MAC(), s.db.MAC(), 0, 70, 501),
		numbered(s.web.MAC(), s.db.MAC(), 30, 80, 502)...)
	send(t, s.web, more...)
	stripped := slices.Clone(pushed)
	for _, frame := range more {
		if lab.VLANOf(frame) != 0 {
			frame = slices.Concat(frame[:12], frame[16:])
		}
		stripped = append(stripped, frame)
	}
	exactly(t, "without tags", lab.MultisetOf(stripped), to.Capture)
	exactly(t, "the receiver", lab.MultisetOf(append(frames, more...)), receiver)
}

// rateLimit: more than the rate is dropped of the copies, and nothing of what the guest sends.
func (s *stage) rateLimit(t *testing.T, to *sink) {
	s.limit(t, to, "50pps")
	f := s.flow(t, to, vnic(s.web, "OUT"))
	receiver := capture(t, s.db.Node, "eth0", lab.In)

	frames := numbered(s.web.MAC(), s.db.MAC(), 0, slices.Repeat([]int{100}, 400)...)
	sender, err := s.web.Sender("eth0")
	must(t, err)
	defer sender.Close()
	began := time.Now()
	_, err = sender.Stream(t.Context(), lab.Stream{PPS: 2000, Count: uint64(len(frames)),
		Frame: func(seq uint64) []byte { return frames[seq] }})
	must(t, err)
	took := time.Since(began)

	exactly(t, "the receiver", lab.MultisetOf(frames), receiver)
	must(t, to.WaitQuiet(deadline(t), quiet))
	// Open vSwitch lets a second's worth pass at first, beside the burst.
	most := 60 + int(50*took.Seconds()) + 5
	if got := len(to.Data()); got == 0 || got > most {
		t.Errorf("%d of %d copies at 50 pps in %v, want 1 to %d", got, len(frames), took, most)
	}
	if lab.MultisetOf(to.Data()).Len() != len(to.Data()) {
		t.Error("the multiset is wrong")
	}

	// Without the limit all of it arrives again, once the switch has gone through its cache.
	s.limit(t, to, "")
	s.flowStatus(t, f.ID, api.Ready, "")
	more := numbered(s.web.MAC(), s.db.MAC(), 0, slices.Repeat([]int{100}, 200)...)
	eventually(t, "copies without a limit", func() error {
		before := len(to.Data())
		send(t, s.web, more...)
		must(t, to.WaitQuiet(deadline(t), 2*quiet))
		if got := len(to.Data()) - before; got != len(more) {
			return fmt.Errorf("%d of %d arrive", got, len(more))
		}
		return nil
	})
}

// limit sets the rate limit of a sink's service.
func (s *stage) limit(t testing.TB, to *sink, rate string) {
	t.Helper()
	patch := api.TapServicePatch{RateLimit: api.Set(rate)}
	if rate == "" {
		patch.RateLimit = api.Remove[string]()
	}
	v, err := s.api.TapServices().Update(deadline(t), to.ID, patch, client.Wait(10*time.Second))
	must(t, err)
	if v.Status != api.Ready || v.RateLimit != rate {
		t.Fatalf("service is %s with limit %q: %s", v.Status, v.RateLimit, v.Reason)
	}
}

// unknownNeighbour: copies that are cut and cannot be sent cut nothing of what guests send.
func (s *stage) unknownNeighbour(t *testing.T) {
	to := s.guestSink(t, s.ids2, "brtap")
	flow := vnic(s.web, "OUT")
	flow.Snaplen = 64
	s.flow(t, to, flow)
	s.limit(t, to, "10pps")
	receiver := capture(t, s.db.Node, "eth0", lab.In)

	// It is the other host that drops them. Answers that are dropped here would be cached, and Open
	// vSwitch learns neighbours only from what is not.
	_, err := s.h2.OFCtl("add-flow", lab.UnderlayBridge, "priority=40000,arp,actions=drop")
	must(t, err)
	answer := func() {
		_, err := s.h2.OFCtl("del-flows", "--strict", lab.UnderlayBridge, "priority=40000,arp")
		must(t, err)
		// Open vSwitch learns neighbours only from answers that it has not cached, and it has
		// cached those to the probes that went before.
		for _, h := range []*lab.Host{s.h1, s.h2} {
			_, err = h.AppCtl("revalidator/purge")
			must(t, err)
		}
	}
	t.Cleanup(answer)
	_, err = s.h1.AppCtl("tnl/neigh/flush")
	must(t, err)

	frames := numbered(s.web.MAC(), s.db.MAC(), 0, slices.Repeat([]int{60, 700, 1514}, 50)...)
	sender, err := s.web.Sender("eth0")
	must(t, err)
	defer sender.Close()
	_, err = sender.Stream(t.Context(), lab.Stream{PPS: 300, Count: uint64(len(frames)),
		Frame: func(seq uint64) []byte { return frames[seq] }})
	must(t, err)
	exactly(t, "the receiver", lab.MultisetOf(frames), receiver)
	for _, frame := range to.Data() {
		if len(frame) > 64 {
			t.Errorf("a copy has %d octets", len(frame))
		}
	}

	// Once the neighbour answers again, copies arrive again, without a new flow in the switch.
	s.limit(t, to, "")
	answer()
	tag, _ := stream(t, s.web, s.db.MAC(), 500)
	firstOf(t, to.Capture, tag, time.Time{})
}

// notOnce counts the frames of a stream, from the first copy on, that were not copied and that were
// copied more than once.
func notOnce(source, copies *lab.Capture, tag uint32) (lost, twice int) {
	seen, lowest := map[uint64]int{}, ^uint64(0)
	for _, frame := range copies.Data() {
		if got, seq, ok := lab.Sequence(frame); ok && got == tag {
			seen[seq]++
			lowest = min(lowest, seq)
		}
	}
	for _, frame := range source.Data() {
		got, seq, ok := lab.Sequence(frame)
		switch {
		case !ok || got != tag || seq < lowest:
		case seen[seq] == 0:
			lost++
		case seen[seq] > 1:
			twice++
		}
	}
	return lost, twice
}

// optionsChange changes the options of a running flow again and again: what all of them select
// arrives once.
func (s *stage) optionsChange(t *testing.T) {
	for _, where := range []string{"local", "remote"} {
		t.Run(where, func(t *testing.T) {
			to := s.collectors()[where](t)
			flow := vnic(s.web, "OUT")
			flow.Filter = "udp port 9"
			f := s.flow(t, to, flow)
			other := s.flow(t, to, vnic(s.db, "OUT"))

			source := capture(t, s.web.Node, "eth0", lab.Out)
			tag, running := stream(t, s.web, s.db.MAC(), 2000)
			firstOf(t, to.Capture, tag, time.Time{})
			for i := range 10 {
				filter := fmt.Sprintf("udp port 9 or tcp port %d", 1+i%3)
				s.change(t, f.ID, api.TapFlowPatch{Filter: api.Set(filter)})
			}
			s.change(t, f.ID, api.TapFlowPatch{Filter: api.Remove[string]()})
			s.change(t, f.ID, api.TapFlowPatch{Sample: api.Set(1), Snaplen: api.Set(65535)})
			must(t, running.Stop())
			s.change(t, other.ID, api.TapFlowPatch{Filter: api.Set("arp")})

			must(t, to.WaitQuiet(deadline(t), 4*quiet))
			lost, twice := notOnce(source, to.Capture, tag)
			if lost > 0 || twice > 0 {
				t.Errorf("%d frames are lost, %d came twice: %s", lost, twice,
					missed(source, to.Capture, tag))
			}

			// What was changed under traffic is off as well when it is switched off under traffic.
			tag, running = stream(t, s.web, s.db.MAC(), 2000)
			firstOf(t, to.Capture, tag, time.Time{})
			s.change(t, f.ID, api.TapFlowPatch{Filter: api.Set("udp")})
			s.change(t, f.ID, api.TapFlowPatch{Filter: api.Set("udp port 9 or arp")})
			_, err := s.api.TapFlows().Disable(deadline(t), f.ID, client.Wait(10*time.Second))
			must(t, err)
			if err := to.WaitQuiet(deadline(t), 4*quiet); err != nil {
				t.Errorf("copies go on after the flow is disabled: %v", err)
			}
			must(t, running.Stop())
		})
	}
}

// optionsRestart: filters, samples and limits are there again after the switch has restarted.
func (s *stage) optionsRestart(t *testing.T) {
	to := s.guestSink(t, s.ids1, "brtap")
	flow := vnic(s.web, "OUT")
	flow.Filter, flow.Sample = "udp port 53", 2
	f := s.flow(t, to, flow)
	s.limit(t, to, "5000pps")

	shows := func() string {
		var all bytes.Buffer
		for _, ask := range []string{"dump-groups", "dump-meters", "get-frags"} {
			out, _ := s.h1.OFCtl(ask, "brtap") // The switch may be away.
			all.WriteString(out)
		}
		return all.String()
	}
	before := shows()

	must(t, s.h1.RestartVSwitchd(deadline(t)))
	eventually(t, "all of it is there again", func() error {
		if now := shows(); now != before {
			return fmt.Errorf("it shows %s, not %s", now, before)
		}
		return nil
	})
	s.flowStatus(t, f.ID, api.Ready, "")
}
