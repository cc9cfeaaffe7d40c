package standing

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/tapline-sdn/tapline/controller/engine/view"
	"github.com/tapline-sdn/tapline/controller/hypervisor"
	"github.com/tapline-sdn/tapline/controller/inventory"
	"github.com/tapline-sdn/tapline/controller/reconcile"
	"github.com/tapline-sdn/tapline/controller/session"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// OVSDBConnection is the key in [Host.Since] for the host's OVSDB connection, beside those of
// owners.
const OVSDBConnection = ""

// Host is what is known of a registered host.
type Host struct {
	ID       string
	Report   session.Report        // what the session read back last
	Observed inventory.Observation // what the last snapshot shows
	SeenMAC  map[string]tap.MAC    // addresses of NICs that were on the tap bridge, by NIC name
	// FirstPorts are the ports that were there when the switch was first seen; nil before.
	FirstPorts map[string]bool
	Guests     hypervisor.Report // what the host's hypervisor said last

	Program *reconcile.Desired // the plugin's last program that keeps the contract
	Stale   bool               // a later program was left out, and the plugin is asked for it again
	Refused string             // why the plugin's latest program is not applied; "" if it is

	// Asked is the revision of a change by the user that the plugin has not answered yet; 0 if
	// there is none.
	Asked uint64

	Retiring bool // deleted: nothing is planned for it, and what it has is being taken off

	Health view.Health
	Since  map[string]time.Time // since when each owner is in its state, and the connection in its
}

// NewHost returns a host that was not reached yet.
func NewHost(id string) Host {
	return Host{
		ID: id, Report: session.Report{Problem: "connecting"}, SeenMAC: map[string]tap.MAC{},
		Since: map[string]time.Time{},
	}
}

// NoteFirstPorts notes which ports are there, if the switch is seen for the first time.
func (h *Host) NoteFirstPorts() {
	shown := &h.Observed.Host
	if h.FirstPorts != nil || !shown.Observed || shown.Refused != "" {
		return
	}

	h.FirstPorts = make(map[string]bool, len(h.Observed.Ports))
	for _, p := range h.Observed.Ports {
		h.FirstPorts[p.Name] = true
	}
}

// Topology is the host as the plugin gets it.
func (h *Host) Topology() tap.Host {
	out := h.Observed.Host
	out.Connected = h.Report.Connected
	out.Paths = paths(h.Report.Paths, h.Report.Cuts)
	out.NICs = slices.Clone(out.NICs)
	for i := range out.NICs {
		out.NICs[i].SeenMAC = h.SeenMAC[out.NICs[i].Name]
	}
	return out
}

// paths lists the largest frames that pass the tunnel to other hosts, and the addresses that
// nothing reaches, sorted by address.
func paths(measured map[netip.Addr]uint32, cuts map[netip.Addr]bool) []tap.Path {
	var all []tap.Path
	for addr, frame := range measured {
		all = append(all, tap.Path{Addr: addr, Frame: frame, Cut: cuts[addr]})
	}
	for addr := range cuts {
		if _, known := measured[addr]; !known {
			all = append(all, tap.Path{Addr: addr, Cut: true})
		}
	}
	slices.SortFunc(all, func(a, b tap.Path) int { return a.Addr.Compare(b.Addr) })
	return all
}

// CurrentHealth works out how the host stands now. What keeps no mirror from running is added to
// the reason of a ready host: a tunnel address that it is not believed, what another cluster has
// there, and what is wrong with its hypervisor.
func (h *Host) CurrentHealth() view.Health {
	health := h.switchHealth()
	switch rejected := h.Observed.RejectedTunnelIP; {
	case health.State != tap.StateReady:
	case rejected.IsValid():
		health.Code = view.CodeAddressKept
		health.Reason = fmt.Sprintf("its switch shows the tunnel address %s, and %s is kept, "+
			"which was learned first; host-update --tunnel-ip accepts another", rejected,
			h.Observed.Host.TunnelIP)
	case h.Observed.Leftovers != "":
		health.Reason, health.Code = h.Observed.Leftovers, view.CodeOtherCluster
	case h.Guests.Problem != "":
		health.Reason, health.Code = "libvirt: "+h.Guests.Problem, view.CodeLibvirtFailed
	}

	return health
}

func (h *Host) switchHealth() view.Health {
	switch {
	case h.Retiring && h.Report.Connected:
		return view.Health{State: tap.StateDeleting, Code: view.CodeMayStillCopy,
			Reason: "its switch is being cleaned"}
	case h.Retiring:
		return view.Health{State: tap.StateDeleting, Code: view.CodeMayStillCopy,
			Reason: "it cannot be reached and may still copy; it is cleaned when it returns: " +
				h.Report.Problem}
	case h.Report.Snapshot == nil && !h.Report.Connected:
		return view.Pending(tap.CodeHostUnseen, "it was not reached yet: "+h.Report.Problem)
	case !h.Report.Connected:
		return view.Pending(view.CodeHostDisconnected, "it is not connected: "+h.Report.Problem)
	case h.Observed.Host.Refused != "":
		return view.Failed(tap.CodeHostRefused, h.Observed.Host.Refused)
	case h.Refused != "":
		return view.Failed(view.CodeProgramRefused, h.Refused+"; what stands there stays")
	case h.Program == nil || h.Asked != 0:
		return view.Pending(view.CodePlanning, "it is being planned")
	}

	worst := view.Ready()
	for _, owner := range h.Program.Owners {
		got, read := h.Report.Owners[owner]
		current := got.Fingerprint == h.Program.Fingerprints[owner]
		switch {
		case got.State == session.Failed && current:
			return view.Failed(failureCode(got), got.Reason)
		case !read || !current || got.State == session.Busy:
			worst = view.Pending(view.CodeProgramming, "the switch is being programmed")
		case got.State == session.Waiting && worst.State == tap.StateReady:
			worst = view.Pending(cmp.Or(got.Code, view.CodeSwitchWaiting), got.Reason)
		}
	}

	return worst
}

// Foreseen is how the host will stand once its switch has what is planned.
func (h *Host) Foreseen() view.Health {
	health := h.switchHealth()
	if h.Report.Connected && health.State == tap.StatePending {
		return view.Ready()
	}
	return health
}

// NoteSince notes what the host's latest report changed against the one before.
func (h *Host) NoteSince(before *session.Report, now time.Time) {
	if h.Report.Connected != before.Connected {
		h.Since[OVSDBConnection] = now
	}
	if h.Report.Connected != before.Connected || h.Report.Problem != before.Problem {
		return
	}

	for owner, is := range h.Report.Owners {
		if was := before.Owners[owner]; is.State != was.State || is.Reason != was.Reason {
			h.Since[owner] = now
		}
	}

	for owner := range before.Owners {
		if _, still := h.Report.Owners[owner]; !still {
			delete(h.Since, owner)
		}
	}
}
