package cmd

import (
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/client"
)

func flows() kind[api.TapFlow, api.TapFlowList] {
	type row = api.TapFlow
	counters := counterColumns(func(v row) api.Counters { return v.Counters })
	return kind[row, api.TapFlowList]{
		word: "tap-flow", noun: "tap flow",
		columns: []column[row]{
			{title: "NAME", value: func(v row) string { return v.Name }, flex: true},
			{title: "TYPE", value: func(v row) string { return v.Type }},
			{title: "SOURCE", value: source, flex: true},
			{title: "DIRECTION", value: func(v row) string { return v.Direction }},
			{title: "TAP", value: func(v row) string { return first(v.TapName, v.TapID) }, flex: true},
			{title: "STATUS", value: func(v row) string { return string(v.Status) }},
			{title: "REASON", value: func(v row) string { return v.Reason }, flex: true},
			{title: "ENABLED", value: func(v row) string { return strconv.FormatBool(v.Enabled) }, wide: true},
			counters[0], counters[1], counters[2], counters[3],
			{title: "CREATED", value: func(v row) string { return moment(v.CreatedAt) }, wide: true},
			{title: "ID", value: func(v row) string { return v.ID }, drop: true},
		},
		items:  func(l api.TapFlowList) []row { return l.TapFlows },
		id:     func(v row) string { return v.ID },
		name:   func(v row) string { return v.Name },
		health: func(v row) (api.Status, string) { return v.Status, v.Reason },
		texts:  func(v row) map[string]string { return map[string]string{"counters": counterText(v.Counters)} },
	}
}

// source is what a flow mirrors: guest/NIC, or host/wire and its VLAN.
func source(v api.TapFlow) string {
	if v.Type == "vnic" {
		return strings.TrimSuffix(first(v.GuestName, v.GuestID)+"/"+first(v.IPAddr, v.MACAddr), "/")
	}
	return first(v.HostName, v.HostID) + "/" + wireSource(v)
}

// wireSource is the wire that a flow mirrors, and its VLAN.
func wireSource(v api.TapFlow) string {
	if v.VLANID == 0 {
		return v.WireID
	}
	return v.WireID + " vlan " + strconv.Itoa(v.VLANID)
}

// moment is a time in a table: UTC, to the second.
func moment(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// readVLAN reads --vlan-id; whether the number is a VLAN is the server's to say.
func readVLAN(s string) (int, error) {
	n, err := strconv.Atoi(s)
	if err != nil {
		return 0, usage("--vlan-id %q is not a number: want a VLAN id 1..4094", s)
	}
	return n, nil
}

func (a *App) addFlows(root *cobra.Command) {
	k := flows()
	of := func(c *client.Client) resource[api.TapFlow, api.TapFlowList] { return c.TapFlows() }

	create := a.createFlow(k)
	update := a.updateFlow(k)
	create.GroupID, update.GroupID = k.word, k.word
	root.AddCommand(create, update, showCommand(a, k, of), deleteCommand(a, k, of),
		listCommand(a, k, of,
			filter{"name", "name", "name"}, filter{"tap-id", "tap_id", "tap service"}, filter{"type", "type", "type: vnic or vswitch"},
			filter{"guest-id", "guest_id", "guest"}, filter{"host-id", "host_id", "host"}, filter{"wire-id", "wire_id", "wire"},
			filter{"direction", "direction", "direction: IN, OUT or BOTH"}, filter{"enabled", "enabled", "setting: true or false"},
			filter{"status", "status", "status: disabled, pending, ready or error"}, appliedBy()))
	root.AddCommand(switchCommands(a, k, func(c *client.Client) switchable[api.TapFlow, api.TapFlowList] { return c.TapFlows() })...)
}

func (a *App) createFlow(k kind[api.TapFlow, api.TapFlowList]) *cobra.Command {
	var body api.TapFlowCreate
	var vlan string
	var disabled bool
	cmd := a.waits(a.command(`tap-flow-create --type vnic --guest-id ID [--mac-addr M] [--ip-addr A] [--direction D] --tap-id T NAME
  tapctl tap-flow-create --type vswitch --host-id H --wire-id W [--vlan-id V] [--direction D] --tap-id T NAME`,
		"Create a tap flow, enabled",
		`  # what reaches a guest's NIC
  tapctl tap-flow-create --type vnic --guest-id web-vm --mac-addr 52:54:00:12:34:56 --direction IN --tap-id ids web-in
  # one VLAN of a wire on a host, both directions
  tapctl tap-flow-create --type vswitch --host-id h1 --wire-id net0 --vlan-id 100 --tap-id ids net0-100 --wait 10s`,
		cobra.ExactArgs(1), func(cmd *cobra.Command, args []string) error {
			body.Name = args[0]
			body.Direction = strings.ToUpper(body.Direction)
			if cmd.Flags().Changed("vlan-id") {
				n, err := readVLAN(vlan)
				if err != nil {
					return err
				}
				body.VLANID = &n
			}
			if disabled {
				body.Enabled = new(bool)
			}
			c, err := a.client()
			if err != nil {
				return err
			}
			v, err := c.TapFlows().Create(cmd.Context(), body, client.Wait(a.wait))
			return k.written(a, v, err)
		}))
	flags := cmd.Flags()
	flags.StringVar(&body.Type, "type", "", "vnic: a NIC of a guest; vswitch: the switch that carries a wire on a host")
	flags.StringVar(&body.TapID, "tap-id", "", "tap service that collects")
	flags.StringVar(&body.GuestID, "guest-id", "", "of a vnic: the guest")
	flags.StringVar(&body.MACAddr, "mac-addr", "", "of a vnic: MAC address of the NIC, if the guest has several")
	flags.StringVar(&body.IPAddr, "ip-addr", "", "of a vnic: IP address of the NIC, if the guest has several")
	flags.StringVar(&body.HostID, "host-id", "", "of a vswitch: the host")
	flags.StringVar(&body.WireID, "wire-id", "", "of a vswitch: the wire")
	flags.StringVar(&vlan, "vlan-id", "", "of a vswitch: only this VLAN, 1..4094")
	flags.StringVar(&body.Direction, "direction", "",
		"IN: reaches the guest, or arrives from the physical network; OUT: leaves; BOTH (default)")
	flags.BoolVar(&disabled, "disabled", false, "create it disabled")
	needs(cmd, "type", "tap-id")
	return cmd
}

func (a *App) updateFlow(k kind[api.TapFlow, api.TapFlowList]) *cobra.Command {
	var name, tapID, vlan, direction string
	var allVLANs bool
	cmd := a.waits(a.command("tap-flow-update ID [flags]", "Change a tap flow",
		`  tapctl tap-flow-update web-in --direction BOTH
  tapctl tap-flow-update net0-100 --vlan-id 200 --wait 10s
  tapctl tap-flow-update net0-100 --all-vlans`,
		cobra.ExactArgs(1), func(cmd *cobra.Command, args []string) error {
			if err := anyGiven(cmd, "name", "tap-id", "vlan-id", "all-vlans", "direction"); err != nil {
				return err
			}
			patch := api.TapFlowPatch{
				Name: given(cmd, "name", name), TapID: given(cmd, "tap-id", tapID),
				Direction: given(cmd, "direction", strings.ToUpper(direction)),
			}
			if cmd.Flags().Changed("vlan-id") {
				n, err := readVLAN(vlan)
				if err != nil {
					return err
				}
				patch.VLANID = api.Set(n)
			}
			if allVLANs {
				patch.VLANID = api.Remove[int]()
			}
			c, err := a.client()
			if err != nil {
				return err
			}
			v, err := c.TapFlows().Update(cmd.Context(), args[0], patch, client.Wait(a.wait))
			return k.written(a, v, err)
		}))
	flags := cmd.Flags()
	flags.StringVar(&name, "name", "", "new name")
	flags.StringVar(&tapID, "tap-id", "", "another tap service")
	flags.StringVar(&vlan, "vlan-id", "", "of a vswitch: only this VLAN, 1..4094")
	flags.BoolVar(&allVLANs, "all-vlans", false, "of a vswitch: all traffic, no longer one VLAN")
	flags.StringVar(&direction, "direction", "", "IN, OUT or BOTH")
	cmd.MarkFlagsMutuallyExclusive("vlan-id", "all-vlans")
	return cmd
}
