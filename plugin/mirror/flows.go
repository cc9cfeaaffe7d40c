package mirror

import (
	"net/netip"

	"github.com/tapline-sdn/tapline/openflow"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// Tables of the tap bridge.
const (
	tableClassify openflow.TableID = 0 // whose packet is this
	tableGuard    openflow.TableID = 1 // our own tunnel's packets are not mirrored
	tableSelect   openflow.TableID = 2 // the capture's filter
	tableDeliver  openflow.TableID = 3 // to the tap NIC or into the tunnel
)

const (
	prioritySpecific = 100
	priorityRest     = 1
)

const protoGRE = 47

// flowTables collects the flows of one tap bridge. What matches nothing is dropped by the tables' defaults
// (OpenFlow 1.3.5, 5.4).
type flowTables struct {
	entries []tap.FlowEntry
}

func (t *flowTables) add(owner string, tag uint64, table openflow.TableID, priority uint16, match openflow.Match, do ...openflow.Instruction) {
	t.entries = append(t.entries, tap.FlowEntry{Owner: owner, Mod: openflow.FlowMod{
		Cookie: cookie(tag), Table: table, Priority: priority, Match: match, Instructions: do,
	}})
}

// guard drops our tunnel's packets, in both directions, and passes the rest. A host without a tunnel has only the rest.
func (t *flowTables) guard(tunnelIP netip.Addr) {
	t.add(ownerBridge, tag(kindBridge, ownerBridge), tableGuard, priorityRest, nil, openflow.GotoTable{Table: tableSelect})
	if tunnelIP.IsValid() {
		from, to := tunnelPackets(tunnelIP)
		t.guardDrop(from)
		t.guardDrop(to)
	}
}

// guardOthers drops tunnel packets of other hosts, which an underlay that floods may show us. Mirrored, they would be copies of
// copies, without end where two hosts see each other's.
func (t *flowTables) guardOthers(tunnelIPs []netip.Addr) {
	for _, ip := range tunnelIPs {
		from, _ := tunnelPackets(ip)
		t.guardDrop(from)
	}
}

func (t *flowTables) guardDrop(match openflow.Match) {
	t.add(ownerBridge, tag(kindBridge, ownerBridge), tableGuard, prioritySpecific, match)
}

// tunnelPackets matches the packets that a tunnel address sends and those that it gets.
func tunnelPackets(ip netip.Addr) (from, to openflow.Match) {
	ether, src, dst := openflow.EthType(0x0800), openflow.IPv4Src, openflow.IPv4Dst
	if ip.Is6() {
		ether, src, dst = openflow.EthType(0x86dd), openflow.IPv6Src, openflow.IPv6Dst
	}
	gre, host := openflow.IPProto(protoGRE), netip.PrefixFrom(ip, ip.BitLen())
	return openflow.Match{ether, gre, src(host)}, openflow.Match{ether, gre, dst(host)}
}

// capture takes a capture's packets from its patch port to the table that delivers them.
func (t *flowTables) capture(c *capture, in uint32) {
	id := tag(kindCapture, c.id)
	next := tableSelect
	if c.guard {
		next = tableGuard
	}
	t.add(c.id, id, tableClassify, prioritySpecific, openflow.Match{openflow.InPort(openflow.PortNo(in))},
		openflow.WriteMetadata{Value: id, Mask: ^uint64(0)}, openflow.GotoTable{Table: next})
	t.add(c.id, id, tableSelect, prioritySpecific, openflow.Match{openflow.Metadata(id)},
		openflow.GotoTable{Table: tableDeliver})
}

func (t *flowTables) captureLocal(c *capture, in uint32) {
	t.capture(c, in)
	id := tag(kindCapture, c.id)
	t.add(c.id, id, tableDeliver, prioritySpecific, openflow.Match{openflow.Metadata(id)}, output(c.to.ofport))
}

func (t *flowTables) captureRemote(c *capture, in, tunnel uint32) {
	t.capture(c, in)
	id := tag(kindCapture, c.id)
	t.add(c.id, id, tableDeliver, prioritySpecific, openflow.Match{openflow.Metadata(id)}, openflow.ApplyActions{
		openflow.SetField{Field: openflow.TunnelID(uint64(c.service.Key))},
		openflow.SetField{Field: openflow.TunDst(c.to.tunnelIP)},
		openflow.Output{Port: openflow.PortNo(tunnel)},
	})
}

// receive delivers what the hosts of a service's sources send through the tunnel, and what nobody else sends.
func (t *flowTables) receive(s *tap.Service, to destination, tunnel uint32, senders []string) {
	id := tag(kindService, s.ID)
	for _, ip := range senders {
		t.add(s.ID, id, tableClassify, prioritySpecific, openflow.Match{
			openflow.InPort(openflow.PortNo(tunnel)), openflow.TunnelID(uint64(s.Key)), openflow.TunSrc(netip.MustParseAddr(ip)),
		}, openflow.WriteMetadata{Value: id, Mask: ^uint64(0)}, openflow.GotoTable{Table: tableDeliver})
	}
	t.add(s.ID, id, tableDeliver, prioritySpecific, openflow.Match{openflow.Metadata(id)}, output(to.ofport))
}

func output(port uint32) openflow.Instruction {
	return openflow.ApplyActions{openflow.Output{Port: openflow.PortNo(port)}}
}
