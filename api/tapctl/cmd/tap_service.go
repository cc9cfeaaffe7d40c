package cmd

import (
	"strconv"

	"github.com/spf13/cobra"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/client"
)

func services() kind[api.TapService, api.TapServiceList] {
	type row = api.TapService
	counters := counterColumns(func(v row) api.Counters { return v.Counters })
	return kind[row, api.TapServiceList]{
		word: "tap-service", noun: "tap service",
		columns: []column[row]{
			{title: "NAME", value: func(v row) string { return v.Name }, flex: true},
			{title: "TYPE", value: func(v row) string { return v.Type }},
			{title: "TARGET", value: func(v row) string { return first(v.TargetName, v.TargetID) }, flex: true},
			{title: "MAC", value: func(v row) string { return v.MACAddr }},
			{title: "FLOWS", value: func(v row) string { return strconv.Itoa(v.FlowCount) }},
			{title: "STATUS", value: func(v row) string { return string(v.Status) }},
			{title: "REASON", value: func(v row) string { return v.Reason }, flex: true},
			{title: "IFNAME", value: func(v row) string { return v.IfName }, wide: true},
			{title: "HOST", value: func(v row) string { return first(v.HostName, v.HostID) }, wide: true},
			{title: "ENABLED", value: func(v row) string { return strconv.FormatBool(v.Enabled) }, wide: true},
			counters[0], counters[1], counters[2], counters[3],
			{title: "CREATED", value: func(v row) string { return moment(v.CreatedAt) }, wide: true},
			{title: "ID", value: func(v row) string { return v.ID }, drop: true},
		},
		items:  func(l api.TapServiceList) []row { return l.TapServices },
		id:     func(v row) string { return v.ID },
		name:   func(v row) string { return v.Name },
		health: func(v row) (api.Status, string) { return v.Status, v.Reason },
		texts:  func(v row) map[string]string { return map[string]string{"counters": counterText(v.Counters)} },
	}
}

func (a *App) addServices(root *cobra.Command) {
	k := services()
	of := func(c *client.Client) resource[api.TapService, api.TapServiceList] { return c.TapServices() }

	var body api.TapServiceCreate
	create := a.waits(a.command("tap-service-create --type guest|host --target-id ID [--mac-addr MAC] NAME",
		"Create a tap service, disabled",
		`  # collect in a guest, on a NIC that is added to it
  tapctl tap-service-create --type guest --target-id ids-vm ids
  # collect on an unused physical NIC of a host
  tapctl tap-service-create --type host --target-id h1 --mac-addr 52:54:00:12:34:56 probe
  tapctl tap-service-enable ids --wait 10s`,
		cobra.ExactArgs(1), func(cmd *cobra.Command, args []string) error {
			body.Name = args[0]
			c, err := a.client()
			if err != nil {
				return err
			}
			v, err := c.TapServices().Create(cmd.Context(), body, client.Wait(a.wait))
			return k.written(a, v, err)
		}))
	create.Flags().StringVar(&body.Type, "type", "", "guest, or host")
	create.Flags().StringVar(&body.TargetID, "target-id", "", "guest or host that collects")
	create.Flags().StringVar(&body.MACAddr, "mac-addr", "", "with --type host: MAC address of the unused NIC that collects")
	needs(create, "type", "target-id")

	var name string
	update := a.waits(a.command("tap-service-update ID [flags]", "Change a tap service",
		"  tapctl tap-service-update ids --name ids2", cobra.ExactArgs(1),
		func(cmd *cobra.Command, args []string) error {
			if err := anyGiven(cmd, "name"); err != nil {
				return err
			}
			c, err := a.client()
			if err != nil {
				return err
			}
			v, err := c.TapServices().Update(cmd.Context(), args[0], api.TapServicePatch{Name: &name}, client.Wait(a.wait))
			return k.written(a, v, err)
		}))
	update.Flags().StringVar(&name, "name", "", "new name")

	create.GroupID, update.GroupID = k.word, k.word
	root.AddCommand(create, update, showCommand(a, k, of), deleteCommand(a, k, of),
		listCommand(a, k, of,
			filter{"name", "name", "name"}, filter{"type", "type", "type: guest or host"}, filter{"target-id", "target_id", "guest or host"},
			filter{"host-id", "host_id", "host, where the tap NIC is"}, filter{"enabled", "enabled", "setting: true or false"},
			filter{"status", "status", "status: disabled, pending, ready or error"}, appliedBy(),
			filter{"order-by-ip", "order_by_ip", "asc or desc: by the first address of the target; before other orders"},
			filter{"order-by-flow-count", "order_by_flow_count", "asc or desc: by the number of tap flows; before other orders"}))
	root.AddCommand(switchCommands(a, k, func(c *client.Client) switchable[api.TapService, api.TapServiceList] { return c.TapServices() })...)
}
