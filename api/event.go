package api

import (
	"encoding/json"
	"fmt"
)

// Event is a change, or something that a reader must know about the stream itself. ID and Type are
// the id and the event field of the server-sent event, and the rest is its data.
type Event struct {
	// ID is the place in the stream, from which a reader can resume; "" for Current and Reset.
	ID     string    `json:"-"`
	Type   EventType `json:"-"`
	Object Object    `json:"-"` // nil for Synced and Reset; as it was for Deleted
	Reason string    `json:"-"` // for Reset
}

// EventType is the type of an event.
type EventType string

// The types of events.
const (
	Created EventType = "created"
	Updated EventType = "updated"
	Deleted EventType = "deleted"

	Current EventType = "current" // the object exists; it has not changed just now
	Synced  EventType = "synced"  // the state up to here is complete, and changes follow
	// events were lost: forget what you know; all that exists follows, then Synced
	Reset EventType = "reset"
)

// Object is the object of an event: a [Host], [Guest], [TapService] or [TapFlow].
type Object interface {
	kind() string
	// Ident returns the id and the name.
	Ident() (id, name string)
}

func (Host) kind() string       { return "host" }
func (Guest) kind() string      { return "guest" }
func (TapService) kind() string { return "tap_service" }
func (TapFlow) kind() string    { return "tap_flow" }

// Ident implements [Object].
func (v Host) Ident() (id, name string) { return v.ID, v.Name }

// Ident implements [Object].
func (v Guest) Ident() (id, name string) { return v.ID, v.Name }

// Ident implements [Object].
func (v TapService) Ident() (id, name string) { return v.ID, v.Name }

// Ident implements [Object].
func (v TapFlow) Ident() (id, name string) { return v.ID, v.Name }

var (
	_ Object = Host{}
	_ Object = Guest{}
	_ Object = TapService{}
	_ Object = TapFlow{}
)

// Kind returns host, guest, tap_service or tap_flow; "" for an event without an object.
func (e Event) Kind() string {
	if e.Object == nil {
		return ""
	}

	return e.Object.kind()
}

// MarshalJSON implements json.Marshaler for the data of an event.
func (e Event) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Kind   string `json:"kind,omitempty"`
		Object Object `json:"object,omitempty"`
		Reason string `json:"reason,omitempty"`
	}{e.Kind(), e.Object, e.Reason})
}

// UnmarshalJSON implements json.Unmarshaler for the data of an event. Type is set before, since it
// says whether there is an object. ID and Type stay as they are.
func (e *Event) UnmarshalJSON(data []byte) error {
	var raw struct {
		Kind   string          `json:"kind"`
		Object json.RawMessage `json:"object"`
		Reason string          `json:"reason"`
	}
	if err := json.Unmarshal(data, &raw); err != nil {
		return fmt.Errorf("event: %w", err)
	}

	if e.Type == Synced || e.Type == Reset {
		e.Reason = raw.Reason
		return nil
	}

	decode, ok := map[string]func([]byte) (Object, error){
		"host":        object[Host],
		"guest":       object[Guest],
		"tap_service": object[TapService],
		"tap_flow":    object[TapFlow],
	}[raw.Kind]
	if !ok {
		return fmt.Errorf(
			"event: kind %q is not known: want host, guest, tap_service or tap_flow", raw.Kind)
	}

	o, err := decode(raw.Object)
	if err != nil {
		return fmt.Errorf("event of a %s: %w", raw.Kind, err)
	}

	e.Object = o
	return nil
}

func object[T Object](data []byte) (Object, error) {
	var v T
	err := json.Unmarshal(data, &v)

	return v, err
}
