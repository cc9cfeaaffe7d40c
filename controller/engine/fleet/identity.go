package fleet

import (
	"cmp"
	"fmt"
	"net/netip"

	"github.com/tapline-sdn/tapline/controller/inventory"
	"github.com/tapline-sdn/tapline/controller/sets"
	"github.com/tapline-sdn/tapline/controller/store"
	"github.com/tapline-sdn/tapline/ovsdb/vswitch"
)

// identities say which hosts show which switch and which tunnel address, so that two records of one
// switch, or two hosts with one address, are found.
type identities struct {
	bySwitch sets.Multimap[inventory.Identity, string] // host ids
	byTunnel sets.Multimap[netip.Addr, string]
}

func newIdentities() identities {
	return identities{
		bySwitch: sets.Multimap[inventory.Identity, string]{},
		byTunnel: sets.Multimap[netip.Addr, string]{},
	}
}

// Refusal says why a host's switch, as a snapshot shows it, must not be programmed, or "".
func (f *Fleet) Refusal(h *Host, snap *vswitch.Snapshot) string {
	record := f.intent.Hosts.ByID[h.ID]
	if record == nil || f.Running[h.ID] != h {
		return "" // It is being taken off the switch.
	}

	identity, known := inventory.IdentityOf(snap)
	if !known {
		return ""
	}
	return f.refusal(record, identity, h.Observed.Host.TunnelIP)
}

// refusal says why a switch that shows an identity and a tunnel address must not be programmed as a
// host, or "".
func (f *Fleet) refusal(record *store.Host, shown inventory.Identity, tunnelIP netip.Addr) string {
	known := cmp.Or(record.SystemID, f.Lessons.Known(record.ID).SystemID)
	if known != "" && known != shown.SystemID {
		return fmt.Sprintf("the switch at %s has system-id %q, and that of host %s is %q; "+
			"if the host has a new switch, say so by tapctl host-update %s --system-id %q",
			record.OVSDB, shown.SystemID, record.Name, known, record.Name, shown.SystemID)
	}
	if other := f.elder(record, f.identities.bySwitch[shown]); other != nil {
		return fmt.Sprintf("it is the switch of host %s, registered a second time (system-id %q); "+
			"delete one of the two", other.Name, shown.SystemID)
	}
	if other := f.elder(record, f.identities.byTunnel[tunnelIP]); other != nil {
		return fmt.Sprintf("tunnel address %s already is that of host %s", tunnelIP, other.Name)
	}
	return ""
}

// elder returns the record, other than a host's own, that was created first among some hosts, if it
// is older than the host's.
func (f *Fleet) elder(record *store.Host, ids map[string]struct{}) *store.Host {
	var elder *store.Host
	for id := range ids {
		other := f.intent.Hosts.ByID[id]
		if other == nil || id == record.ID || !older(other, record) {
			continue
		}
		if elder == nil || older(other, elder) {
			elder = other
		}
	}
	return elder
}

// older reports whether a host was registered before another.
func older(a, b *store.Host) bool {
	return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), cmp.Compare(a.ID, b.ID)) < 0
}

// OwnerOf returns the record of another host than h that a switch is known as; nil if there is
// none.
func (f *Fleet) OwnerOf(shown inventory.Identity, h *store.Host) *store.Host {
	for id := range f.identities.bySwitch[shown] {
		if other := f.intent.Hosts.ByID[id]; other != nil && id != h.ID && other.Name != h.Name {
			return other
		}
	}
	return nil
}

// identify notes by what a host is known from now on, and returns the hosts to look at again, since
// they were refused for its sake. A zero observation is that of a host that goes.
func (f *Fleet) identify(id string, before, now *inventory.Observation) (again []*Host) {
	shared := sets.Set{}
	if before.Identity != now.Identity {
		for other := range f.identities.bySwitch[before.Identity] {
			shared.Add(other)
		}
		f.identities.bySwitch.Remove(before.Identity, id)
		if now.Identity != (inventory.Identity{}) {
			f.identities.bySwitch.Add(now.Identity, id)
		}
	}

	if was, is := before.Host.TunnelIP, now.Host.TunnelIP; was != is {
		for other := range f.identities.byTunnel[was] {
			shared.Add(other)
		}
		f.identities.byTunnel.Remove(was, id)
		if is.IsValid() {
			f.identities.byTunnel.Add(is, id)
		}
	}

	for other := range shared {
		if h := f.Running[other]; h != nil && other != id {
			again = append(again, h)
		}
	}
	return again
}
