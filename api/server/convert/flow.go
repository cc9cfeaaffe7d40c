package convert

import (
	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/server/problem"
	"github.com/tapline-sdn/tapline/controller/engine/view"
	"github.com/tapline-sdn/tapline/controller/store"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// Flow returns the JSON form of a tap flow.
func Flow(v view.Flow) api.TapFlow {
	return api.TapFlow{
		ID: v.ID, Name: v.Name, TapID: v.TapID, TapName: v.Tap, Type: string(v.Type),
		GuestID: v.GuestID, GuestName: v.Guest,
		HostID: v.HostID, HostName: v.Host, WireID: v.WireID,
		MACAddr: v.MAC.String(), IPAddr: addrText(v.IP), VLANID: int(v.VLAN),
		Direction: string(v.Direction),
		Enabled:   v.Enabled, Status: Status(v.State), Reason: v.Reason, ReasonCode: string(v.Code),
		Counters: Counters(v.Counters), CreatedAt: v.CreatedAt, UpdatedAt: v.UpdatedAt,
		AppliedBy: v.AppliedBy,
	}
}

// NewFlow returns the record of a tap flow that a request creates. It is enabled unless the request
// says otherwise.
func NewFlow(b api.TapFlowCreate, by store.Request) (store.Flow, error) {
	f := tap.Flow{
		Name: b.Name, TapID: b.TapID, Type: tap.FlowType(b.Type),
		GuestID: b.GuestID, HostID: b.HostID, WireID: b.WireID,
		Enabled: b.Enabled == nil || *b.Enabled,
	}

	var err error
	if f.MAC, err = optionalMAC("mac_addr", b.MACAddr); err != nil {
		return store.Flow{}, err
	}
	if f.IP, err = optionalIP("ip_addr", b.IPAddr); err != nil {
		return store.Flow{}, err
	}
	if b.VLANID != nil {
		f.VLAN = uint16(*b.VLANID) // 1..4094 by the document
	}
	if f.Direction, err = tap.ParseDirection(b.Direction); err != nil {
		return store.Flow{}, problem.Invalid("direction", err)
	}

	return store.Flow{Meta: store.Meta{AppliedBy: b.AppliedBy, Request: by}, Flow: f}, nil
}

// EditFlow applies a patch to a record.
func EditFlow(f *store.Flow, p api.TapFlowPatch) error {
	if p.Direction != nil {
		direction, err := tap.ParseDirection(*p.Direction)
		if err != nil {
			return problem.Invalid("direction", err)
		}
		f.Direction = direction
	}

	if p.VLANID.Given {
		f.VLAN = 0
		if p.VLANID.Value != nil {
			f.VLAN = uint16(*p.VLANID.Value) // 1..4094 by the document
		}
	}

	setGiven(&f.Name, p.Name)
	setGiven(&f.TapID, p.TapID)
	setGiven(&f.Enabled, p.Enabled)
	return nil
}
