package action

import (
	"encoding/binary"
	"fmt"

	"github.com/tapline-sdn/tapline/openflow/oxm"
	"github.com/tapline-sdn/tapline/openflow/wire"
)

// CheckPktLarger writes 1 into one bit of a field if the packet has more than Size octets, from its
// Ethernet header on, and 0 otherwise (ovs-actions(7), check_pkt_larger). The counters of flows
// that match the bit later count all packets, whatever their size; a meter in one of them does not.
type CheckPktLarger struct {
	Size uint16
	Dst  oxm.Subfield // one bit
}

var _ Action = CheckPktLarger{}

// String implements [Action].
func (a CheckPktLarger) String() string {
	return fmt.Sprintf("check_pkt_larger(%d)->%v", a.Size, a.Dst)
}

// appendAction appends, behind the subtype, which has 2 bytes,
//
//	 0               1               2               3
//	+-------------------------------+-------------------------------+
//	                                |             size              |
//	+-------------------------------+-------------------------------+
//	|             offset            |              dst              |
//	+-------------------------------+-------------------------------+
//	|       dst, continued          |             zeros             |
//	+-------------------------------+-------------------------------+
//	|                             zeros                             |
//	+---------------------------------------------------------------+
func (a CheckPktLarger) appendAction(b []byte) ([]byte, error) {
	if err := a.Dst.Validate(1); err != nil {
		return b, fmt.Errorf("check_pkt_larger: %w", err)
	}

	b = appendNicira(b, nxCheckPktLarger, 24)
	b = binary.BigEndian.AppendUint16(b, a.Size)
	b = binary.BigEndian.AppendUint16(b, uint16(a.Dst.Offset))
	return wire.AppendZeros(oxm.AppendNXMHeader(b, a.Dst.Field), 6), nil
}

// parseCheckPktLarger returns nil for a form that could not be written back unchanged.
func parseCheckPktLarger(c *wire.Cursor) Action {
	a := CheckPktLarger{Size: c.Uint16("pkt_len")}
	var ok bool
	a.Dst, ok = oxm.ParseSubfield(c, c.Uint16("offset"), 1)
	c.Skip(6)
	c.Done("check_pkt_larger")
	return known(a, ok)
}
