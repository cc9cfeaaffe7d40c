package kind

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/tapctl/format"
)

// TapServices are the mirror destinations.
func TapServices() Kind[api.TapService, api.TapServiceList] {
	type row = api.TapService

	return Kind[row, api.TapServiceList]{
		Word: "tap-service", Noun: "tap service",
		Columns: tapServiceColumns(),
		Items:   func(l api.TapServiceList) []row { return l.TapServices },
		ID:      func(v row) string { return v.ID },
		Name:    func(v row) string { return v.Name },
		Health:  func(v row) Health { return Health{v.Status, v.Reason} },
		Texts: func(v row) map[string]string {
			return map[string]string{"counters": CounterText(v.Counters), "place": Place(v)}
		},
	}
}

// Place is the name of the host to which a tap service is pinned, its id if the host is no longer
// registered, or "".
func Place(v api.TapService) string {
	if v.Place == nil {
		return ""
	}
	return format.First(v.Place.HostName, v.Place.HostID)
}

// tapServiceTarget says where a tap service collects.
func tapServiceTarget(v api.TapService) string {
	switch {
	case len(v.MemberNames) > 0:
		return strings.Join(v.MemberNames, ", ")
	case v.Address != "" && v.Key != nil:
		return fmt.Sprintf("%s %s key %d", v.Address, v.Encap, *v.Key)
	}
	return format.First(v.TargetName, v.TargetID)
}

func tapServiceColumns() []format.Column[api.TapService] {
	type row = api.TapService

	return slices.Concat(
		[]format.Column[row]{
			{Title: "NAME", Value: func(v row) string { return v.Name }, Flex: true},
			{Title: "TYPE", Value: func(v row) string { return v.Type }},
			{Title: "TARGET", Value: tapServiceTarget, Flex: true},
			{Title: "MAC", Value: func(v row) string { return v.MACAddr }},
			{Title: "FLOWS", Value: func(v row) string { return strconv.Itoa(v.FlowCount) }},
			{Title: "STATUS", Value: func(v row) string { return string(v.Status) }},
			{Title: "REASON", Value: func(v row) string { return v.Reason }, Flex: true},

			{Title: "CODE", Value: func(v row) string { return v.ReasonCode }, Wide: true},
			{Title: "IFNAME", Value: func(v row) string { return v.IfName }, Wide: true},
			{Title: "HOST", Value: func(v row) string {
				return format.First(v.HostName, v.HostID)
			}, Wide: true},
			{Title: "PLACE", Value: Place, Wide: true},
			{Title: "ENABLED", Value: func(v row) string {
				return strconv.FormatBool(v.Enabled)
			}, Wide: true},
		},
		[]format.Column[row]{
			{Title: "RATE LIMIT", Value: func(v row) string { return v.RateLimit }, Wide: true},
			{Title: "LABELS", Value: func(v row) string { return pairs(v.Labels) }, Wide: true},
		},
		counterColumns(func(v row) api.Counters { return v.Counters }),
		[]format.Column[row]{
			{Title: "CREATED", Value: func(v row) string {
				return format.Time(v.CreatedAt)
			}, Wide: true},
			{Title: "ID", Value: func(v row) string { return v.ID }, Drop: true},
		},
	)
}
