package convert

import (
	"cmp"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/server/problem"
	"github.com/tapline-sdn/tapline/controller/engine/view"
	"github.com/tapline-sdn/tapline/controller/store"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// Service returns the JSON form of a tap service.
func Service(v view.Service) api.TapService {
	var place *api.Place
	if v.Place != "" {
		place = &api.Place{HostID: v.Place, HostName: v.PlaceHost}
	}

	out := api.TapService{
		ID: v.ID, Name: v.Name, Type: string(v.Type),
		TargetID: v.TargetID, TargetName: v.Target, TargetIPs: addrTexts(v.TargetIPs),
		MACAddr: v.MAC.String(), IfName: v.IfName,
		Enabled: v.Enabled, Status: Status(v.State), Reason: v.Reason, ReasonCode: string(v.Code),
		RateLimit: v.RateLimit.String(), Labels: orEmpty(v.Labels), Description: v.Description,
		HostID: v.HostID, HostName: v.Host, Place: place, FlowCount: v.FlowCount, NICXML: v.NICXML,
		Counters: Counters(v.Counters), CreatedAt: v.CreatedAt, UpdatedAt: v.UpdatedAt,
		AppliedBy: v.AppliedBy, Dedup: v.Dedup,
		Members: orEmptyList(v.Members), MemberNames: orEmptyList(v.MemberNames),
	}

	if v.Type == tap.ServiceRemote {
		out.Address, out.Encap, out.Key = v.Address.String(), string(v.Encap), &v.Key
		out.Port = cmp.Or(v.Port, v.Encap.DefaultPort())
	}
	return out
}

// orEmptyList makes an empty list of none, so that JSON shows [].
func orEmptyList(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}

// NewService returns the record of a tap service that a request creates.
func NewService(b api.TapServiceCreate, by store.Request) (store.Service, error) {
	mac, err := optionalMAC("mac_addr", b.MACAddr)
	if err != nil {
		return store.Service{}, err
	}

	limit, err := tap.ParseRateLimit(b.RateLimit)
	if err != nil {
		return store.Service{}, problem.Invalid("rate_limit", err)
	}

	address, err := optionalIP("address", b.Address)
	if err != nil {
		return store.Service{}, err
	}

	var key uint32
	if b.Key != nil {
		key = *b.Key
	}

	return store.Service{
		Meta:  store.Meta{AppliedBy: b.AppliedBy, Request: by},
		Notes: store.Notes{Labels: b.Labels, Description: b.Description},
		Service: tap.Service{
			Name: b.Name, Type: tap.ServiceType(b.Type), TargetID: b.TargetID, MAC: mac,
			RateLimit: limit, Dedup: b.Dedup, Members: b.Members,
			Address: address, Encap: tap.Encap(b.Encap), Key: key, Port: b.Port,
		},
		KeyChosen: b.Key != nil,
	}, nil
}

// EditService applies a patch to a record.
func EditService(s *store.Service, p api.TapServicePatch) error {
	if p.RateLimit.Given {
		var err error
		if s.RateLimit, err = tap.ParseRateLimit(after("", p.RateLimit)); err != nil {
			return problem.Invalid("rate_limit", err)
		}
	}

	if p.Members != nil {
		s.Members = p.Members
	}

	setGiven(&s.Dedup, p.Dedup)
	editNotes(&s.Notes, p.Labels, p.Description)
	setGiven(&s.Name, p.Name)
	setGiven(&s.Enabled, p.Enabled)

	return nil
}
