package engine

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"time"

	"github.com/tapline-sdn/tapline/controller/engine/view"
	"github.com/tapline-sdn/tapline/controller/inventory"
	"github.com/tapline-sdn/tapline/controller/sets"
	"github.com/tapline-sdn/tapline/controller/store"
	"github.com/tapline-sdn/tapline/ovsdb/vswitch"
)

// switches say which hosts show which switch and which tunnel address, so that two records of one
// switch, or two hosts with one address, are found.
type switches struct {
	byIdentity sets.Multimap[inventory.Identity, string] // host ids
	byTunnel   sets.Multimap[netip.Addr, string]
}

func newSwitches() switches {
	return switches{
		byIdentity: sets.Multimap[inventory.Identity, string]{},
		byTunnel:   sets.Multimap[netip.Addr, string]{},
	}
}

// refusal says why a host's switch must not be programmed, or "". A session asks before it writes
// anything to a switch that it has not written to since it connected. It takes mu.
func (e *Engine) refusal(h *host, snap *vswitch.Snapshot) string {
	e.mu.Lock()
	defer e.mu.Unlock()
	record := e.intent.Hosts.ByID[h.ID]
	if record == nil || e.hosts[h.ID] != h {
		return "" // It is being taken off the switch.
	}

	identity, known := inventory.IdentityOf(snap)
	if !known {
		return ""
	}
	return e.refusalLocked(record, identity, h.Observed.Host.TunnelIP)
}

// refusalLocked says why a switch that shows an identity and a tunnel address must not be programmed as
// a host, or "".
func (e *Engine) refusalLocked(record *store.Host, shown inventory.Identity, tunnelIP netip.Addr) string {
	known := cmp.Or(record.SystemID, e.lessons.known[record.ID].SystemID)
	if known != "" && known != shown.SystemID {
		return fmt.Sprintf("the switch at %s has system-id %q, and that of host %s is %q; "+
			"if the host has a new switch, say so by tapctl host-update %s --system-id %q",
			record.OVSDB, shown.SystemID, record.Name, known, record.Name, shown.SystemID)
	}
	if other := e.elderLocked(record, e.switches.byIdentity[shown]); other != nil {
		return fmt.Sprintf("it is the switch of host %s, registered a second time (system-id %q); "+
			"delete one of the two", other.Name, shown.SystemID)
	}
	if other := e.elderLocked(record, e.switches.byTunnel[tunnelIP]); other != nil {
		return fmt.Sprintf("tunnel address %s already is that of host %s", tunnelIP, other.Name)
	}
	return ""
}

// elderLocked returns the record, other than a host's own, that was created first among some hosts,
// if it is older than the host's.
func (e *Engine) elderLocked(record *store.Host, ids map[string]struct{}) *store.Host {
	var elder *store.Host
	for id := range ids {
		other := e.intent.Hosts.ByID[id]
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

// identifyTime bounds how long the creation of a host waits for its switch to say which it is. A switch
// that cannot be reached by then is looked at when it can.
const identifyTime = time.Second

// unregistered refuses a new host whose switch another host already is. It takes mu.
func (e *Engine) unregistered(ctx context.Context, h *store.Host) error {
	if e.config.Identify == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, identifyTime)
	defer cancel()
	shown, err := e.config.Identify(ctx, h.OVSDB)
	if err != nil {
		return nil // It is looked at again once it is registered.
	}

	e.mu.Lock()
	defer e.mu.Unlock()
	for id := range e.switches.byIdentity[shown] {
		if other := e.intent.Hosts.ByID[id]; other != nil && id != h.ID && other.Name != h.Name {
			return view.Errorf(view.Conflict, "ovsdb", "%s is the switch of host %s (system-id %q)",
				h.OVSDB, other.Name, shown.SystemID)
		}
	}
	return nil
}

// identifyLocked notes by what a host is known from now on, and looks again at the hosts that were
// refused for its sake. A zero observation is that of a host that goes.
func (e *Engine) identifyLocked(id string, before, now *inventory.Observation) {
	again := sets.Set{}
	if before.Identity != now.Identity {
		for other := range e.switches.byIdentity[before.Identity] {
			again.Add(other)
		}
		e.switches.byIdentity.Remove(before.Identity, id)
		if now.Identity != (inventory.Identity{}) {
			e.switches.byIdentity.Add(now.Identity, id)
		}
	}

	if was, is := before.Host.TunnelIP, now.Host.TunnelIP; was != is {
		for other := range e.switches.byTunnel[was] {
			again.Add(other)
		}
		e.switches.byTunnel.Remove(was, id)
		if is.IsValid() {
			e.switches.byTunnel.Add(is, id)
		}
	}

	for other := range again {
		if h := e.hosts[other]; h != nil && other != id {
			e.look(h)
			h.session.Wake()
		}
	}
}

// learnSwitchLocked stores what counts from now on of a host whose switch was observed and may be
// programmed.
func (e *Engine) learnSwitchLocked(id string, seen *inventory.Observation) {
	fact := e.lessons.known[id]
	if fact.SystemID == "" || e.intent.Hosts.ByID[id].SystemID != "" {
		fact.SystemID = seen.Identity.SystemID
	}
	if seen.ShownTunnelIP.IsValid() {
		fact.TunnelIP = seen.ShownTunnelIP
	}
	e.learnLocked(id, fact)
}
