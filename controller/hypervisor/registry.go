package hypervisor

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
)

// registry knows the guests of all hosts. A worker asks it whether a guest is the only one that a
// target may mean: a host is believed about the guests that it runs, but a name or an address that
// another host has, too, decides nothing.
type registry struct {
	mu      sync.Mutex
	members map[string]*member          // by host name
	claims  map[string]map[claim]*Guest // by key
	unread  int                         // members whose guests were neither read nor refused yet
}

// member is a host with a worker.
type member struct {
	guests  []Guest
	settled bool   // the guests were read, or could not be read, at least once
	wake    func() // has the worker compare its guests with the orders again
}

// claim names a guest on a host. It is comparable.
type claim struct{ host, id string }

func newRegistry() *registry {
	return &registry{members: map[string]*member{}, claims: map[string]map[claim]*Guest{}}
}

// join adds a host whose guests are not known yet. It locks mu.
func (r *registry) join(host string, wake func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.members[host] = &member{wake: wake}
	r.unread++
}

// leave removes a host. It locks mu.
func (r *registry) leave(host string) {
	r.settle(host, nil)
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.members, host)
}

// settle sets the guests of a host after an attempt to read them, and wakes the workers of the
// hosts that this concerns. It locks mu.
func (r *registry) settle(host string, guests []Guest) {
	r.mu.Lock()
	defer r.mu.Unlock()

	m := r.members[host]
	changed := map[string]bool{}
	for i := range m.guests {
		for _, key := range keysOf(&m.guests[i]) {
			delete(r.claims[key], claim{host, m.guests[i].ID})
			changed[key] = true
		}
	}

	m.guests = guests
	for i := range guests {
		for _, key := range keysOf(&guests[i]) {
			if r.claims[key] == nil {
				r.claims[key] = map[claim]*Guest{}
			}
			r.claims[key][claim{host, guests[i].ID}] = &guests[i]
			changed[key] = true
		}
	}

	concerned := r.othersLocked(host, changed)
	if !m.settled {
		m.settled = true
		if r.unread--; r.unread == 0 {
			concerned = r.members
		}
	}

	for name, other := range concerned {
		if name != host {
			other.wake()
		}
	}
}

// othersLocked returns the hosts that have one of the keys. It drops keys that nobody has.
func (r *registry) othersLocked(host string, keys map[string]bool) map[string]*member {
	others := map[string]*member{}
	for key := range keys {
		for c := range r.claims[key] {
			if c.host != host {
				others[c.host] = r.members[c.host]
			}
		}
		if len(r.claims[key]) == 0 {
			delete(r.claims, key)
		}
	}

	return others
}

// keysOf returns the words by which a guest may be named. NICs of ours name nobody.
func keysOf(g *Guest) []string {
	keys := []string{"id " + strings.ToLower(g.ID), "name " + g.Name}
	for _, n := range g.NICs {
		if !n.Ours && !n.MAC.IsZero() {
			keys = append(keys, "mac "+n.MAC.String())
		}
	}
	return keys
}

// match says whether a guest of a host is the target. It locks mu.
func (r *registry) match(t Target, host string, g *Guest) match {
	own := t.evidence(g)
	if own == noEvidence {
		return match{}
	}

	r.mu.Lock()
	defer r.mu.Unlock()

	self := claim{host, g.ID}
	best, rivals := r.bestLocked(t)
	switch {
	case own < best:
		return match{}
	case own < byUUID && r.unread > 0:
		return match{kind: isUndecided}
	case len(rivals) <= 1:
		return match{kind: isTarget}
	}

	// One guest that runs here and is defined or being migrated there has the same UUID in both
	// places. Of different guests none is better than another.
	if running := runningOnly(rivals); own == byUUID && len(running) == 1 {
		if _, here := running[self]; here {
			return match{kind: isTarget}
		}
		return match{kind: isStandby}
	}

	return match{kind: isAmbiguous, reason: describeRivals(rivals, best)}
}

// bestLocked returns the best evidence for a target, and all guests with that evidence.
func (r *registry) bestLocked(t Target) (best evidence, rivals map[claim]*Guest) {
	keys := []string{"id " + strings.ToLower(t.ID), "name " + t.ID}
	if t.Name != "" && t.Name != t.ID {
		keys = append(keys, "name "+t.Name)
	}

	for _, m := range t.MACs {
		keys = append(keys, "mac "+m.String())
	}

	for _, key := range keys {
		for c, g := range r.claims[key] {
			e := t.evidence(g)
			if e > best {
				best, rivals = e, map[claim]*Guest{}
			}
			if e == best && e != noEvidence {
				rivals[c] = g
			}
		}
	}

	return best, rivals
}

func runningOnly(guests map[claim]*Guest) map[claim]*Guest {
	running := maps.Clone(guests)
	maps.DeleteFunc(running, func(_ claim, g *Guest) bool { return g.State != "running" })
	return running
}

// describeRivals names the guests among which nothing decides.
func describeRivals(rivals map[claim]*Guest, best evidence) string {
	claims := slices.SortedFunc(maps.Keys(rivals), func(a, b claim) int {
		return cmp.Or(cmp.Compare(a.host, b.host), cmp.Compare(a.id, b.id))
	})

	var all []string
	for _, c := range claims {
		all = append(all, fmt.Sprintf("%s (%s) on host %s", rivals[c].Name, c.id, c.host))
	}

	const most = 4
	if len(all) > most {
		all = append(all[:most], fmt.Sprintf("%d more", len(all)-most))
	}

	advice := "name the guest by its UUID"
	if best == byUUID {
		advice = "one of the hosts is wrong"
	}

	return fmt.Sprintf("the NIC is plugged into no guest, since several match: %s; %s",
		strings.Join(all, ", "), advice)
}
