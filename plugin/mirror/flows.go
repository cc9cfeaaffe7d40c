package mirror

import (
	"net/netip"

	"github.com/tapline-sdn/tapline/openflow"
	"github.com/tapline-sdn/tapline/openflow/action"
	"github.com/tapline-sdn/tapline/openflow/oxm"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// Tables of the tap bridge.
const (
	tableClassify openflow.TableID = 0 // which capture or service a packet belongs to
	tableGuard    openflow.TableID = 1 // drops packets of our own tunnels
	tableSelect   openflow.TableID = 2 // the capture's filter
	tableDeliver  openflow.TableID = 3 // to the tap NIC or into the tunnel
)

const (
	prioritySpecific = 100
	priorityRest     = 1
)

const protoGRE = 47

// flowTables collects the OpenFlow flows of one tap bridge. A packet that matches no flow is
// dropped (OpenFlow 1.3.5, 5.4).
type flowTables struct {
	entries []tap.FlowEntry
}

func (t *flowTables) add(
	owner string, tag uint64, table openflow.TableID, priority uint16,
	match oxm.Match, instructions ...action.Instruction,
) {
	t.entries = append(t.entries, tap.FlowEntry{Owner: owner, Mod: openflow.FlowMod{
		Cookie: cookie(tag), Table: table, Priority: priority,
		Match: match, Instructions: instructions,
	}})
}

// addGuard drops packets of this host's tunnel in both directions, and passes the rest.
func (t *flowTables) addGuard(tunnelIP netip.Addr) {
	t.add(ownerBridge, tag(kindBridge, ownerBridge), tableGuard, priorityRest, nil,
		action.GotoTable{Table: tableSelect})
	if tunnelIP.IsValid() {
		from, to := tunnelPackets(tunnelIP)
		t.addGuardDrop(from)
		t.addGuardDrop(to)
	}
}

// addGuardOthers drops tunnel packets of other hosts, which an underlay that floods may show us.
// Mirrored, they would be copies of copies, without end where two hosts see each other's.
func (t *flowTables) addGuardOthers(tunnelIPs []netip.Addr) {
	for _, ip := range tunnelIPs {
		from, _ := tunnelPackets(ip)
		t.addGuardDrop(from)
	}
}

func (t *flowTables) addGuardDrop(match oxm.Match) {
	t.add(ownerBridge, tag(kindBridge, ownerBridge), tableGuard, prioritySpecific, match)
}

// tunnelPackets matches the packets that a tunnel address sends and those that it receives.
func tunnelPackets(ip netip.Addr) (from, to oxm.Match) {
	ether, src, dst := oxm.EthType(0x0800), oxm.IPv4Src, oxm.IPv4Dst
	if ip.Is6() {
		ether, src, dst = oxm.EthType(0x86dd), oxm.IPv6Src, oxm.IPv6Dst
	}
	gre, host := oxm.IPProto(protoGRE), netip.PrefixFrom(ip, ip.BitLen())
	return oxm.Match{ether, gre, src(host)}, oxm.Match{ether, gre, dst(host)}
}

// addLocalCapture delivers a capture's packets to a tap NIC on the same host.
func (t *flowTables) addLocalCapture(c *capture, port uint32) {
	t.addCapture(c, port)
	id := tag(kindCapture, c.id)
	t.add(c.id, id, tableDeliver, prioritySpecific, oxm.Match{oxm.Metadata(id)},
		output(c.to.ofport))
}

// addRemoteCapture sends a capture's packets through the tunnel to the host of the tap NIC.
func (t *flowTables) addRemoteCapture(c *capture, inputs objectInputs) {
	t.addCapture(c, inputs.port)
	id := tag(kindCapture, c.id)
	t.add(c.id, id, tableDeliver, prioritySpecific, oxm.Match{oxm.Metadata(id)},
		action.ApplyActions{
			action.SetField{Field: oxm.TunnelID(uint64(inputs.key))},
			action.SetField{Field: oxm.TunDst(c.to.tunnelIP)},
			action.Output{Port: openflow.PortNo(inputs.tunnelPort)},
		})
}

// addCapture takes a capture's packets from its patch port to the table that delivers them.
func (t *flowTables) addCapture(c *capture, port uint32) {
	id := tag(kindCapture, c.id)
	next := tableSelect
	if c.guarded {
		next = tableGuard
	}

	t.add(c.id, id, tableClassify, prioritySpecific,
		oxm.Match{oxm.InPort(openflow.PortNo(port))},
		action.WriteMetadata{Value: id, Mask: ^uint64(0)}, action.GotoTable{Table: next})
	t.add(c.id, id, tableSelect, prioritySpecific, oxm.Match{oxm.Metadata(id)},
		action.GotoTable{Table: tableDeliver})
}

// tunnelSender is how one host's copies for a service arrive.
type tunnelSender struct {
	addr netip.Addr
	port uint32 // number of the tunnel port at which they arrive
	key  uint32 // tun_id
}

// addReceive delivers what the hosts of a service's sources send through the tunnel, and nothing
// that others send.
func (t *flowTables) addReceive(s *tap.Service, to destination, senders []tunnelSender) {
	id := tag(kindService, s.ID)
	for _, from := range senders {
		t.add(s.ID, id, tableClassify, prioritySpecific, oxm.Match{
			oxm.InPort(openflow.PortNo(from.port)),
			oxm.TunnelID(uint64(from.key)),
			oxm.TunSrc(from.addr),
		}, action.WriteMetadata{Value: id, Mask: ^uint64(0)}, action.GotoTable{Table: tableDeliver})
	}
	t.add(s.ID, id, tableDeliver, prioritySpecific, oxm.Match{oxm.Metadata(id)},
		output(to.ofport))
}

func output(port uint32) action.Instruction {
	return action.ApplyActions{action.Output{Port: openflow.PortNo(port)}}
}
