package cmd

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/client"
)

func guests() kind[api.Guest, api.GuestList] {
	type row = api.Guest
	each := func(v row, get func(api.GuestNIC) string) string {
		var out []string
		for _, n := range v.NICs {
			if s := get(n); s != "" {
				out = append(out, s)
			}
		}
		return strings.Join(out, ",")
	}
	return kind[row, api.GuestList]{
		word: "guest", noun: "guest",
		columns: []column[row]{
			{title: "NAME", value: func(v row) string { return v.Name }, flex: true},
			{title: "MAC", value: func(v row) string { return each(v, func(n api.GuestNIC) string { return n.MAC }) }, flex: true},
			{title: "IP", value: func(v row) string {
				return each(v, func(n api.GuestNIC) string { return strings.Join(n.IPAddrs, ",") })
			}, flex: true},
			{title: "HOST", value: func(v row) string { return cmp.Or(each(v, func(n api.GuestNIC) string { return n.Host }), v.Host) }, flex: true},
			{title: "PORT", value: func(v row) string { return each(v, func(n api.GuestNIC) string { return n.Port }) }, flex: true},
			{title: "BRIDGE", value: func(v row) string { return each(v, func(n api.GuestNIC) string { return n.Bridge }) }, wide: true},
			{title: "STATE", value: func(v row) string { return v.State }, wide: true},
			{title: "FROM", value: from, wide: true},
			{title: "DECLARED", value: func(v row) string { return strconv.FormatBool(v.Declared) }, wide: true},
			{title: "ID", value: func(v row) string { return v.ID }, drop: true},
		},
		items: func(l api.GuestList) []row { return l.Guests },
		id:    func(v row) string { return v.ID },
		name:  func(v row) string { return v.Name },
	}
}

// from is where the facts about a guest come from, all together.
func from(v api.Guest) string {
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

// readNIC reads mac=..[,ip=..][,ifname=..].
func readNIC(s string) (api.GuestNICCreate, error) {
	const form = "mac=MAC[,ip=ADDRESS][,ifname=NAME]"
	var n api.GuestNICCreate
	fields := map[string]*string{"mac": &n.MAC, "ip": &n.IP, "ifname": &n.IfName}
	for _, part := range strings.Split(s, ",") {
		name, value, err := pair("nic", part, form, false)
		if err != nil {
			return api.GuestNICCreate{}, err
		}
		field, ok := fields[name]
		if !ok {
			return api.GuestNICCreate{}, usage("--nic %q: %q is not known: want %s", s, name, form)
		}
		if *field != "" {
			return api.GuestNICCreate{}, usage("--nic %q: %s is given twice: want %s", s, name, form)
		}
		*field = value
	}
	if n.MAC == "" {
		return api.GuestNICCreate{}, usage("--nic %q has no mac: want %s", s, form)
	}
	return n, nil
}

func readNICs(args []string) ([]api.GuestNICCreate, error) {
	var out []api.GuestNICCreate
	for _, s := range args {
		n, err := readNIC(s)
		if err != nil {
			return nil, err
		}
		out = append(out, n)
	}
	return out, nil
}

func (a *App) addGuests(root *cobra.Command) {
	k := guests()
	of := func(c *client.Client) resource[api.Guest, api.GuestList] { return c.Guests() }

	var id string
	var nics []string
	create := a.waits(a.command("guest-create NAME [--id ID] --nic mac=..[,ip=..][,ifname=..]...",
		"Declare a guest whose ports do not tell who they belong to",
		"  tapctl guest-create web-vm --nic mac=52:54:00:12:34:56,ip=10.0.0.5,ifname=vnet3",
		cobra.ExactArgs(1), func(cmd *cobra.Command, args []string) error {
			list, err := readNICs(nics)
			if err != nil {
				return err
			}
			c, err := a.client()
			if err != nil {
				return err
			}
			v, err := c.Guests().Create(cmd.Context(), api.GuestCreate{ID: id, Name: args[0], NICs: list}, client.Wait(a.wait))
			return k.written(a, v, err)
		}))
	create.Flags().StringVar(&id, "id", "", "id of the guest, such as its UUID; made if not given")
	create.Flags().StringArrayVar(&nics, "nic", nil, "mac=MAC[,ip=ADDRESS][,ifname=NAME]; may be repeated")
	needs(create, "nic")

	var name string
	var newNICs []string
	update := a.waits(a.command("guest-update ID [flags]", "Change a declared guest",
		"  tapctl guest-update web-vm --nic mac=52:54:00:12:34:56 --nic mac=52:54:00:12:34:57",
		cobra.ExactArgs(1), func(cmd *cobra.Command, args []string) error {
			if err := anyGiven(cmd, "name", "nic"); err != nil {
				return err
			}
			list, err := readNICs(newNICs)
			if err != nil {
				return err
			}
			c, err := a.client()
			if err != nil {
				return err
			}
			patch := api.GuestPatch{Name: given(cmd, "name", name), NICs: given(cmd, "nic", list)}
			v, err := c.Guests().Update(cmd.Context(), args[0], patch, client.Wait(a.wait))
			return k.written(a, v, err)
		}))
	update.Flags().StringVar(&name, "name", "", "new name")
	update.Flags().StringArrayVar(&newNICs, "nic", nil, "mac=MAC[,ip=ADDRESS][,ifname=NAME]; may be repeated; replaces all NICs")

	create.GroupID, update.GroupID = k.word, k.word
	root.AddCommand(create, update, showCommand(a, k, of), deleteCommand(a, k, of),
		listCommand(a, k, of, filter{"name", "name", "name"}, filter{"host-id", "host_id", "host, where it runs"},
			filter{"declared", "declared", "origin: true if declared, false if only learned"}, appliedBy()))
}
