package convert

import (
	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/controller/engine/forecast"
	"github.com/tapline-sdn/tapline/controller/engine/view"
)

// Plan returns the JSON form of a forecast.
func Plan(f forecast.Forecast) api.Plan {
	out := api.Plan{Hosts: []api.PlannedHost{}, Resources: []api.PlannedResource{}}

	for _, h := range f.Hosts {
		host := api.PlannedHost{ID: h.ID, Name: h.Name, Items: []api.PlannedItem{}}
		for _, i := range h.Items {
			host.Items = append(host.Items, api.PlannedItem{
				Action: i.Action, Kind: i.Kind, Name: i.Name,
				Text: i.Text, Was: i.Was, For: orNone(i.For),
			})
		}
		out.Hosts = append(out.Hosts, host)
	}

	for _, r := range f.Resources {
		out.Resources = append(out.Resources, api.PlannedResource{
			Kind: r.Kind, ID: r.ID, Name: r.Name, Action: r.Action,
			Before: standing(r.Before), After: standing(r.After),
			Joins: r.Joins, Leaves: r.Leaves, Members: r.Members,
		})
	}
	return out
}

func standing(h view.Health) api.Standing {
	return api.Standing{Status: Status(h.State), Reason: h.Reason, ReasonCode: string(h.Code)}
}
