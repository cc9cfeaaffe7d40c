package action

import (
	"encoding/binary"
	"fmt"

	"github.com/tapline-sdn/tapline/openflow/oxm"
	"github.com/tapline-sdn/tapline/openflow/wire"
)

// Multipath hashes the packet and writes the number of a link, 0 to Links - 1, into a field
// (ovs-actions(7), multipath). Packets with the same hashed fields get the same link.
type Multipath struct {
	Fields    HashFields
	Basis     uint16 // of the hash: another basis spreads packets in another way
	Algorithm LinkAlgorithm
	Links     uint16 // at least 1, and at most as many as Dst can hold
	Arg       uint32 // of LinkIterHash, otherwise 0
	Dst       oxm.Subfield
}

// HashFields are the fields of a packet that are hashed (nicira-ext.h, enum nx_hash_fields). The
// symmetric ones give both directions of a connection the same hash.
type HashFields uint16

// Sets of fields.
const (
	HashEthSrc           HashFields = 0
	HashSymmetricL4      HashFields = 1 // Ethernet, VLAN, IP, TCP and SCTP.
	HashSymmetricL3L4    HashFields = 2 // IP, TCP and SCTP.
	HashSymmetricL3L4UDP HashFields = 3 // IP, TCP, SCTP and UDP.
	HashIPSrc            HashFields = 4
	HashIPDst            HashFields = 5
	HashSymmetricL3      HashFields = 6 // IP addresses alone.
)

var hashFieldsNames = [...]string{
	"eth_src", "symmetric_l4", "symmetric_l3l4", "symmetric_l3l4+udp", "nw_src", "nw_dst",
	"symmetric_l3",
}

// String returns the name of ovs-actions(7).
func (f HashFields) String() string { return nameOf(hashFieldsNames[:], uint16(f)) }

// LinkAlgorithm says how a hash chooses a link (nicira-ext.h, enum nx_mp_algorithm).
type LinkAlgorithm uint16

// Algorithms.
const (
	LinkModuloN       LinkAlgorithm = 0 // Fast; most packets move when the number of links changes.
	LinkHashThreshold LinkAlgorithm = 1 // Half of the packets move.
	LinkHRW           LinkAlgorithm = 2 // Few packets move; its time grows with the links.
	LinkIterHash      LinkAlgorithm = 3 // Few packets move; its time is constant.
)

var linkAlgorithmNames = [...]string{"modulo_n", "hash_threshold", "hrw", "iter_hash"}

// String returns the name of ovs-actions(7).
func (a LinkAlgorithm) String() string { return nameOf(linkAlgorithmNames[:], uint16(a)) }

func nameOf(names []string, v uint16) string {
	if int(v) < len(names) {
		return names[v]
	}
	return fmt.Sprint(v)
}

var _ Action = Multipath{}

// String implements [Action].
func (a Multipath) String() string {
	return fmt.Sprintf("multipath(%v,%d,%v,%d,%d,%v)",
		a.Fields, a.Basis, a.Algorithm, a.Links, a.Arg, a.Dst)
}

// appendAction appends, behind the subtype, which has 2 bytes,
//
//	 0               1               2               3
//	+-------------------------------+-------------------------------+
//	                                |            fields             |
//	+-------------------------------+-------------------------------+
//	|             basis             |             zeros             |
//	+-------------------------------+-------------------------------+
//	|           algorithm           |           links - 1           |
//	+-------------------------------+-------------------------------+
//	|                              arg                              |
//	+-------------------------------+-------------------------------+
//	|             zeros             |           ofs_nbits           |
//	+-------------------------------+-------------------------------+
//	|                              dst                              |
//	+---------------------------------------------------------------+
func (a Multipath) appendAction(b []byte) ([]byte, error) {
	if err := a.Dst.Validate(64); err != nil {
		return b, fmt.Errorf("multipath: %w", err)
	}
	if !a.valid() {
		return b, fmt.Errorf("multipath: %w: %v, %v, %d links in %d bits", wire.ErrValue,
			a.Fields, a.Algorithm, a.Links, a.Dst.Bits)
	}

	be := binary.BigEndian
	b = appendNicira(b, nxMultipath, 32)
	b = be.AppendUint16(b, uint16(a.Fields))
	b = be.AppendUint16(b, a.Basis)
	b = append(b, 0, 0)
	b = be.AppendUint16(b, uint16(a.Algorithm))
	b = be.AppendUint16(b, a.Links-1)
	b = be.AppendUint32(b, a.Arg)
	b = append(b, 0, 0)
	b = be.AppendUint16(b, offsetBits(a.Dst))
	return oxm.AppendNXMHeader(b, a.Dst.Field), nil
}

// valid reports whether Open vSwitch knows the fields and the algorithm, and the field can hold the
// number of every link.
func (a Multipath) valid() bool {
	return int(a.Fields) < len(hashFieldsNames) && int(a.Algorithm) < len(linkAlgorithmNames) &&
		a.Links > 0 && uint64(a.Links-1)&^lowBits(a.Dst.Bits) == 0
}

// parseMultipath returns nil for a form that could not be written back unchanged.
func parseMultipath(c *wire.Cursor) Action {
	a := Multipath{Fields: HashFields(c.Uint16("fields")), Basis: c.Uint16("basis")}
	c.Skip(2)
	a.Algorithm = LinkAlgorithm(c.Uint16("algorithm"))
	a.Links = c.Uint16("max_link") + 1 // 0 for 65,536 links, which are not valid
	a.Arg = c.Uint32("arg")
	c.Skip(2)

	var ok bool
	a.Dst, ok = parsePackedSubfield(c)
	c.Done("multipath")
	return known(a, ok && a.valid())
}
