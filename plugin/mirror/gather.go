package mirror

import (
	"net/netip"
	"slices"

	"github.com/tapline-sdn/tapline/plugin/tap"
)

// What a host's program needs of flows is gathered as flows change, so that planning it again costs the same however many flows there are:
// for each capture its flows and what comes of them, for each service where its flows come from.

// part is what a flow has been gathered as.
type part struct {
	flow *tap.Flow
	source
	feeds bool // it runs, as far as flow and service say
}

// gathered is the flows of a capture on one host.
type gathered struct {
	bridge  string
	service string
	flows   map[*part]struct{}

	built   bool // what follows
	enabled int  // places of its enabled flows
	running int  // flows
	guard   bool
	records []*mirrorRecord

	shown rendering // what stood for it in the last program
}

// feed is where the flows of a service come from.
type feed struct {
	unknown int // flows whose source may be on a host that was never seen
	from    map[sender]int
}

type sender struct {
	host     string
	tunnelIP netip.Addr
}

// join gathers a flow.
func (p *Planner) join(now *part) {
	p.parts[now.flow.ID] = now
	for _, at := range now.places {
		captures := p.captureAt[at.host]
		if captures == nil {
			captures = map[string]*gathered{}
			p.captureAt[at.host] = captures
		}
		capID := captureID(at.bridge, now.flow.TapID)
		g := captures[capID]
		if g == nil {
			g = &gathered{bridge: at.bridge, service: now.flow.TapID, flows: map[*part]struct{}{}}
			captures[capID] = g
		}
		g.flows[now] = struct{}{}
		g.built = false
	}
	p.count(now, 1)
}

// leave takes a flow out of what it was gathered in.
func (p *Planner) leave(id string) {
	was := p.parts[id]
	delete(p.parts, id)
	for _, at := range was.places {
		capID := captureID(at.bridge, was.flow.TapID)
		g := p.captureAt[at.host][capID]
		if g == nil {
			continue // It had two places in it.
		}
		delete(g.flows, was)
		if g.built = false; len(g.flows) > 0 {
			continue
		}
		if delete(p.captureAt[at.host], capID); len(p.captureAt[at.host]) == 0 {
			delete(p.captureAt, at.host)
		}
	}
	p.count(was, -1)
}

// count adds a flow to the feed of its service, or takes it out.
func (p *Planner) count(f *part, by int) {
	if !f.feeds {
		return
	}
	to := p.feeds[f.flow.TapID]
	if to == nil {
		to = &feed{from: map[sender]int{}}
		p.feeds[f.flow.TapID] = to
	}
	if f.unknown {
		to.unknown += by
	}
	for _, at := range f.places {
		s := sender{at.host, at.tunnelIP}
		if to.from[s] += by; to.from[s] == 0 {
			delete(to.from, s)
		}
	}
	if to.unknown == 0 && len(to.from) == 0 {
		delete(p.feeds, f.flow.TapID)
	}
}

// build works out what comes of the flows of a capture, unless nothing has happened to them since it was done last.
func (p *Planner) build(host string, g *gathered) {
	if g.built {
		return
	}
	*g = gathered{bridge: g.bridge, service: g.service, flows: g.flows, built: true, shown: g.shown}
	g.shown.mirrors = nil
	c := &capture{}
	for from := range g.flows {
		if from.feeds {
			g.running++
		}
		for _, at := range from.places {
			if at.host != host || at.bridge != g.bridge {
				continue
			}
			if from.flow.Enabled {
				g.enabled++
			}
			if from.feeds {
				c.add(from.flow, at)
			}
		}
	}
	if len(c.groups) > 0 {
		c.settle()
	}
	g.guard, g.records = c.guard, c.groups
}

// refuse tells why some of the running flows of a capture cannot run, by id.
func (g *gathered) refuse(refused map[string]string, why string, which func(*tap.Flow) bool) {
	for from := range g.flows {
		if from.feeds && which(from.flow) {
			refused[from.flow.ID] = why
		}
	}
}

// runs reports whether a flow is to run, wherever its ends are.
func (w *world) runs(f *tap.Flow) bool {
	s := w.services[f.TapID]
	return s != nil && f.Enabled && !selfTap(f, s)
}

// senders are the tunnel addresses, as text and sorted, from which a service gets something on a host.
func (p *Planner) senders(service string, h *tap.Host) (all []string) {
	to := p.feeds[service]
	if to == nil {
		return nil
	}
	for from := range to.from {
		if from.host != h.ID && from.tunnelIP.IsValid() && from.tunnelIP.Is4() == h.TunnelIP.Is4() {
			all = append(all, from.tunnelIP.String())
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}
