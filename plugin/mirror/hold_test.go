package mirror_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/tapline-sdn/tapline/plugin/mirror"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// amnesia is the snapshot of a controller that was started again and has not reached some hosts
// yet: nothing is known of their bridges, and nobody was seen there.
func amnesia(c tap.Change, reached func(host string) bool) tap.Change {
	c.Hosts, c.Guests, c.Attachments = slices.Clone(c.Hosts), slices.Clone(c.Guests),
		slices.Clone(c.Attachments)

	elsewhere := func(l tap.Location) bool { return !reached(l.Host) }
	for i, h := range c.Hosts {
		if !reached(h.ID) {
			c.Hosts[i] = tap.Host{ID: h.ID, Name: h.Name, TunnelIP: h.TunnelIP, Wires: h.Wires,
				NICs: h.NICs}
		}
	}

	for i := range c.Guests {
		c.Guests[i].NICs = slices.Clone(c.Guests[i].NICs)
		for j, n := range c.Guests[i].NICs {
			c.Guests[i].NICs[j].Locations = slices.DeleteFunc(slices.Clone(n.Locations), elsewhere)
		}
		// A guest that nobody declared is known by what its switch shows.
		c.Guests[i].NICs = slices.DeleteFunc(c.Guests[i].NICs,
			func(n tap.NIC) bool { return n.Locations == nil })
	}

	c.Guests = slices.DeleteFunc(c.Guests, func(g tap.Guest) bool { return len(g.NICs) == 0 })
	for i, a := range c.Attachments {
		c.Attachments[i].Locations = slices.DeleteFunc(slices.Clone(a.Locations), elsewhere)
	}

	return c
}

// TestNothingIsTakenDownForWhatIsNotKnown: whichever hosts a new controller reaches first, what
// stands there is planned again as it is, or held.
func TestNothingIsTakenDownForWhatIsNotKnown(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawPlant(t)
		w.renumber(t)
		before := mirror.Full(mirror.DefaultConfig(), w.Change)
		for i := range w.Hosts {
			w.showTunnels(i, before.Programs[i])
			for j := range w.Hosts[i].Bridges {
				b := &w.Hosts[i].Bridges[j]
				for _, m := range before.Programs[i].Mirrors {
					if m.Bridge == b.Name {
						b.OurMirrors = append(b.OurMirrors, m.Name)
					}
				}
			}
		}

		known := map[string]bool{}
		for _, h := range w.Hosts {
			known[h.ID] = rapid.Bool().Draw(t, "reached")
		}

		after := newTold()
		after.take(mirror.Full(mirror.DefaultConfig(),
			amnesia(w.Change, func(host string) bool { return known[host] })))

		for _, was := range before.Programs {
			is, planned := after.programs[was.Host]
			if planned != known[was.Host] {
				t.Fatalf("host %s: reached %v, has a program %v", was.Host, known[was.Host],
					planned)
			}

			held := func(owner string) bool {
				return !planned || slices.ContainsFunc(is.Held,
					func(h tap.Hold) bool { return h.Owner == owner })
			}

			stays(t, was.Ports, is.Ports, func(o tap.Port) string { return o.Owner }, held)
			stays(t, was.Mirrors, is.Mirrors, func(o tap.Mirror) string { return o.Owner }, held)
			stays(t, was.Flows, is.Flows, func(o tap.FlowEntry) string { return o.Owner }, held)
			for _, h := range is.Held {
				for _, o := range was.Flows {
					if o.Owner == h.Owner && o.Mod.Cookie != h.Cookie {
						t.Fatalf("host %s: %s is held by cookie %v and its flows have %v", was.Host,
							h.Owner, h.Cookie, o.Mod.Cookie)
					}
				}
			}
		}
	})
}

// showTunnels lets a switch show its tunnel ports, as every switch does that was reached.
func (w *plant) showTunnels(host int, p tap.Program) {
	h := &w.Hosts[host]
	for _, o := range p.Ports {
		tunnel := slices.Contains(p.Tunnel.Ports, o.Name)
		shown := slices.ContainsFunc(h.TapPorts,
			func(q tap.TapPort) bool { return q.Name == o.Name })
		if tunnel && !shown {
			h.TapPorts = append(h.TapPorts, tap.TapPort{Name: o.Name, OFPort: o.OFPortRequest})
		}
	}
}

// stays fails for each object that stood, is not planned again, and is not held.
func stays[T any](t *rapid.T, was, is []T, owner func(T) string, held func(string) bool) {
	t.Helper()
	for _, o := range was {
		again := slices.ContainsFunc(is, func(p T) bool { return cmp.Equal(o, p, opaque) })
		if !again && !held(owner(o)) {
			t.Fatalf("%+v would be taken down", o)
		}
	}
}
