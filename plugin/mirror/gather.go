package mirror

import (
	"net/netip"
	"slices"
	"time"

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

	enabled int // places of its enabled flows
	running int // of those that are to run
	guard   int // of these, of whole switches
	records [mirrorGroups]*mirrorRecord

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
		g.count(now, at, 1)
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
		if g.count(was, at, -1); len(g.flows) > 0 {
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

// count adds a flow at one of its places, or takes it out.
func (g *gathered) count(f *part, at place, by int) {
	if f.flow.Enabled {
		g.enabled += by
	}
	if !f.feeds {
		return
	}
	g.running += by
	if f.flow.Type == tap.FlowVSwitch {
		g.guard += by
	}
	group := groupOf(f.flow)
	if g.records[group] == nil {
		g.records[group] = &mirrorRecord{group: group, vlans: map[uint16]int{}, ports: map[string]sides{}}
	}
	if g.records[group].count(f.flow, at.ports, by); g.records[group].flows == 0 {
		g.records[group] = nil
	}
	g.shown.mirrors = nil
}

// mirrors are the records that it takes: one of all traffic makes the others needless.
func (g *gathered) mirrors() (all []*mirrorRecord) {
	if first := g.records[groupPorts]; first != nil && first.all > 0 {
		return []*mirrorRecord{first}
	}
	for _, r := range g.records {
		if r != nil {
			all = append(all, r)
		}
	}
	return all
}

// since is when the earliest of the running flows was created that depend on a record.
func (g *gathered) since(r *mirrorRecord) time.Time {
	var earliest *tap.Flow
	for f := range g.flows {
		if f.feeds && r.serves(f.flow) && (earliest == nil || f.flow.Created.Before(earliest.Created)) {
			earliest = f.flow
		}
	}
	return earliest.Created // A record has flows.
}

// refuse tells why some of the running flows of a capture cannot run, by id.
func (g *gathered) refuse(refused map[string]refusal, why refusal, which func(*tap.Flow) bool) {
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
