package mirror

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/tapline-sdn/tapline/plugin"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// Planner is the mirror logic behind the plugin contract. It is safe for concurrent use.
type Planner struct {
	mu       sync.Mutex // guards everything below
	revision uint64
	applied  chan struct{} // closed and replaced at each new revision

	world         *world
	destinations  map[string]destination              // by service
	resolved      map[string]*resolvedFlow            // by flow
	tallies       map[string]map[string]*captureTally // by host and capture
	senderTallies map[string]*senderTally             // by service
	servicesAt    smallIndex                          // by host: services with their tap NIC there
	filters       *filterCache
	guarded       set                          // hosts whose guard lists all tunnels
	refused       map[string]map[string]reason // by host and flow: why it cannot run there

	programs map[string]*tap.Program // by host, as reported last
	reported map[subject]uint64      // fingerprints of the statuses reported last
}

var _ plugin.Mirror = (*Planner)(nil)

// New returns a planner that knows nothing and has the default configuration.
func New() *Planner {
	p := &Planner{applied: make(chan struct{})}
	p.resetLocked(DefaultConfig())
	return p
}

func (p *Planner) resetLocked(config Config) {
	p.world = newWorld(config)
	p.destinations = map[string]destination{}
	p.resolved = map[string]*resolvedFlow{}
	p.tallies = map[string]map[string]*captureTally{}
	p.senderTallies = map[string]*senderTally{}
	p.servicesAt, p.guarded = smallIndex{}, set{}
	p.filters = newFilterCache()
	p.refused = map[string]map[string]reason{}
	p.programs, p.reported = map[string]*tap.Program{}, map[subject]uint64{}
}

// Full computes the programs of all hosts and all statuses from a snapshot.
func Full(config Config, snapshot tap.Change) tap.Result {
	p := New()
	p.resetLocked(config)
	return p.Apply(snapshot)
}

// Describe implements [plugin.Mirror].
func (p *Planner) Describe(context.Context) (plugin.Description, error) {
	return plugin.Description{Name: "mirror", Version: plugin.Version, ConfigSchema: Schema}, nil
}

// Configure implements [plugin.Mirror]. It drops what was known: a snapshot must follow.
func (p *Planner) Configure(_ context.Context, config []byte) error {
	parsed, err := ParseConfig(config)
	if err != nil {
		return err
	}

	p.mu.Lock()
	defer p.mu.Unlock()
	p.resetLocked(parsed)
	return nil
}

// Run implements [plugin.Mirror].
func (p *Planner) Run(
	ctx context.Context, changes <-chan tap.Change, emit func(tap.Result) error,
) error {
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case c, open := <-changes:
			if !open {
				return nil
			}
			if err := emit(p.Apply(c)); err != nil {
				return err
			}
		}
	}
}

// Check implements [plugin.Mirror].
func (p *Planner) Check(
	ctx context.Context, revision uint64, r tap.Resource,
) (tap.Resource, error) {
	for {
		p.mu.Lock()
		if p.revision >= revision {
			defer p.mu.Unlock()
			return p.world.check(r)
		}

		applied := p.applied
		p.mu.Unlock()

		select {
		case <-applied:
		case <-ctx.Done():
			err := ctx.Err()
			if cause := context.Cause(ctx); cause != err {
				err = fmt.Errorf("%w: %w", err, cause)
			}
			return tap.Resource{}, fmt.Errorf("waiting for revision %d: %w", revision, err)
		}
	}
}

// Apply takes a change in and returns what differs from earlier results.
func (p *Planner) Apply(c tap.Change) tap.Result {
	p.mu.Lock()
	defer p.mu.Unlock()

	if c.Reset {
		p.resetLocked(p.world.config)
	}

	t := touched{set{}, set{}, set{}}
	effect := p.world.apply(&c, t)
	if effect.tunnels || effect.allSeen {
		maps.Copy(t.hosts, p.guarded)
	}
	if effect.everywhere {
		for id := range p.world.hosts {
			t.hosts.add(id)
		}
	}
	if effect.allSeen {
		p.touchUnresolved(t)
	}

	// Each step may touch more for the steps after it: services before flows, flows before hosts,
	// hosts before statuses.
	p.resolveServices(t)

	for id := range t.flows {
		p.resolveFlow(id, t)
	}
	for id := range t.services {
		p.touchDuplicates(id, t.hosts)
	}

	result := tap.Result{Revision: c.Revision}
	p.replanAll(t, &result)

	for id := range t.services {
		p.reportStatus(subject{tap.KindService, id}, &result)
	}

	for id := range t.flows {
		p.reportStatus(subject{tap.KindFlow, id}, &result)
	}

	sortResult(&result)
	p.filters.prune()

	p.revision = c.Revision
	close(p.applied)
	p.applied = make(chan struct{})
	return result
}

// replanAll computes the programs of all touched hosts again. Some depend on what was found to have
// no place on other hosts meanwhile; these are computed once more.
func (p *Planner) replanAll(t touched, result *tap.Result) {
	again := set{}
	for id := range t.hosts {
		p.replan(id, t, again, result)
	}
	for id := range again {
		p.replan(id, t, set{}, result)
	}
}

func sortResult(r *tap.Result) {
	slices.SortFunc(r.Programs, func(a, b tap.Program) int { return cmp.Compare(a.Host, b.Host) })
	slices.SortFunc(r.Statuses, func(a, b tap.Status) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.ID, b.ID))
	})
}

// touchUnresolved touches services and flows whose NIC was not found. Their reason says whether the
// NIC may be on a host that was not seen yet.
func (p *Planner) touchUnresolved(t touched) {
	for id, to := range p.destinations {
		if !to.ok() {
			t.services.add(id)
		}
	}
	for id, from := range p.resolved {
		if !from.ok() || from.flow.Type == tap.FlowSelector {
			t.flows.add(id)
		}
	}
}

// resolveService finds a service's tap NIC again, and touches its old and its new host. If anything
// changed, its flows are touched too. A pool is resolved after its members.
func (p *Planner) resolveService(id string, t touched) (changed bool) {
	last := p.destinations[id]
	delete(p.destinations, id)
	p.servicesAt.remove(last.host, id)
	t.hosts.add(last.host)

	var now destination
	if s := p.world.services[id]; s != nil {
		if s.Type == tap.ServicePool {
			now = p.poolDestination(s)
		} else {
			now = p.world.destination(s)
		}
		p.destinations[id] = now
		p.servicesAt.add(now.host, id)
		t.hosts.add(now.host)
	}

	for _, member := range append(last.allMemberIDs(), now.allMemberIDs()...) {
		t.hosts.add(p.destinations[member].host)
	}

	if changed = now != last; changed {
		for f := range p.world.flowsOfService[id] {
			t.flows.add(f)
		}
	}
	return changed
}

// resolveFlow finds a flow's source again, and touches the hosts of both ends.
func (p *Planner) resolveFlow(id string, t touched) {
	if last := p.resolved[id]; last != nil {
		for _, at := range last.places {
			t.hosts.add(at.host)
		}
		p.removeFromTallies(last)
	}

	f := p.world.flows[id]
	if f == nil {
		return
	}
	defer p.touchDuplicates(f.TapID, t.hosts)

	from := p.world.source(f)
	now := &resolvedFlow{flow: from.selects(f), source: from, active: p.world.shouldRun(f)}
	p.addToTallies(now)
	for _, at := range now.places {
		t.hosts.add(at.host)
	}

	t.services.add(f.TapID)
	t.hosts.add(p.destinations[f.TapID].host)
	for _, member := range p.destinations[f.TapID].allMemberIDs() {
		t.hosts.add(p.destinations[member].host)
	}
}

// replan computes a host's program again and adds it to the result if it differs. It touches the
// flows that are refused for another reason than before, or no longer, and adds hosts to again of
// which the programs depend on that.
func (p *Planner) replan(host string, t touched, again set, result *tap.Result) {
	program, refused := p.plan(host)
	for _, some := range []map[string]reason{refused, p.refused[host]} {
		for id := range some {
			if refused[id] != p.refused[host][id] {
				t.flows.add(id)
				if f := p.resolved[id]; f != nil {
					p.touchDuplicates(f.flow.TapID, again)
				}
				t.services.add(p.world.serviceOf(id))
			}
		}
	}

	p.refused[host] = refused
	if len(refused) == 0 {
		delete(p.refused, host)
	}

	if program == nil {
		delete(p.programs, host)
		return
	}

	if last := p.programs[host]; last == nil || !last.Equal(program) {
		p.programs[host] = program
		result.Programs = slices.DeleteFunc(result.Programs, func(earlier tap.Program) bool {
			return earlier.Host == host
		})
		result.Programs = append(result.Programs, *program)
	}
}
