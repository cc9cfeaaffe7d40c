package kind

import (
	"slices"
	"strconv"
	"strings"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/tapctl/format"
)

// Guests are the declared guests, and those that switches and hypervisors report.
func Guests() Kind[api.Guest, api.GuestList] {
	type row = api.Guest

	return Kind[row, api.GuestList]{
		Word: "guest", Noun: "guest",
		Columns: guestColumns(),
		Items:   func(l api.GuestList) []row { return l.Guests },
		ID:      func(v row) string { return v.ID },
		Name:    func(v row) string { return v.Name },
	}
}

func guestColumns() []format.Column[api.Guest] {
	type row = api.Guest

	return []format.Column[row]{
		{Title: "NAME", Value: func(v row) string { return v.Name }, Flex: true},
		{Title: "MAC", Value: ofNICs(func(n api.GuestNIC) string { return n.MAC }), Flex: true},
		{Title: "IP", Value: ofNICs(func(n api.GuestNIC) string {
			return strings.Join(n.IPAddrs, ",")
		}), Flex: true},
		{Title: "HOST", Value: func(v row) string {
			return format.First(ofNICs(func(n api.GuestNIC) string { return n.Host })(v),
				v.Host)
		}, Flex: true},
		{
			Title: "PORT",
			Value: ofNICs(func(n api.GuestNIC) string { return n.Port }),
			Flex:  true,
		},

		{
			Title: "BRIDGE",
			Value: ofNICs(func(n api.GuestNIC) string { return n.Bridge }),
			Wide:  true,
		},
		{Title: "STATE", Value: func(v row) string { return v.State }, Wide: true},
		{Title: "FROM", Value: guestSources, Wide: true},
		{Title: "DECLARED", Value: func(v row) string {
			return strconv.FormatBool(v.Declared)
		}, Wide: true},
		{Title: "LABELS", Value: func(v row) string { return pairs(v.Labels) }, Wide: true},
		{Title: "ID", Value: func(v row) string { return v.ID }, Drop: true},
	}
}

// ofNICs lists something of each NIC of a guest that has it.
func ofNICs(get func(api.GuestNIC) string) func(api.Guest) string {
	return func(v api.Guest) string {
		var out []string
		for _, n := range v.NICs {
			if s := get(n); s != "" {
				out = append(out, s)
			}
		}
		return strings.Join(out, ",")
	}
}

// guestSources lists where the facts about a guest and its NICs come from.
func guestSources(v api.Guest) string {
	var all []string
	add := func(sources map[string][]string) {
		for _, some := range sources {
			all = append(all, some...)
		}
	}

	add(v.Sources)
	for _, n := range v.NICs {
		add(n.Sources)
	}

	slices.Sort(all)
	return strings.Join(slices.Compact(all), ",")
}
