package manage

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/client"
	"github.com/tapline-sdn/tapline/api/tapctl/cli"
	"github.com/tapline-sdn/tapline/api/tapctl/kind"
)

func hostVerbs(app *cli.App) []*cobra.Command {
	v := verbs[api.Host, api.HostList]{app, kind.Hosts(),
		func(c *client.Client) requests[api.Host, api.HostList] { return c.Hosts() }}

	return []*cobra.Command{
		createHost(app), updateHost(app), v.show(), deleteHost(v), hostFacts(app),
		v.list(filter("name", "of this name"),
			filter("status", "of this status: pending, ready or error"),
			filter("connected", "whose switch is connected, or not: true or false"),
			filter("applied-by", "that this apply set made"), selector),
	}
}

// deleteHost is the command that deletes hosts. A host that cannot be reached takes --force.
func deleteHost(v verbs[api.Host, api.HostList]) *cobra.Command {
	var force bool
	cmd := v.remove(func() []client.Option {
		if !force {
			return nil
		}
		return []client.Option{client.Where("force", "true")}
	})

	cmd.Example += "\n  tapctl host-delete h1 --force"
	cmd.Flags().BoolVar(&force, "force", false,
		"delete a host that cannot be reached although it may still mirror; it is cleaned when it "+
			"returns")

	return cmd
}

// hostFlags are the flags that host-create and host-update share.
type hostFlags struct {
	ovsdb, tunnelIP, facts string
	wires, uplinks, nics   []string
	notes                  notesFlags
}

// bind adds the flags. The usage of flags that can remove something ends in removal.
func (f *hostFlags) bind(cmd *cobra.Command, removal string) {
	flags := cmd.Flags()
	flags.StringVar(&f.ovsdb, "ovsdb", "",
		"OVSDB connection: tcp:IP:6640, ssl:IP:6640 or unix:PATH")
	flags.StringVar(&f.tunnelIP, "tunnel-ip", "", "the host's address of the tunnels between hosts")
	flags.StringArrayVar(&f.wires, "wire", nil,
		"WIRE=BRIDGE: the bridge that carries a wire; may be repeated"+removal)
	flags.StringArrayVar(
		&f.uplinks,
		"uplink",
		nil,
		"BRIDGE=PORT[,PORT]: physical ports of a bridge, where they cannot be detected; "+
			"may be repeated"+
			removal,
	)

	flags.StringArrayVar(&f.nics, "nic", nil, "NAME=MAC of a physical NIC; may be repeated")
	flags.StringVar(&f.facts, "facts", "",
		"file with the output of host-facts on that host (- = standard input)")
}

func createHost(app *cli.App) *cobra.Command {
	var f hostFlags
	run := func(cmd *cobra.Command, args []string) error {
		body, err := f.create(app, args[0])
		if err != nil {
			return err
		}

		c, err := app.Client()
		if err != nil {
			return err
		}

		host, err := c.Hosts().Create(cmd.Context(), body, client.Wait(app.Wait))
		return written(app, kind.Hosts(), host, err)
	}

	cmd := app.Waits(app.Command(verb(
		"host",
		"create NAME --ovsdb tcp:IP:6640 --tunnel-ip IP [--wire W=BRIDGE]... [--nic NAME=MAC]... "+
			"[--facts FILE]",
		"Register a host",
		`  tapctl %[1]s-create h1 --ovsdb tcp:192.0.2.1:6640 --tunnel-ip 192.0.2.1 --wire net0=br0
  ssh h1 tapctl host-facts |
    tapctl %[1]s-create h1 --ovsdb tcp:192.0.2.1:6640 --tunnel-ip 192.0.2.1 --facts - --wait 10s`,
		cli.OneArg("NAME"),
		run,
	)))

	f.bind(cmd, "")
	f.notes.bindCreate(cmd)
	cli.Require(cmd, "ovsdb")
	return cmd
}

// create is the body of the request that registers a host.
func (f *hostFlags) create(app *cli.App, name string) (api.HostCreate, error) {
	body := api.HostCreate{Name: name, OVSDB: f.ovsdb, TunnelIP: f.tunnelIP}

	wires, err := cli.Pairs("wire", "WIRE=BRIDGE, such as net0=br0", f.wires, false)
	if err != nil {
		return body, err
	}

	uplinks, err := cli.Pairs("uplink", "BRIDGE=PORT[,PORT], such as br0=eth0", f.uplinks, false)
	if err != nil {
		return body, err
	}

	if len(wires) > 0 {
		body.Wires = make(map[string]string, len(wires))
	}

	for wire, bridge := range wires {
		body.Wires[wire] = *bridge
	}

	if len(uplinks) > 0 {
		body.Uplinks = make(map[string][]string, len(uplinks))
	}

	for bridge, ports := range uplinks {
		body.Uplinks[bridge] = strings.Split(*ports, ",")
	}

	if body.NICs, err = f.physicalNICs(app.In); err != nil {
		return body, err
	}
	body.Labels, body.Description, err = f.notes.create()
	return body, err
}

func updateHost(app *cli.App) *cobra.Command {
	var f hostFlags
	var name, systemID string
	var learn bool
	run := func(cmd *cobra.Command, args []string) error {
		err := cli.RequireAny(cmd,
			"name", "ovsdb", "tunnel-ip", "learn-tunnel-ip", "system-id", "wire", "uplink", "nic",
			"facts", "label", "description")
		if err != nil {
			return err
		}

		patch, err := f.patch(app, cmd)
		if err != nil {
			return err
		}

		patch.Labels, patch.Description, err = f.notes.update(cmd)
		if err != nil {
			return err
		}
		patch.Name = cli.Given(cmd, "name", name)
		patch.SystemID = cli.Given(cmd, "system-id", systemID)
		if learn {
			patch.TunnelIP = api.Remove[string]()
		}

		c, err := app.Client()
		if err != nil {
			return err
		}

		host, err := c.Hosts().Update(cmd.Context(), args[0], patch, client.Wait(app.Wait))
		return written(app, kind.Hosts(), host, err)
	}

	cmd := app.Waits(app.Command(verb("host", "update ID [flags]", "Change a host",
		`  tapctl %[1]s-update h1 --wire net1=br1 --wire net0=
  ssh h1 tapctl host-facts | tapctl %[1]s-update h1 --facts -`, cli.OneArg("ID"), run)))

	f.bind(cmd, "; an empty value removes it")
	f.notes.bindUpdate(cmd)

	flags := cmd.Flags()
	flags.Lookup("nic").Usage = "NAME=MAC of a physical NIC; may be repeated; " +
		"--nic and --facts together replace all NICs"

	flags.StringVar(&name, "name", "", "new name")
	flags.StringVar(&systemID, "system-id", "",
		"system-id that the host's switch must have, as after the host was installed anew")
	flags.BoolVar(&learn, "learn-tunnel-ip", false,
		"use the tunnel address that the switch reports")

	cmd.MarkFlagsMutuallyExclusive("tunnel-ip", "learn-tunnel-ip")
	return cmd
}

// patch is the body of the request that changes a host, as far as these flags go.
func (f *hostFlags) patch(app *cli.App, cmd *cobra.Command) (api.HostPatch, error) {
	patch := api.HostPatch{OVSDB: cli.Given(cmd, "ovsdb", f.ovsdb)}
	if cmd.Flags().Changed("tunnel-ip") {
		patch.TunnelIP = api.Set(f.tunnelIP)
	}

	var err error
	patch.Wires, err = cli.Pairs("wire", "WIRE=BRIDGE, or WIRE= to remove it", f.wires, true)
	if err != nil {
		return patch, err
	}

	uplinks, err := cli.Pairs("uplink", "BRIDGE=PORT[,PORT], or BRIDGE= to remove it", f.uplinks,
		true)
	if err != nil {
		return patch, err
	}

	patch.Uplinks = make(map[string]*[]string, len(uplinks))
	for bridge, ports := range uplinks {
		patch.Uplinks[bridge] = nil
		if ports != nil {
			list := strings.Split(*ports, ",")
			patch.Uplinks[bridge] = &list
		}
	}

	if cmd.Flags().Changed("nic") || cmd.Flags().Changed("facts") {
		nics, err := f.physicalNICs(app.In)
		if err != nil {
			return patch, err
		}
		if nics == nil {
			nics = []api.HostNIC{}
		}
		patch.NICs = &nics
	}

	return patch, nil
}
