package mirror

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"

	"github.com/tapline-sdn/tapline/plugin/tap"
)

// want says how far something was resolved.
type want struct {
	problem string // why it is not found, "" if it is
	code    tap.Code
	failed  bool // waiting does not help
	unknown bool // it may be on a host that was never seen, so nothing may be taken down for its absence
}

func (w want) ok() bool { return w.problem == "" }

// place is where a flow's source is on one host.
type place struct {
	host     string
	bridge   string
	ports    []string // of a vnic its port, of a vswitch the uplinks
	tunnelIP netip.Addr
}

// source is a resolved mirror source. A NIC has two places for moments of a migration; both are mirrored, since only
// one of them carries traffic.
type source struct {
	want
	places []place
}

// destination is a resolved tap NIC. It is comparable.
type destination struct {
	want
	host     string // where the NIC is, even while it is not deliverable
	port     string
	plugged  bool   // the port is somebody else's
	join     bool   // the port must be on the tap bridge
	coming   bool   // it joins by this program, and the switch has to tell its number: what feeds it is planned already, without flows
	ofport   uint32 // > 0 if ok
	down     string // why nothing can pass for now, though everything is in place; "" if it can
	tunnelIP netip.Addr
}

const elsewhere = "; some hosts were not reached yet"

func (w *world) absent(code tap.Code, format string, args ...any) want {
	problem := fmt.Sprintf(format, args...)
	if len(w.unseen) > 0 {
		return want{problem: problem + elsewhere, code: code, unknown: true}
	}
	return want{problem: problem, code: code}
}

func (w *world) source(f *tap.Flow) source {
	if f.Type == tap.FlowVSwitch {
		return w.vswitchSource(f)
	}
	return w.vnicSource(f)
}

func (w *world) vnicSource(f *tap.Flow) source {
	guest := w.guests[f.GuestID]
	if guest == nil {
		return source{want: w.absent(tap.CodeSourceAbsent, "guest %s is not seen on any host", f.GuestID)}
	}
	at := slices.IndexFunc(guest.NICs, func(n tap.NIC) bool { return n.MAC == f.MAC })
	if at < 0 {
		return source{want: w.absent(tap.CodeSourceAbsent, "NIC %s of guest %s is not seen on any host", f.MAC, guest.Name)}
	}
	var s source
	for _, l := range guest.NICs[at].Locations {
		if h := w.hosts[l.Host]; h != nil && l.Bridge != w.config.Bridge {
			s.places = append(s.places, place{l.Host, l.Bridge, []string{l.Port}, h.TunnelIP})
		}
	}
	if s.places == nil {
		s.want = w.absent(tap.CodeSourceAbsent, "NIC %s of guest %s is not plugged on any host", f.MAC, guest.Name)
	}
	slices.SortFunc(s.places, func(a, b place) int {
		return cmp.Or(cmp.Compare(a.host, b.host), cmp.Compare(a.bridge, b.bridge), slices.Compare(a.ports, b.ports))
	})
	return s
}

func (w *world) vswitchSource(f *tap.Flow) source {
	h := w.hosts[f.HostID]
	switch {
	case h == nil:
		return source{want: want{code: tap.CodeHostAbsent, problem: fmt.Sprintf("host %s is not registered", f.HostID)}}
	case !h.Observed:
		return source{want: want{code: tap.CodeHostUnseen, problem: fmt.Sprintf("host %s was not reached yet", h.Name), unknown: true}}
	}
	bridge := wireBridge(h, f.WireID)
	if bridge == nil {
		return source{want: want{code: tap.CodeWireAbsent, problem: fmt.Sprintf("no bridge of host %s carries wire %s", h.Name, f.WireID)}}
	}
	if f.Direction != tap.Both && len(bridge.Uplinks) == 0 {
		return source{want: want{code: tap.CodeUplinkAbsent, problem: fmt.Sprintf("bridge %s of host %s has no uplink, so nothing goes %s", bridge.Name, h.Name, f.Direction)}}
	}
	return source{places: []place{{h.ID, bridge.Name, bridge.Uplinks, h.TunnelIP}}}
}

// wireBridge finds the bridge that carries a wire: the one that is told, or the one of that name.
func wireBridge(h *tap.Host, wire string) *tap.Bridge {
	name, told := h.Wires[wire]
	if !told {
		name = wire
	}
	return bridgeNamed(h, name)
}

func bridgeNamed(h *tap.Host, name string) *tap.Bridge {
	for i := range h.Bridges {
		if h.Bridges[i].Name == name {
			return &h.Bridges[i]
		}
	}
	return nil
}

func tapPortNamed(h *tap.Host, name string) *tap.TapPort {
	for i := range h.TapPorts {
		if h.TapPorts[i].Name == name {
			return &h.TapPorts[i]
		}
	}
	return nil
}

func (w *world) destination(s *tap.Service) destination {
	disabled := want{code: tap.CodeServiceDisabled, problem: fmt.Sprintf("tap service %s is disabled", s.Name)}
	switch {
	case s.Type == tap.ServiceHost && !s.Enabled:
		return destination{want: disabled}
	case s.Type == tap.ServiceHost:
		return w.hostDestination(s)
	}
	d := w.guestDestination(s)
	if !s.Enabled {
		// A guest's tap NIC stays on the tap bridge all the same: on an ordinary one it would get ordinary traffic.
		d.want, d.ofport, d.down, d.coming = disabled, 0, "", false
	}
	return d
}

func (w *world) guestDestination(s *tap.Service) destination {
	var best *tap.Location
	// During a migration the NIC is on two hosts: the reachable switch that has given it a port number counts.
	rank := func(l *tap.Location) (r int) {
		if h := w.hosts[l.Host]; h.Connected {
			r += 2
		}
		if l.OFPort > 0 {
			r++
		}
		return r
	}
	for i := range w.attached[s.ID] {
		l := &w.attached[s.ID][i]
		if w.hosts[l.Host] == nil {
			continue
		}
		if best == nil || rank(l) > rank(best) || rank(l) == rank(best) && l.Host < best.Host {
			best = l
		}
	}
	if best == nil {
		return destination{want: w.absent(tap.CodeNICAbsent, "NIC %s (%s) is not plugged on any host", s.IfName, s.MAC)}
	}
	h := w.hosts[best.Host]
	d := destination{host: h.ID, port: best.Port, plugged: true, join: true, tunnelIP: h.TunnelIP}
	switch port := tapPortNamed(h, best.Port); {
	case h.Refused != "":
		d.want, d.join = want{code: tap.CodeHostRefused, problem: h.Refused, failed: true}, false
	case !h.Observed:
		d.want = want{code: tap.CodeHostUnseen, problem: fmt.Sprintf("host %s was not reached yet", h.Name), unknown: true}
	case best.Bridge == w.config.Bridge && port == nil:
		d.want = want{code: tap.CodeNICOpening, problem: fmt.Sprintf("the switch of host %s has not opened NIC %s yet", h.Name, best.Port)}
	case best.Bridge != w.config.Bridge:
		d.want, d.coming = want{code: tap.CodeNICMoving, problem: fmt.Sprintf("NIC %s is on bridge %s of host %s and is being moved to %s", best.Port, best.Bridge, h.Name, w.config.Bridge)}, true
	default:
		d.deliverable(h, port)
	}
	return d
}

func (w *world) hostDestination(s *tap.Service) destination {
	h := w.hosts[s.TargetID]
	switch {
	case h == nil:
		return destination{want: want{code: tap.CodeHostAbsent, problem: fmt.Sprintf("host %s is not registered", s.TargetID)}}
	case !h.Observed:
		return destination{want: want{code: tap.CodeHostUnseen, problem: fmt.Sprintf("host %s was not reached yet", h.Name), unknown: true}, host: h.ID}
	case h.Refused != "":
		return destination{want: want{code: tap.CodeHostRefused, problem: h.Refused, failed: true}, host: h.ID}
	}
	at := slices.IndexFunc(h.NICs, func(n tap.HostNIC) bool { return n.MAC == s.MAC })
	if at < 0 {
		return destination{want: want{code: tap.CodeNICAbsent, problem: fmt.Sprintf("host %s has no NIC with address %s", h.Name, s.MAC), failed: true}, host: h.ID}
	}
	nic := h.NICs[at]
	d := destination{host: h.ID, port: nic.Name, tunnelIP: h.TunnelIP}
	if nic.UsedBy != "" {
		d.want = want{code: tap.CodeNICInUse, problem: fmt.Sprintf("NIC %s of host %s is used by %s", nic.Name, h.Name, nic.UsedBy), failed: true}
		return d
	}
	port := tapPortNamed(h, nic.Name)
	seen := nic.SeenMAC
	if port != nil && !port.MAC.IsZero() {
		seen = port.MAC
	}
	if !seen.IsZero() && seen != nic.MAC {
		d.want = want{code: tap.CodeNICReplaced, problem: fmt.Sprintf("NIC %s of host %s has address %s, not %s", nic.Name, h.Name, seen, nic.MAC), failed: true}
		return d
	}
	d.join = true
	switch {
	case port == nil:
		d.want, d.coming = want{code: tap.CodeNICMoving, problem: fmt.Sprintf("NIC %s is joining bridge %s of host %s", nic.Name, w.config.Bridge, h.Name)}, true
	case port.Error == "" && port.OFPort > 0 && port.MAC.IsZero():
		d.want = want{code: tap.CodeNICOpening, problem: fmt.Sprintf("the switch of host %s has not told the address of NIC %s yet", h.Name, nic.Name), unknown: true}
	default:
		d.deliverable(h, port)
	}
	return d
}

// deliverable fills in the port number, or why there is none.
func (d *destination) deliverable(h *tap.Host, port *tap.TapPort) {
	switch {
	case port.Error != "":
		d.want = want{code: tap.CodeNICFailed, problem: fmt.Sprintf("the switch of host %s says of NIC %s: %s", h.Name, port.Name, port.Error), failed: true}
	case port.OFPort == 0:
		d.want, d.coming = want{code: tap.CodeNICOpening, problem: fmt.Sprintf("the switch of host %s has not opened NIC %s yet", h.Name, port.Name)}, true
	default:
		d.ofport = port.OFPort
		if port.Down != "" {
			d.down = fmt.Sprintf("NIC %s of host %s: %s", port.Name, h.Name, port.Down)
		}
	}
}
