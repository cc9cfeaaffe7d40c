package desired

import (
	"reflect"
	"slices"
	"strings"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/tapctl/kind"
)

// The kinds of resources that documents describe, as documents call them.
const (
	host       = "host"
	guest      = "guest"
	tapService = "tap_service"
	tapFlow    = "tap_flow"
)

// Kinds are the kinds that documents describe, each after those that it refers to.
var Kinds = [...]string{host, guest, tapService, tapFlow}

// kindNames lists the kinds for error messages.
var kindNames = strings.Join(Kinds[:], ", ")

// FindKind returns the kind of documents that a word means. It is not ok for other kinds, such as
// wire.
func FindKind(word string) (key string, ok bool) {
	k, ok := kind.Find(word)
	if !ok || !slices.Contains(Kinds[:], k.Key()) {
		return "", false
	}
	return k.Key(), true
}

// shape says what documents of a kind may hold.
type shape struct {
	list     string   // field that holds a list of such resources, as the API answers
	settable []string // fields that can be set
	readOnly []string // other fields that the API shows; they are ignored
}

// shapes are the shapes of all kinds. They follow the types of package api.
var shapes = map[string]shape{
	host:       newShape("hosts", api.HostCreate{}, api.Host{}),
	guest:      newShape("guests", api.GuestCreate{}, api.Guest{}),
	tapService: newShape("tap_services", api.TapServiceCreate{}, api.TapService{}, "enabled"),
	tapFlow:    newShape("tap_flows", api.TapFlowCreate{}, api.TapFlow{}),
}

func newShape(list string, create, shown any, more ...string) shape {
	settable := slices.Concat(fieldNames(create), more)
	settable = slices.DeleteFunc(settable, func(f string) bool { return f == "applied_by" })
	slices.Sort(settable)

	return shape{
		list:     list,
		settable: slices.Compact(settable),
		readOnly: slices.Concat(fieldNames(shown), []string{"applied_by"}),
	}
}

// fieldNames are the names of a struct's JSON fields, sorted.
func fieldNames(v any) []string {
	var names []string
	t := reflect.TypeOf(v)
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		if name != "" && name != "-" {
			names = append(names, name)
		}
	}
	return slices.Sorted(slices.Values(names))
}

// unchangeable are the fields that the API cannot change.
var unchangeable = map[string][]string{
	guest:      {"id"},
	tapService: {"type", "target_id", "mac_addr", "address", "encap", "key", "port"},
	tapFlow:    {"type", "guest_id", "host_id", "wire_id", "mac_addr", "ip_addr"},
}

// referenceKinds are the kinds that fields of a resource refer to.
func referenceKinds(r *Resource) map[string]string {
	if r.Kind == tapService {
		return map[string]string{"target_id": r.text("type")}
	}
	return map[string]string{"tap_id": tapService, "guest_id": guest, "host_id": host}
}
