package mirror_test

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/tapline-sdn/tapline/openflow"
	"github.com/tapline-sdn/tapline/openflow/action"
	"github.com/tapline-sdn/tapline/openflow/oxm"
	"github.com/tapline-sdn/tapline/plugin/mirror"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// packet is one packet that crosses a source bridge.
type packet struct {
	host, bridge string
	in           string   // port of arrival
	out          []string // ports of departure
	vlan         uint16   // 0 if untagged
	proto        uint8    // IP protocol
	port         uint16   // UDP destination port
	fragment     bool     // of a larger packet: its port is not readable
	src, dst     netip.Addr
}

// envelope is a packet on its way through tap bridges.
type envelope struct {
	packet
	inPort   openflow.PortNo
	metadata uint64
	tunID    uint64
	tunSrc   netip.Addr
	tunDst   netip.Addr
	limit    uint32 // octets to which it was cut, 0 for all
	reg5     uint64
}

// fabric is a model of switches that run programs: mirrors as ovs-vswitchd.conf.db(5) tells of
// them, the tables of the tap bridge, and tunnels between hosts. It counts what leaves by tap NICs.
type fabric struct {
	t        *rapid.T
	hosts    map[string]tap.Host
	programs map[string]tap.Program
	arrived  map[string]int // "host/port" -> copies
}

func newFabric(t *rapid.T, snapshot tap.Change) *fabric {
	f := &fabric{t: t, hosts: map[string]tap.Host{}, programs: map[string]tap.Program{}}
	for _, h := range snapshot.Hosts {
		f.hosts[h.ID] = h
	}
	for _, p := range mirror.Full(mirror.DefaultConfig(), snapshot).Programs {
		f.programs[p.Host] = p
	}
	return f
}

// number is the port's number on the tap bridge: the one that the switch showed, or else the one
// that is asked for.
func (f *fabric) number(host, name string) openflow.PortNo {
	for _, o := range f.hosts[host].TapPorts {
		if o.Name == name && o.OFPort != 0 {
			return openflow.PortNo(o.OFPort)
		}
	}

	for _, o := range f.programs[host].Ports {
		if o.Name == name && o.Bridge == "brtap" && o.OFPortRequest != 0 {
			return openflow.PortNo(o.OFPortRequest)
		}
	}

	f.t.Fatalf("port %s of host %s has no number", name, host)
	return 0
}

// send puts a packet on its source bridge and returns how many copies arrived where.
func (f *fabric) send(p packet) map[string]int {
	f.arrived = map[string]int{}
	outputs := map[string]bool{} // a packet goes at most once to an output port
	records := 0
	for _, m := range f.programs[p.host].Mirrors {
		if m.Bridge != p.bridge {
			continue
		}
		if records++; records > 32 {
			continue // Open vSwitch ignores it.
		}

		port := m.SelectAll || slices.Contains(m.SelectSrc, p.in) ||
			slices.ContainsFunc(p.out, func(o string) bool {
				return slices.Contains(m.SelectDst, o)
			})
		if port && (len(m.SelectVLAN) == 0 || slices.Contains(m.SelectVLAN, p.vlan)) {
			outputs[m.Output] = true
		}
	}

	for name := range outputs {
		patch := f.port(p.host, p.bridge, name)
		peer := f.port(p.host, "brtap", patch.Options["peer"])
		if patch.Type != "patch" || peer.Type != "patch" || peer.Options["peer"] != name {
			f.t.Fatalf("mirror output %s and %s of host %s are no pair", name, peer.Name, p.host)
		}
		f.tapBridge(p.host, envelope{packet: p, inPort: f.number(p.host, peer.Name)})
	}

	return f.arrived
}

func (f *fabric) port(host, bridge, name string) tap.Port {
	for _, o := range f.programs[host].Ports {
		if o.Name == name && o.Bridge == bridge {
			return o
		}
	}
	f.t.Fatalf("bridge %s of host %s has no port %s", bridge, host, name)
	return tap.Port{}
}

func (f *fabric) tapBridge(host string, e envelope) {
	table := openflow.TableID(0)
	for {
		hit := f.lookup(host, table, &e)
		if hit == nil {
			return // no match, no action (fail_mode=secure)
		}

		next := table
		for _, i := range hit.Instructions {
			switch i := i.(type) {
			case action.WriteMetadata:
				e.metadata = e.metadata&^i.Mask | i.Value&i.Mask
			case action.GotoTable:
				if i.Table <= table {
					f.t.Fatalf("host %s: %v goes backwards", host, hit)
				}
				next = i.Table
			case action.ApplyActions:
				f.act(host, e, i, false)
			default:
				f.t.Fatalf("host %s: the model knows no %T", host, i)
			}
		}

		if next == table {
			return
		}

		table = next
	}
}

func (f *fabric) lookup(host string, table openflow.TableID, e *envelope) *openflow.FlowMod {
	var best *openflow.FlowMod
	flows := f.programs[host].Flows
	for i := range flows {
		mod := &flows[i].Mod
		if mod.Table != table || !f.matches(mod.Match, e) {
			continue
		}
		if best != nil && best.Priority == mod.Priority &&
			fmt.Sprint(best.Instructions) != fmt.Sprint(mod.Instructions) {
			f.t.Fatalf("host %s: %v and %v both match and differ", host, best, mod)
		}
		if best == nil || mod.Priority > best.Priority {
			best = mod
		}
	}

	return best
}

func (f *fabric) matches(match oxm.Match, e *envelope) bool {
	if err := match.Validate(); err != nil {
		f.t.Fatal(err)
	}

	within := func(field oxm.Field, a netip.Addr) bool {
		want, ok := field.Addr()
		return ok && want == a
	}

	for _, field := range match {
		ok := false
		switch field.ID() {
		case oxm.FieldInPort:
			ok = openflow.PortNo(field.Uint64()) == e.inPort
		case oxm.FieldRecircID:
			ok = field.Uint64() == 0 // No packet of the model is taken up again.
		case oxm.FieldEthSrc, oxm.FieldEthDst:
			ok = false // Packets of the model have the addresses of no NIC.
		case oxm.Reg(5, 0).ID():
			ok = field.Uint64() == e.reg5
		case oxm.FieldMetadata:
			ok = field.Uint64() == e.metadata
		case oxm.FieldTunnelID:
			ok = field.Uint64() == e.tunID && e.tunSrc.IsValid()
		case oxm.FieldTunIPv4Src, oxm.FieldTunIPv6Src:
			ok = within(field, e.tunSrc)
		case oxm.FieldEthType:
			ok = e.src.IsValid() && field.Uint64() == map[bool]uint64{true: 0x800,
				false: 0x86dd}[e.src.Is4()]
		case oxm.FieldIPProto:
			ok = field.Uint64() == uint64(e.proto)
		case oxm.FieldUDPDst:
			ok = !e.fragment && field.Uint64() == uint64(e.port)
		case oxm.FieldIPFrag:
			ok = e.fragment
		case oxm.FieldVLANVID:
			masked := field.Mask().Lo == 0x1000
			ok = e.vlan != 0 && (masked || field.Uint64() == 0x1000|uint64(e.vlan))
		case oxm.FieldIPv4Src, oxm.FieldIPv6Src:
			ok = within(field, e.src)
		case oxm.FieldIPv4Dst, oxm.FieldIPv6Dst:
			ok = within(field, e.dst)
		default:
			f.t.Fatalf("the model knows no field %v", field)
		}

		if !ok {
			return false
		}
	}

	return true
}

func (f *fabric) act(host string, e envelope, actions []action.Action, cloned bool) {
	for _, a := range actions {
		switch a := a.(type) {
		case action.SetField:
			switch a.Field.ID() {
			case oxm.FieldTunnelID:
				e.tunID = a.Field.Uint64()
			case oxm.FieldTunIPv4Dst, oxm.FieldTunIPv6Dst:
				e.tunDst, _ = a.Field.Addr()
			case oxm.Reg(5, 0).ID():
				e.reg5 = a.Field.Uint64()
			default:
				f.t.Fatalf("the model sets no field %v", a.Field)
			}
		case action.Output:
			f.output(host, e, a.Port)
		case action.Resubmit:
			e.reg5 = f.count(host, e, a.Table)
		case action.Clone:
			f.act(host, e, a.Actions, true)
		case action.OutputTrunc:
			if !cloned {
				f.t.Fatalf("host %s: %v outside a clone may cut the guest's own frame", host, a)
			}
			e.limit = a.MaxLen
			f.output(host, e, a.Port)
		default:
			f.t.Fatalf("the model knows no %T", a)
		}
	}
}

// count looks a packet up in a table whose flows only count. It returns register 5 as it is then.
func (f *fabric) count(host string, e envelope, table openflow.TableID) uint64 {
	hit := f.lookup(host, table, &e)
	if hit == nil {
		return e.reg5
	}

	for _, i := range hit.Instructions {
		do, applies := i.(action.ApplyActions)
		if !applies {
			f.t.Fatalf("host %s: %v does more than count", host, hit)
		}
		for _, a := range do {
			set, sets := a.(action.SetField)
			if !sets || set.Field.ID() != oxm.Reg(5, 0).ID() {
				f.t.Fatalf("host %s: %v does more than count", host, hit)
			}
			e.reg5 = set.Field.Uint64()
		}
	}
	return e.reg5
}

func (f *fabric) output(host string, e envelope, number openflow.PortNo) {
	if number == e.inPort {
		return // Open vSwitch does not send a packet back where it came from.
	}

	for _, o := range f.programs[host].Ports {
		if o.Bridge != "brtap" || f.number(host, o.Name) != number {
			continue
		}

		switch o.Type {
		case "gre", "vxlan":
			f.tunnel(e, netip.MustParseAddr(o.Options["local_ip"]), o.Name)
		case "patch":
			f.t.Fatalf("host %s: a copy leaves by %s into a bridge of others", host, o.Name)
		default:
			f.arrived[host+"/"+o.Name]++
		}

		return
	}

	f.t.Fatalf("host %s: no port has number %v", host, number)
}

func (f *fabric) tunnel(e envelope, local netip.Addr, port string) {
	for _, h := range f.hosts {
		if h.TunnelIP == e.tunDst && f.programs[h.ID].Host != "" {
			f.tapBridge(h.ID, envelope{packet: e.packet, inPort: f.number(h.ID, port),
				tunID: e.tunID, tunSrc: local, limit: e.limit})
			return
		}
	}
	f.t.Fatalf("no host has tunnel address %v", e.tunDst)
}

// plant is a random world in which every flow with an enabled service can run, but for hosts
// without a tunnel address, and what can be sent there.
type plant struct {
	tap.Change
	ports   map[string][]string // "host/bridge" -> ports that packets enter and leave by
	uplinks map[string][]string
	nic     map[string]string // service -> "host/port" of its tap NIC
}

func drawPlant(t *rapid.T) *plant {
	w := &plant{Change: tap.Change{Revision: 1, Reset: true,
		Secret: rapid.SliceOfN(rapid.Byte(), 0, 2).Draw(t, "secret")}, ports: map[string][]string{},
		uplinks: map[string][]string{}, nic: map[string]string{}}

	six := rapid.Bool().Draw(t, "ipv6")
	for i := range rapid.IntRange(1, 3).Draw(t, "hosts") {
		h := tap.Host{ID: fmt.Sprintf("h%d", i), Name: fmt.Sprintf("host-%d", i), Observed: true,
			Connected: true}

		switch {
		case seldom(t, 5, "no tunnel"):
		case six:
			h.TunnelIP = netip.MustParseAddr(fmt.Sprintf("2001:db8::%d", i+1))
		default:
			h.TunnelIP = netip.AddrFrom4([4]byte{192, 0, 2, byte(i + 1)})
		}

		if seldom(t, 4, "foreign tunnel") {
			h.ForeignTunnels = []tap.ForeignTunnel{{Name: "gre0", Bridge: "br1", Type: "gre"}}
		}

		h.Wires = map[string]string{"net0": "br0", "net1": "br1"}
		h.FakeBridges = []tap.FakeBridge{{Name: "br10", Parent: "br0", VLAN: 10}}
		for _, name := range []string{"br0", "br1"} {
			uplinks := rapid.SampledFrom([][]string{{"eth0-" + name},
				{"eth0-" + name, "eth1-" + name}, nil}).Draw(t, "uplinks")
			h.Bridges = append(h.Bridges, tap.Bridge{Name: name, DatapathType: "system",
				Uplinks: uplinks})
			at := h.ID + "/" + name
			w.uplinks[at] = uplinks
			w.ports[at] = append([]string{name, "port-of-nobody"}, uplinks...)
		}

		h.NICs = []tap.HostNIC{{Name: "eth9", MAC: nicMAC(0x900 + i)}}
		w.Hosts = append(w.Hosts, h)
	}

	host := func(label string) *tap.Host {
		return &w.Hosts[rapid.IntRange(0, len(w.Hosts)-1).Draw(t, label)]
	}

	for i := range rapid.IntRange(1, 4).Draw(t, "guests") {
		g := tap.Guest{ID: fmt.Sprintf("g%d", i), Name: fmt.Sprintf("vm-%d", i)}
		for n := range rapid.IntRange(1, 2).Draw(t, "nics") {
			l := tap.Location{Host: host("guest on").ID,
				Bridge: rapid.SampledFrom([]string{"br0", "br1"}).Draw(t, "bridge"),
				Port:   fmt.Sprintf("vnet%d-%d", i, n), OFPort: 1,
				MTU: rapid.SampledFrom([]uint32{0, 1500, 9000}).Draw(t, "mtu")}
			w.ports[l.Host+"/"+l.Bridge] = append(w.ports[l.Host+"/"+l.Bridge], l.Port)
			g.NICs = append(g.NICs, tap.NIC{MAC: nicMAC(2*i + n + 1), Locations: []tap.Location{l}})
		}

		w.Guests = append(w.Guests, g)
	}

	for i := range rapid.IntRange(1, 3).Draw(t, "services") {
		h := host("service on")
		s := tap.Service{ID: fmt.Sprintf("s%d", i), Name: fmt.Sprintf("collector-%d", i),
			Enabled: !seldom(t, 4, "disabled"), Key: uint32(16 + i)}

		free := !slices.ContainsFunc(h.TapPorts,
			func(o tap.TapPort) bool { return o.Name == "eth9" })

		port := tap.TapPort{Name: fmt.Sprintf("tap%d", i), OFPort: uint32(len(h.TapPorts) + 1),
			MTU: rapid.SampledFrom([]uint32{0, 1500}).Draw(t, "tap mtu")}

		if free && rapid.Bool().Draw(t, "physical") {
			s.Type, s.TargetID, s.MAC = tap.ServiceHost, h.ID, h.NICs[0].MAC
			port.Name, port.MAC = "eth9", s.MAC
		} else {
			s.Type, s.TargetID, s.MAC = tap.ServiceGuest, fmt.Sprintf("g%d", i), nicMAC(0x100+i)
			w.Attachments = append(w.Attachments, tap.Attachment{ServiceID: s.ID,
				Locations: []tap.Location{
					{Host: h.ID, Bridge: "brtap", Port: port.Name, OFPort: port.OFPort}}})
		}

		h.TapPorts = append(h.TapPorts, port)
		w.nic[s.ID] = h.ID + "/" + port.Name
		w.Services = append(w.Services, s)
	}

	for i := range rapid.IntRange(0, 8).Draw(t, "flows") {
		f := tap.Flow{
			ID: fmt.Sprintf("f%d", i), Name: fmt.Sprintf("flow-%d", i),
			Enabled: !seldom(t, 5, "disabled"), Direction: directions.Draw(t, "direction"),
			TapID: w.Services[rapid.IntRange(0, len(w.Services)-1).Draw(t, "to")].ID,
		}

		if rapid.Bool().Draw(t, "vswitch") {
			f.Type, f.HostID = tap.FlowVSwitch, host("from").ID
			f.WireID = rapid.SampledFrom([]string{"net0", "br0", "br10", "net1", "br1"}).Draw(t,
				"wire")
			f.VLAN = rapid.SampledFrom([]uint16{0, 10, 20}).Draw(t, "vlan")
		} else {
			g := w.Guests[rapid.IntRange(0, len(w.Guests)-1).Draw(t, "from")]
			f.Type, f.GuestID, f.MAC = tap.FlowVNIC, g.ID,
				rapid.SampledFrom(g.NICs).Draw(t, "nic").MAC
		}

		w.Flows = append(w.Flows, f)
	}

	return w
}

// renumber lets the switches show the ports that are programmed, some under other numbers than were
// asked for.
func (w *plant) renumber(t *rapid.T) {
	for _, p := range mirror.Full(mirror.DefaultConfig(), w.Change).Programs {
		h := &w.Hosts[slices.IndexFunc(w.Hosts, func(h tap.Host) bool { return h.ID == p.Host })]
		for _, o := range p.Ports {
			shown := slices.ContainsFunc(h.TapPorts,
				func(q tap.TapPort) bool { return q.Name == o.Name })
			if o.Bridge == "brtap" && !shown && rapid.Bool().Draw(t, "shown") {
				number := o.OFPortRequest
				if rapid.Bool().Draw(t, "renumbered") {
					number = uint32(100 + len(h.TapPorts))
				}
				h.TapPorts = append(h.TapPorts, tap.TapPort{Name: o.Name, OFPort: number})
			}
		}
	}
}

func (w *plant) drawPacket(t *rapid.T) packet {
	at := rapid.SampledFrom(slices.Sorted(maps.Keys(w.ports))).Draw(t, "bridge")
	ports := rapid.Permutation(w.ports[at]).Draw(t, "ports")
	return packet{
		host: at[:2], bridge: at[3:], in: ports[0],
		out:      ports[1 : 1+rapid.IntRange(1, len(ports)-1).Draw(t, "copies")],
		vlan:     rapid.SampledFrom([]uint16{0, 10, 20, 30}).Draw(t, "vlan"),
		proto:    rapid.SampledFrom([]uint8{1, 17, 47}).Draw(t, "proto"),
		port:     rapid.SampledFrom([]uint16{53, 4789, 24789}).Draw(t, "port"),
		fragment: rapid.Bool().Draw(t, "fragment"),
		src:      netip.AddrFrom4([4]byte{203, 0, 113, 1}),
		dst:      netip.AddrFrom4([4]byte{203, 0, 113, 2}),
	}
}

// selects is what a tap flow means, in the words of its documentation and not of mirrors.
func (w *plant) selects(f tap.Flow, p packet) bool {
	toward := func(ports []string) (in, out bool) {
		return slices.Contains(ports, p.in), slices.ContainsFunc(p.out,
			func(o string) bool { return slices.Contains(ports, o) })
	}

	if f.Type == tap.FlowVSwitch {
		bridge := map[string]string{"net0": "br0", "br0": "br0", "br10": "br0", "net1": "br1",
			"br1": "br1"}[f.WireID]
		if f.HostID != p.host || bridge != p.bridge || f.VLAN != 0 && f.VLAN != p.vlan {
			return false
		}
		if f.WireID == "br10" && (p.vlan != 10 || f.VLAN != 0 && f.VLAN != 10) {
			return false
		}

		arrives, leaves := toward(w.uplinks[p.host+"/"+p.bridge])
		return f.Direction == tap.Both || f.Direction == tap.In && arrives ||
			f.Direction == tap.Out && leaves
	}

	for _, g := range w.Guests {
		for _, n := range g.NICs {
			if g.ID == f.GuestID && n.MAC == f.MAC && n.Locations[0].Host == p.host &&
				n.Locations[0].Bridge == p.bridge {
				fromGuest, toGuest := toward([]string{n.Locations[0].Port})
				return f.Direction != tap.In && fromGuest || f.Direction != tap.Out && toGuest
			}
		}
	}

	return false
}

// wanted tells which tap NICs should get a copy.
func (w *plant) wanted(p packet) map[string]int {
	want := map[string]int{}
	tunnel := map[string]bool{}
	for _, h := range w.Hosts {
		tunnel[h.ID] = h.TunnelIP.IsValid()
	}

	for _, f := range w.Flows {
		s := w.Services[slices.IndexFunc(w.Services,
			func(s tap.Service) bool { return s.ID == f.TapID })]
		nic := w.nic[s.ID]
		self := f.Type == tap.FlowVNIC && s.Type == tap.ServiceGuest && s.TargetID == f.GuestID
		way := nic[:2] == p.host || tunnel[nic[:2]] && tunnel[p.host]
		if f.Enabled && s.Enabled && !self && way && w.selects(f, p) {
			want[nic] = 1
		}
	}

	return want
}

// TestPacketArrivesOnceAndNowhereElse sends random packets through random worlds.
func TestPacketArrivesOnceAndNowhereElse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawPlant(t)
		w.renumber(t)
		f := newFabric(t, w.Change)
		for range 8 {
			p := w.drawPacket(t)
			if want, got := w.wanted(p), f.send(p); !maps.Equal(want, got) {
				t.Fatalf("%+v arrives at %v: want %v\n%s", p, got, want,
					render(mirror.Full(mirror.DefaultConfig(), w.Change)))
			}
		}
	})
}

// tunnelled are the packets of the encapsulations that the guard knows.
var tunnelled = []packet{
	{proto: 47}, {proto: 47, fragment: true}, {proto: 17, fragment: true},
	{proto: 17, port: 4789}, {proto: 17, port: 8472}, {proto: 17, port: 6081},
	{proto: 17, port: 24789},
}

// TestUnderlayIsNotMirrored sends packets of tunnels over the bridge that carries the underlay, and
// a stranger's packets and a collector's into the tap bridge.
func TestUnderlayIsNotMirrored(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawPlant(t)
		w.renumber(t)
		f := newFabric(t, w.Change)
		for _, h := range w.Hosts {
			other := netip.AddrFrom4([4]byte{192, 0, 2, 99})
			if h.TunnelIP.Is6() {
				other = netip.MustParseAddr("2001:db8::99")
			}

			if h.TunnelIP.IsValid() {
				for _, b := range h.Bridges {
					for _, up := range b.Uplinks {
						p := rapid.SampledFrom(tunnelled).Draw(t, "packet")
						p.host, p.bridge, p.vlan = h.ID, b.Name,
							rapid.SampledFrom([]uint16{0, 10}).Draw(t, "vlan")

						leaving, coming := p, p
						leaving.in, leaving.out, leaving.src, leaving.dst = b.Name, []string{up},
							h.TunnelIP, other

						coming.in, coming.out, coming.src, coming.dst = up, []string{b.Name}, other,
							h.TunnelIP

						if n := len(f.send(leaving)) + len(f.send(coming)); n > 0 {
							t.Fatalf("packets of a tunnel on %s of %s are mirrored %d times: %+v",
								b.Name, h.ID, n, p)
						}
					}
				}
				for _, s := range w.Services {
					for _, tunnel := range f.programs[h.ID].Tunnel.Ports {
						f.arrived = map[string]int{}
						f.tapBridge(h.ID, envelope{packet: packet{host: h.ID, src: other,
							dst: other}, inPort: f.number(h.ID, tunnel), tunID: uint64(s.Key),
							tunSrc: other})
						if len(f.arrived) > 0 {
							t.Fatalf("host %s takes packets of a stranger: %v", h.ID, f.arrived)
						}
					}
				}
			}

			for _, o := range h.TapPorts {
				if o.Name != "eth9" && o.Name[:3] != "tap" {
					continue
				}

				f.arrived = map[string]int{}
				f.tapBridge(h.ID, envelope{packet: packet{host: h.ID, src: other, dst: other},
					inPort: openflow.PortNo(o.OFPort)})

				if len(f.arrived) > 0 {
					t.Fatalf("host %s passes on what collector %s sends: %v", h.ID, o.Name,
						f.arrived)
				}
			}
		}
	})
}
