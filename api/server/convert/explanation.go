package convert

import (
	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/controller/engine/explain"
)

// Explanation returns the JSON form of an explanation.
func Explanation(x explain.Explanation) api.Explanation {
	out := api.Explanation{
		Kind: string(x.Kind), ID: x.ID, Name: x.Name,
		Status: Status(x.State), Reason: x.Reason, ReasonCode: string(x.Code), Since: Time(x.Since),
		Counters: Counters(x.Counters), Next: orNone(x.Next),
		Path: []api.Hop{}, Checks: []api.Check{}, Flows: []api.FlowLine{}, Switches: []api.Switch{},
		SamePacket: []api.SamePacket{},
	}

	for _, h := range x.Path {
		out.Path = append(out.Path, hop(h))
	}
	for _, c := range x.Checks {
		out.Checks = append(out.Checks, api.Check{
			What: c.What, HostID: c.HostID, Host: c.Host, Owner: c.Owner,
			Status: Status(c.State), Reason: c.Reason, ReasonCode: string(c.Code),
			Since: Time(c.Since), Next: c.Next,
		})
	}
	for _, f := range x.Flows {
		out.Flows = append(out.Flows, api.FlowLine{
			ID: f.ID, Name: f.Name, Status: Status(f.State), Reason: f.Reason,
			ReasonCode: string(f.Code),
			Counters:   Counters(f.Counters),
		})
	}
	for _, twin := range x.Twins {
		same := api.SamePacket{TapFlow: twin.Flow, Reason: twin.Why}
		out.SamePacket = append(out.SamePacket, same)
	}
	for _, v := range x.Switches {
		out.Switches = append(out.Switches, hostSwitch(v))
	}
	return out
}

func hop(h explain.Hop) api.Hop {
	out := api.Hop{
		What: h.What, HostID: h.HostID, Host: h.Host, Bridge: h.Bridge, Port: h.Port,
		OFPort: int(h.OFPort), Text: h.Text, Found: h.Found,
		Status: Status(h.State), Reason: h.Reason, ReasonCode: string(h.Code),
	}
	if h.Count != nil {
		out.Count = &api.Count{Packets: h.Count.Packets, Bytes: h.Count.Bytes}
	}

	return out
}

func hostSwitch(v explain.Switch) api.Switch {
	out := api.Switch{
		HostID: v.HostID, Host: v.Host, Status: Status(v.State), Reason: v.Reason,
		ReasonCode: string(v.Code),
		OVSVersion: v.OVSVersion, TunnelIP: v.TunnelIP,
		OVSDB: connection(v.OVSDB), OpenFlow: connection(v.OpenFlow), FlowsError: v.FlowsError,
		Rows: []api.Row{}, Flows: []api.SwitchFlow{},
	}

	for _, r := range v.Rows {
		out.Rows = append(out.Rows, api.Row{
			Table: r.Table, Name: r.Name, UUID: r.UUID, Owner: r.Owner, Text: r.Text,
			State: string(r.State),
		})
	}
	for _, f := range v.Flows {
		out.Flows = append(out.Flows, api.SwitchFlow{
			Owner: f.Owner, Text: f.Text, State: string(f.State),
		})
	}
	return out
}

func connection(c explain.Connection) api.Connection {
	return api.Connection{Connected: c.Connected, Problem: c.Problem, Since: Time(c.Since)}
}
