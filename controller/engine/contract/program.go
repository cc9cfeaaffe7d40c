package contract

import (
	"errors"
	"fmt"

	"github.com/tapline-sdn/tapline/controller/sets"
	"github.com/tapline-sdn/tapline/openflow"
	"github.com/tapline-sdn/tapline/openflow/action"
	"github.com/tapline-sdn/tapline/openflow/oxm"
	"github.com/tapline-sdn/tapline/plugin/mirror/wirekey"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// check holds one program against the world. It relies on what package reconcile has checked
// before: ports and mirrors are well formed, and no flow can send a packet but by a numbered port.
type check struct {
	world   *World
	program *tap.Program
	host    *tap.Host

	ports   map[openflow.PortNo]*tap.Port // of the tap bridge, by number
	allowed map[string]sets.Set           // owner of mirrors -> services that may get the copies
	marks   map[uint64]string             // metadata -> owner of the flows that write it
	groups  map[uint32]string             // owner by id
	meters  map[uint32]string             // owner by id
}

// Check returns an error if a program does what does not follow from the world: if it takes a NIC
// that is no tap service's, mirrors what no enabled tap flow asks for, or delivers it to anything
// but the tap service of that tap flow.
func (w *World) Check(p *tap.Program) error {
	x := &check{
		world: w, program: p, host: w.hosts[p.Host], ports: map[openflow.PortNo]*tap.Port{},
		allowed: map[string]sets.Set{}, marks: map[uint64]string{},
		groups: map[uint32]string{}, meters: map[uint32]string{},
	}
	if x.host == nil {
		return errors.New("the plugin was told of no such host")
	}

	for i := range p.Groups {
		x.groups[p.Groups[i].Mod.ID] = p.Groups[i].Owner
	}
	for i := range p.Meters {
		x.meters[p.Meters[i].Mod.ID] = p.Meters[i].Owner
	}

	for _, step := range []func() error{x.number, x.sources, x.entries, x.deliveries, x.tunnel} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// number checks ports by themselves, and finds the numbers of those on the tap bridge: those that
// they have, else those that they request.
func (x *check) number() error {
	numbers := make(map[string]uint32, len(x.host.TapPorts))
	for _, p := range x.host.TapPorts {
		numbers[p.Name] = p.OFPort
	}

	for i := range x.program.Ports {
		port := &x.program.Ports[i]
		if port.Type == "" && !x.world.hasNIC(x.host, port) {
			return fmt.Errorf("NIC %s is no tap service's", port.Name)
		}
		if local := port.Options["local_ip"]; local != "" && local != x.host.TunnelIP.String() {
			return fmt.Errorf("port %s has local_ip %s: want the host's tunnel address %v",
				port.Name, local, x.host.TunnelIP)
		}
		if port.Bridge != x.program.Bridge.Name {
			continue
		}

		n := numbers[port.Name]
		if n == 0 {
			n = port.OFPortRequest
		}
		if n != 0 {
			x.ports[openflow.PortNo(n)] = port
		}
	}
	return nil
}

// entries checks the flows of table 0, which say whose a packet is: packets of a capture come in by
// its patch port, those of a service from a host that feeds it. Only these flows write metadata.
func (x *check) entries() error {
	for i := range x.program.Flows {
		f := &x.program.Flows[i]
		if f.Mod.Table != 0 || len(f.Mod.Instructions) == 0 {
			continue
		}
		if why := x.entry(f); why != "" {
			return fmt.Errorf("flow %v of %s: %s", &f.Mod, f.Owner, why)
		}
	}
	return nil
}

func (x *check) entry(f *tap.FlowEntry) string {
	in, exact := exactly(f.Mod.Match, oxm.FieldInPort)
	port := x.ports[openflow.PortNo(in)]
	switch {
	case !exact || port == nil:
		return "want the number of a port of the program as in_port"
	case port.Type == "patch" && port.Owner != f.Owner:
		return "the port is that of " + port.Owner
	case port.Type == "":
		return "nothing that a collector sends may go anywhere"
	case port.Type != "patch" && !x.receives(f, port):
		return "no host of ours sends copies for it from that address with that key"
	}

	for _, instruction := range f.Mod.Instructions {
		write, is := instruction.(action.WriteMetadata)
		if !is {
			continue
		}
		owner, taken := x.marks[write.Value]
		if write.Mask != ^uint64(0) || taken && owner != f.Owner {
			return "want metadata of its own, written whole"
		}
		x.marks[write.Value] = f.Owner
	}
	return ""
}

// receives reports whether a flow takes what hosts send to a service through a tunnel.
func (x *check) receives(f *tap.FlowEntry, port *tap.Port) bool {
	s := x.world.services[f.Owner]
	key, exact := exactly(f.Mod.Match, oxm.FieldTunnelID)
	if s == nil || !s.Enabled || !exact || key > 1<<32-1 {
		return false
	}

	for _, id := range []oxm.FieldID{oxm.FieldTunIPv4Src, oxm.FieldTunIPv6Src} {
		if field, has := f.Mod.Match.Get(id); has && !field.Masked() {
			from, _ := field.Addr()
			return x.world.comesFrom(from, uint32(key), s.Key, keyWidth(port))
		}
	}
	return false
}

// keyWidth is how many bits of a key a tunnel port carries.
func keyWidth(port *tap.Port) uint {
	if port.Type == "vxlan" {
		return 24
	}
	return 32
}

// exactly is the value of a field that must be matched whole.
func exactly(match oxm.Match, id oxm.FieldID) (value uint64, exact bool) {
	field, has := match.Get(id)
	return field.Uint64(), has && !field.Masked()
}

// tunnel checks where probes go, and from where they are answered.
func (x *check) tunnel() error {
	widths := map[string]uint{}
	for _, port := range x.ports {
		widths[port.Name] = keyWidth(port)
	}

	for _, peer := range x.program.Tunnel.Peers {
		own := wirekey.Of(x.world.secret, x.host.ID, widths[peer.Port], wirekey.Probe)
		if len(x.world.hostsAt[peer.Addr]) == 0 || peer.ProbeKey != own {
			return fmt.Errorf("probes to %v: want the tunnel address of a host, and the own key",
				peer.Addr)
		}
	}
	for _, c := range x.program.Tunnel.Collectors {
		if !x.world.collectsAt(c.Addr) {
			return fmt.Errorf("keep-alives to %v: want the address of a remote collector", c.Addr)
		}
	}
	for _, from := range x.program.Tunnel.Senders {
		if !x.world.comesFrom(from.Addr, from.ProbeKey, wirekey.Probe, widths[from.Port]) {
			return fmt.Errorf("probes from %v: want the tunnel address of a host, and its key",
				from.Addr)
		}
	}
	return nil
}
