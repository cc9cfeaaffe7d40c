package mirror

import (
	"cmp"
	"slices"
	"time"

	"github.com/tapline-sdn/tapline/plugin/filter"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// A host's program needs sums over tap flows, not the flows themselves. They are kept up to date
// flow by flow, so that planning a host costs the same however many flows there are: a captureTally
// for each capture of a host, and a senderTally for each service.

// resolvedFlow is a tap flow as it was added to the tallies.
type resolvedFlow struct {
	flow *tap.Flow // see [source.selects]
	source
	active bool // it should run, as far as the flow and its service are concerned
}

// captureTally sums up the flows of a capture on one host.
type captureTally struct {
	bridge  string
	service string
	options tap.Options
	filter  *filter.Program // nil if everything is selected
	invalid error           // why the filter cannot be compiled
	flows   map[*resolvedFlow]struct{}

	enabled int // places of enabled flows
	active  int // places of active flows
	vswitch int // of these, places of vswitch flows
	records [mirrorGroups]*mirrorRecord
	frames  map[uint32]int // by size of the largest frame: places of active flows

	// See accounts.
	byMAC         []account
	accountsKnown bool

	objects captureObjects // as in the last program
}

// senderTally sums up where the active flows of a service come from.
type senderTally struct {
	uncertain int // flows whose source may be on a host that was not seen yet
	places    map[sender]int
}

type sender struct {
	host   string
	tunnel *tunnelEnd
	frame  uint32 // size of the largest copy that it sends, 0 while unknown
}

// addToTallies adds a flow to the tallies.
func (p *Planner) addToTallies(f *resolvedFlow) {
	p.resolved[f.flow.ID] = f
	for _, at := range f.places {
		t := p.tallyOf(at, f.flow)
		t.flows[f] = struct{}{}
		t.count(f, at, 1)
	}
	p.countSender(f, 1)
}

// tallyOf returns the tally of a capture, and makes it if need be.
func (p *Planner) tallyOf(at place, f *tap.Flow) *captureTally {
	captures := p.tallies[at.host]
	if captures == nil {
		captures = map[string]*captureTally{}
		p.tallies[at.host] = captures
	}

	options := f.Options.Normalized()
	id := captureID(at.bridge, f.TapID, options)
	t := captures[id]
	if t == nil {
		t = &captureTally{
			bridge: at.bridge, service: f.TapID, options: options,
			flows: map[*resolvedFlow]struct{}{}, frames: map[uint32]int{},
		}
		if options.Filter != "" {
			compiled := p.filters.take(options.Filter)
			t.filter, t.invalid = compiled.program, compiled.err
		}
		captures[id] = t
	}

	return t
}

// removeFromTallies is the reverse of addToTallies.
func (p *Planner) removeFromTallies(f *resolvedFlow) {
	delete(p.resolved, f.flow.ID)
	for _, at := range f.places {
		id := captureID(at.bridge, f.flow.TapID, f.flow.Options.Normalized())
		t := p.tallies[at.host][id]
		if t == nil {
			continue // The flow had two places in this capture, and the first removed the tally.
		}

		delete(t.flows, f)
		t.count(f, at, -1)
		if len(t.flows) > 0 {
			continue
		}

		p.filters.release(t.options.Filter)
		delete(p.tallies[at.host], id)
		if len(p.tallies[at.host]) == 0 {
			delete(p.tallies, at.host)
		}
	}

	p.countSender(f, -1)
}

// countSender adds a flow to the senders of its service for by 1, and removes it for -1.
func (p *Planner) countSender(f *resolvedFlow, by int) {
	if !f.active {
		return
	}

	service := f.flow.TapID
	t := p.senderTallies[service]
	if t == nil {
		t = &senderTally{places: map[sender]int{}}
		p.senderTallies[service] = t
	}

	if f.uncertain {
		t.uncertain += by
	}

	for _, at := range f.places {
		from := sender{at.host, at.tunnel, copySize(frameSize(at.mtu), f.flow.Options)}
		if t.places[from] += by; t.places[from] == 0 {
			delete(t.places, from)
		}
	}

	if t.uncertain == 0 && len(t.places) == 0 {
		delete(p.senderTallies, service)
	}
}

// count adds a flow at one of its places for by 1, and removes it for -1.
func (t *captureTally) count(f *resolvedFlow, at place, by int) {
	if f.flow.Enabled {
		t.enabled += by
	}
	if !f.active {
		return
	}

	t.active += by
	if f.flow.Type == tap.FlowVSwitch {
		t.vswitch += by
	}

	frame := frameSize(at.mtu)
	if t.frames[frame] += by; t.frames[frame] == 0 {
		delete(t.frames, frame)
	}

	group := groupOf(f.flow)
	if t.records[group] == nil {
		t.records[group] = newMirrorRecord(group)
	}

	t.records[group].count(f.flow, at.ports, by)
	if t.records[group].flows == 0 {
		t.records[group] = nil
	}

	t.objects.mirrors, t.objects.accounts = nil, nil
	t.accountsKnown = false
}

// largestFrame is the size of the largest frame that the capture may see; 0 if it has no source.
func (t *captureTally) largestFrame() (largest uint32) {
	for frame := range t.frames {
		largest = max(largest, assumedFrame(frame))
	}
	return largest
}

// neededRecords are the records that the capture needs. One that selects all traffic makes the
// others needless.
func (t *captureTally) neededRecords() (needed []*mirrorRecord) {
	if r := t.records[groupPorts]; r != nil && r.all > 0 {
		return []*mirrorRecord{r}
	}
	for _, r := range t.records {
		if r != nil {
			needed = append(needed, r)
		}
	}
	return needed
}

// since is when the earliest of the active flows that depend on a record was created. Each record
// has such a flow.
func (t *captureTally) since(r *mirrorRecord) time.Time {
	var earliest *tap.Flow
	for f := range t.flows {
		if !f.active || !r.serves(f.flow) {
			continue
		}
		if earliest == nil || f.flow.Created.Before(earliest.Created) {
			earliest = f.flow
		}
	}

	return earliest.Created
}

// refuse notes why the active flows that match cannot run, by flow id.
func (t *captureTally) refuse(
	refused map[string]reason, why reason, matches func(*tap.Flow) bool,
) {
	for f := range t.flows {
		if f.active && matches(f.flow) {
			refused[f.flow.ID] = why
		}
	}
}

// shouldRun reports whether a flow should run, wherever its ends are.
func (w *world) shouldRun(f *tap.Flow) bool {
	s := w.services[f.TapID]
	return s != nil && f.Enabled && !w.tapsItself(f, s)
}

// sendersTo are the other hosts from which a service receives copies on a host, sorted by address.
func (p *Planner) sendersTo(service string, h *tap.Host) (senders []sender) {
	for _, t := range p.feeding(service) {
		for from := range t.places {
			addr := from.tunnel.addr
			sameFamily := addr.IsValid() && addr.Is4() == h.TunnelIP.Is4()
			if from.host != h.ID && sameFamily {
				senders = append(senders, from)
			}
		}
	}

	slices.SortFunc(senders, func(a, b sender) int {
		return cmp.Or(a.tunnel.addr.Compare(b.tunnel.addr), cmp.Compare(a.host, b.host),
			cmp.Compare(a.frame, b.frame))
	})

	return senders
}
