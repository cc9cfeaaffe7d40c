package kind

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/tapctl/format"
)

// TapFlows are the mirror sources.
func TapFlows() Kind[api.TapFlow, api.TapFlowList] {
	type row = api.TapFlow

	return Kind[row, api.TapFlowList]{
		Word: "tap-flow", Noun: "tap flow",
		Columns: tapFlowColumns(),
		Items:   func(l api.TapFlowList) []row { return l.TapFlows },
		ID:      func(v row) string { return v.ID },
		Name:    func(v row) string { return v.Name },
		Health:  func(v row) Health { return Health{v.Status, v.Reason} },
		Texts: func(v row) map[string]string {
			return map[string]string{"counters": CounterText(v.Counters)}
		},
	}
}

func tapFlowColumns() []format.Column[api.TapFlow] {
	type row = api.TapFlow

	return slices.Concat(
		[]format.Column[row]{
			{Title: "NAME", Value: func(v row) string { return v.Name }, Flex: true},
			{Title: "TYPE", Value: func(v row) string { return v.Type }},
			{Title: "SOURCE", Value: Source, Flex: true},
			{Title: "DIRECTION", Value: func(v row) string { return v.Direction }},
			{Title: "TAP", Value: func(v row) string {
				return format.First(v.TapName, v.TapID)
			}, Flex: true},
			{Title: "STATUS", Value: func(v row) string { return string(v.Status) }},
			{Title: "REASON", Value: func(v row) string { return v.Reason }, Flex: true},

			{Title: "CODE", Value: func(v row) string { return v.ReasonCode }, Wide: true},
			{Title: "ENABLED", Value: func(v row) string {
				return strconv.FormatBool(v.Enabled)
			}, Wide: true},
			{Title: "MEMBERS", Value: members, Wide: true},
			{Title: "OPTIONS", Value: Options, Wide: true},
			{Title: "EXPIRES", Value: func(v row) string {
				return timeOf(v.ExpiresAt)
			}, Wide: true},
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

// members is how many NICs a selector matches, and how many of them are ready; "" without one.
func members(v api.TapFlow) string {
	if v.Members == nil {
		return ""
	}
	return strconv.Itoa(v.Members.Ready) + "/" + strconv.Itoa(v.Members.Total)
}

// Options are what a tap flow does to its copies, as KEY=VALUE; "" if nothing.
func Options(v api.TapFlow) string {
	var out []string
	if v.Filter != "" {
		out = append(out, "filter="+strconv.Quote(v.Filter))
	}
	if v.Snaplen != 0 {
		out = append(out, "snaplen="+strconv.Itoa(v.Snaplen))
	}
	if v.Sample != 0 {
		out = append(out, "sample="+strconv.Itoa(v.Sample))
	}
	if v.VLAN != "" && v.VLAN != "keep" {
		out = append(out, "vlan="+string(v.VLAN))
	}
	return strings.Join(out, " ")
}

// timeOf is a time for people; "" for nil.
func timeOf(t *time.Time) string {
	if t == nil {
		return ""
	}
	return format.Time(*t)
}

// Source is what a tap flow mirrors: a selector, GUEST/NIC, or HOST/WIRE and its VLAN.
func Source(v api.TapFlow) string {
	if v.Type == "selector" {
		return v.Selector
	}
	if v.Type == "vnic" {
		guest, nic := format.First(v.GuestName, v.GuestID), format.First(v.IPAddr, v.MACAddr)
		return strings.TrimSuffix(guest+"/"+nic, "/")
	}
	return format.First(v.HostName, v.HostID) + "/" + WireSource(v)
}

// WireSource is the wire that a tap flow mirrors, and its VLAN.
func WireSource(v api.TapFlow) string {
	if v.VLANID == 0 {
		return v.WireID
	}
	return v.WireID + " vlan " + strconv.Itoa(v.VLANID)
}
