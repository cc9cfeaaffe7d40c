package intent

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/tapline-sdn/tapline/controller/sets"
	"github.com/tapline-sdn/tapline/controller/store"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// Intent is what users asked for, in memory.
type Intent struct {
	Hosts    *Collection[store.Host]
	Guests   *Collection[store.Guest]
	Services *Collection[store.Service]
	Flows    *Collection[store.Flow]

	// Places are the hosts on which the tap NICs of services were accepted, by the service's id.
	Places map[string]string
	// Holds are the hosts that may still have something of a disabled or deleted service or flow,
	// by its id.
	Holds map[string][]string

	// ServicesOf are the services that have a guest or host as their target, by its id.
	ServicesOf     sets.Multimap[string, string]
	FlowsOfService sets.Multimap[string, string]

	// Learned is what switches had shown when the intent was loaded, by the id of the host or
	// service.
	Learned map[string]store.Learned

	// Captures are the live captures that run, by id. They are in no store.
	Captures map[string]*Capture

	// Members are the members of tap flows with a selector that run, by id. Selected is how many
	// NICs the selector of each such tap flow matches, also while it does not run.
	Members   map[string]*Member
	MembersOf sets.Multimap[string, string] // by the id of the tap flow
	Selected  map[string]int

	timed map[string]timed // tap flows with a window, by id
}

// Capture is what a live capture is to the plugin: a tap service that delivers to the controller,
// and the tap flow that feeds it. Both have the id of the capture.
type Capture struct {
	Service tap.Service
	Flow    *tap.Flow // nil until it was checked
}

// New returns an intent without records.
func New() *Intent {
	return &Intent{
		Hosts: newCollection(store.KindHost, "host",
			func(h *store.Host) (string, string) { return h.ID, h.Name },
			func(h *store.Host) *store.Meta { return &h.Meta },
			func(h *store.Host) store.Notes { return h.Notes }),
		Guests: newCollection(store.KindGuest, "guest",
			func(g *store.Guest) (string, string) { return g.ID, g.Name },
			func(g *store.Guest) *store.Meta { return &g.Meta },
			func(g *store.Guest) store.Notes { return g.Notes }),
		Services: newCollection(store.KindService, "tap service",
			func(s *store.Service) (string, string) { return s.ID, s.Name },
			func(s *store.Service) *store.Meta { return &s.Meta },
			func(s *store.Service) store.Notes { return s.Notes }),
		Flows: newCollection(store.KindFlow, "tap flow",
			func(f *store.Flow) (string, string) { return f.ID, f.Name },
			func(f *store.Flow) *store.Meta { return &f.Meta },
			func(f *store.Flow) store.Notes { return f.Notes }),
		Holds:          map[string][]string{},
		Places:         map[string]string{},
		ServicesOf:     sets.Multimap[string, string]{},
		FlowsOfService: sets.Multimap[string, string]{},
		Learned:        map[string]store.Learned{},
		Captures:       map[string]*Capture{},
		Members:        map[string]*Member{},
		MembersOf:      sets.Multimap[string, string]{},
		Selected:       map[string]int{},
		timed:          map[string]timed{},
	}
}

// Load reads the records of a store.
func Load(state store.State) (*Intent, error) {
	in := New()
	for _, r := range state.Records {
		var err error
		switch r.Kind {
		case store.KindHost:
			err = addRecord(in.Hosts, r)
		case store.KindGuest:
			err = addRecord(in.Guests, r)
		case store.KindService:
			err = addRecord(in.Services, r)
		case store.KindFlow:
			err = addRecord(in.Flows, r)
		case store.KindLearned:
			var fact store.Learned
			err = json.Unmarshal(r.Value, &fact)
			in.Learned[r.ID] = fact
		case store.KindHold:
			err = in.loadHold(r)
		case store.KindPlace:
			err = in.loadPlace(r)
		case store.KindToken: // Of package access.
		default:
			err = fmt.Errorf("unknown kind; was it written by a newer version?")
		}

		if err != nil {
			return nil, fmt.Errorf("stored %s %s: %w", r.Kind, r.ID, err)
		}
	}

	for _, service := range in.Services.ByID {
		in.ServicesOf.Add(service.TargetID, service.ID)
	}

	for _, f := range in.Flows.ByID {
		f.Created = f.CreatedAt
		in.FlowsOfService.Add(f.TapID, f.ID)
		in.Pass(f, time.Now())
	}

	return in, nil
}

func (in *Intent) loadPlace(r store.Record) error {
	var place store.Place
	if err := json.Unmarshal(r.Value, &place); err != nil {
		return err
	}
	in.Places[r.ID] = place.Host
	return nil
}

func (in *Intent) loadHold(r store.Record) error {
	var hold store.Hold
	if err := json.Unmarshal(r.Value, &hold); err != nil {
		return err
	}
	in.Holds[r.ID] = hold.Hosts
	return nil
}

func addRecord[T any](c *Collection[T], r store.Record) error {
	record := new(T)
	if err := json.Unmarshal(r.Value, record); err != nil {
		return err
	}
	c.Meta(record).Revision = r.Revision
	c.Put(record)
	return nil
}

// HostName is the name of a host, or its id if there is no such host.
func (in *Intent) HostName(id string) string {
	if h := in.Hosts.ByID[id]; h != nil {
		return h.Name
	}
	return id
}

// Enabled reports whether there is a service or a flow of that id that is enabled and not being
// deleted. A flow is also inside its window.
func (in *Intent) Enabled(id Ref) bool {
	if in.Captures[id.ID] != nil {
		return true
	}
	if id.Kind == tap.KindService {
		s := in.Services.ByID[id.ID]
		return s != nil && s.Enabled && !s.Deleting
	}
	f := in.FlowRecord(id.ID)
	return f != nil && !f.Deleting && in.Runs(f)
}

// Meta returns the common part of the record of a service or a flow; nil if there is no such one.
func (in *Intent) Meta(id Ref) *store.Meta {
	if id.Kind == tap.KindService {
		if s := in.Services.ByID[id.ID]; s != nil {
			return &s.Meta
		}
		return nil
	}

	if f := in.Flows.ByID[id.ID]; f != nil {
		return &f.Meta
	}
	return nil
}

// Deleting reports whether a service or a flow is being deleted.
func (in *Intent) Deleting(id Ref) bool {
	meta := in.Meta(id)
	return meta != nil && meta.Deleting
}

// Name is the name of a service or a flow; its id if there is no such one.
func (in *Intent) Name(id Ref) string {
	if id.Kind == tap.KindService {
		if s := in.Services.ByID[id.ID]; s != nil {
			return s.Name
		}
	} else if f := in.FlowRecord(id.ID); f != nil {
		return f.Name
	}
	return id.ID
}

// FlowsTo returns the ids of the flows of a service that are not being deleted.
func (in *Intent) FlowsTo(service string) (ids []string) {
	for id := range in.FlowsOfService[service] {
		if !in.Flows.ByID[id].Deleting {
			ids = append(ids, id)
		}
	}
	return ids
}
