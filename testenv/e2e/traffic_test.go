//go:build linux

package e2e

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/tapline-sdn/tapline/testenv/lab"
)

// unique makes a name that no other resource has.
func unique(kind string) string { return fmt.Sprintf("%s-%08x", kind, rand.Uint32()) }

// quiet is how long a capture must be silent before no more frames are expected. The slowest copy
// passes two switches.
var quiet = time.Duration(lab.Slowness()) * 60 * time.Millisecond

// arrives is how long copies of what was sent may take to arrive, on the slowest machine.
var arrives = time.Duration(lab.Slowness()) * 2 * time.Second

func capture(t testing.TB, n *lab.Node, ifname string, d lab.Direction) *lab.Capture {
	t.Helper()
	c, err := n.Capture(ifname, lab.CaptureConfig{Direction: d})
	must(t, err)
	t.Cleanup(func() { must(t, c.Close()) })
	return c
}

func send(t testing.TB, g *lab.Guest, frames ...[]byte) {
	t.Helper()
	s, err := g.Sender("eth0")
	must(t, err)
	must(t, s.Send(frames...))
	must(t, s.Close())
}

// settled waits until a capture at the source has n frames or more, and then for silence, and
// returns them.
func settled(t testing.TB, c *lab.Capture, n int) lab.Multiset {
	t.Helper()
	if err := c.WaitLen(deadline(t), n); err != nil {
		t.Errorf("at the source: %v", err)
	}
	must(t, c.WaitQuiet(deadline(t), quiet))
	return c.Multiset()
}

// exactly waits for the copies, then for silence, and compares them as multisets of whole frames.
func exactly(t testing.TB, what string, want lab.Multiset, got *lab.Capture) {
	t.Helper()
	_, _ = await(arrives, func() error {
		if n := len(got.Frames()); n < want.Len() {
			return fmt.Errorf("have %d", n)
		}
		return nil
	})
	must(t, got.WaitQuiet(deadline(t), quiet))
	if diff := lab.Diff(want, got.Multiset()); diff != "" {
		t.Errorf("%s: %s", what, diff)
	}
	if lost, err := got.Lost(); err != nil || lost != 0 {
		t.Errorf("%s: the capture lost %d frames: %v", what, lost, err)
	}
}

// sum is the multiset of several captures together.
func sum(sets ...lab.Multiset) lab.Multiset {
	all := lab.Multiset{}
	for _, s := range sets {
		for frame, n := range s {
			all[frame] += n
		}
	}
	return all
}

// tagged is what a switch makes of frames that enter by an access port.
func tagged(frames lab.Multiset, vlan uint16) lab.Multiset {
	out := lab.Multiset{}
	for frame, n := range frames {
		out[string(withTag([]byte(frame), 0x8100, vlan))] += n
	}
	return out
}

// withTag puts a VLAN tag after the addresses.
func withTag(frame []byte, tpid, tci uint16) []byte {
	out := append([]byte(nil), frame[:12]...)
	out = binary.BigEndian.AppendUint16(out, tpid)
	out = binary.BigEndian.AppendUint16(out, tci)
	return append(out, frame[12:]...)
}

// frames of one stream from one station to another.
func numbered(src, dst lab.MAC, vlan uint16, lengths ...int) [][]byte {
	var all [][]byte
	for i, n := range lengths {
		all = append(all, lab.UDP{Src: src, Dst: dst, VLAN: vlan, Tag: rand.Uint32(),
			Seq: uint64(i), Len: n}.Frame())
	}
	return all
}

// assorted are frames of all kinds and sizes that an untagged or trunk port sends.
func assorted(src, dst lab.MAC) [][]byte {
	all := numbered(src, dst, 0, 60, 61, 64, 128, 594, 1000, 1513, 1514)
	all = append(all, numbered(src, dst, 100, 64, 65, 1000, 1517, 1518)...)
	all = append(all, numbered(src, dst, 4094, 64)...)
	all = append(all, lab.UDP{Src: src, Dst: dst, VLAN: 100, PCP: 5, Tag: rand.Uint32()}.Frame())
	all = append(all, untaggedKinds(src, dst)...)
	return append(all, lab.ARP{Src: src, VLAN: 100}.Frame())
}

// untaggedKinds are frames of all kinds without a tag.
func untaggedKinds(src, dst lab.MAC) [][]byte {
	twice := lab.UDP{Src: src, Dst: dst, Tag: rand.Uint32()}.Frame()
	multicast := lab.MAC{0x01, 0x00, 0x5e, 1, 2, 3}
	return [][]byte{
		twice, twice,
		lab.ARP{Src: src}.Frame(),
		lab.UDP{Src: src, Dst: lab.Broadcast(), Tag: rand.Uint32()}.Frame(),
		lab.UDP{Src: src, Dst: multicast, Tag: rand.Uint32()}.Frame(),
		ipv6(src, dst, 62), ipv6(src, dst, 1514),
		ipv6(src, lab.MAC{0x33, 0x33, 0, 0, 0, 1}, 90),
		// a local experiment's, which the controller uses in tunnels
		ethernet(src, dst, 0x88b5, 60),
		ethernet(src, dst, 0x88b6, 333),
		ethernet(src, dst, 0x8847, 100), // MPLS
		gre(src, dst),
	}
}

// ethernet is a frame of any type, with random bytes.
func ethernet(src, dst lab.MAC, etherType uint16, length int) []byte {
	frame := make([]byte, length)
	copy(frame, dst[:])
	copy(frame[6:], src[:])
	binary.BigEndian.PutUint16(frame[12:], etherType)
	for i := 14; i < length; i++ {
		frame[i] = byte(rand.Uint32())
	}
	return frame
}

// ipv6 is a frame with an IPv6 packet without a next header (RFC 8200, 4.7).
func ipv6(src, dst lab.MAC, length int) []byte {
	frame := ethernet(src, dst, 0x86dd, length)
	copy(frame[14:], []byte{0x60, 0, 0, 0})
	binary.BigEndian.PutUint16(frame[18:], uint16(length-54))
	frame[20], frame[21] = 59, 64
	copy(frame[22:], []byte{0x20, 0x01, 0x0d, 0xb8})
	copy(frame[38:], []byte{0x20, 0x01, 0x0d, 0xb8})
	return frame
}

// gre is a frame of somebody else's tunnel (RFC 2784), which is traffic like any other.
func gre(src, dst lab.MAC) []byte {
	frame := lab.UDP{Src: src, Dst: dst, Tag: rand.Uint32(), Len: 120}.Frame()
	frame[14+9] = 47
	binary.BigEndian.PutUint16(frame[14+10:], 0)
	var total uint32
	for i := 14; i < 34; i += 2 {
		total += uint32(binary.BigEndian.Uint16(frame[i:]))
	}

	for total > 0xffff {
		total = total>>16 + total&0xffff
	}

	binary.BigEndian.PutUint16(frame[14+10:], ^uint16(total))
	copy(frame[34:], []byte{0, 0, 0x08, 0x00})
	return frame
}

// traffic is steady traffic in the background.
type traffic struct {
	cancel context.CancelFunc
	done   chan struct{}
	err    error
}

// Stop ends it and waits for its end.
func (r *traffic) Stop() error {
	r.cancel()
	<-r.done
	return r.err
}

// stream is steady traffic between two stations until it is stopped, or the test ends. It goes on
// when the sender's link was down for a while.
func stream(t testing.TB, from *lab.Guest, to lab.MAC, pps int) (tag uint32, running *traffic) {
	t.Helper()
	s, err := from.Sender("eth0")
	must(t, err)
	tag = rand.Uint32()
	ctx, cancel := context.WithCancel(context.Background())
	running = &traffic{cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(running.done)
		var next uint64
		for ctx.Err() == nil && running.err == nil {
			_, err := s.Stream(ctx, lab.Stream{PPS: pps, For: time.Minute,
				Frame: func(uint64) []byte {
					next++
					return lab.UDP{Src: from.MAC(), Dst: to, Tag: tag, Seq: next - 1}.Frame()
				}})
			if !errors.Is(err, syscall.ENOBUFS) && !errors.Is(err, syscall.ENETDOWN) {
				running.err = err
			}
		}
	}()

	t.Cleanup(func() {
		if err := running.Stop(); err != nil {
			t.Error(err)
		}
		must(t, s.Close())
	})

	return tag, running
}

// of says whether a frame belongs to a stream.
func of(tag uint32) func(lab.Frame) bool {
	return func(f lab.Frame) bool {
		got, _, ok := lab.Sequence(f.Data)
		return ok && got == tag
	}
}

// firstOf waits for the first frame of a stream after a moment.
func firstOf(t testing.TB, c *lab.Capture, tag uint32, after time.Time) time.Time {
	t.Helper()
	var at time.Time
	err := c.Wait(deadline(t), func(frames []lab.Frame) bool {
		i := slices.IndexFunc(frames, func(f lab.Frame) bool {
			return f.Time.After(after) && of(tag)(f)
		})
		if i >= 0 {
			at = frames[i].Time
		}
		return i >= 0
	})
	if err != nil {
		t.Fatalf("no frame of stream %d: %v", tag, err)
	}

	return at
}

// lastOf is when the last frame of a stream came up to now; zero if none did.
func lastOf(c *lab.Capture, tag uint32) (at time.Time) {
	for _, f := range c.Frames() {
		if of(tag)(f) {
			at = f.Time
		}
	}
	return at
}
