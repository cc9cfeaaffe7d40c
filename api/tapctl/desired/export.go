package desired

import (
	"github.com/tapline-sdn/tapline/api/tapctl/format"
)

// documentFields are the fields of exported documents, in their order.
var documentFields = []string{
	"id", "type", "target_id", "guest_id", "host_id", "wire_id", "selector", "vlan_id",
	"mac_addr", "ip_addr",
	"address", "encap", "key", "port", "members",
	"direction", "tap_id", "filter", "snaplen", "sample", "vlan", "starts_at", "expires_at",
	"rate_limit", "dedup", "ovsdb", "tunnel_ip", "wires", "uplinks", "nics", "enabled", "labels",
	"description",
}

// defaults are values of fields that documents leave out.
var defaults = map[string]any{"dedup": false, "port": plain(0)}

// IsDeleting reports whether a resource is deleted and only not gone yet.
func (e *Existing) IsDeleting() bool { return e.deleting != "" }

// Document describes a resource so that applying the document changes nothing. It refers to others
// by their names, so that it means the same at another controller.
func (c *Current) Document(e *Existing) format.Object {
	out := format.Object{{Name: "kind", Value: e.Kind}, {Name: "name", Value: e.Name}}
	for _, name := range documentFields {
		value := e.fields[name]
		if isEmpty(value) || value == defaults[name] {
			continue
		}
		out = append(out, format.Field{Name: name, Value: c.shown(name, value)})
	}

	return out
}
