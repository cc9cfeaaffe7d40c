package cmd

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/client"
)

func hosts() kind[api.Host, api.HostList] {
	type row = api.Host
	return kind[row, api.HostList]{
		word: "host", noun: "host",
		columns: []column[row]{
			{title: "NAME", value: func(v row) string { return v.Name }, flex: true},
			{title: "OVSDB", value: func(v row) string { return v.OVSDB }, flex: true},
			{title: "TUNNEL IP", value: func(v row) string { return v.TunnelIP }},
			{title: "CONNECTED", value: func(v row) string { return strconv.FormatBool(v.Connected) }},
			{title: "STATUS", value: func(v row) string { return string(v.Status) }},
			{title: "REASON", value: func(v row) string { return v.Reason }, flex: true},
			{title: "OVS", value: func(v row) string { return v.OVSVersion }, wide: true},
			{title: "WIRES", value: func(v row) string { return pairs(v.Wires) }, wide: true},
			{title: "BRIDGES", value: func(v row) string { return strings.Join(v.Bridges, ",") }, wide: true},
			{title: "ID", value: func(v row) string { return v.ID }, drop: true},
		},
		items:  func(l api.HostList) []row { return l.Hosts },
		id:     func(v row) string { return v.ID },
		name:   func(v row) string { return v.Name },
		health: func(v row) (api.Status, string) { return v.Status, v.Reason },
	}
}

func pairs(m map[string]string) string {
	var out []string
	for k, v := range m {
		out = append(out, k+"="+v)
	}
	slices.Sort(out)
	return strings.Join(out, ",")
}

// hostFlags are the flags that host-create and host-update share.
type hostFlags struct {
	ovsdb, tunnelIP, facts string
	wires, uplinks, nics   []string
}

func (f *hostFlags) bind(cmd *cobra.Command, removal string) {
	cmd.Flags().StringVar(&f.ovsdb, "ovsdb", "", "OVSDB connection: tcp:IP:6640, ssl:IP:6640 or unix:PATH")
	cmd.Flags().StringVar(&f.tunnelIP, "tunnel-ip", "", "local address of the tunnels between hosts")
	cmd.Flags().StringArrayVar(&f.wires, "wire", nil, "WIRE=BRIDGE that carries it; may be repeated"+removal)
	cmd.Flags().StringArrayVar(&f.uplinks, "uplink", nil, "BRIDGE=PORT[,PORT]: its physical ports, where they cannot be told; may be repeated"+removal)
	cmd.Flags().StringArrayVar(&f.nics, "nic", nil, "NAME=MAC of a physical NIC; may be repeated")
	cmd.Flags().StringVar(&f.facts, "facts", "", "file with the output of host-facts on that host; - reads standard input")
}

// physicalNICs are those of --facts, with what --nic adds or corrects.
func (f *hostFlags) physicalNICs(stdin io.Reader) ([]api.HostNIC, error) {
	var nics []api.HostNIC
	if f.facts != "" {
		facts, err := readFactsFile(f.facts, stdin)
		if err != nil {
			return nil, err
		}
		nics = facts.NICs
	}
	for _, s := range f.nics {
		name, mac, err := pair("nic", s, "NAME=MAC, such as eth3=52:54:00:12:34:56", false)
		if err != nil {
			return nil, err
		}
		if i := slices.IndexFunc(nics, func(n api.HostNIC) bool { return n.Name == name }); i >= 0 {
			nics[i].MAC = mac
			continue
		}
		nics = append(nics, api.HostNIC{Name: name, MAC: mac})
	}
	return nics, nil
}

func readFactsFile(path string, stdin io.Reader) (api.HostFacts, error) {
	var data []byte
	var err error
	if path == "-" {
		data, err = io.ReadAll(stdin)
	} else {
		data, err = os.ReadFile(path)
	}
	const next = "run host-facts on the host and give its output"
	if err != nil {
		return api.HostFacts{}, &localError{err: fmt.Errorf("--facts: %w", err), next: next}
	}
	var facts struct {
		NICs *[]api.HostNIC `json:"nics"`
	}
	if err := json.Unmarshal(data, &facts); err != nil {
		return api.HostFacts{}, &localError{err: fmt.Errorf("--facts %s: %w", path, err), next: next}
	}
	if facts.NICs == nil {
		return api.HostFacts{}, &localError{err: fmt.Errorf(`--facts %s has no "nics"`, path), next: next}
	}
	return api.HostFacts{NICs: *facts.NICs}, nil
}

// pairsOf reads WIRE=BRIDGE or BRIDGE=PORTS; an empty value is nil, where that may be.
func pairsOf(flag, form string, args []string, mayBeEmpty bool) (map[string]*string, error) {
	out := make(map[string]*string, len(args))
	for _, s := range args {
		name, value, err := pair(flag, s, form, mayBeEmpty)
		if err != nil {
			return nil, err
		}
		if _, twice := out[name]; twice {
			return nil, usage("--%s %s is given twice", flag, name)
		}
		out[name] = nil
		if value != "" {
			out[name] = &value
		}
	}
	return out, nil
}

func (a *App) addHosts(root *cobra.Command) {
	k := hosts()
	of := func(c *client.Client) resource[api.Host, api.HostList] { return c.Hosts() }
	create, update := a.createHost(k), a.updateHost(k)
	create.GroupID, update.GroupID = k.word, k.word
	root.AddCommand(create, update, showCommand(a, k, of), deleteCommand(a, k, of),
		listCommand(a, k, of, filter{"name", "name", "name"}, filter{"status", "status", "status: pending, ready or error"},
			filter{"connected", "connected", "state of its connections: true or false"}, appliedBy()))
}

func (a *App) createHost(k kind[api.Host, api.HostList]) *cobra.Command {
	var f hostFlags
	cmd := a.waits(a.command("host-create NAME --ovsdb tcp:IP:6640 --tunnel-ip IP [--wire W=BRIDGE]... [--nic NAME=MAC]... [--facts FILE]",
		"Register a host",
		`  tapctl host-create h1 --ovsdb tcp:192.0.2.1:6640 --tunnel-ip 192.0.2.1 --wire net0=br0
  ssh h1 tapctl host-facts | tapctl host-create h1 --ovsdb tcp:192.0.2.1:6640 --tunnel-ip 192.0.2.1 --facts - --wait 10s`,
		cobra.ExactArgs(1), func(cmd *cobra.Command, args []string) error {
			body := api.HostCreate{Name: args[0], OVSDB: f.ovsdb, TunnelIP: f.tunnelIP}
			wires, err := pairsOf("wire", "WIRE=BRIDGE, such as net0=br0", f.wires, false)
			if err != nil {
				return err
			}
			uplinks, err := pairsOf("uplink", "BRIDGE=PORT[,PORT], such as br0=eth0", f.uplinks, false)
			if err != nil {
				return err
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
			if body.NICs, err = f.physicalNICs(a.In); err != nil {
				return err
			}
			c, err := a.client()
			if err != nil {
				return err
			}
			v, err := c.Hosts().Create(cmd.Context(), body, client.Wait(a.wait))
			return k.written(a, v, err)
		}))
	f.bind(cmd, "")
	needs(cmd, "ovsdb")
	return cmd
}

func (a *App) updateHost(k kind[api.Host, api.HostList]) *cobra.Command {
	var f hostFlags
	var name string
	var learn bool
	cmd := a.waits(a.command("host-update ID [flags]", "Change a host",
		`  tapctl host-update h1 --wire net1=br1 --wire net0=
  ssh h1 tapctl host-facts | tapctl host-update h1 --facts -`,
		cobra.ExactArgs(1), func(cmd *cobra.Command, args []string) error {
			err := anyGiven(cmd, "name", "ovsdb", "tunnel-ip", "learn-tunnel-ip", "wire", "uplink", "nic", "facts")
			if err != nil {
				return err
			}
			patch := api.HostPatch{Name: given(cmd, "name", name), OVSDB: given(cmd, "ovsdb", f.ovsdb)}
			if cmd.Flags().Changed("tunnel-ip") {
				patch.TunnelIP = api.Set(f.tunnelIP)
			}
			if learn {
				patch.TunnelIP = api.Remove[string]()
			}
			if patch.Wires, err = pairsOf("wire", "WIRE=BRIDGE, or WIRE= to remove it", f.wires, true); err != nil {
				return err
			}
			uplinks, err := pairsOf("uplink", "BRIDGE=PORT[,PORT], or BRIDGE= to remove it", f.uplinks, true)
			if err != nil {
				return err
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
				nics, err := f.physicalNICs(a.In)
				if err != nil {
					return err
				}
				if nics == nil {
					nics = []api.HostNIC{}
				}
				patch.NICs = &nics
			}
			c, err := a.client()
			if err != nil {
				return err
			}
			v, err := c.Hosts().Update(cmd.Context(), args[0], patch, client.Wait(a.wait))
			return k.written(a, v, err)
		}))
	f.bind(cmd, "; nothing after = removes it")
	cmd.Flags().Lookup("nic").Usage = "NAME=MAC of a physical NIC; may be repeated; with --facts replaces all NICs"
	cmd.Flags().StringVar(&name, "name", "", "new name")
	cmd.Flags().BoolVar(&learn, "learn-tunnel-ip", false, "take the tunnel address that the switch tells")
	cmd.MarkFlagsMutuallyExclusive("tunnel-ip", "learn-tunnel-ip")
	return cmd
}
