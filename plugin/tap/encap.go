package tap

import "slices"

// Encap is how copies travel to a remote collector.
type Encap string

// The encapsulations.
const (
	EncapGRE     Encap = "gre"     // RFC 2784, with the key of RFC 2890
	EncapVXLAN   Encap = "vxlan"   // RFC 7348
	EncapGeneve  Encap = "geneve"  // RFC 8926
	EncapERSPAN1 Encap = "erspan1" // ERSPAN version 1, which is also called type II
	EncapERSPAN2 Encap = "erspan2" // ERSPAN version 2, which is also called type III
)

// Encaps are all encapsulations.
var Encaps = []Encap{EncapGRE, EncapVXLAN, EncapGeneve, EncapERSPAN1, EncapERSPAN2}

// Known reports whether it is one of the encapsulations.
func (e Encap) Known() bool { return slices.Contains(Encaps, e) }

// MaxKey is the highest key that a header of the encapsulation can carry: of 32 bits in GRE, a VNI
// of 24 bits in VXLAN and Geneve, a session of 10 bits in ERSPAN.
func (e Encap) MaxKey() uint32 {
	switch e {
	case EncapVXLAN, EncapGeneve:
		return 1<<24 - 1
	case EncapERSPAN1, EncapERSPAN2:
		return 1<<10 - 1
	}
	return 1<<32 - 1
}

// DefaultPort is the registered UDP port of the encapsulation; 0 for one that is not carried by
// UDP.
func (e Encap) DefaultPort() uint16 {
	switch e {
	case EncapVXLAN:
		return 4789
	case EncapGeneve:
		return 6081
	}
	return 0
}

// ERSPAN reports whether it is a version of ERSPAN.
func (e Encap) ERSPAN() bool { return e == EncapERSPAN1 || e == EncapERSPAN2 }

// MaxMembers is the largest number of members of a pool, which has 64 slots.
const MaxMembers = 32
