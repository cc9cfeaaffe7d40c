package contract

import (
	"fmt"

	"github.com/tapline-sdn/tapline/controller/sets"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// side is which way packets pass a port of a bridge.
type side int

const (
	enters side = iota // the bridge: select_src_port
	leaves             // the bridge: select_dst_port
)

// services returns the tap services to which enabled tap flows mirror packets of a VLAN that pass a
// port of a bridge one way. VLAN 0 stands for all packets, and port "" for everything on the
// bridge.
func (w *World) servicesOf(h *tap.Host, bridge, port string, way side, vlan uint16) sets.Set {
	found := sets.Set{}
	for id := range w.flowsOf[h.ID] {
		f := w.flows[id]
		if f.Enabled && f.Type == tap.FlowVSwitch && asksOfVLAN(h, f, bridge, vlan) &&
			asksOfSwitch(h, f, bridge, port, way) {
			found.Add(f.TapID)
		}
	}
	if port == "" {
		return found
	}

	for nic := range w.guestsAt[sourcePort{h.ID, bridge, port}] {
		for id := range w.flowsOf[nic.guest] {
			f := w.flows[id]
			if f.Enabled && f.Type == tap.FlowVNIC &&
				(f.MAC == nic.mac || f.MAC.IsZero() && nic.only) && f.Direction != against(way) {
				found.Add(f.TapID)
			}
		}
	}
	return found
}

// withMembers adds the members of enabled pools to services that flows feed.
func (w *World) withMembers(services sets.Set) sets.Set {
	for id := range services {
		if s := w.services[id]; s != nil && s.Type == tap.ServicePool && s.Enabled {
			for _, member := range s.Members {
				services.Add(member)
			}
		}
	}
	return services
}

// against is the direction of a vnic whose packets do not pass its port this way.
func against(way side) tap.Direction {
	if way == enters { // What a guest sends enters the bridge.
		return tap.In
	}
	return tap.Out
}

// asksOfSwitch reports whether a tap flow of a whole switch mirrors what passes a port one way.
func asksOfSwitch(h *tap.Host, f *tap.Flow, bridge, port string, way side) bool {
	switch f.Direction {
	case tap.Both:
		return true
	case tap.In: // What arrives from the physical network enters by an uplink.
		return way == enters && isUplink(h, bridge, port)
	}
	return way == leaves && isUplink(h, bridge, port)
}

func isUplink(h *tap.Host, bridge, port string) bool {
	for i := range h.Bridges {
		if h.Bridges[i].Name != bridge {
			continue
		}
		for _, uplink := range h.Bridges[i].Uplinks {
			if uplink == port && port != "" {
				return true
			}
		}
	}
	return false
}

// asksOfVLAN reports whether a tap flow of a whole switch mirrors a VLAN of a bridge. Its wire may
// be a fake bridge, which is one VLAN of the bridge.
func asksOfVLAN(h *tap.Host, f *tap.Flow, bridge string, vlan uint16) bool {
	on, wireVLAN := h.WireBridge(f.WireID)
	if on == nil || on.Name != bridge || wireVLAN != 0 && wireVLAN != vlan {
		return false
	}
	return f.VLAN == 0 || f.VLAN == vlan
}

// sources finds, for each owner of mirrors, the services that may get all that the mirrors select.
func (x *check) sources() error {
	for i := range x.program.Mirrors {
		m := &x.program.Mirrors[i]
		if m.SelectAll {
			if err := x.selects(m, "", enters); err != nil {
				return err
			}
			continue
		}

		for _, port := range m.SelectSrc {
			if err := x.selects(m, port, enters); err != nil {
				return err
			}
		}
		for _, port := range m.SelectDst {
			if err := x.selects(m, port, leaves); err != nil {
				return err
			}
		}
	}
	return nil
}

// selects narrows the services of a mirror's owner down to those that may get what passes a port.
func (x *check) selects(m *tap.Mirror, port string, way side) error {
	vlans := m.SelectVLAN
	if len(vlans) == 0 {
		vlans = []uint16{0}
	}

	for _, vlan := range vlans {
		asked := x.world.withMembers(x.world.servicesOf(x.host, m.Bridge, port, way, vlan))
		if len(asked) == 0 {
			return fmt.Errorf("mirror %s selects %s, and no enabled tap flow asks for that",
				m.Name, selected(m.Bridge, port, way, vlan))
		}

		if x.allowed[m.Owner] == nil {
			x.allowed[m.Owner] = asked
			continue
		}
		for id := range x.allowed[m.Owner] {
			if _, both := asked[id]; !both {
				delete(x.allowed[m.Owner], id)
			}
		}
		if len(x.allowed[m.Owner]) == 0 {
			return fmt.Errorf("mirror %s selects %s for another tap service than the rest of %s",
				m.Name, selected(m.Bridge, port, way, vlan), m.Owner)
		}
	}
	return nil
}

// selected describes what a mirror selects.
func selected(bridge, port string, way side, vlan uint16) string {
	what := "everything"
	switch {
	case port != "" && way == enters:
		what = "what enters by port " + port
	case port != "":
		what = "what leaves by port " + port
	}
	if vlan != 0 {
		what += fmt.Sprintf(" on VLAN %d", vlan)
	}
	return what + " of bridge " + bridge
}
