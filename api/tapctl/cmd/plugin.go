package cmd

import (
	"strconv"

	"github.com/spf13/cobra"

	"github.com/tapline-sdn/tapline/api"
)

func plugins() kind[api.Plugin, api.PluginList] {
	type row = api.Plugin
	return kind[row, api.PluginList]{
		word: "plugin", noun: "plugin",
		columns: []column[row]{
			{title: "NAME", value: func(v row) string { return v.Name }, flex: true},
			{title: "VERSION", value: func(v row) string { return v.Version }},
			{title: "STATUS", value: func(v row) string { return string(v.Status) }},
			{title: "REASON", value: func(v row) string { return v.Reason }, flex: true},
			{title: "SINCE", value: func(v row) string { return toSecond(v.Since) }},
			{title: "RESTARTS", value: func(v row) string { return strconv.Itoa(v.Restarts) }, wide: true},
			{title: "PATH", value: func(v row) string { return v.Path }, wide: true},
		},
		items: func(l api.PluginList) []row { return l.Plugins },
		id:    func(v row) string { return v.Name },
		name:  func(v row) string { return v.Name },
	}
}

func (a *App) addPlugins(root *cobra.Command) {
	k := plugins()
	list := a.command("plugin-list [flags]", "List the controller's plugins",
		"  tapctl plugin-list\n  tapctl plugin-list -o wide",
		cobra.NoArgs, func(cmd *cobra.Command, _ []string) error {
			c, err := a.client()
			if err != nil {
				return err
			}
			l, err := c.Plugins().List(cmd.Context())
			if err != nil {
				return err
			}
			return k.printList(a, l)
		})
	reload := a.command("plugin-reload NAME", "Replace a running plugin by what its file and configuration are now",
		`  # after a new tapline-mirror was installed; nothing on the switches is written again
  tapctl plugin-reload mirror`,
		cobra.ExactArgs(1), func(cmd *cobra.Command, args []string) error {
			c, err := a.client()
			if err != nil {
				return err
			}
			v, err := c.Plugins().Reload(cmd.Context(), args[0])
			return k.written(a, v, err)
		})
	show := a.command("plugin-show NAME [flags]", "Show a plugin", "  tapctl plugin-show mirror -o yaml",
		cobra.ExactArgs(1), func(cmd *cobra.Command, args []string) error {
			c, err := a.client()
			if err != nil {
				return err
			}
			v, err := c.Plugins().Get(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			return k.print(a, v)
		})
	for _, cmd := range []*cobra.Command{list, show, reload} {
		cmd.GroupID = k.word
		root.AddCommand(cmd)
	}
}
