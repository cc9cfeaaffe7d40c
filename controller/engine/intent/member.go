package intent

import (
	"strings"

	"github.com/tapline-sdn/tapline/controller/store"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// Member is a NIC that the selector of a tap flow matches while the tap flow runs. To the plugin,
// and to everything that follows what stands on switches, it is a tap flow of type vnic with an id
// of its own. It is in no store.
type Member struct {
	ID    string // of the tap flow of type vnic
	Of    string // id of the tap flow with the selector
	Guest string // id
	MAC   tap.MAC
}

// NewMember returns the member of a tap flow that is a NIC of a guest.
func NewMember(of, guest string, mac tap.MAC) *Member {
	return &Member{ID: of + "/" + guest + "/" + mac.String(), Of: of, Guest: guest, MAC: mac}
}

// SelectorOf returns the id of the tap flow whose member has an id; "" if that is the id of no
// member, past or present.
func SelectorOf(id string) string {
	of, _, is := strings.Cut(id, "/")
	if !is {
		return ""
	}
	return of
}

// AddMember adds a member.
func (in *Intent) AddMember(m *Member) {
	in.Members[m.ID] = m
	in.MembersOf.Add(m.Of, m.ID)
}

// RemoveMember removes the member of an id.
func (in *Intent) RemoveMember(id string) {
	if m := in.Members[id]; m != nil {
		in.MembersOf.Remove(m.Of, id)
		delete(in.Members, id)
	}
}

// MemberFlow returns a member as a tap flow of type vnic.
func (in *Intent) MemberFlow(m *Member) *tap.Flow {
	of := in.Flows.ByID[m.Of]
	if of == nil || of.Deleting {
		return nil
	}

	flow := of.Flow
	flow.ID, flow.Type, flow.GuestID, flow.MAC = m.ID, tap.FlowVNIC, m.Guest, m.MAC
	flow.Selector = ""
	flow.Enabled = in.Runs(of)
	return &flow
}

// FlowRecord returns the record of a tap flow, or of the one whose member an id is; nil if there is
// none.
func (in *Intent) FlowRecord(id string) *store.Flow {
	if m := in.Members[id]; m != nil {
		id = m.Of
	}
	return in.Flows.ByID[id]
}
