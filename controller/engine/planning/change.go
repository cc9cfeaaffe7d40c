package planning

import "github.com/tapline-sdn/tapline/plugin/tap"

// change tells what is marked as it is now.
func (q *Queue) change(m marks) tap.Change {
	if m.everything {
		q.markAll(&m)
	}

	c := tap.Change{Revision: q.last, Reset: m.everything}
	if c.Reset {
		c.Secret = q.secret
	}

	for id := range m.hosts {
		if h, exists := q.hosts.Topology(id); exists {
			c.Hosts = append(c.Hosts, h)
		} else {
			c.Gone.Hosts = append(c.Gone.Hosts, id)
		}
	}

	for id := range m.guests {
		if g, exists := q.places.Guest(id, q.intent.Guests.ByID[id]); exists {
			q.disputeSplit(&g)
			c.Guests = append(c.Guests, g)
		} else {
			delete(q.splits, id)
			c.Gone.Guests = append(c.Gone.Guests, id)
		}
	}

	for id := range m.services {
		if live := q.intent.Captures[id]; live != nil {
			c.Services = append(c.Services, live.Service)
		} else if s := q.intent.Services.ByID[id]; s != nil && !s.Deleting {
			c.Services = append(c.Services, s.Service)
		} else {
			c.Gone.Services = append(c.Gone.Services, id)
		}
	}

	for id := range m.attachments {
		if s := q.intent.Services.ByID[id]; s != nil && !s.Deleting {
			c.Attachments = append(c.Attachments, q.nics.Attachment(s))
		}
	}

	for id := range m.flows {
		if f := q.flow(id); f != nil {
			c.Flows = append(c.Flows, *f)
		} else {
			c.Gone.Flows = append(c.Gone.Flows, id)
		}
	}

	return c
}

// markAll adds the ids of everything that there is.
func (q *Queue) markAll(m *marks) {
	for id := range q.hosts.HostIDs() {
		m.hosts.Add(id)
	}

	for id := range q.intent.Guests.ByID {
		m.guests.Add(id)
	}

	for id := range q.places.SeenGuests() {
		m.guests.Add(id)
	}

	for id := range q.intent.Services.ByID {
		m.services.Add(id)
		m.attachments.Add(id)
	}

	for id := range q.intent.Flows.ByID {
		m.flows.Add(id)
	}

	for id := range q.intent.Members {
		m.flows.Add(id)
	}

	for id := range q.ahead {
		m.flows.Add(id)
	}

	for id := range q.intent.Captures {
		m.services.Add(id)
		m.flows.Add(id)
	}
}

// flow is a tap flow as the plugin is to know it; nil if there is none. What is being deleted is
// none, and what is outside its window is disabled.
func (q *Queue) flow(id string) *tap.Flow {
	if a := q.ahead[id]; a != nil {
		return a.flow
	}
	if live := q.intent.Captures[id]; live != nil {
		return live.Flow
	}
	if m := q.intent.Members[id]; m != nil {
		return q.intent.MemberFlow(m)
	}
	if f := q.intent.Flows.ByID[id]; f != nil && !f.Deleting {
		flow := f.Flow
		flow.Enabled = q.intent.Runs(f)
		return &flow
	}
	return nil
}
