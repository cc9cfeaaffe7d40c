package openflow

import (
	"fmt"
	"strconv"
	"time"
)

// PortNo is a port number (7.2.1). Ordinary ports are 1 to [PortMax].
type PortNo uint32

// Reserved ports (7.2.1, enum ofp_port_no).
const (
	PortMax        PortNo = 0xffffff00 // The highest number of an ordinary port.
	PortInPort     PortNo = 0xfffffff8 // Back out of the port of arrival.
	PortTable      PortNo = 0xfffffff9 // Through the flow tables; packet-outs only.
	PortNormal     PortNo = 0xfffffffa // Through the switch's own learning.
	PortFlood      PortNo = 0xfffffffb
	PortAll        PortNo = 0xfffffffc
	PortController PortNo = 0xfffffffd
	PortLocal      PortNo = 0xfffffffe // The bridge's own interface.
	PortAny        PortNo = 0xffffffff
)

var reservedPorts = map[PortNo]string{
	PortInPort: "IN_PORT", PortTable: "TABLE", PortNormal: "NORMAL", PortFlood: "FLOOD",
	PortAll: "ALL", PortController: "CONTROLLER", PortLocal: "LOCAL", PortAny: "ANY",
}

// String returns the number, or the name that ovs-ofctl gives a reserved port.
func (p PortNo) String() string {
	if name, ok := reservedPorts[p]; ok {
		return name
	}
	return strconv.FormatUint(uint64(p), 10)
}

// outPort is the wire form of an output port that restricts a request: zero
// means no restriction.
func outPort(p PortNo) uint32 {
	if p == 0 {
		return uint32(PortAny)
	}
	return uint32(p)
}

// parseOutPort reverses outPort. Port 0 does not exist (7.2.1), and as "no
// restriction" it would widen the request, so it is refused.
func parseOutPort(c *cursor) PortNo {
	p := PortNo(c.u32("out_port"))
	switch p {
	case PortAny:
		return 0
	case 0:
		c.fail(c.pos-4, "out_port", fmt.Errorf("%w: 0 is no port", ErrValue))
	}
	return p
}

// GroupFilter restricts a request to flows that output to one group. Its zero
// value is no restriction (OFPG_ANY).
type GroupFilter uint32 // Wire value plus one, so that OFPG_ANY is zero.

// OnlyGroup is the restriction to group id.
func OnlyGroup(id uint32) GroupFilter { return GroupFilter(id + 1) }

// Group returns the group, and false if there is no restriction.
func (g GroupFilter) Group() (id uint32, ok bool) { return uint32(g) - 1, g != 0 }

// Reserved groups (7.3.4.2).
const (
	GroupMax uint32 = 0xffffff00 // The highest number of a group.
	GroupAll uint32 = 0xfffffffc // All groups, in delete commands.
	GroupAny uint32 = 0xffffffff // No group.
)

// BufferID names a packet that the switch has buffered. Its zero value is no
// buffer (OFP_NO_BUFFER), which is all that Open vSwitch has.
type BufferID uint32 // Wire value plus one, so that OFP_NO_BUFFER is zero.

// Buffer is the buffer id.
func Buffer(id uint32) BufferID { return BufferID(id + 1) }

// Buffer returns the id, and false if there is no buffer.
func (b BufferID) Buffer() (id uint32, ok bool) { return uint32(b) - 1, b != 0 }

// Cookie is a value that the controller attaches to a flow.
type Cookie uint64

// String returns the cookie in hexadecimal.
func (c Cookie) String() string { return fmt.Sprintf("%#x", uint64(c)) }

// TableID is a flow table, 0 to [TableMax].
type TableID uint8

// Special tables (7.3.4.1).
const (
	TableMax TableID = 0xfe // The highest number of a table.
	TableAll TableID = 0xff // All tables, in deletes and in statistics requests.
)

// MAC is an Ethernet address. Unlike net.HardwareAddr it is comparable.
type MAC [6]byte

// String returns the address in colon notation.
func (m MAC) String() string {
	return fmt.Sprintf("%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3], m[4], m[5])
}

func (m MAC) uint64() uint64 {
	var v uint64
	for _, x := range m {
		v = v<<8 | uint64(x)
	}
	return v
}

func macOf(v uint64) MAC {
	return MAC{byte(v >> 40), byte(v >> 32), byte(v >> 24), byte(v >> 16), byte(v >> 8), byte(v)}
}

// DurationUnknown is the duration of what the switch keeps no time for, such
// as the queues of Open vSwitch. On the wire it is all ones.
const DurationUnknown time.Duration = -1

// parseDuration reads seconds and the nanoseconds beyond them, of which there
// are less than a second's.
func parseDuration(c *cursor) time.Duration {
	sec, nsec := c.u32("duration_sec"), c.u32("duration_nsec")
	switch {
	case sec == maxUint32 && nsec == maxUint32:
		return DurationUnknown
	case nsec >= uint32(time.Second):
		c.fail(c.pos-4, "duration_nsec", fmt.Errorf("%w: %d, want less than a second", ErrValue, nsec))
		return 0
	}
	return time.Duration(sec)*time.Second + time.Duration(nsec)
}

func appendDuration(b []byte, d time.Duration) ([]byte, error) {
	if d == DurationUnknown {
		return be.AppendUint64(b, ^uint64(0)), nil
	}
	sec := d / time.Second
	if d < 0 || sec > maxUint32 {
		return b, fmt.Errorf("duration: %w: %v, want 0 to %d s", ErrValue, d, uint32(maxUint32))
	}
	b = be.AppendUint32(b, uint32(sec))
	return be.AppendUint32(b, uint32(d%time.Second)), nil
}
