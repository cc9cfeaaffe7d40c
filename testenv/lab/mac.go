//go:build linux

package lab

import (
	"fmt"
	"net"
)

// MAC is a comparable Ethernet address. As text it has the form
// 52:54:00:00:00:01.
type MAC [6]byte

// Broadcast is the address of everybody.
func Broadcast() MAC { return MAC{0xff, 0xff, 0xff, 0xff, 0xff, 0xff} }

// ParseMAC reads an Ethernet address in a notation of net.ParseMAC.
func ParseMAC(s string) (MAC, error) {
	addr, err := net.ParseMAC(s)
	if err != nil {
		return MAC{}, err
	}
	if len(addr) != len(MAC{}) {
		return MAC{}, fmt.Errorf("address %q has %d bytes, an Ethernet address has 6", s, len(addr))
	}
	return MAC(addr), nil
}

func (m MAC) String() string { return net.HardwareAddr(m[:]).String() }

// MarshalText implements encoding.TextMarshaler.
func (m MAC) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (m *MAC) UnmarshalText(text []byte) (err error) {
	*m, err = ParseMAC(string(text))
	return err
}

// The second byte of a locally administered address tells what it belongs to.
const (
	macMgmt     = 0xa0 // mgmt0
	macEth      = 0xe0 // eth0, eth1, eth2: 0xe0 + number
	macInternal = 0xb0 // internal ports of br-phy (0xb0) and br0 (0xb1)
)

func hostMAC(kind byte, host int) MAC { return MAC{0x02, kind, 0, 0, 0, byte(host)} }

// guestMAC is from the range that QEMU and libvirt use.
func guestMAC(n int) MAC { return MAC{0x52, 0x54, 0x00, byte(n >> 16), byte(n >> 8), byte(n)} }
