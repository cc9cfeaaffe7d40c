package mirror

import (
	"slices"

	"github.com/tapline-sdn/tapline/plugin/tap"
)

// captureObjects are the objects of a capture in a program. They are remembered and made again only
// where their inputs changed: so successive programs share them, and comparing programs is cheap.
type captureObjects struct {
	inputs  objectInputs
	ports   [2]tap.Port
	mirrors []tap.Mirror // nil: to be made
	flows   []tap.FlowEntry
	groups  []tap.GroupEntry

	accounts []tap.FlowEntry // see [flowTables.addAccounts]; nil: to be made
}

// objectInputs are what the ports and flows of a capture depend on, beside its name.
type objectInputs struct {
	port        uint32 // number of its port on the tap bridge
	portRequest uint32 // number that this port requests
	frame       uint32 // size of the largest frame that it may see, 0 while unknown
	rateMeter   uint32 // id of the meter that limits its service; 0 if none does
	entering    bool   // only what has just entered the bridge is copied, see [capture.entering]
	leaving     bool   // a record of all traffic selects what leaves, too; see [leaving]

	legs   []legInputs
	pool   bool // copies are spread over the legs
	hashed bool // by multipath, see [flowTables.addPool]
}

// legInputs are what the flows of one leg depend on.
type legInputs struct {
	member uint32 // value of reg4 that a pool gives to its packets; 0 where there is no pool
	to     destination

	// Of a destination that is not on the same host:
	tunnelPort uint32 // number of the tunnel port; 0 on the same host
	key        uint32 // tun_id of its copies in the tunnel
	pathLimit  uint32 // size of the largest copy that passes, 0 for no limit
}

// joining reports whether there is nothing to deliver to yet.
func (i *objectInputs) joining() bool { return !i.pool && i.legs[0].to.joining }

func (i *objectInputs) equal(o *objectInputs) bool {
	return i.port == o.port && i.portRequest == o.portRequest && i.frame == o.frame &&
		i.rateMeter == o.rateMeter && i.entering == o.entering && i.pool == o.pool &&
		i.hashed == o.hashed && i.leaving == o.leaving && slices.Equal(i.legs, o.legs)
}

// objects returns the objects of a capture.
func (p *Planner) objects(c *capture, inputs objectInputs) *captureObjects {
	cache := &c.tally.objects
	if len(c.records) < len(c.tally.neededRecords()) {
		// Some records have no room on the bridge. The cache is for all of them.
		cache = &captureObjects{}
	}

	if cache.flows == nil || !cache.inputs.equal(&inputs) {
		if cache.inputs.leaving != inputs.leaving {
			cache.mirrors = nil
		}
		cache.inputs = inputs
		cache.ports = p.patchPorts(c, inputs.portRequest)
		cache.flows, cache.groups = captureFlows(c, inputs)
		cache.accounts = nil
	}
	if cache.accounts == nil {
		cache.accounts = accountFlows(c, inputs)
	}

	if cache.mirrors == nil {
		for _, r := range c.records {
			cache.mirrors = append(cache.mirrors, c.mirror(r, inputs.leaving))
		}
	}

	return cache
}

// closedVLAN is the reserved VLAN (IEEE 802.1Q, table 9-2), to which captures' ports are closed
// off.
const closedVLAN = tap.MaxVLAN + 1

// patchPorts is the pair of ports that joins a capture's bridge and the tap bridge.
func (p *Planner) patchPorts(c *capture, portRequest uint32) [2]tap.Port {
	return [2]tap.Port{
		{
			Owner: c.id, Bridge: c.bridge, Name: sourcePort(c.id), Type: "patch",
			Options: map[string]string{"peer": tapPort(c.id)},
			// A trunk of the reserved VLAN alone: ordinary traffic is never flooded to the port,
			// even while no Mirror reserves it.
			VLANMode: "trunk", Trunks: []uint16{closedVLAN},
		},
		{
			Owner: c.id, Bridge: p.world.config.Bridge, Name: tapPort(c.id), Type: "patch",
			Options: map[string]string{"peer": sourcePort(c.id)}, OFPortRequest: portRequest,
		},
	}
}

// accountFlows makes the flows that count the packets of each tap flow of a capture.
func accountFlows(c *capture, inputs objectInputs) []tap.FlowEntry {
	flows := flowTables{entries: []tap.FlowEntry{}}
	if len(c.tally.accounts()) > 0 && !inputs.joining() {
		flows.addAccounts(c, inputs.port)
	}
	return flows.entries
}

func captureFlows(c *capture, inputs objectInputs) ([]tap.FlowEntry, []tap.GroupEntry) {
	flows := flowTables{entries: []tap.FlowEntry{}}
	if inputs.joining() {
		// The flows follow once there is a port to deliver to.
		return flows.entries, nil
	}

	flows.addCapture(c, inputs)
	for i := range inputs.legs {
		flows.addLeg(c, inputs, &inputs.legs[i])
	}
	return flows.entries, flows.groups
}
