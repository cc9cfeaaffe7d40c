package cmd

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/tapline-sdn/tapline/api"
)

// existing is a resource of the controller, in the words of documents.
type existing struct {
	kind, id, name, set string
	fields              map[string]any
	wires               map[string]string // of a host: declared and learned
}

// stock are the resources of the controller that documents can describe.
type stock struct {
	cloud cloud
	all   []*existing
}

func newStock(seen cloud) *stock {
	s := &stock{cloud: seen}
	for _, h := range seen.hosts {
		s.add("host", h.ID, h.Name, h.AppliedBy, hostFields(h, seen.wires))
		s.all[len(s.all)-1].wires = h.Wires
	}
	for _, id := range slices.Sorted(maps.Keys(seen.guests)) {
		if g := seen.guests[id]; g.Declared {
			s.add("guest", g.ID, g.Name, g.AppliedBy, map[string]any{"id": g.ID, "nics": plain(g.DeclaredNICs)})
		}
	}
	for _, v := range seen.services {
		s.add("tap_service", v.ID, v.Name, v.AppliedBy, map[string]any{
			"type": v.Type, "target_id": v.TargetID, "mac_addr": v.MACAddr, "enabled": v.Enabled,
		})
	}
	for _, v := range seen.flows {
		fields := map[string]any{
			"type": v.Type, "tap_id": v.TapID, "guest_id": v.GuestID, "host_id": v.HostID, "wire_id": v.WireID, "mac_addr": v.MACAddr,
			"ip_addr": v.IPAddr, "direction": v.Direction, "enabled": v.Enabled,
		}
		if v.VLANID != 0 {
			fields["vlan_id"] = json.Number(fmt.Sprint(v.VLANID))
		}
		s.add("tap_flow", v.ID, v.Name, v.AppliedBy, fields)
	}
	return s
}

// effective adds what a host's switch itself announces to what a document has of its wires, where they agree.
func (e *existing) effective(wires any) any {
	want, ok := wires.(map[string]any)
	if !ok || e.kind != "host" {
		return e.fields["wires"]
	}
	out := map[string]any{}
	declared, _ := e.fields["wires"].(map[string]any)
	maps.Copy(out, declared)
	for wire, bridge := range want {
		if _, has := out[wire]; !has && e.wires[wire] == bridge {
			out[wire] = bridge
		}
	}
	return out
}

func (s *stock) add(kind, id, name, set string, fields map[string]any) {
	maps.DeleteFunc(fields, func(_ string, v any) bool { return v == "" })
	s.all = append(s.all, &existing{kind: kind, id: id, name: name, set: set, fields: fields})
}

// hostFields are what is declared of a host.
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
		"ovsdb": h.OVSDB, "tunnel_ip": h.DeclaredTunnelIP, "wires": plain(declared), "uplinks": plain(h.Uplinks), "nics": plain(bareNICs(h.NICs)),
	}
}

// bareNICs are NICs without the fields that say nothing.
func bareNICs(nics []api.HostNIC) []map[string]any {
	out := []map[string]any{}
	for _, n := range nics {
		fields := map[string]any{"name": n.Name, "mac": n.MAC, "driver": n.Driver, "used_by": n.UsedBy}
		maps.DeleteFunc(fields, func(_ string, v any) bool { return v == "" })
		if n.Speed != 0 {
			fields["speed"] = n.Speed
		}
		out = append(out, fields)
	}
	return out
}

// plain is the JSON form of a value, read again, so that it compares with what a file holds.
func plain(v any) any {
	data, err := json.Marshal(v)
	if err != nil {
		panic(err) // Types of package api have a JSON form.
	}
	var out any
	d := json.NewDecoder(strings.NewReader(string(data)))
	d.UseNumber()
	if err := d.Decode(&out); err != nil {
		panic(err)
	}
	return out
}

func (s *stock) find(kind, ref string) *existing {
	for _, e := range s.all {
		if e.kind == kind && (e.id == ref || e.name == ref) {
			return e
		}
	}
	return nil
}

// refOf is how a document calls what an id means: by name, if that is no other's.
func (s *stock) refOf(field, id string) string {
	if field == "wire_id" {
		return id
	}
	if g, ok := s.cloud.guests[id]; ok {
		for _, other := range s.cloud.guests {
			if other.ID != id && (other.Name == g.Name || other.ID == g.Name) {
				return id
			}
		}
		return g.Name
	}
	for _, e := range s.all {
		if e.id == id {
			return e.name
		}
	}
	return id
}
