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
	mu       sync.Mutex
	arrived  chan struct{} // closed and replaced at each new revision
	revision uint64

	world        *world
	destinations map[string]destination          // of services
	parts        map[string]*part                // of flows
	captureAt    map[string]map[string]*gathered // host -> capture -> its flows
	feeds        map[string]*feed                // of services
	servicesAt   index                           // host -> services with their NIC there
	guarded      set                             // hosts whose guard knows the tunnel addresses of all others
	refused      map[string]map[string]refusal   // host -> flow -> why it cannot run there

	programs map[string]*tap.Program // as told
	statuses map[subject]uint64      // as told: their prints
}

var _ plugin.Mirror = (*Planner)(nil)

// New returns a planner that knows nothing and has the default configuration.
func New() *Planner {
	p := &Planner{arrived: make(chan struct{})}
	p.reset(DefaultConfig())
	return p
}

func (p *Planner) reset(config Config) {
	p.world = newWorld(config)
	p.destinations = map[string]destination{}
	p.parts, p.captureAt, p.feeds = map[string]*part{}, map[string]map[string]*gathered{}, map[string]*feed{}
	p.servicesAt, p.guarded = index{}, set{}
	p.refused = map[string]map[string]refusal{}
	p.programs, p.statuses = map[string]*tap.Program{}, map[subject]uint64{}
}

// Full computes the programs of all hosts and all statuses from a snapshot, at once.
func Full(config Config, snapshot tap.Change) tap.Result {
	p := New()
	p.reset(config)
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
	p.reset(parsed)
	return nil
}

// Run implements [plugin.Mirror].
func (p *Planner) Run(ctx context.Context, changes <-chan tap.Change, tell func(tap.Result) error) error {
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case c, open := <-changes:
			if !open {
				return nil
			}
			if err := tell(p.Apply(c)); err != nil {
				return err
			}
		}
	}
}

// Check implements [plugin.Mirror].
func (p *Planner) Check(ctx context.Context, revision uint64, r tap.Resource) (tap.Resource, error) {
	for {
		p.mu.Lock()
		if p.revision >= revision {
			defer p.mu.Unlock()
			return p.world.check(r)
		}
		arrived := p.arrived
		p.mu.Unlock()
		select {
		case <-arrived:
		case <-ctx.Done():
			if cause := context.Cause(ctx); cause != ctx.Err() {
				return tap.Resource{}, fmt.Errorf("waiting for revision %d: %w: %w", revision, ctx.Err(), cause)
			}
			return tap.Resource{}, fmt.Errorf("waiting for revision %d: %w", revision, ctx.Err())
		}
	}
}

// Apply takes a change in and returns what differs from what was told before.
func (p *Planner) Apply(c tap.Change) tap.Result {
	p.mu.Lock()
	defer p.mu.Unlock()
	if c.Reset {
		p.reset(p.world.config)
	}
	t := touched{set{}, set{}, set{}}
	tunnelsChanged, allSeenChanged := p.world.apply(&c, t)
	if tunnelsChanged || allSeenChanged {
		maps.Copy(t.hosts, p.guarded)
	}
	if allSeenChanged {
		p.touchMissing(t)
	}

	for id := range t.services {
		p.resolveService(id, t)
	}
	for id := range t.flows {
		p.resolveFlow(id, t)
	}
	result := tap.Result{Revision: c.Revision}
	for id := range t.hosts {
		p.replan(id, t, &result)
	}
	for id := range t.services {
		p.tellStatus(tap.KindService, id, &result)
	}
	for id := range t.flows {
		p.tellStatus(tap.KindFlow, id, &result)
	}
	slices.SortFunc(result.Programs, func(a, b tap.Program) int { return cmp.Compare(a.Host, b.Host) })
	slices.SortFunc(result.Statuses, func(a, b tap.Status) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.ID, b.ID))
	})
	p.revision = c.Revision
	close(p.arrived)
	p.arrived = make(chan struct{})
	return result
}

// touchMissing touches what was not found: of nothing else it matters whether there are hosts that were never seen.
func (p *Planner) touchMissing(t touched) {
	for id, to := range p.destinations {
		if !to.ok() {
			t.services.add(id)
		}
	}
	for id, from := range p.parts {
		if !from.ok() {
			t.flows.add(id)
		}
	}
}

// resolveService finds a service's tap NIC again. If the answer changed, its hosts and its flows are touched.
func (p *Planner) resolveService(id string, t touched) {
	before := p.destinations[id]
	delete(p.destinations, id)
	var now destination
	s := p.world.services[id]
	if s != nil {
		now = p.world.destination(s)
		p.destinations[id] = now
	}
	if now != before {
		for f := range p.world.flowsOfService[id] {
			t.flows.add(f)
		}
	}
	p.servicesAt.remove(before.host, id)
	t.hosts.add(before.host)
	if s != nil {
		p.servicesAt.add(now.host, id)
		t.hosts.add(now.host)
	}
}

// resolveFlow finds a flow's source again, and touches the hosts of both ends.
func (p *Planner) resolveFlow(id string, t touched) {
	if was := p.parts[id]; was != nil {
		for _, at := range was.places {
			t.hosts.add(at.host)
		}
		p.leave(id)
	}
	f := p.world.flows[id]
	if f == nil {
		return
	}
	now := p.world.source(f)
	p.join(&part{flow: f, source: now, feeds: p.world.runs(f)})
	for _, at := range now.places {
		t.hosts.add(at.host)
	}
	t.hosts.add(p.destinations[f.TapID].host)
}

// replan computes a host's program again and tells it if it differs.
func (p *Planner) replan(host string, t touched, result *tap.Result) {
	program, refused := p.plan(host)
	for _, some := range []map[string]refusal{refused, p.refused[host]} {
		for id := range some {
			if refused[id] != p.refused[host][id] {
				t.flows.add(id)
			}
		}
	}
	if p.refused[host] = refused; len(refused) == 0 {
		delete(p.refused, host)
	}
	if program == nil {
		delete(p.programs, host)
		return
	}
	if before := p.programs[host]; before == nil || !before.Equal(program) {
		p.programs[host] = program
		result.Programs = append(result.Programs, *program)
	}
}
