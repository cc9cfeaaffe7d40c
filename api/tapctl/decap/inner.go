package decap

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
)

// An encapsulation is how copies come: by which transport, and how the frame is found in it.
type encapsulation struct {
	name string
	// port is the standard UDP port. 0 means IP protocol 47 (GRE) instead of UDP.
	port uint16
	take func(payload []byte) (inner, error)
}

// encapsulations are those that a remote tap service can have.
var encapsulations = []encapsulation{
	{"gre", 0, takeGRE},
	{"vxlan", 4789, takeVXLAN},
	{"geneve", 6081, takeGeneve},
	{"erspan1", 0, takeERSPAN1},
	{"erspan2", 0, takeERSPAN2},
}

// find returns the encapsulation of a name, in the words of flag --encap.
func find(name string) (encapsulation, bool) {
	i := slices.IndexFunc(encapsulations, func(e encapsulation) bool { return e.name == name })
	if i < 0 {
		return encapsulation{}, false
	}
	return encapsulations[i], true
}

// inner is what a tunnel carried: the key of the tap service (GRE key, VNI or ERSPAN session; 0
// where a GRE packet has none) and the mirrored frame, from its Ethernet header on.
type inner struct {
	key   uint32
	frame []byte
}

// Why a packet holds no frame.
var (
	errShort    = errors.New("cut off in its headers")
	errProtocol = errors.New("carries no Ethernet frame of this encapsulation")
	errVersion  = errors.New("a version of the encapsulation that is not known")
	errOptions  = errors.New("options that must be understood, and are not")
)

// ethernetHeader is the length of the shortest Ethernet header.
const ethernetHeader = 14

// EtherTypes in GRE and Geneve headers.
const (
	transparentEthernet = 0x6558
	erspanType2         = 0x88be
	erspanType3         = 0x22eb
)

// takeVXLAN reads RFC 7348, section 5.
func takeVXLAN(b []byte) (inner, error) {
	const length, hasVNI = 8, 0x08
	if len(b) < length {
		return inner{}, errShort
	}
	if b[0]&hasVNI == 0 {
		return inner{}, errProtocol
	}
	return framed(binary.BigEndian.Uint32(b[4:])>>8, b[length:])
}

// takeGeneve reads RFC 8926, section 3.4. Options are skipped; a packet that says that one of them
// must be understood, or that is for the endpoint itself, carries no copy.
func takeGeneve(b []byte) (inner, error) {
	const length, control, critical = 8, 0x80, 0x40
	if len(b) < length {
		return inner{}, errShort
	}
	if b[0]>>6 != 0 {
		return inner{}, errVersion
	}

	switch {
	case b[1]&critical != 0:
		return inner{}, errOptions
	case b[1]&control != 0, binary.BigEndian.Uint16(b[2:]) != transparentEthernet:
		return inner{}, errProtocol
	}

	end := length + 4*int(b[0]&0x3f)
	if len(b) < end {
		return inner{}, errShort
	}
	return framed(binary.BigEndian.Uint32(b[4:])>>8, b[end:])
}

// takeGRE reads RFC 2784 with the key of RFC 2890.
func takeGRE(b []byte) (inner, error) {
	h, err := parseGRE(b)
	if err != nil {
		return inner{}, err
	}
	if h.protocol != transparentEthernet {
		return inner{}, errProtocol
	}
	return framed(h.key, h.rest)
}

// takeERSPAN1 reads what Open vSwitch calls version 1: ERSPAN type II, and type I, which has no
// header of its own and no sequence number (draft-foschiano-erspan-03, section 4).
func takeERSPAN1(b []byte) (inner, error) {
	const length, version = 8, 1
	h, err := parseGRE(b)
	if err != nil {
		return inner{}, err
	}

	if h.protocol != erspanType2 {
		return inner{}, errProtocol
	}
	if !h.sequenced {
		return framed(0, h.rest)
	}

	session, err := parseERSPAN(h.rest, length, version)
	if err != nil {
		return inner{}, err
	}
	return framed(session, h.rest[length:])
}

// takeERSPAN2 reads what Open vSwitch calls version 2: ERSPAN type III, whose last bit says that 8
// more octets follow.
func takeERSPAN2(b []byte) (inner, error) {
	const length, subheader, version = 12, 8, 2
	h, err := parseGRE(b)
	if err != nil {
		return inner{}, err
	}
	if h.protocol != erspanType3 {
		return inner{}, errProtocol
	}

	session, err := parseERSPAN(h.rest, length, version)
	if err != nil {
		return inner{}, err
	}

	end := length
	if h.rest[length-1]&1 != 0 {
		end += subheader
	}
	if len(h.rest) < end {
		return inner{}, errShort
	}
	return framed(session, h.rest[end:])
}

// parseERSPAN returns the session of an ERSPAN header of at least so many octets.
func parseERSPAN(b []byte, length int, version byte) (session uint32, err error) {
	if len(b) < length {
		return 0, errShort
	}
	if b[0]>>4 != version {
		return 0, errVersion
	}
	return uint32(binary.BigEndian.Uint16(b[2:]) & 0x3ff), nil
}

// gre is a GRE header, and what follows it.
type gre struct {
	protocol  uint16
	key       uint32
	sequenced bool
	rest      []byte
}

func parseGRE(b []byte) (gre, error) {
	const checksum, routing, key, sequence = 0x80, 0x40, 0x20, 0x10
	if len(b) < 4 {
		return gre{}, errShort
	}
	if b[0]&routing != 0 || b[1]&7 != 0 {
		return gre{}, errVersion
	}

	flags := b[0]
	h := gre{protocol: binary.BigEndian.Uint16(b[2:]), sequenced: flags&sequence != 0, rest: b[4:]}
	for _, field := range []byte{checksum, key, sequence} { // Each is 4 octets, in this order.
		if flags&field == 0 {
			continue
		}
		if len(h.rest) < 4 {
			return gre{}, errShort
		}
		if field == key {
			h.key = binary.BigEndian.Uint32(h.rest)
		}
		h.rest = h.rest[4:]
	}

	return h, nil
}

func framed(key uint32, frame []byte) (inner, error) {
	if len(frame) < ethernetHeader {
		return inner{}, fmt.Errorf("the frame in it has %d octets: %w", len(frame), errShort)
	}
	return inner{key, frame}, nil
}

// withoutIPv4 takes the IPv4 header off a packet, which a raw socket delivers with it.
func withoutIPv4(b []byte) ([]byte, error) {
	if len(b) < 20 {
		return nil, errShort
	}
	end := 4 * int(b[0]&0x0f)
	if end < 20 || len(b) < end {
		return nil, errShort
	}
	return b[end:], nil
}
