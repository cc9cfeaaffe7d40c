package engine

import (
	"cmp"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/tapline-sdn/tapline/controller/engine/intent"
	"github.com/tapline-sdn/tapline/controller/engine/view"
	"github.com/tapline-sdn/tapline/controller/store"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// Forecast is what a change would do.
type Forecast struct {
	Hosts     []HostForecast     // whose switch would be changed, by name
	Resources []ResourceForecast // that would be made, changed or deleted, or come to stand otherwise; by kind and name
}

// HostForecast is what would be changed on a switch.
type HostForecast struct {
	ID    string
	Name  string
	Items []ForecastItem
}

// ForecastItem is an object on a switch that would be added, changed or removed.
type ForecastItem struct {
	Action string   // "add", "change" or "remove"
	Kind   string   // "bridge", "port", "mirror", "flow" or "tunnel"
	Name   string   // of a bridge, port or mirror; the peer of a tunnel; table and match of a flow
	Text   string   // in the words of ovs-vsctl and ovs-ofctl, as it would be; of what is removed: as it is
	Was    string   // as it is, if it would be changed
	For    []string // names of the tap services and tap flows that it serves; none: all on the host
}

// ResourceForecast is a resource that would be touched.
type ResourceForecast struct {
	Kind   string // "host", "guest", "tap_service" or "tap_flow"
	ID     string
	Name   string
	Action string      // "create", "update", "delete", or "" if only its state would be another
	Before view.Health // zero of what would be created, and of guests
	After  view.Health // zero of what would be deleted, and of guests
}

// outlook is everything that a forecast compares.
type outlook struct {
	hosts     map[string]programView // by id
	resources map[resourceKey]resourceView
}

type programView struct {
	name    string
	program *tap.Program // nil if nothing is planned
	users   map[string][]string
}

type resourceKey struct{ kind, id string }

type resourceView struct {
	name   string
	record any // by which changes are told
	health view.Health
}

// outlook tells how everything stands, and will stand once the switches have what is planned.
func (e *Engine) outlook() outlook {
	e.mu.Lock()
	defer e.mu.Unlock()
	out := outlook{hosts: map[string]programView{}, resources: map[resourceKey]resourceView{}}
	for id, h := range e.hosts {
		v := programView{name: e.intent.HostName(id), users: map[string][]string{}}
		if h.program != nil {
			v.program = h.program.Program
		}
		out.hosts[id] = v
	}
	for id, r := range e.intent.Hosts.ByID {
		record := *r
		record.Meta = store.Meta{}
		out.resources[resourceKey{"host", id}] = resourceView{r.Name, record, e.foreseeHost(id)}
	}
	for id, r := range e.intent.Guests.ByID {
		record := *r
		record.Meta = store.Meta{}
		out.resources[resourceKey{"guest", id}] = resourceView{r.Name, record, view.Health{}}
	}
	for id, r := range e.intent.Services.ByID {
		out.resources[resourceKey{"tap_service", id}] = resourceView{r.Name, r.Service, e.foresee(intent.ServiceRef(id))}
		e.noteUser(out, intent.ServiceRef(id), r.Name)
	}
	for id, r := range e.intent.Flows.ByID {
		out.resources[resourceKey{"tap_flow", id}] = resourceView{r.Name, r.Flow, e.foresee(intent.FlowRef(id))}
		e.noteUser(out, intent.FlowRef(id), r.Name)
	}
	return out
}

// noteUser notes whom the objects of an owner serve. The tap bridge and the tunnel serve everybody.
func (e *Engine) noteUser(to outlook, id intent.Ref, name string) {
	for _, need := range e.verdicts[id].status.Needs {
		if v, exists := to.hosts[need.Host]; exists && need.Owner != tap.OwnerBridge {
			v.users[need.Owner] = append(v.users[need.Owner], name)
		}
	}
}

// foresee is the health of a service or a flow once the switches that can be reached have what is planned.
func (e *Engine) foresee(id intent.Ref) view.Health {
	v := e.verdicts[id]
	switch {
	case !e.intent.Enabled(id):
		return view.Health{State: tap.StateDisabled}
	case v.status.State != tap.StateProgrammed:
		return e.foreseeNIC(id, v.status)
	}
	for _, need := range v.status.Needs {
		if state, reason, busy := e.met(need); !busy && state != tap.StateReady {
			return view.Health{State: state, Reason: reason}
		}
	}
	return view.Health{State: tap.StateReady}
}

// foreseeNIC is the health of a service whose NIC no hypervisor would plug, and of the flows that wait for it.
func (e *Engine) foreseeNIC(id intent.Ref, status tap.Status) view.Health {
	health := view.Health{State: status.State, Reason: status.Reason}
	s := e.intent.Services.ByID[id.ID]
	if f := e.intent.Flows.ByID[id.ID]; id.Kind == tap.KindFlow && f != nil {
		if s = e.intent.Services.ByID[f.TapID]; s == nil || e.verdicts[intent.ServiceRef(s.ID)].status.Reason != status.Reason {
			return health // It waits for something else, such as its source.
		}
	}
	if e.config.Hypervisor == nil || status.State != tap.StatePending || s == nil || s.Type != tap.ServiceGuest {
		return health
	}
	if _, g := e.guestOff(s.ID); g != nil {
		health.Reason = fmt.Sprintf("guest %s is off", g.Name)
		if id.Kind == tap.KindFlow {
			health.Reason = fmt.Sprintf("tap service %s: %s", s.Name, health.Reason)
		}
	}
	return health
}

func (e *Engine) foreseeHost(id string) view.Health {
	h := e.hosts[id]
	if h == nil {
		return view.Health{}
	}
	health := e.hostHealth(h)
	if h.report.Connected && health.State == tap.StatePending {
		return view.Health{State: tap.StateReady}
	}
	return health
}

// compare tells the difference.
func compare(before, after outlook) Forecast {
	var out Forecast
	for _, key := range sortedKeys(before.resources, after.resources) {
		was, existed := before.resources[key]
		is, exists := after.resources[key]
		f := ResourceForecast{Kind: key.kind, ID: key.id, Name: cmp.Or(is.name, was.name), Before: was.health, After: is.health}
		switch {
		case !existed:
			f.Action = "create"
		case !exists:
			f.Action = "delete"
		case !reflect.DeepEqual(was.record, is.record):
			f.Action = "update"
		case was.health == is.health:
			continue
		}
		out.Resources = append(out.Resources, f)
	}
	for _, id := range slices.Sorted(maps.Keys(union(before.hosts, after.hosts))) {
		was, is := before.hosts[id], after.hosts[id]
		f := HostForecast{ID: id, Name: cmp.Or(is.name, was.name)}
		have, want := objects(was), objects(is)
		for key := range union(have, want) {
			if item := difference(have[key], want[key]); item.Action != "" {
				f.Items = append(f.Items, item)
			}
		}
		if len(f.Items) == 0 {
			continue
		}
		slices.SortFunc(f.Items, func(a, b ForecastItem) int {
			return cmp.Or(cmp.Compare(itemOrder(a.Kind), itemOrder(b.Kind)), cmp.Compare(a.Name, b.Name))
		})
		out.Hosts = append(out.Hosts, f)
	}
	slices.SortFunc(out.Hosts, func(a, b HostForecast) int { return cmp.Compare(a.Name, b.Name) })
	return out
}

func itemOrder(kind string) int {
	return slices.Index([]string{"bridge", "port", "mirror", "tunnel", "flow"}, kind)
}

func difference(have, want ForecastItem) ForecastItem {
	switch {
	case want.Kind == "":
		have.Action = "remove"
		return have
	case have.Kind == "":
		want.Action = "add"
		return want
	case have.Text != want.Text:
		want.Action, want.Was = "change", have.Text
		return want
	}
	return ForecastItem{}
}

// objects are the objects of a program by kind and name.
func objects(v programView) map[string]ForecastItem {
	out := map[string]ForecastItem{}
	p := v.program
	if p == nil {
		return out
	}
	put := func(kind, name, owner, text string) {
		users := slices.Compact(slices.Sorted(slices.Values(v.users[owner])))
		out[kind+" "+name] = ForecastItem{Kind: kind, Name: name, Text: text, For: users}
	}
	put("bridge", p.Bridge.Name, tap.OwnerBridge, strings.Join(append([]string{
		"datapath_type=" + p.Bridge.DatapathType, "fail_mode=" + p.Bridge.FailMode, "protocols=" + strings.Join(p.Bridge.Protocols, ","),
	}, settings("other_config", p.Bridge.OtherConfig)...), " "))
	for _, port := range p.Ports {
		put("port", port.Name, port.Owner, portText(port))
	}
	for _, m := range p.Mirrors {
		put("mirror", m.Name, m.Owner, mirrorText(m))
	}
	for _, peer := range p.Tunnel.Peers {
		var users []string
		for _, owner := range peer.Owners {
			users = append(users, v.users[owner]...)
		}
		slices.Sort(users)
		out["tunnel "+peer.Addr.String()] = ForecastItem{
			Kind: "tunnel", Name: peer.Addr.String(), Text: "by " + p.Tunnel.Port + " to " + peer.Addr.String(), For: slices.Compact(users),
		}
	}
	for i := range p.Flows {
		text := p.Flows[i].Mod.String()
		match, _, _ := strings.Cut(text, ",cookie=")
		put("flow", match, p.Flows[i].Owner, text)
	}
	return out
}

func portText(p tap.Port) string {
	words := []string{"bridge=" + p.Bridge}
	if p.Plugged {
		words = append(words, "plugged by the hypervisor")
	}
	if p.Type != "" {
		words = append(words, "type="+p.Type)
	}
	words = append(words, settings("options", p.Options)...)
	if p.OFPortRequest != 0 {
		words = append(words, fmt.Sprintf("ofport_request=%d", p.OFPortRequest))
	}
	if p.VLANMode != "" {
		words = append(words, "vlan_mode="+p.VLANMode, "trunks="+numbers(p.Trunks))
	}
	return strings.Join(words, " ")
}

func mirrorText(m tap.Mirror) string {
	words := []string{"bridge=" + m.Bridge}
	if m.SelectAll {
		words = append(words, "select_all=true")
	}
	if len(m.SelectSrc) > 0 {
		words = append(words, "select_src_port="+strings.Join(m.SelectSrc, ","))
	}
	if len(m.SelectDst) > 0 {
		words = append(words, "select_dst_port="+strings.Join(m.SelectDst, ","))
	}
	if len(m.SelectVLAN) > 0 {
		words = append(words, "select_vlan="+numbers(m.SelectVLAN))
	}
	return strings.Join(append(words, "output_port="+m.Output), " ")
}

func numbers(list []uint16) string {
	return strings.Trim(strings.ReplaceAll(fmt.Sprint(list), " ", ","), "[]")
}

func settings(column string, m map[string]string) []string {
	var out []string
	for _, k := range slices.Sorted(maps.Keys(m)) {
		out = append(out, column+":"+k+"="+m[k])
	}
	return out
}

func union[K comparable, A, B any](a map[K]A, b map[K]B) map[K]struct{} {
	out := map[K]struct{}{}
	for k := range a {
		out[k] = struct{}{}
	}
	for k := range b {
		out[k] = struct{}{}
	}
	return out
}

func sortedKeys(a, b map[resourceKey]resourceView) []resourceKey {
	order := []string{"host", "guest", "tap_service", "tap_flow"}
	name := func(k resourceKey) string { return cmp.Or(b[k].name, a[k].name) }
	return slices.SortedFunc(maps.Keys(union(a, b)), func(x, y resourceKey) int {
		return cmp.Or(cmp.Compare(slices.Index(order, x.kind), slices.Index(order, y.kind)), cmp.Compare(name(x), name(y)), cmp.Compare(x.id, y.id))
	})
}
