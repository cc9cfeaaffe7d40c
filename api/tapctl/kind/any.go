package kind

import (
	"context"
	"strings"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/client"
)

// Any is a kind of resources for commands that take resources of every kind.
type Any struct {
	Word string // in commands: tap-flow
	Noun string // in sentences: tap flow
	List func(ctx context.Context, c *client.Client) ([]Object, error)
	Get  func(ctx context.Context, c *client.Client, ref string) (Object, error)
	Of   func(v any) (Object, bool) // false if v is of another kind
}

// Key is the name of the kind in documents and events: tap_flow.
func (k Any) Key() string { return strings.ReplaceAll(k.Word, "-", "_") }

// Object is a resource of any kind.
type Object struct {
	Kind   Any
	ID     string
	Name   string
	Health Health // zero if the kind has no status
	Value  any    // of a type of package api
}

// Is reports whether a reference, an id or a name, means the object.
func (o Object) Is(ref string) bool { return o.ID == ref || o.Name == ref }

// Reader are the requests of package client that read resources of one kind.
type Reader[T, L any] interface {
	List(ctx context.Context, opts ...client.Option) (L, error)
	Get(ctx context.Context, ref string, opts ...client.Option) (T, error)
}

// All returns the kinds of resources that mirroring is made of, each after those it refers to.
func All() []Any {
	return []Any{
		erase(Hosts(), func(c *client.Client) Reader[api.Host, api.HostList] { return c.Hosts() }),
		erase(
			Guests(),
			func(c *client.Client) Reader[api.Guest, api.GuestList] { return c.Guests() },
		),
		erase(Wires(), func(c *client.Client) Reader[api.Wire, api.WireList] { return c.Wires() }),
		erase(TapServices(), func(c *client.Client) Reader[api.TapService, api.TapServiceList] {
			return c.TapServices()
		}),
		erase(TapFlows(), func(c *client.Client) Reader[api.TapFlow, api.TapFlowList] {
			return c.TapFlows()
		}),
	}
}

// erase returns a kind without its types.
func erase[T, L any](k Kind[T, L], reader func(*client.Client) Reader[T, L]) Any {
	out := Any{Word: k.Word, Noun: k.Noun}

	object := func(v T) Object {
		o := Object{Kind: out, ID: k.ID(v), Name: k.Name(v), Value: v}
		if k.Health != nil {
			o.Health = k.Health(v)
		}
		return o
	}

	out.List = func(ctx context.Context, c *client.Client) ([]Object, error) {
		list, err := reader(c).List(ctx)
		if err != nil {
			return nil, err
		}
		var all []Object
		for _, v := range k.Items(list) {
			all = append(all, object(v))
		}
		return all, nil
	}

	out.Get = func(ctx context.Context, c *client.Client, ref string) (Object, error) {
		v, err := reader(c).Get(ctx, ref)
		if err != nil {
			return Object{}, err
		}
		return object(v), nil
	}

	out.Of = func(v any) (Object, bool) {
		t, ok := v.(T)
		if !ok {
			return Object{}, false
		}
		return object(t), true
	}

	return out
}

// Find returns the kind that a word means: tap-flow, tap_flow, tap-flows or tap_flows, in any case.
func Find(word string) (Any, bool) {
	spelled := strings.ReplaceAll(strings.ToLower(word), "_", "-")
	spelled = strings.TrimSuffix(spelled, "s")

	for _, k := range All() {
		if k.Word == spelled {
			return k, true
		}
	}
	return Any{}, false
}

// Words are the words of all kinds, as they stand in commands.
func Words() []string {
	var out []string
	for _, k := range All() {
		out = append(out, k.Word)
	}
	return out
}

// Noun is what a kind of documents and events is called in sentences: tap flow for tap_flow.
func Noun(key string) string { return strings.ReplaceAll(key, "_", " ") }

// Word is what a kind of documents and events is called in commands: tap-flow for tap_flow.
func Word(key string) string { return strings.ReplaceAll(key, "_", "-") }
