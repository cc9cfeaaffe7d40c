package mirror

import (
	"slices"

	"github.com/tapline-sdn/tapline/openflow"
	"github.com/tapline-sdn/tapline/openflow/action"
	"github.com/tapline-sdn/tapline/openflow/oxm"
	"github.com/tapline-sdn/tapline/plugin/filter"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// addCapture takes a capture's packets from its patch port to the table that delivers them:
//
//	0 classify, 1 guard, 2 filter, [3 apart,] [4 limit and sample,] [5, 6 pool,] 8 deliver
//
// What meets a meter in table 4 comes by table 3; see [tap.Apart].
func (t *flowTables) addCapture(c *capture, inputs objectInputs) {
	id := tag(kindCapture, c.id)
	match := oxm.Match{oxm.InPort(openflow.PortNo(inputs.port))}
	if inputs.entering {
		// Where a flow changes a packet and then has connection tracking take it up again, the
		// releases of Open vSwitch that mirror changed packets once more do so as if it had entered
		// once more. What has just entered the switch has recirc_id 0.
		match = append(match, oxm.RecircID(0))
	}
	t.add(c.id, id, tableClassify, prioritySpecific, match,
		countAside(tableSenders, tableReceivers),
		action.WriteMetadata{Value: id, Mask: ^uint64(0)}, action.GotoTable{Table: tableGuard})

	// A filter leads to table 4 in any case, where one flow counts and stands for all its rules.
	next := tableDeliver
	if inputs.pool {
		next = tablePool
		t.addPool(c, &inputs)
	}
	if c.tally.filter != nil || c.tally.options.Sample > 1 || inputs.rateMeter != 0 {
		t.addLimit(c, inputs, next)
		next = tableLimit
	}
	if inputs.rateMeter != 0 {
		t.add(c.id, id, tableApart, prioritySpecific, oxm.Match{oxm.Metadata(id)},
			action.ApplyActions{tap.Apart(tableLimit)})
		next = tableApart
	}

	if c.tally.filter != nil {
		t.addFilter(c, action.GotoTable{Table: next})
	} else {
		t.add(c.id, id, tableSelect, prioritySpecific, oxm.Match{oxm.Metadata(id)},
			action.GotoTable{Table: next})
	}
}

// addFilter adds the rules of a capture's filter. The last flow counts what no rule accepts.
func (t *flowTables) addFilter(c *capture, accept action.Instruction) {
	id := tag(kindCapture, c.id)
	flows := c.tally.filter.Flows(filter.Placement{
		Table: tableSelect, Priority: priorityFilter, Match: oxm.Match{oxm.Metadata(id)},
		Cookie: cookie(id), Accept: []action.Instruction{accept},
		Conjunction: hash32(c.id) &^ (filter.MaxFlows - 1),
	})
	for i := range flows {
		t.entries = append(t.entries, tap.FlowEntry{Owner: c.id, Mod: flows[i]})
	}
	t.add(c.id, id, tableSelect, priorityRest, oxm.Match{oxm.Metadata(id)})
}

// addLimit adds the flow that limits the rate of a capture's packets and samples them, on their way
// to the next table.
func (t *flowTables) addLimit(c *capture, inputs objectInputs, next openflow.TableID) {
	id := tag(kindCapture, c.id)
	var do []action.Instruction
	if inputs.rateMeter != 0 {
		do = append(do, action.Meter{ID: inputs.rateMeter})
	}

	var apply action.ApplyActions
	if c.tally.filter != nil {
		apply = countAside(tableSelectedSenders, tableSelectedReceivers)
	}
	if n := c.tally.options.Sample; n > 1 {
		apply = append(apply, action.Group{ID: t.addSample(c.id, n, next)})
	}
	if len(apply) > 0 {
		do = append(do, apply)
	}
	if c.tally.options.Sample <= 1 {
		do = append(do, action.GotoTable{Table: next})
	}
	t.add(c.id, id, tableLimit, prioritySpecific, oxm.Match{oxm.Metadata(id)}, do...)
}

// addSample adds the group that passes one connection in n on, and returns its id. The hash of a
// select group is the same for both directions of a connection. A bucket with an output would not
// cut what it sends, so the bucket leads to the next table.
func (t *flowTables) addSample(owner string, n uint32, next openflow.TableID) (id uint32) {
	id = 1 + hash32(owner)%maxGroup
	t.groups = append(t.groups, tap.GroupEntry{Owner: owner, Mod: openflow.GroupMod{
		Group: openflow.GroupTypeSelect, ID: id, Buckets: []openflow.Bucket{
			{Weight: 1, Actions: []action.Action{
				action.Resubmit{InPort: openflow.PortInPort, Table: next},
			}},
			{Weight: uint16(n - 1)}, // drops
		},
	}})
	return id
}

// maxGroup is the highest id of a group (OFPG_MAX, OpenFlow 1.3.5, 7.3.4.2).
const maxGroup = 0xffffff00

// addLeg delivers a capture's packets by one leg: to a tap NIC of the same host, through the tunnel
// to another host, or to a remote collector.
func (t *flowTables) addLeg(c *capture, inputs objectInputs, l *legInputs) {
	d := delivery{
		owner: c.id, tag: tag(kindCapture, c.id), member: l.member, frame: inputs.frame,
		options: c.tally.options,
	}

	switch {
	case l.to.collector.addr.IsValid():
		d.header = l.to.collector.header()
	case l.tunnelPort == 0:
		d.toNIC(l.to)
		t.addDelivery(d)
		return
	default:
		d.header = []action.Action{
			action.SetField{Field: oxm.TunnelID(uint64(l.key))},
			action.SetField{Field: oxm.TunDst(l.to.tunnel.addr)},
		}
	}

	d.port, d.untagged, d.tagged = l.tunnelPort, l.pathLimit, l.pathLimit
	t.addDelivery(d)
}

// toNIC has packets delivered to a tap NIC. A NIC takes frames with a VLAN tag that are four octets
// longer than others.
func (d *delivery) toNIC(to destination) {
	limit := frameSize(to.mtu)
	d.port, d.untagged, d.tagged = to.ofport, limit-min(limit, vlanTag), limit
}

// delivery is how the packets of a tag leave the tap bridge.
type delivery struct {
	owner   string
	tag     uint64
	member  uint32 // value of reg4 that its packets have; 0 for any
	port    uint32
	header  []action.Action // sets the fields of the tunnel
	frame   uint32          // size of the largest frame on the source bridge, 0 while unknown
	options tap.Options

	// untagged and tagged are the sizes of the largest frames without and with a VLAN tag that pass
	// the port, 0 for any.
	untagged, tagged uint32
}

// addDelivery adds the flows that send packets: one for all, or one more for frames with a VLAN
// tag where these are handled otherwise.
func (t *flowTables) addDelivery(d delivery) {
	if d.port == uint32(openflow.PortController) {
		t.addPacketIn(&d)
		return
	}

	match := oxm.Match{oxm.Metadata(d.tag)}
	if d.member != 0 {
		match = append(match, oxm.Reg(memberRegister, d.member))
	}

	exceeds := mayExceed(copySize(d.frame, d.options), d.tagged)
	if !exceeds {
		d.untagged, d.tagged = 0, 0
	}

	vid, push := d.options.Tag.Push()
	switch {
	case push:
		d.send(t, prioritySpecific, match, d.maxLen(d.tagged, -vlanTag, 0),
			action.PushVLAN{EtherType: 0x8100}, action.SetField{Field: oxm.VLANVID(vid)})
	case d.options.Tag == tap.VLANStrip:
		d.send(t, prioritySpecific, match, d.maxLen(d.untagged, 0, 0))
		d.send(t, priorityTagged, append(slices.Clip(match), oxm.VLANAny()),
			d.maxLen(d.untagged, vlanTag, vlanTag), action.PopVLAN{})
	default:
		d.send(t, prioritySpecific, match, d.maxLen(d.untagged, 0, 0))
		if d.untagged != d.tagged {
			d.send(t, priorityTagged, append(slices.Clip(match), oxm.VLANAny()),
				d.maxLen(d.tagged, 0, 0))
		}
	}
}

// maxLen is the size to which a frame is cut before its tag changes: to a limit on what passes,
// and to the snaplen, which is what the collector gets. 0 stands for no limit.
func (d *delivery) maxLen(limit uint32, grow, stripped int) uint32 {
	snaplen := d.options.Snaplen
	if snaplen != 0 {
		snaplen += uint32(stripped)
	}
	if limit == 0 {
		return snaplen
	}

	limit = uint32(int(limit) + grow)
	if snaplen == 0 {
		return limit
	}
	return min(limit, snaplen)
}

// send adds a flow that changes tags, sets the header of the tunnel, and outputs at most maxLen
// octets of the frame; 0 is all of it.
func (d *delivery) send(
	t *flowTables, priority uint16, match oxm.Match, maxLen uint32, tags ...action.Action,
) {
	t.add(d.owner, d.tag, tableDeliver, priority, match,
		action.ApplyActions(cutOutput(d.port, maxLen, append(tags, d.header...)...)))
}
