package events

import "github.com/tapline-sdn/tapline/controller/engine/view"

// Event tells that a resource was created, changed (its record or its state) or deleted.
type Event struct {
	run  string // of the history that holds it
	seq  uint64 // grows by one with each event
	Type string // "created", "updated", "deleted"
	// Exactly one is set.
	Host    *view.Host
	Guest   *view.Guest
	Service *view.Service
	Flow    *view.Flow
}

// ID identifies the event, also among events of other runs of the controller.
func (e Event) ID() string { return eventID(e.run, e.seq) }

// Object is the id of what the event is about.
func (e Event) Object() string {
	switch {
	case e.Host != nil:
		return e.Host.ID
	case e.Guest != nil:
		return e.Guest.ID
	case e.Service != nil:
		return e.Service.ID
	case e.Flow != nil:
		return e.Flow.ID
	}
	return ""
}
