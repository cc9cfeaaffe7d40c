package cmd

import (
	"context"
	"strings"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/client"
)

// object is a resource of whatever kind, for commands that take all kinds.
type object struct {
	of     anyKind
	id     string
	name   string
	status api.Status // "" if the kind has none
	reason string
	value  any // its Go form in package api
}

// anyKind is a kind of resources for commands that take all kinds.
type anyKind struct {
	word string // in commands: tap-flow
	noun string // in sentences: tap flow
	list func(ctx context.Context, c *client.Client) ([]object, error)
	get  func(ctx context.Context, c *client.Client, ref string) (object, error)
	of   func(v any) (object, bool) // if v is of this kind
}

// key is the kind in documents and events: tap_flow.
func (k anyKind) key() string { return strings.ReplaceAll(k.word, "-", "_") }

// kinds are all kinds, each after those that it refers to.
func kinds() []anyKind {
	return []anyKind{
		erased(hosts(), func(c *client.Client) resource[api.Host, api.HostList] { return c.Hosts() }),
		erased(guests(), func(c *client.Client) resource[api.Guest, api.GuestList] { return c.Guests() }),
		erased(wires(), func(c *client.Client) resource[api.Wire, api.WireList] { return c.Wires() }),
		erased(services(), func(c *client.Client) resource[api.TapService, api.TapServiceList] { return c.TapServices() }),
		erased(flows(), func(c *client.Client) resource[api.TapFlow, api.TapFlowList] { return c.TapFlows() }),
	}
}

// erased forgets the types of a kind.
func erased[T, L any](k kind[T, L], of func(*client.Client) resource[T, L]) anyKind {
	out := anyKind{word: k.word, noun: k.noun}
	erase := func(v T) object {
		o := object{of: out, id: k.id(v), name: k.name(v), value: v}
		if k.health != nil {
			o.status, o.reason = k.health(v)
		}
		return o
	}
	out.list = func(ctx context.Context, c *client.Client) ([]object, error) {
		list, err := of(c).List(ctx)
		if err != nil {
			return nil, err
		}
		var all []object
		for _, v := range k.items(list) {
			all = append(all, erase(v))
		}
		return all, nil
	}
	out.get = func(ctx context.Context, c *client.Client, ref string) (object, error) {
		v, err := of(c).Get(ctx, ref)
		if err != nil {
			return object{}, err
		}
		return erase(v), nil
	}
	out.of = func(v any) (object, bool) {
		t, ok := v.(T)
		if !ok {
			return object{}, false
		}
		return erase(t), true
	}
	return out
}

// findKind finds a kind by what people call it: tap-flow, tap_flow, tap-flows, tap_flows.
func findKind(word string) (anyKind, bool) {
	word = strings.TrimSuffix(strings.ReplaceAll(strings.ToLower(word), "_", "-"), "s")
	for _, k := range kinds() {
		if k.word == word {
			return k, true
		}
	}
	return anyKind{}, false
}

func kindWords() []string {
	var out []string
	for _, k := range kinds() {
		out = append(out, k.word)
	}
	return out
}

// named reports whether a reference means the object.
func (o object) named(ref string) bool { return o.id == ref || o.name == ref }
