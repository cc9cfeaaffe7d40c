package manage

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/client"
	"github.com/tapline-sdn/tapline/api/tapctl/cli"
	"github.com/tapline-sdn/tapline/api/tapctl/kind"
)

func tapFlowVerbs(app *cli.App) []*cobra.Command {
	v := verbs[api.TapFlow, api.TapFlowList]{app, kind.TapFlows(),
		func(c *client.Client) requests[api.TapFlow, api.TapFlowList] { return c.TapFlows() }}

	switches := switchVerbs[api.TapFlow, api.TapFlowList]{app, kind.TapFlows(),
		func(c *client.Client) switchRequests[api.TapFlow, api.TapFlowList] { return c.TapFlows() }}

	return []*cobra.Command{
		createTapFlow(app), updateTapFlow(app), v.show(), v.remove(nil),
		enableTapFlow(switches), switches.disable(), tapFlowMembers(app),
		v.list(filter("name", "of this name"), filter("tap-id", "that go to this tap service"),
			filter("type", "of this type: vnic, vswitch or selector"),
			filter("guest-id", "of this guest"),
			filter("host-id", "of this host"), filter("wire-id", "of this wire"),
			filter("direction", "of this direction: IN, OUT or BOTH"),
			filter("enabled", "that are enabled (true) or disabled (false)"),
			filter("status", "of this status: disabled, pending, ready or error"),
			filter("applied-by", "that this apply set made"), selector),
	}
}

func createTapFlow(app *cli.App) *cobra.Command {
	var f tapFlowFlags
	run := func(cmd *cobra.Command, args []string) error {
		body, err := f.body(cmd, args[0])
		if err != nil {
			return err
		}
		c, err := app.Client()
		if err != nil {
			return err
		}

		flow, err := c.TapFlows().Create(cmd.Context(), body, client.Wait(app.Wait))
		if err = written(app, kind.TapFlows(), flow, err); err == nil && app.Live {
			noteSamePacket(cmd.Context(), app, c, flow)
		}
		return err
	}

	cmd := app.Waits(app.Command(verb("tap-flow",
		`create --type vnic --guest-id ID [--mac-addr M] [--ip-addr A] [--direction D]
    --tap-id T [OPTION]... NAME
  tapctl tap-flow-create --type vswitch --host-id H --wire-id W [--vlan-id V] [--direction D]
    --tap-id T [OPTION]... NAME
  tapctl tap-flow-create --type selector --selector TERM[,TERM]... [--direction D]
    --tap-id T [OPTION]... NAME`,
		"Create a tap flow, enabled",
		`  # what reaches a guest's NIC
  tapctl %[1]s-create --type vnic --guest-id web-vm --mac-addr 52:54:00:12:34:56 \
    --direction IN --tap-id ids web-in
  # one VLAN of a wire on a host, both directions
  tapctl %[1]s-create --type vswitch --host-id h1 --wire-id net0 --vlan-id 100 \
    --tap-id ids --wait 10s net0-100
  # every database of project blue, as guests come, move and go
  tapctl %[1]s-create --type selector --selector 'label.project=blue,name=db-*' \
    --tap-id ids blue-dbs
  # for two hours, what tcpdump would show, the headers alone
  tapctl %[1]s-create --type vnic --guest-id web-vm --tap-id ids --for 2h --snaplen 128 \
    --filter 'tcp port 443 and not net 10.0.0.0/8' --label ticket=4711 web-tls`,
		cli.OneArg("NAME"), run)))
	f.bind(cmd)
	return cmd
}

// tapFlowFlags are the flags of tap-flow-create. Most of them are fields of the request.
type tapFlowFlags struct {
	request  api.TapFlowCreate
	vlan     string
	disabled bool
	options  optionFlags
	window   windowFlags
	notes    notesFlags
}

func (f *tapFlowFlags) bind(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.request.Type, "type", "",
		"what it mirrors: vnic, a NIC of a guest; vswitch, the switch that carries a wire on a "+
			"host; or selector, every NIC that a selector matches")
	flags.StringVar(&f.request.TapID, "tap-id", "", "tap service that collects")
	flags.StringVar(&f.request.GuestID, "guest-id", "", "vnic: the guest")
	flags.StringVar(&f.request.MACAddr, "mac-addr", "",
		"vnic: MAC address of the NIC, if the guest has several")
	flags.StringVar(&f.request.IPAddr, "ip-addr", "",
		"vnic: IP address of the NIC, if the guest has several")
	flags.StringVar(&f.request.HostID, "host-id", "", "vswitch: the host")
	flags.StringVar(&f.request.WireID, "wire-id", "", "vswitch: the wire")
	flags.StringVar(&f.vlan, "vlan-id", "", "vswitch: only this VLAN, 1..4094")
	flags.StringVar(&f.request.Selector, "selector", "", selectorHelp)
	flags.StringVar(&f.request.Direction, "direction", "",
		"IN: traffic that reaches the guest, or arrives from the physical network; "+
			"OUT: traffic that leaves; BOTH (default)")
	flags.BoolVar(&f.disabled, "disabled", false, "create it disabled")
	f.options.bind(cmd)
	f.window.bind(cmd)
	f.notes.bindCreate(cmd)
	cli.Require(cmd, "type", "tap-id")
}

// selectorHelp says what the selector of a tap flow is.
const selectorHelp = "selector: which NICs of guests, now and later, as terms that all have to " +
	"hold: name=web-*, label.app=db, !label.x, wire=net0, host=h1, net=10.0.0.0/24; several " +
	"values by '|', != for none of them"

// body is the body of the request that creates the tap flow.
func (f *tapFlowFlags) body(cmd *cobra.Command, name string) (api.TapFlowCreate, error) {
	body := f.request
	body.Name = name
	body.Direction = strings.ToUpper(body.Direction)
	if f.disabled {
		body.Enabled = new(bool)
	}

	if cmd.Flags().Changed("vlan-id") {
		n, err := readVLAN(f.vlan)
		if err != nil {
			return body, err
		}
		body.VLANID = &n
	}
	if err := f.options.create(cmd, &body); err != nil {
		return body, err
	}

	starts, expires, err := f.window.times(time.Now())
	if err != nil {
		return body, err
	}
	body.StartsAt, body.ExpiresAt = starts.Value, expires.Value
	body.Labels, body.Description, err = f.notes.create()
	return body, err
}

// tapFlowChanges are the flags of tap-flow-update.
type tapFlowChanges struct {
	name, tapID, vlan, direction, selector string
	allVLANs                               bool

	options optionFlags
	window  windowFlags
	notes   notesFlags
}

func (f *tapFlowChanges) bind(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.name, "name", "", "new name")
	flags.StringVar(&f.tapID, "tap-id", "", "another tap service")
	flags.StringVar(&f.vlan, "vlan-id", "", "vswitch: only this VLAN, 1..4094")
	flags.BoolVar(&f.allVLANs, "all-vlans", false, "vswitch: all traffic, no longer one VLAN")
	flags.StringVar(&f.direction, "direction", "", "IN, OUT or BOTH")
	flags.StringVar(&f.selector, "selector", "", selectorHelp)
	cmd.MarkFlagsMutuallyExclusive("vlan-id", "all-vlans")

	f.options.bind(cmd)
	f.window.bind(cmd)
	f.notes.bindUpdate(cmd)
}

// patch is the body of the request that changes the tap flow.
func (f *tapFlowChanges) patch(cmd *cobra.Command) (patch api.TapFlowPatch, err error) {
	err = cli.RequireAny(cmd, "name", "tap-id", "vlan-id", "all-vlans", "direction", "selector",
		"filter", "snaplen", "sample", "vlan", "for", "expires-at", "starts-at", "label",
		"description")
	if err != nil {
		return patch, err
	}

	patch = api.TapFlowPatch{
		Name:      cli.Given(cmd, "name", f.name),
		TapID:     cli.Given(cmd, "tap-id", f.tapID),
		Selector:  cli.Given(cmd, "selector", f.selector),
		Direction: cli.Given(cmd, "direction", strings.ToUpper(f.direction)),
	}

	if cmd.Flags().Changed("vlan-id") {
		n, err := readVLAN(f.vlan)
		if err != nil {
			return patch, err
		}
		patch.VLANID = api.Set(n)
	}
	if f.allVLANs {
		patch.VLANID = api.Remove[int]()
	}

	if err := f.options.update(cmd, &patch); err != nil {
		return patch, err
	}
	if patch.StartsAt, patch.ExpiresAt, err = f.window.times(time.Now()); err != nil {
		return patch, err
	}
	patch.Labels, patch.Description, err = f.notes.update(cmd)
	return patch, err
}

func updateTapFlow(app *cli.App) *cobra.Command {
	var f tapFlowChanges
	run := func(cmd *cobra.Command, args []string) error {
		patch, err := f.patch(cmd)
		if err != nil {
			return err
		}

		c, err := app.Client()
		if err != nil {
			return err
		}

		flow, err := c.TapFlows().Update(cmd.Context(), args[0], patch, client.Wait(app.Wait))
		return written(app, kind.TapFlows(), flow, err)
	}

	cmd := app.Waits(app.Command(verb("tap-flow", "update ID [flags]", "Change a tap flow",
		`  tapctl %[1]s-update web-in --direction BOTH
  tapctl %[1]s-update net0-100 --vlan-id 200 --wait 10s
  tapctl %[1]s-update net0-100 --all-vlans
  tapctl %[1]s-update web-in --for 2h --label ticket=4711`, cli.OneArg("ID"), run)))

	f.bind(cmd)
	return cmd
}

// enableTapFlow is the command that enables tap flows, which can give them a new expiry.
func enableTapFlow(v switchVerbs[api.TapFlow, api.TapFlowList]) *cobra.Command {
	var window windowFlags
	cmd := v.command("enable", "Enable tap flows",
		func(r switchRequests[api.TapFlow, api.TapFlowList]) switchAct[api.TapFlow] {
			if window == (windowFlags{}) {
				return r.Enable
			}
			return func(ctx context.Context, ref string, opts ...client.Option) (
				flow api.TapFlow, err error,
			) {
				on := true
				patch := api.TapFlowPatch{Enabled: &on}
				if _, patch.ExpiresAt, err = window.times(time.Now()); err != nil {
					return flow, err
				}

				c, err := v.app.Client()
				if err != nil {
					return flow, err
				}
				return c.TapFlows().Update(ctx, ref, patch, opts...)
			}
		})

	cmd.Example += "\n  tapctl tap-flow-enable NAME --for 2h"
	window.bindExpiry(cmd)
	return cmd
}

// readVLAN reads a number. Whether it is a VLAN id is the controller's to say.
func readVLAN(text string) (int, error) {
	n, err := strconv.Atoi(text)
	if err != nil {
		return 0, cli.Usage("--vlan-id %q is not a number: want a VLAN id 1..4094", text)
	}
	return n, nil
}
