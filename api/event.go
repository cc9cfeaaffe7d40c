package api

import (
	"encoding/json"
	"fmt"
)

// Event is one change, as the stream of events tells it. Seq and Type travel as the id and the event of the
// server-sent event, the rest as its data.
type Event struct {
	Seq    uint64    `json:"-"`
	Type   EventType `json:"-"`
	Object Object    `json:"-"` // as it was, if it is deleted
}

// EventType says what happened to an object.
type EventType string

// The types of events.
const (
	Created EventType = "created"
	Updated EventType = "updated"
	Deleted EventType = "deleted"
)

// Object is what an event is about: a [Host], [Guest], [TapService] or [TapFlow].
type Object interface{ kind() string }

func (Host) kind() string       { return "host" }
func (Guest) kind() string      { return "guest" }
func (TapService) kind() string { return "tap_service" }
func (TapFlow) kind() string    { return "tap_flow" }

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
		Kind   string `json:"kind"`
		Object Object `json:"object"`
	}{e.Kind(), e.Object})
}

// UnmarshalJSON implements json.Unmarshaler for the data of an event; Seq and Type stay as they are.
func (e *Event) UnmarshalJSON(data []byte) error {
	var raw struct {
		Kind   string          `json:"kind"`
		Object json.RawMessage `json:"object"`
	}
	if err := json.Unmarshal(data, &raw); err != nil {
		return fmt.Errorf("event: %w", err)
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
