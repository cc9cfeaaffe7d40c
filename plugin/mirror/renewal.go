package mirror

import (
	"strings"

	"github.com/tapline-sdn/tapline/openflow"
	"github.com/tapline-sdn/tapline/openflow/oxm"
)

// addRenewal adds a flow that no packet matches. When filters of the host change, it has the switch
// renew what it has cached of mirrored packets.
//
// Where flows change, Open vSwitch gives a cached flow other actions, and two that overlap may
// stand side by side. Its userspace datapath finds the one to change by a packet, and so may change
// the wrong one: copies then go on, or stay away, for as long as the traffic lasts ("dpif-netdev:
// Fix dpif_netdev_flow_put", mended in 2.17.8, 3.0.5, 3.1.3 and 3.2.0). But it makes a cached flow
// anew where the tables look at bits of a packet that this one does not tell apart. So the flow
// looks at three bits of the packet mark, and at others when there are other filters, or other
// packets are dropped as duplicates.
func (b *programBuilder) addRenewal() {
	if b.program.Bridge.DatapathType != "netdev" {
		return
	}

	var filters strings.Builder
	for _, c := range b.captures {
		if c.tally.filter != nil {
			filters.WriteString(c.id)
		}
		for _, mac := range b.planner.duplicates(b.host.ID, c) {
			filters.WriteString(c.id + mac.String())
		}
	}
	if filters.Len() == 0 {
		return
	}

	bits := threeBits(hash32(filters.String()))
	mark := oxm.NewMaskedField(oxm.FieldPktMark, oxm.Uint128{Lo: bits}, oxm.Uint128{Lo: bits})
	b.flows.addBridgeFlow(tableClassify, priorityClosed,
		oxm.Match{oxm.InPort(openflow.PortLocal), mark})
}

// threeBits chooses three of 32 bits. None of the choices contains another one.
func threeBits(hash uint32) (bits uint64) {
	for range 3 {
		at := hash % 32
		for bits&(1<<at) != 0 {
			at = (at + 1) % 32
		}
		bits |= 1 << at
		hash /= 32
	}
	return bits
}
