package manage

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/client"
	"github.com/tapline-sdn/tapline/api/tapctl/cli"
	"github.com/tapline-sdn/tapline/api/tapctl/kind"
)

func tapServiceVerbs(app *cli.App) []*cobra.Command {
	v := verbs[api.TapService, api.TapServiceList]{app, kind.TapServices(),
		func(c *client.Client) requests[api.TapService, api.TapServiceList] {
			return c.TapServices()
		}}

	switches := switchVerbs[api.TapService, api.TapServiceList]{app, kind.TapServices(),
		func(c *client.Client) switchRequests[api.TapService, api.TapServiceList] {
			return c.TapServices()
		}}

	return []*cobra.Command{
		createTapService(app), updateTapService(app), v.show(), v.remove(nil),
		switches.enable(), switches.disable(),
		v.list(
			filter("name", "of this name"),
			filter("type", "of this type: guest, host, remote or pool"),
			filter("target-id", "that collect on this guest or host"),
			filter("host-id", "whose tap NIC is on this host"),
			filter("enabled", "that are enabled (true) or disabled (false)"),
			filter("status", "of this status: disabled, pending, ready or error"),
			filter("applied-by", "that this apply set made"),
			selector,
			parameter{"order-by-ip", "order_by_ip",
				"asc or desc: order by the target's first address, before other orders"},
			parameter{"order-by-flow-count", "order_by_flow_count",
				"asc or desc: order by the number of tap flows, before other orders"},
		),
	}
}

const createTapServiceUse = `create --type guest|host --target-id ID [--mac-addr MAC] [flags] NAME
  tapctl %[1]s-create --type remote --address IP --encap ENCAP [--key N] [--port P] [flags] NAME
  tapctl %[1]s-create --type pool --member ID... [flags] NAME`

const createTapServiceExample = `  # collect in a guest, on a NIC that is added to it
  tapctl %[1]s-create --type guest --target-id ids-vm ids
  # collect on an unused physical NIC of a host
  tapctl %[1]s-create --type host --target-id h1 --mac-addr 52:54:00:12:34:56 --enable probe
  # collect on a machine that is no host of ours
  tapctl %[1]s-create --type remote --address 10.1.0.9 --encap vxlan --key 42 box
  # spread connections over several
  tapctl %[1]s-create --type pool --member ids --member box both
  tapctl %[1]s-enable ids --wait 10s`

func createTapService(app *cli.App) *cobra.Command {
	var body api.TapServiceCreate
	var enable bool
	var key uint32
	var notes notesFlags
	run := func(cmd *cobra.Command, args []string) (err error) {
		body.Name = args[0]
		body.Key = cli.Given(cmd, "key", key)
		if body.Labels, body.Description, err = notes.create(); err != nil {
			return err
		}
		c, err := app.Client()
		if err != nil {
			return err
		}

		if enable {
			service, err := createEnabled(cmd.Context(), app, c, body)
			return written(app, kind.TapServices(), service, err)
		}

		service, err := c.TapServices().Create(cmd.Context(), body, client.Wait(app.Wait))
		return written(app, kind.TapServices(), service, err)
	}

	cmd := app.Waits(app.Command(verb("tap-service", createTapServiceUse,
		"Create a tap service, disabled unless --enable is given", createTapServiceExample,
		cli.OneArg("NAME"), run)))

	bindTapService(cmd.Flags(), &body, &key)
	notes.bindCreate(cmd)
	cmd.Flags().BoolVar(&enable, "enable", false, "enable it at once")
	cli.Require(cmd, "type")
	return cmd
}

// bindTapService adds the flags that say what a tap service is.
func bindTapService(flags *pflag.FlagSet, body *api.TapServiceCreate, key *uint32) {
	flags.StringVar(&body.Type, "type", "", "where it collects: guest, host, remote or pool")
	flags.StringVar(&body.TargetID, "target-id", "",
		"with --type guest or host: the guest or host that collects")
	flags.StringVar(&body.MACAddr, "mac-addr", "",
		"with --type host: MAC address of the unused NIC that collects")
	flags.StringVar(&body.Address, "address", "",
		"with --type remote: IPv4 or IPv6 address of the collector")
	flags.StringVar(&body.Encap, "encap", "",
		"with --type remote: gre, vxlan, geneve, erspan1 or erspan2")
	flags.Uint32Var(key, "key", 0,
		"with --type remote: GRE key, VNI, or ERSPAN session of 0 to 1023 (default: a free one)")
	flags.Uint16Var(&body.Port, "port", 0,
		"with --type remote: UDP port (default: 4789 for vxlan, 6081 for geneve)")
	flags.StringArrayVar(&body.Members, "member", nil,
		"with --type pool: a tap service of the pool, may be repeated")
	flags.BoolVar(&body.Dedup, "dedup", false,
		"deliver a packet between two mirrored guests on two hosts once")
	flags.StringVar(&body.RateLimit, "rate-limit", "",
		"what each source host may send, such as 10Mbit/s or 2000pps; the rest is dropped")
}

// createEnabled creates a tap service and enables it, which takes a request of its own.
func createEnabled(
	ctx context.Context, app *cli.App, c *client.Client, body api.TapServiceCreate,
) (api.TapService, error) {
	if _, err := c.TapServices().Create(ctx, body); err != nil {
		return api.TapService{}, err
	}

	service, err := c.TapServices().Enable(ctx, body.Name, client.Wait(app.Wait))
	if err != nil {
		return api.TapService{}, fmt.Errorf("the tap service is created, but not enabled: %w", err)
	}
	return service, nil
}

func updateTapService(app *cli.App) *cobra.Command {
	var name, place, limit string
	var members []string
	var dedup bool
	var notes notesFlags
	run := func(cmd *cobra.Command, args []string) error {
		err := cli.RequireAny(cmd, "name", "accept-place", "member", "rate-limit", "dedup", "label",
			"description")
		if err != nil {
			return err
		}

		patch := api.TapServicePatch{
			Name:        cli.Given(cmd, "name", name),
			AcceptPlace: cli.Given(cmd, "accept-place", place),
			Members:     members,
			Dedup:       cli.Given(cmd, "dedup", dedup),
		}
		if cmd.Flags().Changed("rate-limit") {
			patch.RateLimit = rateLimit(limit)
		}
		if patch.Labels, patch.Description, err = notes.update(cmd); err != nil {
			return err
		}

		c, err := app.Client()
		if err != nil {
			return err
		}

		service, err := c.TapServices().Update(cmd.Context(), args[0], patch, client.Wait(app.Wait))
		return written(app, kind.TapServices(), service, err)
	}

	cmd := app.Waits(app.Command(verb("tap-service", "update ID [flags]", "Change a tap service",
		`  tapctl %[1]s-update ids --name ids2
  tapctl %[1]s-update ids --rate-limit 100Mbit/s
  tapctl %[1]s-update ids --accept-place h2`, cli.OneArg("ID"), run)))

	cmd.Flags().StringVar(&name, "name", "", "new name")
	cmd.Flags().StringVar(&place, "accept-place", "",
		"host on which the tap NIC is expected from now on")
	cmd.Flags().StringArrayVar(&members, "member", nil,
		"a tap service of the pool, may be repeated; those that are not named leave it")
	cmd.Flags().BoolVar(&dedup, "dedup", false,
		"deliver a packet between two mirrored guests on two hosts once")
	cmd.Flags().StringVar(&limit, "rate-limit", "",
		"what each source host may send, such as 10Mbit/s or 2000pps, or none")
	notes.bindUpdate(cmd)
	return cmd
}

// rateLimit is a rate of a request; "none" takes it back.
func rateLimit(text string) api.Field[string] {
	if text == "none" || text == "" {
		return api.Remove[string]()
	}
	return api.Set(text)
}
