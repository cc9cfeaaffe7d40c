package openflow

import (
	"encoding/binary"
	"fmt"
	"math"
	"time"

	"github.com/tapline-sdn/tapline/openflow/wire"
)

// be is the byte order of everything in OpenFlow (7.1).
var be = binary.BigEndian

// The numbers that all parts of OpenFlow share.
type (
	PortNo  = wire.PortNo
	TableID = wire.TableID
	Cookie  = wire.Cookie
	MAC     = wire.MAC
)

// Reserved ports (7.2.1) and special tables (7.3.4.1); see [wire.PortNo] and [wire.TableID].
const (
	PortMax        = wire.PortMax
	PortInPort     = wire.PortInPort
	PortTable      = wire.PortTable
	PortNormal     = wire.PortNormal
	PortFlood      = wire.PortFlood
	PortAll        = wire.PortAll
	PortController = wire.PortController
	PortLocal      = wire.PortLocal
	PortAny        = wire.PortAny

	TableMax = wire.TableMax
	TableAll = wire.TableAll
)

// outPort is the wire form of an output port that restricts a request: zero means no restriction.
func outPort(p PortNo) uint32 {
	if p == 0 {
		return uint32(PortAny)
	}
	return uint32(p)
}

// parseOutPort reverses outPort. Port 0 does not exist (7.2.1), and as "no restriction" it would
// widen the request, so it is refused.
func parseOutPort(c *wire.Cursor) PortNo {
	p := PortNo(c.Uint32("out_port"))
	switch p {
	case PortAny:
		return 0
	case 0:
		c.Fail(c.Pos()-4, "out_port", fmt.Errorf("%w: 0 is no port", wire.ErrValue))
	}

	return p
}

// GroupFilter restricts a request to flows that output to one group. Its zero value is no
// restriction (OFPG_ANY).
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

// BufferID names a packet that the switch has buffered. Its zero value is no buffer
// (OFP_NO_BUFFER), which is all that Open vSwitch has.
type BufferID uint32 // Wire value plus one, so that OFP_NO_BUFFER is zero.

// Buffer is the buffer id.
func Buffer(id uint32) BufferID { return BufferID(id + 1) }

// Buffer returns the id, and false if there is no buffer.
func (b BufferID) Buffer() (id uint32, ok bool) { return uint32(b) - 1, b != 0 }

// DurationUnknown is the duration of what the switch keeps no time for, such as the queues of Open
// vSwitch. On the wire it is all ones.
const DurationUnknown time.Duration = -1

// parseDuration reads seconds and the nanoseconds beyond them, which are less than a second.
func parseDuration(c *wire.Cursor) time.Duration {
	sec, nsec := c.Uint32("duration_sec"), c.Uint32("duration_nsec")
	switch {
	case sec == math.MaxUint32 && nsec == math.MaxUint32:
		return DurationUnknown
	case nsec >= uint32(time.Second):
		c.Fail(c.Pos()-4, "duration_nsec",
			fmt.Errorf("%w: %d, want less than a second", wire.ErrValue, nsec))
		return 0
	}

	return time.Duration(sec)*time.Second + time.Duration(nsec)
}

func appendDuration(b []byte, d time.Duration) ([]byte, error) {
	if d == DurationUnknown {
		return be.AppendUint64(b, ^uint64(0)), nil
	}

	sec := d / time.Second
	if d < 0 || sec > math.MaxUint32 {
		return b, fmt.Errorf("duration: %w: %v, want 0 to %d s", wire.ErrValue, d,
			uint32(math.MaxUint32))
	}

	b = be.AppendUint32(b, uint32(sec))
	return be.AppendUint32(b, uint32(d%time.Second)), nil
}
