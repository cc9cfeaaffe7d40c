package api

import (
	"encoding/json"
	"fmt"
)

// Event is one change, or what a reader of the stream of events has to know of the stream itself. ID and Type travel as the
// id and the event of the server-sent event, the rest as its data.
type Event struct {
	// ID is the place in the stream, from which it can be resumed. It is "" of Current and Reset, which cannot be.
	ID     string    `json:"-"`
	Type   EventType `json:"-"`
	Object Object    `json:"-"` // nil of Synced and Reset; as it was, if it is Deleted
	Reason string    `json:"-"` // of Reset
}

// EventType says what an event tells.
type EventType string

// The types of events.
const (
	Created EventType = "created"
	Updated EventType = "updated"
	Deleted EventType = "deleted"

	Current EventType = "current" // the object exists; it did not change just now
	Synced  EventType = "synced"  // everything up to here was told; from here on, what changes
	Reset   EventType = "reset"   // events were lost: forget what you know; what exists follows, up to Synced
)

// Object is what an event is about: a [Host], [Guest], [TapService] or [TapFlow].
type Object interface {
	kind() string
	// Ident is the id and the name.
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

// Kind is host, guest, tap_service or tap_flow, or "" for the zero event.
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

// UnmarshalJSON implements json.Unmarshaler for the data of an event. Of its Type, which is set before,
// it expects an object or none; ID and Type stay as they are.
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
		return fmt.Errorf("event: kind %q is not known: want host, guest, tap_service or tap_flow", raw.Kind)
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
