package picture

import (
	"cmp"
	"slices"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/tapctl/cloud"
	"github.com/tapline-sdn/tapline/api/tapctl/kind"
)

// Topology is what is mirrored from where to where. Its JSON form is for scripts.
type Topology struct {
	Hosts    []Host   `json:"hosts"`
	Tunnels  []Tunnel `json:"tunnels"`
	Unplaced Unplaced `json:"unplaced"`
}

// Host is a host, its bridges, and the tap services whose NIC is there.
type Host struct {
	ID         string     `json:"id"`
	Name       string     `json:"name"`
	TunnelIP   string     `json:"tunnel_ip"`
	OVSVersion string     `json:"ovs_version"`
	Connected  bool       `json:"connected"`
	Status     api.Status `json:"status"`
	Reason     string     `json:"reason"`
	ReasonCode string     `json:"reason_code"`
	// MayStillCopy names what was switched off and may still be on the host's switch.
	MayStillCopy []string `json:"may_still_copy"`

	Bridges  []Bridge  `json:"bridges"`
	Services []Service `json:"tap_services"`
}

// Bridge is a bridge and the tap flows that are taken from it.
type Bridge struct {
	Name    string   `json:"name"`
	Wires   []string `json:"wires"`
	Uplinks []string `json:"uplinks"`
	Flows   []Flow   `json:"tap_flows"`
}

// Service is a tap service.
type Service struct {
	ID         string     `json:"id"`
	Name       string     `json:"name"`
	Type       string     `json:"type"`
	Target     string     `json:"target"` // name of the guest or host
	IfName     string     `json:"ifname"`
	MAC        string     `json:"mac_addr"`
	Flows      int        `json:"flow_count"`
	Status     api.Status `json:"status"`
	Reason     string     `json:"reason"`
	ReasonCode string     `json:"reason_code"`
}

// Flow is a tap flow.
type Flow struct {
	ID         string     `json:"id"`
	Name       string     `json:"name"`
	Type       string     `json:"type"`
	Source     string     `json:"source"` // guest and NIC, or wire and VLAN
	Port       string     `json:"port"`   // of a vnic
	Direction  string     `json:"direction"`
	Service    string     `json:"tap_service"`
	To         string     `json:"to"` // name of the service's host; "" while unknown
	Tunnel     bool       `json:"tunnel"`
	Status     api.Status `json:"status"`
	Reason     string     `json:"reason"`
	ReasonCode string     `json:"reason_code"`
}

// Tunnel is a path of copies from one host to another.
type Tunnel struct {
	From  string   `json:"from"`
	To    string   `json:"to"`
	Flows []string `json:"tap_flows"`
}

// Unplaced are tap services and tap flows that are on no host.
type Unplaced struct {
	Services []Service `json:"tap_services"`
	Flows    []Flow    `json:"tap_flows"`
}

// NewTopology puts everything at its place. If only names hosts, by id or name, it has just these
// and the hosts that they have tunnels with.
func NewTopology(state cloud.State, only []string) Topology {
	b := newBuilder(state)
	for _, s := range state.TapServices {
		b.addService(s)
	}

	for _, f := range state.TapFlows {
		b.addFlow(f)
	}

	b.addTunnels()

	if len(only) > 0 {
		b.topology.keep(only)
	}

	return b.topology
}

// builder makes a topology.
type builder struct {
	state    cloud.State
	topology Topology
	hostAt   map[string]int            // by id: index into the topology's hosts
	services map[string]api.TapService // by id
	tunnels  map[[2]string][]string    // by names of the two hosts: names of enabled tap flows
}

func newBuilder(state cloud.State) *builder {
	b := &builder{
		state:    state,
		hostAt:   map[string]int{},
		services: map[string]api.TapService{},
		tunnels:  map[[2]string][]string{},
	}

	b.topology = Topology{Hosts: []Host{}, Tunnels: []Tunnel{}, Unplaced: nothingUnplaced()}

	for i, h := range state.Hosts {
		b.hostAt[h.ID] = i
		b.topology.Hosts = append(b.topology.Hosts, Host{
			ID: h.ID, Name: h.Name, TunnelIP: h.TunnelIP, OVSVersion: h.OVSVersion,
			Connected: h.Connected,
			Status:    h.Status, Reason: h.Reason, ReasonCode: h.ReasonCode,
			MayStillCopy: append([]string{}, h.MayStillCopy...),
			Bridges:      bridges(state, h), Services: []Service{},
		})
	}

	return b
}

func nothingUnplaced() Unplaced { return Unplaced{Services: []Service{}, Flows: []Flow{}} }

func (b *builder) addService(s api.TapService) {
	b.services[s.ID] = s
	service := Service{
		ID: s.ID, Name: s.Name, Type: s.Type, Target: b.state.NameOf(s.TargetID), IfName: s.IfName,
		MAC: s.MACAddr, Flows: s.FlowCount, Status: s.Status, Reason: s.Reason,
		ReasonCode: s.ReasonCode,
	}

	if i, ok := b.hostAt[s.HostID]; ok {
		b.topology.Hosts[i].Services = append(b.topology.Hosts[i].Services, service)
	} else {
		b.topology.Unplaced.Services = append(b.topology.Unplaced.Services, service)
	}
}

func (b *builder) addFlow(f api.TapFlow) {
	service := b.services[f.TapID]
	flow := Flow{
		ID: f.ID, Name: f.Name, Type: f.Type, Direction: f.Direction,
		Service: cmp.Or(service.Name, f.TapID), Status: f.Status, Reason: f.Reason,
		ReasonCode: f.ReasonCode,
	}

	from, bridge := b.findSource(f, &flow)
	fromIndex, placed := b.hostAt[from]
	toIndex, collected := b.hostAt[service.HostID]
	if collected {
		flow.To = b.topology.Hosts[toIndex].Name
		flow.Tunnel = placed && toIndex != fromIndex
	}

	if !placed {
		b.topology.Unplaced.Flows = append(b.topology.Unplaced.Flows, flow)
		return
	}

	b.topology.Hosts[fromIndex].add(bridge, flow)
	if flow.Tunnel && f.Enabled {
		ends := [2]string{b.topology.Hosts[fromIndex].Name, flow.To}
		b.tunnels[ends] = append(b.tunnels[ends], f.Name)
	}
}

// findSource returns the id of the host and the name of the bridge that a tap flow is taken from,
// and fills in what the source is called.
func (b *builder) findSource(f api.TapFlow, flow *Flow) (hostID, bridge string) {
	if f.Type == "vswitch" {
		flow.Source = kind.WireSource(f)
		for _, h := range b.state.Hosts {
			if h.ID == f.HostID {
				return f.HostID, cmp.Or(h.Wires[f.WireID], f.WireID)
			}
		}
		return "", ""
	}

	if f.Type == "selector" {
		flow.Source = f.Selector // It has no place of its own.
		return "", ""
	}

	guest := b.state.Guests[f.GuestID]
	flow.Source = cmp.Or(guest.Name, f.GuestID) + " " + f.MACAddr
	for _, nic := range guest.NICs {
		if nic.MAC == f.MACAddr {
			flow.Port = nic.Port
			return nic.HostID, nic.Bridge
		}
	}

	return "", ""
}

func (b *builder) addTunnels() {
	for ends, flows := range b.tunnels {
		b.topology.Tunnels = append(b.topology.Tunnels,
			Tunnel{From: ends[0], To: ends[1], Flows: flows})
	}
	slices.SortFunc(b.topology.Tunnels, func(a, b Tunnel) int {
		return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To))
	})
}

// keep drops all hosts but those that are asked for and those that they have tunnels with.
func (t *Topology) keep(only []string) {
	wanted := map[string]bool{}
	for _, h := range t.Hosts {
		wanted[h.Name] = slices.Contains(only, h.Name) || slices.Contains(only, h.ID)
	}

	kept := map[string]bool{}
	t.Tunnels = slices.DeleteFunc(t.Tunnels, func(tunnel Tunnel) bool {
		if !wanted[tunnel.From] && !wanted[tunnel.To] {
			return true
		}
		kept[tunnel.From], kept[tunnel.To] = true, true
		return false
	})

	t.Hosts = slices.DeleteFunc(
		t.Hosts,
		func(h Host) bool { return !wanted[h.Name] && !kept[h.Name] },
	)

	t.Unplaced = nothingUnplaced()
}

// add adds a tap flow to the bridge that it is taken from. The switch may not have the bridge now.
func (h *Host) add(bridge string, f Flow) {
	i := slices.IndexFunc(h.Bridges, func(b Bridge) bool { return b.Name == bridge })
	if i < 0 {
		i = len(h.Bridges)
		h.Bridges = append(h.Bridges, newBridge(bridge))
	}
	h.Bridges[i].Flows = append(h.Bridges[i].Flows, f)
}

func newBridge(name string) Bridge {
	return Bridge{Name: name, Wires: []string{}, Uplinks: []string{}, Flows: []Flow{}}
}

// bridges are the bridges of a host, each with the wires that it carries. The wire that has the
// bridge's own name is left out.
func bridges(state cloud.State, h api.Host) []Bridge {
	names := slices.Clone(h.Bridges)
	for _, bridge := range h.Wires {
		names = append(names, bridge)
	}

	slices.Sort(names)

	var out []Bridge
	for _, name := range slices.Compact(names) {
		b := newBridge(name)
		for _, w := range state.Wires {
			for _, at := range w.Hosts {
				if at.HostID != h.ID || at.Bridge != name {
					continue
				}
				b.Uplinks = append([]string{}, at.Uplinks...)
				if w.Name != name {
					b.Wires = append(b.Wires, w.Name)
				}
			}
		}

		out = append(out, b)
	}

	return out
}
