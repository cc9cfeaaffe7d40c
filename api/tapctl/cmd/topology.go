package cmd

import (
	"cmp"
	"context"
	"io"
	"slices"

	"github.com/spf13/cobra"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/client"
)

// topology is what mirrors what to where. Its JSON form is for scripts.
type topology struct {
	Hosts    []topoHost `json:"hosts"`
	Tunnels  []tunnel   `json:"tunnels"`
	Unplaced unplaced   `json:"unplaced"`
}

// topoHost is a host, its bridges, and the tap services whose NIC is there.
type topoHost struct {
	ID         string        `json:"id"`
	Name       string        `json:"name"`
	TunnelIP   string        `json:"tunnel_ip"`
	OVSVersion string        `json:"ovs_version"`
	Connected  bool          `json:"connected"`
	Status     api.Status    `json:"status"`
	Reason     string        `json:"reason"`
	Bridges    []topoBridge  `json:"bridges"`
	Services   []topoService `json:"tap_services"`
}

// topoBridge is a bridge and the tap flows that are taken from it.
type topoBridge struct {
	Name    string     `json:"name"`
	Wires   []string   `json:"wires"`
	Uplinks []string   `json:"uplinks"`
	Flows   []topoFlow `json:"tap_flows"`
}

type topoService struct {
	ID     string     `json:"id"`
	Name   string     `json:"name"`
	Type   string     `json:"type"`
	Target string     `json:"target"` // name of the guest or host
	IfName string     `json:"ifname"`
	MAC    string     `json:"mac_addr"`
	Flows  int        `json:"flow_count"`
	Status api.Status `json:"status"`
	Reason string     `json:"reason"`
}

type topoFlow struct {
	ID        string     `json:"id"`
	Name      string     `json:"name"`
	Type      string     `json:"type"`
	Source    string     `json:"source"` // guest and NIC, or wire and VLAN
	Port      string     `json:"port"`   // of a vnic
	Direction string     `json:"direction"`
	Service   string     `json:"tap_service"`
	To        string     `json:"to"` // name of the host of the service; "" while unknown
	Tunnel    bool       `json:"tunnel"`
	Status    api.Status `json:"status"`
	Reason    string     `json:"reason"`
}

// tunnel is a way that copies take between hosts.
type tunnel struct {
	From  string   `json:"from"`
	To    string   `json:"to"`
	Flows []string `json:"tap_flows"`
}

// unplaced is what is on no host at present.
type unplaced struct {
	Services []topoService `json:"tap_services"`
	Flows    []topoFlow    `json:"tap_flows"`
}

func (a *App) addTopology(root *cobra.Command) {
	cmd := a.command("topology [HOST...] [flags]", "Show what is mirrored from where to where",
		`  tapctl topology
  tapctl topology h1 h2
  tapctl topology -o dot | dot -Tsvg > topology.svg
  tapctl topology -o mermaid`,
		cobra.ArbitraryArgs, func(cmd *cobra.Command, args []string) error {
			c, err := a.client()
			if err != nil {
				return err
			}
			for _, ref := range args {
				if _, err := c.Hosts().Get(cmd.Context(), ref); err != nil {
					return err
				}
			}
			t, err := readTopology(cmd.Context(), c, args)
			if err != nil {
				return err
			}
			write := map[string]func(io.Writer, topology) error{"tree": writeTree, "dot": writeDot, "mermaid": writeMermaid}[a.output]
			if write == nil {
				return formats()[a.output].encode(a.Out, t)
			}
			return write(a.Out, t)
		})
	cmd.Long = `Show what is mirrored from where to where: hosts, their bridges with wires and uplinks, the tap flows that are taken from
each bridge, the tap services that collect there, and the tunnels between hosts. With hosts, only these and what they are
connected with.`
	a.writes(cmd, "tree", "dot", "mermaid", "json", "yaml")
	root.AddCommand(cmd)
}

// cloud is everything that the controller knows.
type cloud struct {
	hosts    []api.Host
	guests   map[string]api.Guest
	wires    []api.Wire
	services []api.TapService
	flows    []api.TapFlow
}

func readCloud(ctx context.Context, c *client.Client) (cloud, error) {
	out := cloud{guests: map[string]api.Guest{}}
	hosts, err := c.Hosts().List(ctx)
	if err != nil {
		return cloud{}, err
	}
	guests, err := c.Guests().List(ctx)
	if err != nil {
		return cloud{}, err
	}
	for _, g := range guests.Guests {
		out.guests[g.ID] = g
	}
	wires, err := c.Wires().List(ctx)
	if err != nil {
		return cloud{}, err
	}
	services, err := c.TapServices().List(ctx)
	if err != nil {
		return cloud{}, err
	}
	flows, err := c.TapFlows().List(ctx)
	if err != nil {
		return cloud{}, err
	}
	out.hosts, out.wires, out.services, out.flows = hosts.Hosts, wires.Wires, services.TapServices, flows.TapFlows
	return out, nil
}

func readTopology(ctx context.Context, c *client.Client, only []string) (topology, error) {
	seen, err := readCloud(ctx, c)
	if err != nil {
		return topology{}, err
	}
	return newTopology(seen, only), nil
}

// newTopology puts everything in its place. Of hosts it shows those in only, if there are any, and those connected with them.
func newTopology(seen cloud, only []string) topology {
	t := topology{Hosts: []topoHost{}, Tunnels: []tunnel{}, Unplaced: unplaced{Services: []topoService{}, Flows: []topoFlow{}}}
	at := map[string]int{} // host id -> index
	for i, h := range seen.hosts {
		at[h.ID] = i
		t.Hosts = append(t.Hosts, topoHost{
			ID: h.ID, Name: h.Name, TunnelIP: h.TunnelIP, OVSVersion: h.OVSVersion, Connected: h.Connected,
			Status: h.Status, Reason: h.Reason, Bridges: seen.bridges(h), Services: []topoService{},
		})
	}
	services := map[string]api.TapService{}
	for _, s := range seen.services {
		services[s.ID] = s
		shown := topoService{
			ID: s.ID, Name: s.Name, Type: s.Type, Target: seen.nameOf(s.TargetID), IfName: s.IfName, MAC: s.MACAddr,
			Flows: s.FlowCount, Status: s.Status, Reason: s.Reason,
		}
		if i, known := at[s.HostID]; known {
			t.Hosts[i].Services = append(t.Hosts[i].Services, shown)
		} else {
			t.Unplaced.Services = append(t.Unplaced.Services, shown)
		}
	}
	tunnels := map[[2]string][]string{}
	for _, f := range seen.flows {
		shown := topoFlow{
			ID: f.ID, Name: f.Name, Type: f.Type, Direction: f.Direction, Service: cmp.Or(services[f.TapID].Name, f.TapID),
			Status: f.Status, Reason: f.Reason,
		}
		host, bridge := seen.sourceOf(f, &shown)
		i, placed := at[host]
		to, collected := at[services[f.TapID].HostID]
		if collected {
			shown.To = t.Hosts[to].Name
			shown.Tunnel = placed && to != i
		}
		if !placed {
			t.Unplaced.Flows = append(t.Unplaced.Flows, shown)
			continue
		}
		if shown.Tunnel && f.Enabled {
			way := [2]string{t.Hosts[i].Name, shown.To}
			tunnels[way] = append(tunnels[way], f.Name)
		}
		t.Hosts[i].add(bridge, shown)
	}
	for way, flows := range tunnels {
		t.Tunnels = append(t.Tunnels, tunnel{From: way[0], To: way[1], Flows: flows})
	}
	slices.SortFunc(t.Tunnels, func(a, b tunnel) int { return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To)) })
	if len(only) > 0 {
		t.keep(only)
	}
	return t
}

// keep drops the hosts that are neither wanted nor connected with one that is.
func (t *topology) keep(only []string) {
	wanted := map[string]bool{}
	for _, h := range t.Hosts {
		wanted[h.Name] = slices.Contains(only, h.Name) || slices.Contains(only, h.ID)
	}
	near := map[string]bool{}
	t.Tunnels = slices.DeleteFunc(t.Tunnels, func(w tunnel) bool {
		touches := wanted[w.From] || wanted[w.To]
		if touches {
			near[w.From], near[w.To] = true, true
		}
		return !touches
	})
	t.Hosts = slices.DeleteFunc(t.Hosts, func(h topoHost) bool { return !wanted[h.Name] && !near[h.Name] })
	t.Unplaced = unplaced{Services: []topoService{}, Flows: []topoFlow{}}
}

// add puts a flow at the bridge that it is taken from, which the switch may not have at present.
func (h *topoHost) add(bridge string, f topoFlow) {
	i := slices.IndexFunc(h.Bridges, func(b topoBridge) bool { return b.Name == bridge })
	if i < 0 {
		i = len(h.Bridges)
		h.Bridges = append(h.Bridges, topoBridge{Name: bridge, Wires: []string{}, Uplinks: []string{}, Flows: []topoFlow{}})
	}
	h.Bridges[i].Flows = append(h.Bridges[i].Flows, f)
}

// bridges are those of a host, with the wires that each carries. A bridge's own name is a wire that goes without saying.
func (c cloud) bridges(h api.Host) []topoBridge {
	var out []topoBridge
	names := slices.Clone(h.Bridges)
	for _, bridge := range h.Wires {
		names = append(names, bridge)
	}
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		b := topoBridge{Name: name, Wires: []string{}, Uplinks: []string{}, Flows: []topoFlow{}}
		for _, w := range c.wires {
			for _, at := range w.Hosts {
				if at.HostID == h.ID && at.Bridge == name {
					b.Uplinks = orNone(at.Uplinks)
					if w.Name != name {
						b.Wires = append(b.Wires, w.Name)
					}
				}
			}
		}
		out = append(out, b)
	}
	return out
}

func orNone(s []string) []string {
	if s == nil {
		return []string{}
	}
	return s
}

// sourceOf finds the host and the bridge that a flow is taken from, and fills in how to call the source.
func (c cloud) sourceOf(f api.TapFlow, shown *topoFlow) (host, bridge string) {
	if f.Type == "vswitch" {
		shown.Source = wireSource(f)
		for _, h := range c.hosts {
			if h.ID == f.HostID {
				return f.HostID, cmp.Or(h.Wires[f.WireID], f.WireID)
			}
		}
		return "", ""
	}
	g := c.guests[f.GuestID]
	shown.Source = cmp.Or(g.Name, f.GuestID) + " " + f.MACAddr
	for _, n := range g.NICs {
		if n.MAC == f.MACAddr {
			shown.Port = n.Port
			return n.HostID, n.Bridge
		}
	}
	return "", ""
}

// nameOf is the name of the guest or the host with an id.
func (c cloud) nameOf(id string) string {
	if g, ok := c.guests[id]; ok {
		return g.Name
	}
	for _, h := range c.hosts {
		if h.ID == id {
			return h.Name
		}
	}
	return id
}
