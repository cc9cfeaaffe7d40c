package desired

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/tapctl/cloud"
	"github.com/tapline-sdn/tapline/api/tapctl/format"
	"github.com/tapline-sdn/tapline/api/tapctl/kind"
)

// Existing is a resource of the controller in the words of documents.
type Existing struct {
	Kind, ID, Name string
	Set            string // apply set that made it; "" if none did

	fields   map[string]any
	wires    map[string]string // of a host: declared and detected
	deleting string            // why it is deleted and not gone yet; "" if it is not deleted
	expired  bool              // a tap flow whose time has passed
}

// Current are the resources of the controller that documents can describe.
type Current struct {
	All []*Existing

	state cloud.State
}

// NewCurrent describes a state in the words of documents.
func NewCurrent(state cloud.State) *Current {
	c := &Current{state: state}

	for _, h := range state.Hosts {
		c.add(&Existing{
			Kind: host, ID: h.ID, Name: h.Name, Set: h.AppliedBy,
			fields: hostFields(h, state.Wires), wires: h.Wires,
			deleting: deletingReason(h.Status, h.Reason),
		})
	}

	for _, id := range slices.Sorted(maps.Keys(state.Guests)) {
		g := state.Guests[id]
		if !g.Declared {
			continue
		}
		c.add(&Existing{
			Kind: guest, ID: g.ID, Name: g.Name, Set: g.AppliedBy,
			fields: map[string]any{
				"id": g.ID, "nics": plain(g.DeclaredNICs),
				"labels": plain(g.DeclaredLabels), "description": g.Description,
			},
		})
	}

	for _, s := range state.TapServices {
		c.add(&Existing{
			Kind: tapService, ID: s.ID, Name: s.Name, Set: s.AppliedBy,
			fields: tapServiceFields(s), deleting: deletingReason(s.Status, s.Reason),
		})
	}

	for _, f := range state.TapFlows {
		c.add(&Existing{
			Kind: tapFlow, ID: f.ID, Name: f.Name, Set: f.AppliedBy,
			fields: tapFlowFields(f), deleting: deletingReason(f.Status, f.Reason),
			expired: f.ReasonCode == "expired",
		})
	}

	return c
}

// deletingReason is why a resource is not gone yet, "" unless it is being deleted.
func deletingReason(status api.Status, reason string) string {
	if status != kind.Deleting {
		return ""
	}
	return format.First(reason, "not all switches have dropped it yet")
}

// add adds a resource without its empty fields.
func (c *Current) add(e *Existing) {
	maps.DeleteFunc(e.fields, func(_ string, v any) bool { return v == "" })
	c.All = append(c.All, e)
}

// hostFields are the declared fields of a host.
func hostFields(h api.Host, wires []api.Wire) map[string]any {
	declared := map[string]string{}
	for _, w := range wires {
		for _, at := range w.Hosts {
			if at.HostID == h.ID && at.Declared {
				declared[w.Name] = at.Bridge
			}
		}
	}

	return map[string]any{
		"ovsdb":     h.OVSDB,
		"tunnel_ip": h.DeclaredTunnelIP,
		"wires":     plain(declared),
		"uplinks":   plain(h.Uplinks),
		"nics":      plain(nicFields(h.NICs)),

		"labels":      plain(h.Labels),
		"description": h.Description,
	}
}

// nicFields are NICs without their empty fields.
func nicFields(nics []api.HostNIC) []map[string]any {
	out := []map[string]any{}
	for _, n := range nics {
		fields := map[string]any{
			"name":    n.Name,
			"mac":     n.MAC,
			"driver":  n.Driver,
			"used_by": n.UsedBy,
		}

		maps.DeleteFunc(fields, func(_ string, v any) bool { return v == "" })
		if n.Speed != 0 {
			fields["speed"] = n.Speed
		}

		out = append(out, fields)
	}

	return out
}

func tapServiceFields(s api.TapService) map[string]any {
	return map[string]any{
		"type":      s.Type,
		"target_id": s.TargetID,
		"mac_addr":  s.MACAddr,
		"enabled":   s.Enabled,

		"address": s.Address,
		"encap":   s.Encap,
		"key":     plain(s.Key),
		"port":    plain(s.Port),
		"members": plain(s.Members),

		"rate_limit":  s.RateLimit,
		"dedup":       s.Dedup,
		"labels":      plain(s.Labels),
		"description": s.Description,
	}
}

func tapFlowFields(f api.TapFlow) map[string]any {
	fields := map[string]any{
		"type":      f.Type,
		"tap_id":    f.TapID,
		"guest_id":  f.GuestID,
		"host_id":   f.HostID,
		"wire_id":   f.WireID,
		"selector":  f.Selector,
		"mac_addr":  f.MACAddr,
		"ip_addr":   f.IPAddr,
		"direction": f.Direction,
		"enabled":   f.Enabled,

		"filter":      f.Filter,
		"vlan":        plain(f.VLAN),
		"labels":      plain(f.Labels),
		"description": f.Description,
	}

	for name, n := range map[string]int{
		"vlan_id": f.VLANID, "snaplen": f.Snaplen, "sample": f.Sample,
	} {
		fields[name] = json.Number(strconv.Itoa(n))
	}
	for name, at := range map[string]*time.Time{
		"starts_at": f.StartsAt, "expires_at": f.ExpiresAt,
	} {
		if at != nil {
			fields[name] = timeText(*at)
		}
	}

	normalizeOptions(fields)
	return fields
}

// plain converts a value to JSON and back, so that it compares with the values of a document.
func plain(v any) any {
	data, err := json.Marshal(v)
	if err != nil {
		panic(err) // Every type of package api has a JSON form.
	}
	out, err := decode(data)
	if err != nil {
		panic(err) // It was written a moment ago.
	}
	return out
}

// find returns the resource that a reference means, or nil.
func (c *Current) find(key, ref string) *Existing {
	for _, e := range c.All {
		if e.Kind == key && (e.ID == ref || e.Name == ref) {
			return e
		}
	}
	return nil
}

// idOf is the id that a reference means, or "". Guests that were only detected count too.
func (c *Current) idOf(key, ref string) string {
	if key != guest {
		if e := c.find(key, ref); e != nil {
			return e.ID
		}
		return ""
	}

	if g, ok := c.state.Guests[ref]; ok {
		return g.ID
	}

	for _, g := range c.state.Guests {
		if g.Name == ref {
			return g.ID
		}
	}

	return ""
}

// refOf is what a document calls the resource of an id: its name, unless another has that name too.
func (c *Current) refOf(field, id string) string {
	if field == "wire_id" {
		return id
	}

	if g, ok := c.state.Guests[id]; ok {
		for _, other := range c.state.Guests {
			if other.ID != id && (other.Name == g.Name || other.ID == g.Name) {
				return id
			}
		}
		return g.Name
	}

	for _, e := range c.All {
		if e.ID == id {
			return e.Name
		}
	}

	return id
}

// shown is a value for people: references by name.
func (c *Current) shown(field string, value any) any {
	if id, ok := value.(string); ok && strings.HasSuffix(field, "_id") {
		return c.refOf(field, id)
	}
	if ids, ok := value.([]any); ok && field == "members" {
		names := make([]any, len(ids))
		for i, id := range ids {
			names[i] = c.refOf(field, fmt.Sprint(id))
		}
		return names
	}
	return value
}

// wiresFor are the declared wires of a host, and those wires of a document that the host's switch
// announces itself, with the same bridge: they need no declaration.
func (e *Existing) wiresFor(documented any) any {
	want, ok := documented.(map[string]any)
	if !ok || e.Kind != host {
		return e.fields["wires"]
	}

	out := map[string]any{}
	declared, _ := e.fields["wires"].(map[string]any)
	maps.Copy(out, declared)
	for wire, bridge := range want {
		if _, ok := out[wire]; !ok && e.wires[wire] == bridge {
			out[wire] = bridge
		}
	}

	return out
}
