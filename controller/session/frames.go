package session

import (
	"encoding/binary"

	"github.com/tapline-sdn/tapline/controller/reconcile"
	"github.com/tapline-sdn/tapline/openflow"
	"github.com/tapline-sdn/tapline/openflow/action"
	"github.com/tapline-sdn/tapline/openflow/oxm"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// A probe is a frame that a host's tap bridge sends through the tunnel to another's, which sends it
// to the controller:
//
//	+--------------+--------------+--------+------------------+-----------------+---------+
//	| destination  |    source    | 0x88b5 | datapath id of   |      nonce      |  zeros  |
//	| 02:74:61:... | 02:74:61:... |        | sender (8)       |       (8)       |         |
//	+--------------+--------------+--------+------------------+-----------------+---------+
//
// The nonce shows that the answer is to our question. Zeros make it as long as a copy may be.
const (
	frameHeader = 14
	probeSize   = frameHeader + 16
	minFrame    = 64   // Ethernet
	fullFrame   = 1518 // a frame of an MTU of 1500, with one VLAN tag
)

func frame(etherType uint16, size int) []byte {
	b := make([]byte, 0, max(size, frameHeader))
	b = append(b, 0x02, 't', 'a', 0, 0, 1, 0x02, 't', 'a', 0, 0, 2)
	return binary.BigEndian.AppendUint16(b, etherType)
}

// probeFrame is a probe of at least probeSize octets.
func probeFrame(dpid, nonce uint64, size int) []byte {
	b := frame(reconcile.ProbeEtherType, size)
	b = binary.BigEndian.AppendUint64(b, dpid)
	b = binary.BigEndian.AppendUint64(b, nonce)
	return append(b, make([]byte, max(0, size-len(b)))...)
}

// ParseProbe reads who sent a probe, and its nonce.
func ParseProbe(p *openflow.PacketIn) (dpid, nonce uint64, ok bool) {
	if !reconcile.IsProbe(p) || len(p.Data) < probeSize ||
		binary.BigEndian.Uint16(p.Data[12:]) != reconcile.ProbeEtherType {
		return 0, 0, false
	}
	dpid = binary.BigEndian.Uint64(p.Data[frameHeader:])
	return dpid, binary.BigEndian.Uint64(p.Data[frameHeader+8:]), true
}

// through sends a frame through a tunnel port.
func through(tunnel openflow.PortNo, peer *tap.Peer, data []byte) openflow.Message {
	return &openflow.PacketOut{
		Data: data,
		Actions: []action.Action{
			action.SetField{Field: oxm.TunnelID(uint64(peer.ProbeKey))},
			action.SetField{Field: oxm.TunDst(peer.Addr)},
			action.Output{Port: tunnel},
		},
	}
}
