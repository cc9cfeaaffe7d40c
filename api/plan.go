package api

import "encoding/json"

// PlanRequest asks what changes would do.
type PlanRequest struct {
	Changes []PlannedChange `json:"changes"`
}

// PlannedChange is a change, described like the request that would make it.
type PlannedChange struct {
	Action string          `json:"action"`         // create, update, enable, disable or delete
	Kind   string          `json:"kind"`           // host, guest, wire, tap_service or tap_flow
	Ref    string          `json:"ref,omitempty"`  // id or name of the resource; "" for create
	Body   json.RawMessage `json:"body,omitempty"` // for create and update
}

// Plan is what the changes would do.
type Plan struct {
	Hosts     []PlannedHost     `json:"hosts"`     // whose switches would change
	Resources []PlannedResource `json:"resources"` // that would be changed, or get another status
}

// PlannedHost is what would change on a switch.
type PlannedHost struct {
	ID    string        `json:"id"`
	Name  string        `json:"name"`
	Items []PlannedItem `json:"items"`
}

// PlannedItem is an object on a switch that would be added, changed or removed.
type PlannedItem struct {
	Action string   `json:"action"` // add, change or remove
	Kind   string   `json:"kind"`   // bridge, port, mirror, tunnel, meter, group or flow
	Name   string   `json:"name"`
	Text   string   `json:"text"` // as ovs-vsctl and ovs-ofctl write it
	Was    string   `json:"was"`  // before, if it would change
	For    []string `json:"for"`  // names of the tap services and tap flows that need it
}

// PlannedResource is a resource that would be changed, or get another status.
type PlannedResource struct {
	Kind   string   `json:"kind"`
	ID     string   `json:"id"`
	Name   string   `json:"name"`
	Action string   `json:"action"` // create, update, delete, or "" if only its status would change
	Before Standing `json:"before"` // empty for create
	After  Standing `json:"after"`  // once the switches have what is planned; empty for delete

	// Of a tap flow with a selector: NICs that it would begin and cease to mirror, as GUEST MAC,
	// and how many it would mirror then.
	Joins   []string `json:"joins,omitempty"`
	Leaves  []string `json:"leaves,omitempty"`
	Members int      `json:"members,omitempty"`
}

// Standing is a status and its reason.
type Standing struct {
	Status     Status `json:"status"`
	Reason     string `json:"reason"`
	ReasonCode string `json:"reason_code"`
}
