package present

import (
	"github.com/tapline-sdn/tapline/controller/engine/intent"
	"github.com/tapline-sdn/tapline/controller/engine/view"
)

// Member returns the view of a NIC that a tap flow's selector matches. It is disabled while the tap
// flow does not run.
func (p *Presenter) Member(m *intent.Member) view.Member {
	v := view.Member{GuestID: m.Guest, Guest: p.GuestName(m.Guest), MAC: m.MAC,
		Health: view.Disabled()}
	if p.intent.Members[m.ID] != nil {
		v.Health = p.standing.Health(intent.FlowRef(m.ID))
	}

	guest, _ := p.places.Guest(m.Guest, p.intent.Guests.ByID[m.Guest])
	for i := range guest.NICs {
		if guest.NICs[i].MAC != m.MAC {
			continue
		}
		for _, at := range guest.NICs[i].Locations {
			v.HostID, v.Host = at.Host, p.intent.HostName(at.Host)
			v.Bridge, v.Port = at.Bridge, at.Port
		}
	}
	return v
}
