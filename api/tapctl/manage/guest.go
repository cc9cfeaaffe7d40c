package manage

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/client"
	"github.com/tapline-sdn/tapline/api/tapctl/cli"
	"github.com/tapline-sdn/tapline/api/tapctl/kind"
)

func guestVerbs(app *cli.App) []*cobra.Command {
	v := verbs[api.Guest, api.GuestList]{app, kind.Guests(),
		func(c *client.Client) requests[api.Guest, api.GuestList] { return c.Guests() }}

	return []*cobra.Command{
		createGuest(app), updateGuest(app), v.show(), v.remove(nil),
		v.list(filter("name", "of this name"), filter("host-id", "that run on this host"),
			filter("declared", "that were declared (true) or only detected (false)"),
			filter("applied-by", "that this apply set made"), selector),
	}
}

// nicForm is how a NIC of a guest is written.
const nicForm = "mac=MAC[,ip=ADDRESS][,ifname=NAME]"

func createGuest(app *cli.App) *cobra.Command {
	var id string
	var nics []string
	var notes notesFlags
	run := func(cmd *cobra.Command, args []string) error {
		body := api.GuestCreate{ID: id, Name: args[0]}
		var err error
		if body.NICs, err = readNICs(nics); err != nil {
			return err
		}
		if body.Labels, body.Description, err = notes.create(); err != nil {
			return err
		}

		c, err := app.Client()
		if err != nil {
			return err
		}

		guest, err := c.Guests().Create(cmd.Context(), body, client.Wait(app.Wait))
		return written(app, kind.Guests(), guest, err)
	}

	cmd := app.Waits(app.Command(verb("guest",
		"create NAME [--id ID] --nic mac=..[,ip=..][,ifname=..]... [--label K=V]...",
		"Declare a guest that cannot be identified from its ports",
		"  tapctl %[1]s-create web-vm --nic mac=52:54:00:12:34:56,ip=10.0.0.5,ifname=vnet3",
		cli.OneArg("NAME"), run)))

	cmd.Flags().
		StringVar(&id, "id", "", "id of the guest, such as its UUID; generated if not given")

	cmd.Flags().StringArrayVar(&nics, "nic", nil, nicForm+" of a NIC; may be repeated")
	notes.bindCreate(cmd)
	cli.Require(cmd, "nic")
	return cmd
}

func updateGuest(app *cli.App) *cobra.Command {
	var name string
	var nics []string
	var notes notesFlags
	run := func(cmd *cobra.Command, args []string) error {
		if err := cli.RequireAny(cmd, "name", "nic", "label", "description"); err != nil {
			return err
		}

		list, err := readNICs(nics)
		if err != nil {
			return err
		}

		patch := api.GuestPatch{
			Name: cli.Given(cmd, "name", name),
			NICs: cli.Given(cmd, "nic", list),
		}
		if patch.Labels, patch.Description, err = notes.update(cmd); err != nil {
			return err
		}

		c, err := app.Client()
		if err != nil {
			return err
		}

		guest, err := c.Guests().Update(cmd.Context(), args[0], patch, client.Wait(app.Wait))
		return written(app, kind.Guests(), guest, err)
	}

	cmd := app.Waits(app.Command(verb("guest", "update ID [flags]", "Change a declared guest",
		"  tapctl %[1]s-update web-vm --nic mac=52:54:00:12:34:56 --nic mac=52:54:00:12:34:57",
		cli.OneArg("ID"), run)))

	cmd.Flags().StringVar(&name, "name", "", "new name")
	cmd.Flags().StringArrayVar(&nics, "nic", nil,
		nicForm+" of a NIC; may be repeated; replaces all NICs")
	notes.bindUpdate(cmd)

	return cmd
}

func readNICs(texts []string) ([]api.GuestNICCreate, error) {
	var out []api.GuestNICCreate
	for _, text := range texts {
		nic, err := readNIC(text)
		if err != nil {
			return nil, err
		}
		out = append(out, nic)
	}
	return out, nil
}

// readNIC reads a NIC of a guest, as nicForm says.
func readNIC(text string) (api.GuestNICCreate, error) {
	var nic api.GuestNICCreate
	fields := map[string]*string{"mac": &nic.MAC, "ip": &nic.IP, "ifname": &nic.IfName}

	for part := range strings.SplitSeq(text, ",") {
		name, value, err := cli.Pair("nic", part, nicForm, false)
		if err != nil {
			return api.GuestNICCreate{}, err
		}

		field, ok := fields[name]
		if !ok {
			return api.GuestNICCreate{}, cli.Usage("--nic %q: %q is not known: want %s", text, name,
				nicForm)
		}
		if *field != "" {
			return api.GuestNICCreate{}, cli.Usage("--nic %q: %s is given twice: want %s", text,
				name, nicForm)
		}

		*field = value
	}

	if nic.MAC == "" {
		return api.GuestNICCreate{}, cli.Usage("--nic %q has no mac: want %s", text, nicForm)
	}

	return nic, nil
}
