package cmd

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"reflect"
	"slices"
	"strings"

	"github.com/tapline-sdn/tapline/api/document"
)

// change is what apply does about one resource.
type change struct {
	Kind   string        `json:"kind"`
	Name   string        `json:"name"`
	Action string        `json:"action"` // create, update, replace, delete or unchanged
	Fields []fieldChange `json:"fields"`

	want *wanted // nil of delete
	have *existing
}

// fieldChange is a field that becomes another.
type fieldChange struct {
	Name string `json:"name"`
	Was  any    `json:"was"` // nil if it was not set
	Is   any    `json:"is"`  // nil if it will not be
}

// fixed are fields that the API cannot change.
func fixed(kind string) []string {
	return map[string][]string{
		"guest":       {"id"},
		"tap_service": {"type", "target_id", "mac_addr"},
		"tap_flow":    {"type", "guest_id", "host_id", "wire_id", "mac_addr", "ip_addr"},
	}[kind]
}

// withDefaults are the fields of a resource as they are to be. What a file does not say stays as it is, except for what narrows a
// tap flow: without it, the flow is not narrowed.
func (w *wanted) withDefaults() map[string]any {
	out := maps.Clone(w.fields)
	delete(out, "name")
	if w.kind == "tap_flow" {
		if out["direction"] == nil {
			out["direction"] = "BOTH"
		}
		if out["vlan_id"] == nil {
			out["vlan_id"] = nil
		}
	}
	return out
}

// differences compares documents with what there is.
type differences struct {
	stock *stock
	want  []*wanted
	set   string
	prune bool
	errs  document.Errors
}

// changes tells what is to be done, in the order of kinds and names, deletions last.
func (d *differences) changes() ([]*change, error) {
	var out []*change
	kept := map[*existing]bool{}
	for _, w := range d.want {
		c := d.changeOf(w)
		if c.have != nil {
			kept[c.have] = true
		}
		out = append(out, c)
	}
	if d.prune {
		for _, e := range d.stock.all {
			if e.set == d.set && !kept[e] {
				out = append(out, &change{Kind: e.kind, Name: e.name, Action: "delete", Fields: []fieldChange{}, have: e})
			}
		}
	}
	d.moveAway(out)
	if len(d.errs) > 0 {
		return nil, &documentErrors{d.errs}
	}
	order := func(c *change) int {
		at := slices.Index(kindOrder[:], c.Kind)
		if c.Action == "delete" {
			return 2*len(kindOrder) - at
		}
		return at
	}
	slices.SortStableFunc(out, func(a, b *change) int { return cmp.Compare(order(a), order(b)) })
	return out, nil
}

func (d *differences) changeOf(w *wanted) *change {
	c := &change{Kind: w.kind, Name: w.name, Action: "unchanged", Fields: []fieldChange{}, want: w, have: d.stock.find(w.kind, w.name)}
	is := w.withDefaults()
	d.resolve(w, is)
	if c.have == nil {
		c.Action = "create"
		for _, name := range slices.Sorted(maps.Keys(is)) {
			if is[name] != nil {
				c.Fields = append(c.Fields, fieldChange{Name: name, Is: w.shown(name, is[name])})
			}
		}
		return c
	}
	for _, name := range slices.Sorted(maps.Keys(is)) {
		was := c.have.fields[name]
		if name == "wires" {
			was = c.have.effective(is[name])
		}
		if same(name, was, is[name]) {
			continue
		}
		c.Fields = append(c.Fields, fieldChange{Name: name, Was: d.shown(name, was), Is: w.shown(name, is[name])})
		switch {
		case !slices.Contains(fixed(w.kind), name):
			if c.Action == "unchanged" {
				c.Action = "update"
			}
		case w.kind == "tap_flow":
			c.Action = "replace"
		default:
			d.errs = append(d.errs, w.fault(name, "the %s of %s %q cannot be changed from %s to %s: delete it first, or give it another name",
				name, noun(w.kind), w.name, plainText(d.shown(name, was)), plainText(w.shown(name, is[name]))))
		}
	}
	if c.Action != "unchanged" && c.have.set != "" && c.have.set != d.set {
		d.errs = append(d.errs, w.fault("", "%s %q belongs to apply set %q: apply it with --set %s, or leave it out here",
			noun(w.kind), w.name, c.have.set, c.have.set))
	}
	return c
}

// moveAway has tap flows replaced whose tap service is about to be deleted, since it cannot be deleted before they are gone, and
// what takes its place may not be made before that.
func (d *differences) moveAway(all []*change) {
	leaving := map[string]bool{}
	for _, c := range all {
		if c.Action == "delete" && c.Kind == "tap_service" {
			leaving[c.have.id] = true
		}
	}
	for _, c := range all {
		if c.Kind == "tap_flow" && c.Action == "update" && leaving[fmt.Sprint(c.have.fields["tap_id"])] {
			c.Action = "replace"
		}
	}
}

// resolve turns references into ids, where there is one yet.
func (d *differences) resolve(w *wanted, fields map[string]any) {
	kinds := map[string]string{"tap_id": "tap_service", "guest_id": "guest", "host_id": "host"}
	if w.kind == "tap_service" {
		kinds = map[string]string{"target_id": w.text("type")}
	}
	for _, name := range slices.Sorted(maps.Keys(kinds)) {
		ref, given := fields[name].(string)
		if !given {
			continue
		}
		if id := d.idOf(kinds[name], ref); id != "" {
			fields[name] = id
			continue
		}
		made := slices.ContainsFunc(d.want, func(o *wanted) bool { return o.kind == kinds[name] && (o.name == ref || o.text("id") == ref) })
		if !made && slices.Contains(kindOrder[:], kinds[name]) {
			d.errs = append(d.errs, w.fault(name, "there is no %s %q, neither at the controller nor in these documents%s",
				noun(kinds[name]), ref, d.proposal(kinds[name], ref)))
		}
	}
}

func (d *differences) idOf(kind, ref string) string {
	if kind == "guest" {
		if g, ok := d.stock.cloud.guests[ref]; ok {
			return g.ID
		}
		for _, g := range d.stock.cloud.guests {
			if g.Name == ref {
				return g.ID
			}
		}
		return ""
	}
	if e := d.stock.find(kind, ref); e != nil {
		return e.id
	}
	return ""
}

func (d *differences) proposal(kind, ref string) string {
	var all []object
	for _, e := range d.stock.all {
		if e.kind == kind {
			all = append(all, object{name: e.name})
		}
	}
	for _, w := range d.want {
		if w.kind == kind {
			all = append(all, object{name: w.name})
		}
	}
	if near := nearest(ref, all); near != "" {
		return fmt.Sprintf("; did you mean %q?", near)
	}
	return ""
}

// same compares a field, whichever way it is written.
func same(name string, was, is any) bool {
	if name == "nics" {
		return reflect.DeepEqual(byKey(was), byKey(is))
	}
	if a, b := addrOf(was), addrOf(is); a.IsValid() && b.IsValid() {
		return a == b
	}
	if empty(was) && empty(is) {
		return true
	}
	return reflect.DeepEqual(was, is)
}

func empty(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case map[string]any:
		return len(v) == 0
	case []any:
		return len(v) == 0
	}
	return false
}

// byKey are the NICs of a list, whatever their order, with addresses in one form.
func byKey(v any) map[string]any {
	out := map[string]any{}
	list, _ := v.([]any)
	for i, item := range list {
		fields, ok := item.(map[string]any)
		if !ok {
			out[fmt.Sprint(i)] = item
			continue
		}
		fields = maps.Clone(fields)
		if a := addrOf(fields["ip"]); a.IsValid() {
			fields["ip"] = a.String()
		}
		key := fmt.Sprint(fields["name"], fields["mac"], fields["ifname"])
		out[key] = fields
	}
	return out
}

func addrOf(v any) netip.Addr {
	s, _ := v.(string)
	a, err := netip.ParseAddr(s)
	if err != nil {
		return netip.Addr{}
	}
	return a.Unmap()
}

// shown is a value as the file has it: references by what they were called there.
func (w *wanted) shown(name string, value any) any {
	if said := w.fields[name]; said != nil {
		return said
	}
	return value
}

// shown is a value of the controller for people: references by name.
func (d *differences) shown(name string, value any) any {
	if id, ok := value.(string); ok && strings.HasSuffix(name, "_id") {
		return d.stock.refOf(name, id)
	}
	return value
}
