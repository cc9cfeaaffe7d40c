package mirror

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/tapline-sdn/tapline/plugin/tap"
)

// reason says why something does not work: the text for people, the code for programs.
type reason struct {
	code tap.Code
	text string
}

func because(code tap.Code, format string, args ...any) reason {
	return reason{code, fmt.Sprintf(format, args...)}
}

// resolution says how far something was resolved. It is zero for what was found.
type resolution struct {
	reason

	permanent bool // waiting does not help: an error, not pending
	uncertain bool // it may be on a host that was not seen yet, so what stands for it must stay
}

func (r resolution) ok() bool { return r.text == "" }

func (r resolution) state() tap.State {
	if r.permanent {
		return tap.StateError
	}
	return tap.StatePending
}

func pending(why reason) resolution { return resolution{reason: why} }

func failed(why reason) resolution { return resolution{reason: why, permanent: true} }

func uncertain(why reason) resolution { return resolution{reason: why, uncertain: true} }

// absent is the resolution of what no host shows: uncertain while hosts were not seen yet.
func (w *world) absent(why reason) resolution {
	if len(w.unseen) > 0 {
		why.text += "; some hosts were not reached yet"
		return uncertain(why)
	}
	return pending(why)
}

func hostAbsent(id string) reason {
	return because(tap.CodeHostAbsent, "host %s is not registered", id)
}

func hostUnseen(h *tap.Host) reason {
	return because(tap.CodeHostUnseen, "host %s was not reached yet", h.Name)
}

// place is where a flow's source is on one host.
type place struct {
	host   string
	bridge string
	ports  []string // the port of a vnic, the uplinks of a vswitch
	tunnel *tunnelEnd
	mtu    uint32 // of a vnic's port, 0 while unknown
	down   string // why no packet can pass there; "" if packets can
}

// source is a resolved mirror source. A NIC has two places for a moment during a migration. Both
// are mirrored, since only one of them carries traffic.
type source struct {
	resolution
	places []place
	mac    tap.MAC // of a vnic; zero while unknown
	vlan   uint16  // the one that the wire is; 0 if it is a whole bridge

	// disputed says why it is uncertain which port is meant. What the places name is mirrored all
	// the same.
	disputed reason
}

// selects is the flow with the VLAN that it selects because of its wire.
func (s *source) selects(f *tap.Flow) *tap.Flow {
	if s.vlan == 0 {
		return f
	}
	narrowed := *f
	narrowed.VLAN = s.vlan
	return &narrowed
}

// down says why no packet can pass at any place of the source; zero if packets can.
func (s *source) down(w *world) reason {
	up := slices.ContainsFunc(s.places, func(at place) bool { return at.down == "" })
	if up || len(s.places) == 0 {
		return reason{}
	}

	at := s.places[0]
	return because(tap.CodeSourceDown, "port %s on bridge %s of host %s: %s",
		at.ports[0], at.bridge, w.hosts[at.host].Name, at.down)
}

func (w *world) source(f *tap.Flow) source {
	switch f.Type {
	case tap.FlowVSwitch:
		return w.vswitchSource(f)
	case tap.FlowSelector:
		// Its members are flows of their own. Some may be on hosts that were not seen yet, so what
		// its service receives must stay until then.
		return source{resolution: resolution{uncertain: len(w.unseen) > 0}}
	}
	return w.vnicSource(f)
}

func (w *world) vnicSource(f *tap.Flow) source {
	guest := w.guests[f.GuestID]
	if guest == nil {
		return source{resolution: w.absent(because(tap.CodeGuestAbsent,
			"guest %s is not seen on any host", f.GuestID))}
	}

	nic := sourceNIC(guest, f)
	if nic == nil && f.MAC.IsZero() {
		return source{resolution: w.absent(because(tap.CodeSourceUnknown,
			"the tap flow names no address, and guest %s has %d NICs", guest.Name,
			len(guest.NICs)))}
	}
	if nic == nil {
		return source{resolution: w.absent(because(tap.CodeSourceUnknown,
			"NIC %s of guest %s is not seen on any host", f.MAC, guest.Name))}
	}

	s := source{places: w.nicPlaces(nic), mac: nic.MAC}
	switch {
	case nic.Disputed != "":
		s.disputed = reason{tap.CodeSourceAmbiguous, nic.Disputed}
	case s.places == nil:
		s.resolution = w.absent(because(tap.CodeSourceAbsent,
			"NIC %s of guest %s is not plugged on any host", f.MAC, guest.Name))
	}

	return s
}

// sourceNIC finds the NIC that a flow means. A flow without an address was made for the only NIC of
// its guest while the address of that NIC was not known.
func sourceNIC(guest *tap.Guest, f *tap.Flow) *tap.NIC {
	for i := range guest.NICs {
		if guest.NICs[i].MAC == f.MAC && !f.MAC.IsZero() {
			return &guest.NICs[i]
		}
	}
	if f.MAC.IsZero() && len(guest.NICs) == 1 {
		return &guest.NICs[0]
	}
	return nil
}

// nicPlaces are the places of a NIC, sorted. A place on a host that cannot be reached counts only
// where there is no other: the guest may have been evacuated from there.
func (w *world) nicPlaces(nic *tap.NIC) (places []place) {
	connected := slices.ContainsFunc(nic.Locations, func(l tap.Location) bool {
		h := w.hosts[l.Host]
		return h != nil && h.Connected && l.Bridge != w.config.Bridge
	})

	for _, l := range nic.Locations {
		h := w.hosts[l.Host]
		if h == nil || l.Bridge == w.config.Bridge || connected && !h.Connected {
			continue
		}
		places = append(places, place{
			host: l.Host, bridge: l.Bridge, ports: []string{l.Port},
			tunnel: w.ends[l.Host], mtu: l.MTU, down: l.Down,
		})
	}

	slices.SortFunc(places, func(a, b place) int {
		return cmp.Or(cmp.Compare(a.host, b.host), cmp.Compare(a.bridge, b.bridge),
			slices.Compare(a.ports, b.ports))
	})

	return places
}

func (w *world) vswitchSource(f *tap.Flow) source {
	h := w.hosts[f.HostID]
	switch {
	case h == nil:
		return source{resolution: pending(hostAbsent(f.HostID))}
	case !h.Observed:
		return source{resolution: uncertain(hostUnseen(h))}
	}

	bridge, vlan := h.WireBridge(f.WireID)
	if bridge == nil {
		return source{resolution: pending(because(tap.CodeWireAbsent,
			"no bridge of host %s carries wire %s", h.Name, f.WireID))}
	}
	if vlan != 0 && f.VLAN != 0 && vlan != f.VLAN {
		return source{resolution: failed(because(tap.CodeVLANOther,
			"wire %s is VLAN %d of bridge %s of host %s, so VLAN %d is not on it",
			f.WireID, vlan, bridge.Name, h.Name, f.VLAN))}
	}
	if f.Direction != tap.Both && len(bridge.Uplinks) == 0 {
		return source{resolution: pending(because(tap.CodeUplinkAbsent,
			"bridge %s of host %s has no uplink, so there is no traffic in direction %s",
			bridge.Name, h.Name, f.Direction))}
	}

	return source{vlan: vlan, places: []place{{
		host: h.ID, bridge: bridge.Name, ports: bridge.Uplinks, tunnel: w.ends[h.ID],
	}}}
}

// tapsItself reports whether a guest would mirror itself to itself, maybe as a member of a pool.
func (w *world) tapsItself(f *tap.Flow, s *tap.Service) bool {
	for _, id := range s.Members {
		if member := w.services[id]; member != nil && w.tapsItself(f, member) {
			return true
		}
	}
	return f.Type == tap.FlowVNIC && s.Type == tap.ServiceGuest && f.GuestID == s.TargetID
}
