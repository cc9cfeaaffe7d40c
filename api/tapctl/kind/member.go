package kind

import (
	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/tapctl/format"
)

// Members are the NICs that the selector of a tap flow matches.
func Members() Kind[api.Member, api.MemberList] {
	type row = api.Member

	return Kind[row, api.MemberList]{
		Word: "member", Noun: "member",
		Columns: []format.Column[row]{
			{Title: "GUEST", Value: func(v row) string { return v.GuestName }, Flex: true},
			{Title: "MAC", Value: func(v row) string { return v.MACAddr }},
			{Title: "HOST", Value: func(v row) string { return v.HostName }, Flex: true},
			{Title: "PORT", Value: func(v row) string { return v.Port }, Flex: true},
			{Title: "STATUS", Value: func(v row) string { return string(v.Status) }},
			{Title: "REASON", Value: func(v row) string { return v.Reason }, Flex: true},

			{Title: "BRIDGE", Value: func(v row) string { return v.Bridge }, Wide: true},
			{Title: "CODE", Value: func(v row) string { return v.ReasonCode }, Wide: true},
			{Title: "GUEST-ID", Value: func(v row) string { return v.GuestID }, Wide: true},
		},
		Items: func(l api.MemberList) []row { return l.Members },
		ID:    func(v row) string { return v.GuestID },
		Name:  func(v row) string { return v.GuestName },
	}
}
