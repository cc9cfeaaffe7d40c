package convert

import (
	"fmt"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/controller/engine/events"
)

// Event returns the JSON form of an event.
func Event(e events.Event) (api.Event, error) {
	out := api.Event{ID: e.ID(), Type: api.EventType(e.Type)}

	switch {
	case e.Host != nil:
		out.Object = Host(*e.Host)
	case e.Guest != nil:
		out.Object = Guest(*e.Guest)
	case e.Service != nil:
		out.Object = Service(*e.Service)
	case e.Flow != nil:
		out.Object = Flow(*e.Flow)
	default:
		return api.Event{}, fmt.Errorf("event %s has no object", e.ID())
	}
	return out, nil
}
