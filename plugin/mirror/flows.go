package mirror

import (
	"net/netip"

	"github.com/tapline-sdn/tapline/openflow"
	"github.com/tapline-sdn/tapline/openflow/action"
	"github.com/tapline-sdn/tapline/openflow/oxm"
	"github.com/tapline-sdn/tapline/plugin/mirror/guard"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// Tables of the tap bridge.
const (
	tableClassify openflow.TableID = 0 // which capture or service a packet belongs to
	tableGuard    openflow.TableID = 1 // drops packets of tunnels
	tableSelect   openflow.TableID = 2 // the capture's filter
	tableApart    openflow.TableID = 3 // clones what a meter may drop
	tableLimit    openflow.TableID = 4 // the service's rate, and the sample
	tablePool     openflow.TableID = 5 // which member of a pool, by a hash
	tableSlot     openflow.TableID = 6 // which member of a pool, by its slot
	tableDeliver  openflow.TableID = 8 // to the tap NIC or into the tunnel
	// See account.go for those that only count.
)

const (
	priorityDuplicate = 2000
	priorityFilter    = 1000 // of the first rule of a filter; the others follow below
	priorityClosed    = 200
	priorityTagged    = 110
	prioritySpecific  = 100
	priorityRest      = 1
)

// flowTables collects the OpenFlow flows of one tap bridge. A packet that matches no flow is
// dropped (OpenFlow 1.3.5, 5.4).
type flowTables struct {
	entries []tap.FlowEntry
	groups  []tap.GroupEntry
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

// addBridgeFlow adds a flow that belongs to the tap bridge as such.
func (t *flowTables) addBridgeFlow(
	table openflow.TableID, priority uint16, match oxm.Match, instructions ...action.Instruction,
) {
	t.add(ownerBridge, tag(kindBridge, ownerBridge), table, priority, match, instructions...)
}

// addClosed drops packets of the reserved VLAN. The patch port of a capture is a trunk of that VLAN
// alone, so whatever a source bridge sends to the port by itself, such as what it floods in that
// VLAN, arrives with this tag. The flow stands while no controller runs.
func (t *flowTables) addClosed() {
	t.addBridgeFlow(tableClassify, priorityClosed, oxm.Match{oxm.VLANVID(closedVLAN)})
}

// tunnelSender is how one host's copies for a service arrive.
type tunnelSender struct {
	addr netip.Addr
	port uint32 // number of the tunnel port at which they arrive
	key  uint32 // tun_id
}

// addReceive delivers what the hosts of a service's sources send through the tunnel, and nothing
// that others send. No frame is larger than given.
func (t *flowTables) addReceive(
	s *tap.Service, to destination, frame uint32, senders []tunnelSender,
) {
	id := tag(kindService, s.ID)
	for _, from := range senders {
		t.add(s.ID, id, tableClassify, prioritySpecific, oxm.Match{
			oxm.InPort(openflow.PortNo(from.port)),
			oxm.TunnelID(uint64(from.key)),
			oxm.TunSrc(from.addr),
		}, action.WriteMetadata{Value: id, Mask: ^uint64(0)}, action.GotoTable{Table: tableDeliver})
	}
	d := delivery{owner: s.ID, tag: id, frame: frame}
	d.toNIC(to)
	t.addDelivery(d)
}

// addGuard drops guarded packets, and passes the rest.
func (t *flowTables) addGuard(guarded []guard.Packets) {
	t.addBridgeFlow(tableGuard, priorityRest, nil, action.GotoTable{Table: tableSelect})
	for _, packets := range guarded {
		t.addBridgeFlow(tableGuard, prioritySpecific, packets.Match())
	}
}
