package wire

import (
	"fmt"
	"strconv"
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

// TableID is a flow table, 0 to [TableMax].
type TableID uint8

// Special tables (7.3.4.1).
const (
	TableMax TableID = 0xfe // The highest number of a table.
	TableAll TableID = 0xff // All tables, in deletes and in statistics requests.
)

// Cookie is a value that the controller attaches to a flow (7.3.4.1).
type Cookie uint64

// String returns the cookie in hexadecimal.
func (c Cookie) String() string { return fmt.Sprintf("%#x", uint64(c)) }

// MAC is an Ethernet address. Unlike net.HardwareAddr it is comparable.
type MAC [6]byte

// MACOf returns the address whose bits are the lower 48 of v.
func MACOf(v uint64) MAC {
	return MAC{byte(v >> 40), byte(v >> 32), byte(v >> 24), byte(v >> 16), byte(v >> 8), byte(v)}
}

// Uint64 returns the address as a number.
func (m MAC) Uint64() uint64 {
	var v uint64
	for _, x := range m {
		v = v<<8 | uint64(x)
	}
	return v
}

// String returns the address in colon notation.
func (m MAC) String() string {
	return fmt.Sprintf("%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3], m[4], m[5])
}
