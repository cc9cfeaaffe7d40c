package api

import "encoding/json"

// PlanRequest asks what changes would do.
type PlanRequest struct {
	Changes []PlannedChange `json:"changes"`
}

// PlannedChange is one change, as the request that would make it.
type PlannedChange struct {
	Action string          `json:"action"`         // create, update, enable, disable or delete
	Kind   string          `json:"kind"`           // host, guest, wire, tap_service or tap_flow
	Ref    string          `json:"ref,omitempty"`  // id or name of what there is
	Body   json.RawMessage `json:"body,omitempty"` // of create and update
}

// Plan is what the changes would do.
type Plan struct {
	Hosts     []PlannedHost     `json:"hosts"`     // whose switch would be changed
	Resources []PlannedResource `json:"resources"` // that would be touched
}

// PlannedHost is what would be changed on a switch.
type PlannedHost struct {
	ID    string        `json:"id"`
	Name  string        `json:"name"`
	Items []PlannedItem `json:"items"`
}

// PlannedItem is an object on a switch that would be added, changed or removed.
type PlannedItem struct {
	Action string   `json:"action"` // add, change or remove
	Kind   string   `json:"kind"`   // bridge, port, mirror, tunnel or flow
	Name   string   `json:"name"`
	Text   string   `json:"text"` // in the words of ovs-vsctl and ovs-ofctl
	Was    string   `json:"was"`  // before, if it would be changed
	For    []string `json:"for"`  // names of the tap services and tap flows that it serves
}

// PlannedResource is a resource that would be touched.
type PlannedResource struct {
	Kind   string   `json:"kind"`
	ID     string   `json:"id"`
	Name   string   `json:"name"`
	Action string   `json:"action"` // create, update, delete, or "" if only its status would be another
	Before Standing `json:"before"` // empty of what would be created
	After  Standing `json:"after"`  // once the switches have what is planned; empty of what would be deleted
}

// Standing is a status and its reason.
type Standing struct {
	Status Status `json:"status"`
	Reason string `json:"reason"`
}
