package standing

import (
	"slices"
	"strings"

	"github.com/tapline-sdn/tapline/controller/engine/intent"
	"github.com/tapline-sdn/tapline/controller/engine/view"
	"github.com/tapline-sdn/tapline/controller/hypervisor"
	"github.com/tapline-sdn/tapline/controller/store"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// hostProblem is what is wrong with the hypervisor of a host.
type hostProblem struct {
	host string // id
	text string
}

// Plugging says how far the hypervisors have come with the NIC of an enabled tap service that no
// switch shows. It is false where there is nothing to say beyond the plugin's word.
func (t *Table) Plugging(id intent.Ref, status tap.Status) (view.Health, bool) {
	s := t.intent.Services.ByID[id.ID]
	if !t.plugged || id.Kind != tap.KindService || status.State != tap.StatePending || s == nil ||
		s.Type != tap.ServiceGuest || len(t.Attachment(s).Locations) > 0 {
		return view.Health{}, false
	}

	var off, unread []string
	var silent []hostProblem
	found := false
	for _, h := range t.sortedHosts() {
		outcome, here := h.Guests.NICs[s.ID]
		found = found || here
		switch {
		case !h.Guests.Known && h.Guests.Problem != "":
			silent = append(silent, hostProblem{h.ID, h.Guests.Problem})
		case !h.Guests.Known, !here && h.Guests.Orders < max(1, t.verdicts[id].FirstOrder):
			unread = append(unread, t.intent.HostName(h.ID))
		case here && outcome.State == hypervisor.Off:
			off = append(off, outcome.Guest)
		case here:
			if health, decided := t.outcomeHealth(h, s, outcome); decided {
				return health, true
			}
		}
	}

	switch {
	case off != nil:
		return view.Pending(view.CodeGuestOff, "guest %s is off", off[0]), true
	case found:
		return view.Health{}, false
	case unread != nil:
		t.unasked.Add(id.ID)
		return view.Pending(view.CodeLibvirtUnasked, "libvirt of host %s was not asked yet",
			unread[0]), true
	}

	return t.unknownGuest(s, silent), true
}

// outcomeHealth says how a tap NIC stands by what a host's hypervisor has come to, if that decides
// it.
func (t *Table) outcomeHealth(h *Host, s *store.Service, outcome hypervisor.Outcome) (view.Health,
	bool) {
	host := t.intent.HostName(h.ID)
	switch outcome.State {
	case hypervisor.Failed:
		return view.Failed(view.CodeLibvirtFailed, "host %s: guest %s: libvirt: %s", host,
			outcome.Guest, outcome.Reason), true
	case hypervisor.Plugging:
		return view.Pending(view.CodeNICPlugging,
			"NIC %s is being plugged into guest %s on host %s", s.IfName, outcome.Guest, host), true
	case hypervisor.Plugged:
		return view.Pending(view.CodeNICPlugged,
			"NIC %s is plugged into guest %s, and the switch of host %s does not show it yet",
			s.IfName, outcome.Guest, host), true
	}

	return view.Health{}, false
}

// Unasked iterates over the services about which some hypervisor has not answered yet.
func (t *Table) Unasked() []intent.Ref {
	ids := make([]intent.Ref, 0, len(t.unasked))
	for id := range t.unasked {
		ids = append(ids, intent.ServiceRef(id))
	}
	return ids
}

// serviceNIC says of a flow that waits for the NIC of its service what the hypervisors say of that.
func (t *Table) serviceNIC(id intent.Ref, status tap.Status) (view.Health, bool) {
	f := t.intent.FlowRecord(id.ID)
	if id.Kind != tap.KindFlow || f == nil || !waitsForNIC(status) {
		return view.Health{}, false
	}

	service := t.verdicts[intent.ServiceRef(f.TapID)]
	if !service.NICReason {
		return view.Health{}, false
	}

	health := service.Health
	health.Reason = "tap service " + t.intent.Services.ByID[f.TapID].Name + ": " + health.Reason
	return health, true
}

// waitsForNIC reports whether a service or a flow waits for the tap NIC, which no switch shows.
func waitsForNIC(s tap.Status) bool {
	return s.State == tap.StatePending && s.Code == tap.CodeNICAbsent
}

// unknownGuest says why no hypervisor has the guest of a service. Where a switch shows the guest's
// NICs, the hypervisor of that host counts.
func (t *Table) unknownGuest(s *store.Service, silent []hostProblem) view.Health {
	const libvirtSays = "Domain not found: no domain with matching uuid or name '%s'"

	host := t.seenOn(s.TargetID)
	if host == "" && silent != nil {
		host = silent[0].host
	}
	if i := slices.IndexFunc(silent, func(p hostProblem) bool { return p.host == host }); i >= 0 {
		return view.Failed(view.CodeLibvirtFailed, "host %s: libvirt: %s", t.intent.HostName(host),
			silent[i].text)
	}
	if host != "" {
		return view.Failed(view.CodeGuestAbsent, "host %s: libvirt: "+libvirtSays,
			t.intent.HostName(host), s.TargetID)
	}

	return view.Failed(view.CodeGuestAbsent, "libvirt: "+libvirtSays+" on any host", s.TargetID)
}

// seenOn is a host where the switch shows a NIC of a guest; "" if none does.
func (t *Table) seenOn(guest string) string {
	g, _ := t.places.Guest(guest, t.intent.Guests.ByID[guest])
	for _, n := range g.NICs {
		if len(n.Locations) > 0 {
			return n.Locations[0].Host
		}
	}
	return ""
}

// sortedHosts returns all hosts by name.
func (t *Table) sortedHosts() []*Host {
	out := make([]*Host, 0, len(t.hosts))
	for _, h := range t.hosts {
		out = append(out, h)
	}
	slices.SortFunc(out, func(a, b *Host) int {
		return strings.Compare(t.intent.HostName(a.ID), t.intent.HostName(b.ID))
	})
	return out
}

// foreseeNIC is the health of a service whose NIC no hypervisor would plug, and of the flows that
// wait for it.
func (t *Table) foreseeNIC(id intent.Ref, status tap.Status) view.Health {
	health := StatusHealth(status)
	s := t.intent.Services.ByID[id.ID]
	if f := t.intent.FlowRecord(id.ID); id.Kind == tap.KindFlow && f != nil {
		s = t.intent.Services.ByID[f.TapID]
	}
	if !t.plugged || !waitsForNIC(status) || s == nil || s.Type != tap.ServiceGuest {
		return health
	}

	_, guest := t.GuestOff(s.ID)
	if guest == nil {
		return health
	}

	health = view.Pending(view.CodeGuestOff, "guest %s is off", guest.Name)
	if id.Kind == tap.KindFlow {
		health.Reason = "tap service " + s.Name + ": " + health.Reason
	}

	return health
}
