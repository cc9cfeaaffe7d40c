package kind

import (
	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/tapctl/format"
)

// Replicas are the controllers that share a store.
func Replicas() Kind[api.Replica, api.ReplicaList] {
	type row = api.Replica
	return Kind[row, api.ReplicaList]{
		Word: "replica", Noun: "replica",
		Columns: []format.Column[row]{
			{Title: "NAME", Value: func(v row) string { return v.Name }, Flex: true},
			{Title: "ROLE", Value: func(v row) string { return v.Role }},
			{Title: "SINCE", Value: func(v row) string { return format.TimeText(v.Since) }},
			{Title: "URL", Value: func(v row) string { return v.URL }, Flex: true},
		},
		Items: func(l api.ReplicaList) []row { return l.Replicas },
		ID:    func(v row) string { return v.Name },
		Name:  func(v row) string { return v.Name },
	}
}
