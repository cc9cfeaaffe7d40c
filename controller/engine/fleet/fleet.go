package fleet

import (
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"time"

	"github.com/tapline-sdn/tapline/controller/engine/intent"
	"github.com/tapline-sdn/tapline/controller/inventory"
	"github.com/tapline-sdn/tapline/controller/store"
	"github.com/tapline-sdn/tapline/ovsdb/client"
)

// Fleet holds the hosts.
type Fleet struct {
	Running Hosts // registered
	// Places says what is where on them.
	Places *inventory.Places
	// Observer reads their snapshots.
	Observer inventory.Observer
	Lessons  *Lessons

	intent     *intent.Intent
	byDPID     map[uint64]*Host // those that run, by the datapath id of their tap bridge
	retiring   map[string]*Host // deleted, and still being stripped; by id
	identities identities
}

// New returns a fleet without hosts. Records and what was learned of them are in the intent.
func New(in *intent.Intent, observer inventory.Observer) *Fleet {
	f := &Fleet{
		Running: Hosts{}, Observer: observer, Lessons: newLessons(in.Learned), intent: in,
		byDPID: map[uint64]*Host{}, retiring: map[string]*Host{}, identities: newIdentities(),
	}
	f.Places = inventory.NewPlaces(f)
	return f
}

var _ inventory.Hosts = (*Fleet)(nil)

// HostName implements [inventory.Hosts].
func (f *Fleet) HostName(id string) string { return f.intent.HostName(id) }

// Connected implements [inventory.Hosts].
func (f *Fleet) Connected(id string) bool {
	h := f.Running[id]
	return h != nil && h.Report.Connected
}

// Has reports whether a host runs or is being cleaned.
func (f *Fleet) Has(id string) bool { return f.Running[id] != nil || f.retiring[id] != nil }

// Get returns a host that runs or is being cleaned; nil if there is none.
func (f *Fleet) Get(id string) *Host {
	if h := f.Running[id]; h != nil {
		return h
	}
	return f.retiring[id]
}

// Retiring returns a deleted host that is being cleaned; nil if there is none.
func (f *Fleet) Retiring(id string) *Host { return f.retiring[id] }

// ByDatapath returns the host whose tap bridge has a datapath id; nil if there is none.
func (f *Fleet) ByDatapath(dpid uint64) *Host { return f.byDPID[dpid] }

// ByAddr returns the host with an address in its OVSDB target, or as its tunnel address; nil if
// there is none.
func (f *Fleet) ByAddr(addr netip.Addr) *Host {
	for _, h := range f.Running {
		record := f.intent.Hosts.ByID[h.ID]
		if record != nil && (targetAddr(record.OVSDB) == addr || record.TunnelIP == addr) {
			return h
		}
	}
	return nil
}

// Add takes in a host whose session does not run yet: as one that runs or, if its record says so,
// as one that is being cleaned. It returns the hosts to look at again.
func (f *Fleet) Add(h *Host, record *store.Host) (again []*Host) {
	h.Observed = f.Observer.Observe(record, f.Lessons.Known(h.ID), nil, f.Places.Claimed)
	if h.Retiring = record.Deleting; h.Retiring {
		f.retiring[h.ID] = h
		h.Session.Retire()
	} else {
		f.Running[h.ID] = h
		f.byDPID[h.Session.DatapathID()] = h
		again = f.identify(h.ID, &inventory.Observation{}, &h.Observed)
	}

	h.Health = h.CurrentHealth()
	return again
}

// Remove forgets a host that runs, and what makes it known. Its caller ends or retires the session.
// It returns the hosts to look at again.
func (f *Fleet) Remove(h *Host) (again []*Host) {
	if h.unmanage != nil {
		h.unmanage() // Nothing is to be plugged into a bridge that goes.
	}
	delete(f.Running, h.ID)
	delete(f.byDPID, h.Session.DatapathID())
	return f.identify(h.ID, &h.Observed, &inventory.Observation{})
}

// Retire takes in a host that was removed as one that is being cleaned.
func (f *Fleet) Retire(h *Host) {
	h.Retiring, h.Altered = true, true
	f.retiring[h.ID] = h
	h.Session.Retire()
}

// Abandon ends the session of a deleted host, which was cleaned, or is registered again and adopts
// what stands. It is false if there is no such host.
func (f *Fleet) Abandon(id string) bool {
	h := f.retiring[id]
	if h == nil {
		return false
	}
	delete(f.retiring, id)
	h.Stop()
	return true
}

// Seen is what a look at a host has found.
type Seen struct {
	Before  inventory.Observation
	Differs bool      // what the plugin gets of the host
	Again   []*Host   // hosts to look at again, since they were refused for this one's sake
	Wrong   []NICWait // NICs whose name turned out to be another device's
}

// Look reads a host's latest snapshot again. It is false if there is no record of the host.
func (f *Fleet) Look(h *Host) (Seen, bool) {
	record := f.intent.Hosts.ByID[h.ID]
	if record == nil {
		return Seen{}, false
	}

	now := f.Observer.Observe(record, f.Lessons.Known(h.ID), h.Report.Snapshot, f.Places.Claimed)
	if !now.Host.Observed {
		// There is nothing to refuse yet.
	} else if why := f.refusal(record, now.Identity, now.Host.TunnelIP); why != "" {
		now.Host.Refused = why
		now.Ports = nil // Nothing that this record shows counts.
	} else {
		f.learnSwitch(h.ID, &now)
	}

	seen := Seen{Before: h.Observed, Wrong: h.noteNICs(&now.Host)}
	h.Observed = now
	h.NoteFirstPorts()
	seen.Again = f.identify(h.ID, &seen.Before, &now)
	seen.Differs = !reflect.DeepEqual(seen.Before.Host, now.Host)
	return seen, true
}

// MayHaveOurs reports whether a host's switch may have something of ours, and whether it can be
// reached. One that was registered since the controller started, and never reached, has nothing.
func (f *Fleet) MayHaveOurs(record *store.Host, started time.Time) (stays, reachable bool) {
	h := f.Running[record.ID]
	if h == nil {
		return false, false
	}
	shows := &h.Observed
	if shows.Host.Observed && f.refusal(record, shows.Identity, shows.Host.TunnelIP) != "" {
		return false, h.Report.Connected // It is another host's switch: what stands there stays.
	}
	seen := h.Report.Snapshot != nil
	return seen || record.CreatedAt.Before(started), h.Report.Connected
}

// Connections tells how many hosts are registered, and of how many each connection is there.
func (f *Fleet) Connections() (registered, ovsdb, openflow int) {
	for _, h := range f.Running {
		if h.Report.Connected {
			ovsdb++
		}
		if h.Session.OpenFlowConnected() {
			openflow++
		}
	}
	return len(f.Running), ovsdb, openflow
}

// RefusedPrograms is an error that names a host whose program was refused; nil if there is none.
func (f *Fleet) RefusedPrograms() error {
	var all []string
	for _, h := range f.Running {
		if h.Refused != "" {
			all = append(all, h.Refused)
		}
	}
	if all == nil {
		return nil
	}

	slices.Sort(all)
	if len(all) > 1 {
		return fmt.Errorf("%s; and %d more hosts", all[0], len(all)-1)
	}
	return errors.New(all[0])
}

// Sizes is how much a fleet holds of each kind.
type Sizes struct{ Running, Datapaths, Retiring, Switches, Tunnels, Lessons int }

// Sizes tells how much the fleet holds, by which tests see that nothing is left behind.
func (f *Fleet) Sizes() Sizes {
	return Sizes{len(f.Running), len(f.byDPID), len(f.retiring), len(f.identities.bySwitch),
		len(f.identities.byTunnel), len(f.Lessons.known)}
}

// targetAddr is the address in an OVSDB target; the zero address if it has none, as with a name.
func targetAddr(target string) netip.Addr {
	t, err := client.ParseTarget(target)
	if err != nil {
		return netip.Addr{}
	}
	at, err := netip.ParseAddrPort(t.Address)
	if err != nil {
		return netip.Addr{}
	}
	return at.Addr().Unmap()
}
