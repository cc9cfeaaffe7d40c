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
		Selector: v.Selector, Direction: string(v.Direction),
		Filter: v.Filter, Snaplen: int(v.Snaplen), Sample: int(v.Sample),
		VLAN:     api.VLANAction(v.Tag.String()),
		StartsAt: Time(v.StartsAt), ExpiresAt: Time(v.ExpiresAt),
		Enabled: v.Enabled, Status: Status(v.State), Reason: v.Reason, ReasonCode: string(v.Code),
		Counters: Counters(v.Counters), Members: memberCounts(v),
		CreatedAt: v.CreatedAt, UpdatedAt: v.UpdatedAt,
		Labels: orEmpty(v.Labels), Description: v.Description, AppliedBy: v.AppliedBy,
	}
}

// memberCounts is how the members of a tap flow stand; nil if it has no selector.
func memberCounts(v view.Flow) *api.MemberCounts {
	if v.Type != tap.FlowSelector {
		return nil
	}
	m := v.Members
	return &api.MemberCounts{Total: m.Total, Ready: m.Ready, Pending: m.Pending, Error: m.Failed}
}

// Member returns the JSON form of a NIC that a selector matches.
func Member(m view.Member) api.Member {
	return api.Member{
		GuestID: m.GuestID, GuestName: m.Guest, MACAddr: m.MAC.String(), HostID: m.HostID,
		HostName: m.Host, Bridge: m.Bridge, Port: m.Port, Status: Status(m.State),
		Reason: m.Reason, ReasonCode: string(m.Code),
	}
}

// NewFlow returns the record of a tap flow that a request creates. It is enabled unless the request
// says otherwise.
func NewFlow(b api.TapFlowCreate, by store.Request) (store.Flow, error) {
	f := tap.Flow{
		Name: b.Name, TapID: b.TapID, Type: tap.FlowType(b.Type),
		GuestID: b.GuestID, HostID: b.HostID, WireID: b.WireID, Selector: b.Selector,
		Enabled: b.Enabled == nil || *b.Enabled,
		Options: tap.Options{
			Filter: b.Filter, Snaplen: uint32(b.Snaplen), Sample: uint32(b.Sample),
		},
	}

	var err error
	if f.Tag, err = tap.ParseVLANAction(string(b.VLAN)); err != nil {
		return store.Flow{}, problem.Invalid("vlan", err)
	}
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

	f.Options = f.Normalized()
	return store.Flow{
		Meta:   store.Meta{AppliedBy: b.AppliedBy, Request: by},
		Notes:  store.Notes{Labels: b.Labels, Description: b.Description},
		Window: store.Window{StartsAt: moment(b.StartsAt), ExpiresAt: moment(b.ExpiresAt)},
		Flow:   f,
	}, nil
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

	if err := editOptions(&f.Options, p); err != nil {
		return err
	}
	if p.StartsAt.Given {
		f.StartsAt = moment(p.StartsAt.Value)
	}
	if p.ExpiresAt.Given {
		f.ExpiresAt = moment(p.ExpiresAt.Value)
	}
	editNotes(&f.Notes, p.Labels, p.Description)

	setGiven(&f.Name, p.Name)
	setGiven(&f.TapID, p.TapID)
	setGiven(&f.Selector, p.Selector)
	setGiven(&f.Enabled, p.Enabled)
	return nil
}

// editOptions applies a patch to the options of a tap flow.
func editOptions(o *tap.Options, p api.TapFlowPatch) error {
	if p.VLAN.Given {
		var action api.VLANAction
		if p.VLAN.Value != nil {
			action = *p.VLAN.Value
		}

		var err error
		if o.Tag, err = tap.ParseVLANAction(string(action)); err != nil {
			return problem.Invalid("vlan", err)
		}
	}

	o.Filter = after(o.Filter, p.Filter)
	o.Snaplen = uint32(after(int(o.Snaplen), p.Snaplen)) // 0..65535 by the document
	o.Sample = uint32(after(int(o.Sample), p.Sample))    // 0..256 by the document
	*o = o.Normalized()
	return nil
}
