package mirror

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tapline-sdn/tapline/plugin/tap"
)

// destination is a resolved tap NIC, remote collector or pool. It is comparable.
type destination struct {
	resolution

	host     string // where the NIC is, even while nothing can be delivered to it
	port     string
	plugged  bool       // the hypervisor owns the port: see [tap.Port]
	onBridge bool       // the port must be on the tap bridge
	joining  bool       // its port number is not known yet: what feeds it is planned without flows
	ofport   uint32     // not 0 if ok
	mtu      uint32     // of the port, 0 while unknown
	down     reason     // why no packet can pass at present though everything stands
	disputed reason     // which other places claim to be the tap NIC
	tunnel   *tunnelEnd // of host

	collector collector // of a remote collector
	members   string    // of a pool: ids of the members that are ready, each followed by NUL
	all       string    // of a pool: ids of all members, likewise
	unready   string    // of a pool: which members are not ready, and why; "" if all are
}

func (w *world) destination(s *tap.Service) destination {
	if s.Type == tap.ServiceController {
		return controllerDestination()
	}

	disabled := pending(because(tap.CodeServiceDisabled, "tap service %s is disabled", s.Name))
	switch {
	case s.Type == tap.ServiceGuest:
	case !s.Enabled:
		return destination{resolution: disabled}
	case s.Type == tap.ServiceRemote:
		return destination{collector: newCollector(s)}
	default:
		return w.hostDestination(s)
	}

	d := w.guestDestination(s)
	if !s.Enabled {
		// Nothing is moved for it. A NIC that was moved goes back to where it was.
		d.resolution, d.ofport, d.mtu, d.down, d.joining = disabled, 0, 0, reason{}, false
		d.onBridge = false
	}

	return d
}

func (w *world) guestDestination(s *tap.Service) destination {
	at := w.bestLocation(s.ID)
	if at == nil {
		return destination{
			disputed: w.disputed(s, nil),
			resolution: w.absent(because(tap.CodeNICAbsent,
				"NIC %s (%s) is not plugged on any host", s.IfName, s.MAC)),
		}
	}

	h := w.hosts[at.Host]
	d := destination{
		host: h.ID, port: at.Port, plugged: true, onBridge: true, tunnel: w.ends[h.ID],
		disputed: w.disputed(s, h),
	}

	switch port := tapPortByName(h, at.Port); {
	case h.Refused != "":
		d.resolution, d.onBridge = failed(reason{tap.CodeHostRefused, h.Refused}), false
	case !h.Observed:
		d.resolution = uncertain(hostUnseen(h))
	case at.Bridge != w.config.Bridge && at.UsedBy != "":
		d.onBridge = false
		d.resolution = failed(because(tap.CodeNICInUse,
			"port %s on bridge %s of host %s has the address or name of the tap NIC, and is %s; "+
				"it stays there", at.Port, at.Bridge, h.Name, at.UsedBy))
	case at.Bridge != w.config.Bridge:
		d.joining = true
		d.resolution = pending(because(tap.CodeNICMoving,
			"NIC %s is on bridge %s of host %s and is being moved to %s",
			at.Port, at.Bridge, h.Name, w.config.Bridge))
	case port == nil:
		d.resolution = pending(nicOpening(h, at.Port))
	default:
		d.setPort(h, port)
	}

	return d
}

// disputed says which ports claim to be a service's tap NIC beside the one that is.
func (w *world) disputed(s *tap.Service, at *tap.Host) reason {
	var claims []string
	for _, l := range w.attached[s.ID].Claims {
		host := l.Host
		if h := w.hosts[l.Host]; h != nil {
			host = h.Name
		}
		claims = append(claims, fmt.Sprintf("port %s on bridge %s of host %s", l.Port, l.Bridge,
			host))
	}

	if claims == nil {
		return reason{}
	}

	slices.Sort(claims)
	where := "is not plugged at its place"
	if at != nil {
		where = "is on host " + at.Name
	}

	return because(tap.CodeDestinationDisputed,
		"NIC %s (%s) %s, and %s shows its address or name too",
		s.IfName, s.MAC, where, strings.Join(claims, ", "))
}

// bestLocation chooses where a service's tap NIC is. During a migration it is on two hosts: a
// switch that is connected and has given the port a number comes first.
func (w *world) bestLocation(service string) *tap.Location {
	rank := func(l *tap.Location) (r int) {
		if w.hosts[l.Host].Connected {
			r += 2
		}
		if l.OFPort > 0 {
			r++
		}
		return r
	}

	var best *tap.Location
	locations := w.attached[service].Locations
	for i := range locations {
		l := &locations[i]
		if w.hosts[l.Host] == nil {
			continue
		}
		better := best == nil || rank(l) > rank(best) ||
			rank(l) == rank(best) && l.Host < best.Host
		if better {
			best = l
		}
	}

	return best
}

func (w *world) hostDestination(s *tap.Service) destination {
	h := w.hosts[s.TargetID]
	switch {
	case h == nil:
		return destination{resolution: pending(hostAbsent(s.TargetID))}
	case !h.Observed:
		return destination{resolution: uncertain(hostUnseen(h)), host: h.ID}
	case h.Refused != "":
		return destination{resolution: failed(reason{tap.CodeHostRefused, h.Refused}), host: h.ID}
	}

	at := slices.IndexFunc(h.NICs, func(n tap.HostNIC) bool { return n.MAC == s.MAC })
	if at < 0 {
		return destination{host: h.ID, resolution: failed(because(tap.CodeNICUnknown,
			"host %s has no NIC with address %s", h.Name, s.MAC))}
	}

	nic := &h.NICs[at]
	d := destination{host: h.ID, port: nic.Name, tunnel: w.ends[h.ID]}
	port := tapPortByName(h, nic.Name)
	if d.resolution = checkNIC(h, nic, port); d.ok() {
		d.onBridge = true
		d.setHostPort(h, nic, port, w.config.Bridge)
	}

	return d
}

// checkNIC says why a physical NIC must not be put on the tap bridge.
func checkNIC(h *tap.Host, nic *tap.HostNIC, port *tap.TapPort) resolution {
	if nic.UsedBy != "" {
		return failed(because(tap.CodeNICInUse,
			"NIC %s of host %s is used by %s", nic.Name, h.Name, nic.UsedBy))
	}

	seen := nic.SeenMAC
	if port != nil && !port.MAC.IsZero() {
		seen = port.MAC
	}
	if !seen.IsZero() && seen != nic.MAC {
		return failed(because(tap.CodeNICReplaced,
			"NIC %s of host %s has address %s, not %s", nic.Name, h.Name, seen, nic.MAC))
	}

	return resolution{}
}

// setHostPort fills in the port number of a physical NIC, or why there is none.
func (d *destination) setHostPort(
	h *tap.Host, nic *tap.HostNIC, port *tap.TapPort, tapBridge string,
) {
	switch {
	case port == nil:
		d.joining = true
		d.resolution = pending(because(tap.CodeNICJoining,
			"NIC %s is joining bridge %s of host %s", nic.Name, tapBridge, h.Name))
	case port.Error == "" && port.OFPort > 0 && port.MAC.IsZero():
		d.resolution = uncertain(because(tap.CodeNICUnidentified,
			"the switch of host %s has not reported the address of NIC %s yet", h.Name, nic.Name))
	default:
		d.setPort(h, port)
	}
}

// setPort fills in the port number of a tap NIC, or why there is none.
func (d *destination) setPort(h *tap.Host, port *tap.TapPort) {
	switch {
	case port.Error != "":
		d.resolution = failed(because(tap.CodeNICFailed,
			"the switch of host %s reports for NIC %s: %s", h.Name, port.Name, port.Error))
	case port.OFPort == 0:
		d.joining = true
		d.resolution = pending(nicOpening(h, port.Name))
	default:
		d.ofport, d.mtu = port.OFPort, port.MTU
		if port.Down != "" {
			d.down = because(tap.CodeNICDown, "NIC %s of host %s: %s", port.Name, h.Name, port.Down)
		}
	}
}

func nicOpening(h *tap.Host, port string) reason {
	return because(tap.CodeNICOpening,
		"the switch of host %s has not opened NIC %s yet", h.Name, port)
}

func tapPortByName(h *tap.Host, name string) *tap.TapPort {
	for i := range h.TapPorts {
		if h.TapPorts[i].Name == name {
			return &h.TapPorts[i]
		}
	}
	return nil
}
