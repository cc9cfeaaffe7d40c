package kind

import (
	"slices"
	"strconv"
	"strings"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/tapctl/format"
)

// Hosts are the registered hosts.
func Hosts() Kind[api.Host, api.HostList] {
	type row = api.Host
	return Kind[row, api.HostList]{
		Word: "host", Noun: "host",
		Columns: []format.Column[row]{
			{Title: "NAME", Value: func(v row) string { return v.Name }, Flex: true},
			{Title: "OVSDB", Value: func(v row) string { return v.OVSDB }, Flex: true},
			{Title: "TUNNEL IP", Value: func(v row) string { return v.TunnelIP }},
			{Title: "CONNECTED", Value: func(v row) string {
				return strconv.FormatBool(v.Connected)
			}},
			{Title: "STATUS", Value: func(v row) string { return string(v.Status) }},
			{Title: "REASON", Value: func(v row) string { return v.Reason }, Flex: true},
			{Title: "CODE", Value: func(v row) string { return v.ReasonCode }, Wide: true},
			{Title: "OVS", Value: func(v row) string { return v.OVSVersion }, Wide: true},
			{Title: "WIRES", Value: func(v row) string { return pairs(v.Wires) }, Wide: true},
			{Title: "BRIDGES", Value: func(v row) string {
				return strings.Join(v.Bridges, ",")
			}, Wide: true},
			{Title: "LACKS", Value: func(v row) string { return lacks(v.Lacks) }, Wide: true},
			{Title: "LABELS", Value: func(v row) string { return pairs(v.Labels) }, Wide: true},
			{Title: "ID", Value: func(v row) string { return v.ID }, Drop: true},
		},
		Items:  func(l api.HostList) []row { return l.Hosts },
		ID:     func(v row) string { return v.ID },
		Name:   func(v row) string { return v.Name },
		Health: func(v row) Health { return Health{v.Status, v.Reason} },
		Texts: func(v row) map[string]string {
			return map[string]string{"lacks": lackSentences(v.Lacks)}
		},
	}
}

// lacks are the codes of what a switch lacks; those of which it is not certain end in "?".
func lacks(all []api.HostLack) string {
	var codes []string
	for _, lack := range all {
		code := lack.Code
		if lack.Possible {
			code += "?"
		}
		codes = append(codes, code)
	}
	return strings.Join(codes, ",")
}

// lackSentences says what a switch lacks and what that costs, one line each.
func lackSentences(all []api.HostLack) string {
	var lines []string
	for _, lack := range all {
		code := lack.Code
		if lack.Possible {
			code += " (perhaps; the switch does not tell)"
		}
		lines = append(lines, code+": "+lack.What+". "+lack.Costs)
	}
	return strings.Join(lines, "\n")
}

// pairs is a map as KEY=VALUE,KEY=VALUE, sorted.
func pairs(m map[string]string) string {
	var out []string
	for key, value := range m {
		out = append(out, key+"="+value)
	}
	slices.Sort(out)
	return strings.Join(out, ",")
}
