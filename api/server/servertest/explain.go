package servertest

import (
	"context"

	"github.com/tapline-sdn/tapline/controller/engine/explain"
	"github.com/tapline-sdn/tapline/controller/engine/view"
	"github.com/tapline-sdn/tapline/controller/meter"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

func (e *Engine) ExplainService(_ context.Context, ref string) (explain.Explanation, error) {
	v, err := e.Service(ref)

	return explanation(tap.KindService, v.ID, v.Name, v.Health), err
}

func (e *Engine) ExplainFlow(_ context.Context, ref string) (explain.Explanation, error) {
	v, err := e.Flow(ref)

	var id, name string
	if v.Flow != nil {
		id, name = v.ID, v.Name
	}
	out := explanation(tap.KindFlow, id, name, v.Health)
	e.mu.Lock()
	out.Twins = e.twins[name]
	e.mu.Unlock()
	return out, err
}

const (
	captureID = "capture-1a2b3c4d"
	advice    = "on host h1: look into ovs-vswitchd.log"
)

// portError is the health of what stands on the switch of the explanation.
func portError() view.Health {
	return view.Health{
		State: tap.StateError, Reason: "the switch says of port tlm-1a2b3c4d: could not open",
	}
}

// explanation returns an explanation that has one of everything.
func explanation(kind tap.Kind, id, name string, health view.Health) explain.Explanation {
	count := meter.Count{Packets: 1234, Bytes: 123400}
	captured := meter.Flowing{Count: count, PacketsPerSecond: 10, BitsPerSecond: 8000}

	return explain.Explanation{
		Kind: kind, ID: id, Name: name, Health: health, Since: Epoch,
		Counters: meter.Counters{Captured: captured, SampledAt: Epoch},
		Path: []explain.Hop{
			{
				What: "source", HostID: "host-1", Host: "h1",
				Bridge: "br0", Port: "vnet0", OFPort: 3,
				Text:   "NIC 52:54:00:00:00:01 of guest vm1, IN",
				Found:  "external_ids:attached-mac, guest by external_ids:vm-id",
				Health: view.Health{State: tap.StateReady},
			},
			{
				What: "mirror", HostID: "host-1", Host: "h1", Bridge: "br0", Port: "tlm-1a2b3c4d",
				Text:   "tl-1a2b3c4d: select_dst_port=vnet0 output_port=tlm-1a2b3c4d",
				Health: portError(), Count: &count,
			},
			{
				What: "destination", Text: "NIC 02:74:61:00:00:01 (tapabcdef) of guest vm2",
				Health: view.Health{
					State:  tap.StatePending,
					Reason: "it is not plugged on any host that is connected",
				},
			},
		},
		Checks: []explain.Check{
			{What: "tap flow web is enabled", Health: view.Health{State: tap.StateReady}},
			{
				What: "host h1 captures (" + captureID + ")", HostID: "host-1", Host: "h1",
				Owner: captureID, Health: portError(), Since: Epoch, Next: advice,
			},
		},
		Next:     []string{advice},
		Switches: []explain.Switch{switchView()},
	}
}

// switchView returns the switch of the explanation: a port that could not be opened, and a Mirror
// record and an OpenFlow flow that are missing.
func switchView() explain.Switch {
	return explain.Switch{
		HostID: "host-1", Host: "h1", Health: portError(),
		OVSVersion: "3.1.0", TunnelIP: "192.0.2.1",
		OVSDB: explain.Connection{Connected: true, Since: Epoch},
		OpenFlow: explain.Connection{
			Problem: "it is not; the switch connects to tcp:192.0.2.9:6653: state=BACKOFF",
		},
		Rows: []explain.Row{
			{
				Table: "Port", Name: "tlm-1a2b3c4d", UUID: "00000001-0000-4000-8000-000000000000",
				Owner: captureID, State: explain.RowStands,
				Text: `on br0 vlan_mode=trunk trunks=[4095] type=patch ofport=-1 ` +
					`peer=tlt-1a2b3c4d error="could not open"`,
			},
			{
				Table: "Mirror", Name: "tl-1a2b3c4d", Owner: captureID,
				Text: "on br0 select_dst_port=vnet0", State: explain.RowMissing,
			},
		},
		Flows: []explain.SwitchFlow{{
			Owner: captureID, State: explain.RowMissing,
			Text: "table=0,priority=100,in_port=4097,actions=goto_table:2",
		}},
		FlowsError: "the OpenFlow connection of bridge brtap is missing",
	}
}
