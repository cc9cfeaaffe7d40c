package mirror

import (
	"bytes"
	"slices"

	"github.com/tapline-sdn/tapline/openflow"
	"github.com/tapline-sdn/tapline/openflow/action"
	"github.com/tapline-sdn/tapline/openflow/oxm"
	"github.com/tapline-sdn/tapline/openflow/wire"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// Several tap flows may share a capture. Nothing in a copy tells which of their NICs it was taken
// at, so what each of them captures is counted by MAC address: packets from the NIC's address for a
// tap flow of direction OUT, packets to it for one of direction IN.
//
// The counting is done aside. The flow of table 0 resubmits a packet to tables whose flows do
// nothing but count, and then goes on as ever. Where there is a filter, table 4 does so again, for
// what the filter accepts. Bridges that learn addresses look at both addresses of a packet anyway,
// so the switch caches no more flows for it.
//
// A capture of one tap flow has no flows in these tables. It resubmits to them all the same, so
// that no flow which counts is written anew, and starts its time anew, when another tap flow joins.

// Tables of the tap bridge whose flows only count.
const (
	tableSenders           openflow.TableID = 16 // what enters, by source address
	tableReceivers         openflow.TableID = 17 // what enters, by destination address
	tableSelectedSenders   openflow.TableID = 18 // what the filter accepts
	tableSelectedReceivers openflow.TableID = 19
)

// otherSender is set in register 5 of a packet whose source address is that of no NIC.
var otherSender = oxm.Reg(5, 1)

// account is the tap flows whose packets are told by the address of one NIC.
type account struct {
	mac            tap.MAC
	sent, received []string // ids of tap flows
}

// accounts returns how the packets of the capture are divided among its tap flows, sorted by
// address; nil where one tap flow has all packets, or none is told by an address. Two NICs that
// have the same address, as in two VLANs, are not told by it.
func (t *captureTally) accounts() []account {
	if t.accountsKnown {
		return t.byMAC
	}

	running, byMAC := 0, map[tap.MAC]*account{}
	owner := map[tap.MAC]string{} // guest with the address; "" if several have it
	for f := range t.flows {
		if !f.active {
			continue
		}
		running++
		if f.mac.IsZero() {
			continue
		}

		of := byMAC[f.mac]
		if of == nil {
			of = &account{mac: f.mac}
			byMAC[f.mac], owner[f.mac] = of, f.flow.GuestID
		}
		if owner[f.mac] != f.flow.GuestID {
			owner[f.mac] = ""
		}
		of.add(f.flow)
	}

	t.byMAC, t.accountsKnown = nil, true
	if running < 2 {
		return nil
	}
	for mac, of := range byMAC {
		if owner[mac] != "" {
			slices.Sort(of.sent)
			slices.Sort(of.received)
			t.byMAC = append(t.byMAC, *of)
		}
	}
	slices.SortFunc(t.byMAC, func(a, b account) int { return bytes.Compare(a.mac[:], b.mac[:]) })
	return t.byMAC
}

func (a *account) add(f *tap.Flow) {
	if f.Direction != tap.In {
		a.sent = append(a.sent, f.ID)
	}
	if f.Direction != tap.Out {
		a.received = append(a.received, f.ID)
	}
}

// countAside resubmits a packet to tables whose flows only count.
func countAside(tables ...openflow.TableID) action.ApplyActions {
	var do action.ApplyActions
	for _, table := range tables {
		do = append(do, action.Resubmit{InPort: openflow.PortInPort, Table: table})
	}
	return do
}

// addAccounts adds the flows that count the packets of a capture aside.
func (t *flowTables) addAccounts(c *capture, port uint32) {
	in := oxm.InPort(openflow.PortNo(port))
	for _, of := range c.tally.accounts() {
		from := oxm.Match{in, oxm.EthSrc(wire.MAC(of.mac))}
		to := oxm.Match{in, oxm.EthDst(wire.MAC(of.mac))}
		t.addCount(c, tableSenders, prioritySpecific, from, tap.CountsSent, of.sent)
		t.addCount(c, tableReceivers, prioritySpecific, to, tap.CountsReceived, of.received)
		if c.tally.filter != nil {
			t.addCount(c, tableSelectedSenders, prioritySpecific, from, tap.CountsSelected, of.sent)
			t.addCount(c, tableSelectedReceivers, prioritySpecific, to, tap.CountsSelected,
				of.received)
		}
	}

	t.addCount(c, tableSenders, priorityRest, oxm.Match{in}, tap.CountsSent, nil,
		action.ApplyActions{action.SetField{Field: otherSender}})
	t.addCount(c, tableReceivers, priorityRest, oxm.Match{in, otherSender},
		tap.CountsUnexplained, nil)
}

// addCount adds a flow that only counts. One for the packets of no tap flow is the last of its
// table.
func (t *flowTables) addCount(
	c *capture, table openflow.TableID, priority uint16, match oxm.Match, counts tap.FlowCount,
	tapFlows []string, do ...action.Instruction,
) {
	if priority != priorityRest && len(tapFlows) == 0 {
		return
	}

	id := tag(kindCapture, c.id)
	t.add(c.id, id, table, priority, match, do...)
	entry := &t.entries[len(t.entries)-1]
	entry.Counts, entry.TapFlows = counts, tapFlows
}
