//go:build linux

package e2e

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"github.com/tapline-sdn/tapline/testenv/lab"
)

// TestTAPDevices mirrors guests whose NICs are TAP devices, as libvirt makes them, to a collector
// with such a NIC.
func TestTAPDevices(t *testing.T) {
	t.Parallel()
	for _, mtu := range []int{9000, 1500} {
		t.Run(fmt.Sprint("underlay ", mtu), func(t *testing.T) {
			w := newWorld(t, 2, 2, func(c *lab.Config) { c.UnderlayMTU = mtu })
			web := w.guest(t, w.Hosts[0], "web",
				lab.GuestNIC{TAP: true, IP: netip.MustParsePrefix("10.220.1.1/24")})
			db := w.guest(t, w.Hosts[0], "db",
				lab.GuestNIC{TAP: true, IP: netip.MustParsePrefix("10.220.1.2/24")})

			for _, host := range w.Hosts {
				to := w.tapSink(t, w.guest(t, host, "ids-"+host.Name))
				w.run(t, "frames to "+host.Name, func(t *testing.T) {
					w.tapFrames(t, to, web, db, mtu == 1500 && host != w.Hosts[0])
				})
				if w.Datapath() == lab.System { // The userspace datapath takes no large segments.
					w.run(t, "TCP to "+host.Name, func(t *testing.T) { w.tapTCP(t, to, web, db) })
				}
			}
		})
	}
}

// tapSink makes a tap service of a guest whose tap NIC is a TAP device, without offloads at the
// guest: what the definition of a tap NIC for libvirt says.
func (w *world) tapSink(t *testing.T, g *lab.Guest) *sink {
	t.Helper()
	s := w.guestService(t, g)
	nic := plugTapAs(t, g, s, lab.GuestNIC{Bridge: "brtap", TAP: true})
	return w.enabledSink(t, g, s, nic)
}

// tapFrames compares what the collector gets of single frames with what both guests sent. narrow
// says that the way does not take the largest.
func (w *world) tapFrames(t *testing.T, to *sink, web, db *lab.Guest, narrow bool) {
	flow := w.flow(t, to, vnic(web, "BOTH"))
	there, back := assorted(web.MAC(), db.MAC()), assorted(db.MAC(), web.MAC())
	if narrow && w.Datapath() == lab.Netdev {
		size := w.cutTo(t, flow.ID)
		there, back = fitting(there, size), fitting(back, size)
	}

	receiver, copies := capture(t, db.Node, "eth0", lab.In), to.anew(t)
	send(t, web, there...)
	exactly(t, "the receiver", lab.MultisetOf(there), receiver)
	send(t, db, back...)
	exactly(t, "copies", lab.MultisetOf(slices.Concat(there, back)), copies)
}

// cutTo waits until a tap flow says that its copies are cut, and returns to how many octets.
func (w *world) cutTo(t *testing.T, flow string) (size int) {
	t.Helper()
	eventually(t, "copies are said to be cut", func() error {
		f, err := w.api.TapFlows().Get(deadline(t), flow)
		if err != nil {
			return err
		}
		if f.Counters.Cut == nil {
			return errors.New("nothing is said of a cut")
		}
		size = int(f.Counters.Cut.Size)
		return nil
	})
	return size
}

// fitting are those of some frames that have at most size octets.
func fitting(frames [][]byte, size int) [][]byte {
	return slices.DeleteFunc(frames, func(frame []byte) bool { return len(frame) > size })
}

// tapTCP has guests send with and without offloads. All of a TCP stream reaches the collector, in
// frames that fit its NIC, with the checksums that were left to devices.
func (w *world) tapTCP(t *testing.T, to *sink, web, db *lab.Guest) {
	const size = 2 << 20
	flow := w.flow(t, to, vnic(web, "OUT"))
	for _, offloads := range []bool{false, true} {
		for _, g := range []*lab.Guest{web, db} {
			must(t, g.NICs[0].SetOffloads(offloads, offloads))
		}

		copies := to.anew(t)
		transfer(t, web, db, size)
		must(t, copies.WaitQuiet(deadline(t), 4*quiet))

		var seen stretches
		for _, frame := range copies.Data() {
			if err := seen.add(frame); err != nil {
				t.Errorf("offloads %v: %v", offloads, err)
				break
			}
		}
		if missing := seen.missing(size); missing > 0 {
			t.Errorf("offloads %v: of %d octets, %d were not copied", offloads, size, missing)
		}
	}

	f, err := w.api.TapFlows().Get(deadline(t), flow.ID)
	must(t, err)
	if f.Counters.Lost != nil && f.Counters.Lost.Packets > 0 {
		t.Errorf("%+v are said to be lost, and none are", *f.Counters.Lost)
	}
}

// stretches are the parts of one TCP stream that frames have carried.
type stretches struct {
	begins bool
	first  uint32 // sequence number of the first octet
	parts  [][2]uint32
}

// add enters an untagged frame of TCP over IPv4 (RFC 9293, 3.1). Others are left out.
func (s *stretches) add(frame []byte) error {
	const ethernet, tcp, syn = 14, 6, 0x02
	if len(frame) > 1514 {
		return fmt.Errorf("a copy has %d octets", len(frame))
	}
	if binary.BigEndian.Uint16(frame[12:]) != 0x0800 || frame[ethernet+9] != tcp {
		return nil
	}

	packet := frame[ethernet:][:binary.BigEndian.Uint16(frame[ethernet+2:])]
	segment := packet[packet[0]&15*4:]
	if checksum(packet[12:20], segment) != 0xffff {
		return errors.New("the checksum of a copy is wrong")
	}

	number := binary.BigEndian.Uint32(segment[4:])
	if segment[13]&syn != 0 {
		s.begins, s.first = true, number+1
		return nil
	}
	if length := uint32(len(segment) - int(segment[12]>>4)*4); length > 0 {
		s.parts = append(s.parts, [2]uint32{number, number + length})
	}
	return nil
}

// checksum is the sum of a TCP segment and its pseudo header; 0xffff if the segment's own checksum
// is right (RFC 9293, 3.1).
func checksum(addresses, segment []byte) uint16 {
	sum := uint32(6 + len(segment))
	for _, part := range [][]byte{addresses, segment} {
		for i := 0; i+1 < len(part); i += 2 {
			sum += uint32(binary.BigEndian.Uint16(part[i:]))
		}
	}
	if len(segment)%2 == 1 {
		sum += uint32(segment[len(segment)-1]) << 8
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return uint16(sum)
}

// missing is how many of the first size octets are in no part.
func (s *stretches) missing(size uint32) uint32 {
	if !s.begins {
		return size
	}

	parts := make([][2]uint32, len(s.parts))
	for i, part := range s.parts {
		parts[i] = [2]uint32{part[0] - s.first, part[1] - s.first}
	}
	slices.SortFunc(parts, func(a, b [2]uint32) int { return int(int64(a[0]) - int64(b[0])) })

	var reached, missing uint32
	for _, part := range parts {
		if part[0] > reached {
			missing += part[0] - reached
		}
		reached = max(reached, part[1])
	}
	return missing + size - min(size, reached)
}
