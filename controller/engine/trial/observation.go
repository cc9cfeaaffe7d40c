package trial

import (
	"cmp"
	"slices"

	"github.com/tapline-sdn/tapline/controller/inventory"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// Plugged returns what a host shows once the tap NIC of a service is on its tap bridge.
func Plugged(before inventory.Observation, host, tapBridge string,
	s *tap.Service) inventory.Observation {
	now := inventory.Observation{Host: before.Host, Ports: slices.Clone(before.Ports)}
	port := tap.TapPort{Name: s.IfName, OFPort: freePort(before.Host.TapPorts), MAC: s.MAC}
	now.Host.TapPorts = append(slices.Clone(before.Host.TapPorts), port)
	now.Ports = append(now.Ports, &inventory.Port{Host: host, Bridge: tapBridge,
		Name: s.IfName, OFPort: port.OFPort, MAC: s.MAC, InUse: s.MAC})
	return sorted(now)
}

// OnTapBridge reports whether a host shows a port on its tap bridge.
func OnTapBridge(shown *tap.Host, port string) bool {
	return slices.ContainsFunc(shown.TapPorts, func(p tap.TapPort) bool { return p.Name == port })
}

// Joined returns what a host shows once a NIC is on the tap bridge, and on no other.
func Joined(before inventory.Observation, port tap.Port) inventory.Observation {
	now := inventory.Observation{Host: before.Host, Ports: slices.Clone(before.Ports)}
	joined := tap.TapPort{Name: port.Name, OFPort: cmp.Or(port.OFPortRequest,
		freePort(before.Host.TapPorts))}
	now.Host.NICs = slices.Clone(before.Host.NICs)
	for i := range now.Host.NICs {
		if nic := &now.Host.NICs[i]; nic.Name == port.Name {
			joined.MAC, nic.UsedBy = nic.MAC, ""
		}
	}

	for i := range now.Ports {
		if p := *now.Ports[i]; p.Name == port.Name {
			p.Bridge, p.OFPort, joined.MAC = port.Bridge, joined.OFPort, p.InUse
			now.Ports[i] = &p
		}
	}

	now.Host.TapPorts = append(slices.Clone(before.Host.TapPorts), joined)
	return sorted(now)
}

// sorted sorts the ports of an observation.
func sorted(now inventory.Observation) inventory.Observation {
	slices.SortFunc(now.Ports, inventory.ComparePorts)
	slices.SortFunc(now.Host.TapPorts, func(a, b tap.TapPort) int {
		return cmp.Compare(a.Name, b.Name)
	})
	return now
}

// freePort is the lowest unused port number. The switch may choose another.
func freePort(ports []tap.TapPort) uint32 {
	taken := map[uint32]bool{}
	for _, p := range ports {
		taken[p.OFPort] = true
	}
	free := uint32(1)
	for taken[free] {
		free++
	}
	return free
}
