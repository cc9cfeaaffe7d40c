package kind

import (
	"strconv"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/tapctl/format"
)

// Plugins are the controller's plugins.
func Plugins() Kind[api.Plugin, api.PluginList] {
	type row = api.Plugin
	return Kind[row, api.PluginList]{
		Word: "plugin", Noun: "plugin",
		Columns: []format.Column[row]{
			{Title: "NAME", Value: func(v row) string { return v.Name }, Flex: true},
			{Title: "VERSION", Value: func(v row) string { return v.Version }},
			{Title: "STATUS", Value: func(v row) string { return string(v.Status) }},
			{Title: "REASON", Value: func(v row) string { return v.Reason }, Flex: true},
			{Title: "CODE", Value: func(v row) string { return v.ReasonCode }, Wide: true},
			{Title: "SINCE", Value: func(v row) string { return format.TimeText(v.Since) }},
			{Title: "RESTARTS", Value: func(v row) string {
				return strconv.Itoa(v.Restarts)
			}, Wide: true},
			{Title: "PATH", Value: func(v row) string { return v.Path }, Wide: true},
		},
		Items: func(l api.PluginList) []row { return l.Plugins },
		ID:    func(v row) string { return v.Name },
		Name:  func(v row) string { return v.Name },
	}
}
