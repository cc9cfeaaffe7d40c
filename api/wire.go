package api

// Wire is a layer-2 network and the hosts that carry it.
type Wire struct {
	ID    string     `json:"id"`
	Name  string     `json:"name"`
	Hosts []WireHost `json:"hosts"`
}

// WireHost is a host that carries a wire.
type WireHost struct {
	HostID   string   `json:"host_id"`
	Host     string   `json:"host"`
	Bridge   string   `json:"bridge"`
	Uplinks  []string `json:"uplinks"`
	Declared bool     `json:"declared"` // declared by a user, not learned from the switch
}

// WireCreate declares a new wire: host (id or name) -> bridge.
type WireCreate struct {
	Name    string            `json:"name"`
	Bridges map[string]string `json:"bridges"`
}

// WirePatch changes what is declared about a wire: host (id or name) -> bridge. nil removes the
// declaration of a host.
type WirePatch struct {
	Bridges map[string]*string `json:"bridges"`
}

// WireList is the answer to a list of wires.
type WireList struct {
	Wires []Wire `json:"wires"`
	Total int    `json:"total"`
}
